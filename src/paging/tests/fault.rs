//! Walks over listings that end too early or report less than they should: none may pass for complete.

use std::future::ready;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::{ENDPOINT, Fake, Shared, Version, changes, page, quiet, unfollowed, walk_by_key};
use crate::paging::*;
use crate::telemetry::Rejection;

/// What is wrong with one answer.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// No rows.
    Empty,
    /// At most this many rows.
    Short(usize),
    /// The link to the next page is lost.
    NoLink,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::Empty),
        1 => (1_usize..4).prop_map(Fault::Short),
        1 => Just(Fault::NoLink),
    ];
    prop::collection::vec(fault, 0..40)
}

/// A page of at most `most` of the requested rows.
fn cut(fake: &mut Fake, ask: KeyAsk, most: usize) -> PageSummary {
    let rows = fake.sorted(ask.since.map_or(0, Timestamp::millis));
    let start = usize::try_from((ask.number - 1) * ask.size).unwrap().min(rows.len());
    let end = rows.len().min(start + most.min(usize::try_from(ask.size).unwrap()));
    fake.read(&rows[start..end], (start < end).then_some(rows.len()))
}

proptest! {
    #[test]
    fn a_walk_by_key_that_was_cut_short_is_reported_incomplete(
        updated in prop::collection::vec(1_i64..8, 1..60), size in 2_u64..12, faults in faults(),
    ) {
        let fake = Shared::new(Fake::with(&updated));
        let faults = Shared::new(faults.into_iter());
        let walked = walk_by_key(size, |ask| {
            let mut fake = fake.borrow_mut();
            // An account whose first page is empty has no records.
            let fault = if fake.requests == 0 { None } else { faults.borrow_mut().next() };
            match fault {
                Some(Fault::Empty) => PageSummary::default(),
                Some(Fault::Short(most)) => cut(&mut fake, ask, most),
                Some(Fault::None | Fault::NoLink) | None => fake.page(ask, 10_000),
            }
        });
        let fake = fake.into_inner();
        let reported = walked.map_or(true, |walked| walked.missing.is_some());
        prop_assert!(reported || fake.kept == fake.rows, "{} of {}", fake.kept.len(), fake.rows.len());
    }

    #[test]
    fn a_walk_by_key_without_a_count_continues_after_short_pages(
        updated in prop::collection::vec(1_i64..8, 0..60), most in 1_u64..5, changes in changes(),
    ) {
        let fake = Shared::new(Fake::with(&updated));
        let changes = Shared::new(changes.into_iter());
        walk_by_key(6, |ask| {
            let mut fake = fake.borrow_mut();
            if let Some(change) = changes.borrow_mut().next() {
                fake.apply(&change);
            }
            PageSummary { count: None, ..fake.page(KeyAsk { size: most, ..ask }, 10_000) }
        })
        .unwrap();
        let fake = fake.into_inner();
        for (id, row) in &fake.rows {
            prop_assert_eq!(fake.kept.get(id), Some(row), "record {}", id);
        }
    }

    #[test]
    fn a_walk_by_number_that_was_cut_short_is_reported_incomplete(rows in 1_u32..40, faults in faults()) {
        let fake = Shared::new(Fake::with(&vec![1; rows as usize]));
        let faults = Shared::new(faults.into_iter());
        let fetch = |number: u64| {
            let mut fake = fake.borrow_mut();
            let ask = KeyAsk { since: None, number, size: 5 };
            let fault = if number == 1 { None } else { faults.borrow_mut().next() };
            page(match fault {
                Some(Fault::Empty) => PageSummary::default(),
                Some(Fault::Short(most)) => cut(&mut fake, ask, most),
                Some(Fault::None | Fault::NoLink) | None => fake.page(ask, 10_000),
            })
        };
        let walk = by_number(&ENDPOINT, 5, &quiet, &fetch);
        let walked = walk.now_or_never().unwrap();
        let fake = fake.into_inner();
        let reported = walked.map_or(true, |walked| walked.missing.is_some());
        prop_assert!(reported || fake.kept == fake.rows, "{} of {}", fake.kept.len(), fake.rows.len());
    }

    #[test]
    fn a_walk_by_cursor_that_was_cut_short_is_reported_incomplete(
        updated in prop::collection::vec(1_i64..8, 0..60), limit in 1_usize..12, faults in faults(),
    ) {
        let fake = Shared::new(Fake::with(&updated));
        let faults = Shared::new(faults.into_iter());
        // An empty page behind an announced end is the end: the case in which a link is lost and everything after it is
        // hidden, too, looks the same.
        let probing = Shared::new(false);
        let fetch = |cursor: Option<String>| {
            let mut fake = fake.borrow_mut();
            let probe = std::mem::take(&mut *probing.borrow_mut());
            page(match faults.borrow_mut().next() {
                Some(Fault::Empty) if !probe => PageSummary::default(),
                Some(Fault::NoLink) => PageSummary { next: Next::Nothing, ..fake.bulk(cursor.as_deref(), limit) },
                Some(_) | None => fake.bulk(cursor.as_deref(), limit),
            })
        };
        let walk = by_cursor(&ENDPOINT, limit as u64, CursorPosition::default(), unfollowed(), &fetch);
        let walk = walk.now_or_never().unwrap().unwrap();
        let lacking = || fake.borrow().kept.len() < fake.borrow().rows.len();
        let behind = |last| {
            probing.set(true);
            behind(&fake.borrow(), last)
        };
        let walked = walk.finish(&lacking, &behind).now_or_never().unwrap();
        let reported = walked.map_or(true, |walked| walked.missing.is_some());
        prop_assert!(reported || !lacking(), "{:?}", fake.borrow().kept);
    }
}

/// The fake's own form of a cursor.
fn behind(fake: &Fake, last: Timestamp) -> String {
    let of_last = fake.kept.iter().filter(|(_, (updated, _))| *updated == last.millis());
    format!("{}!{}", last.millis(), of_last.map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(","))
}

#[test]
fn rows_without_a_time_at_the_end_are_reported_missing() {
    // No filter by time finds them.
    let rows: Vec<(u32, Version)> = (0..).zip([1, 2, 3, 4, 0, 0, 0].map(|updated| (updated, 0))).collect();
    for (size, reported) in [(2, true), (4, true), (5, true), (8, false)] {
        let fake = Shared::new(Fake::default());
        let walked = walk_by_key(size, |ask| {
            let mut chosen = rows.clone();
            chosen.retain(|(_, (updated, _))| ask.since.is_none_or(|since| *updated >= since.millis()));
            let start = usize::try_from((ask.number - 1) * ask.size).unwrap().min(chosen.len());
            let end = chosen.len().min(start + usize::try_from(ask.size).unwrap());
            fake.borrow_mut().read(&chosen[start..end], Some(chosen.len()))
        });
        let missing = walked.unwrap().missing;
        assert_eq!(missing.is_some_and(|words| words.contains("counts 7 records, but gave")), reported, "{size}");
    }
}

#[test]
fn an_empty_page_where_records_were_is_retried() {
    let updated: Vec<i64> = (1..=12_500).collect();
    for (times, reported) in [(1, false), (usize::MAX, true)] {
        let fake = Shared::new(Fake::with(&updated));
        let empty = Shared::new(times);
        let walked = walk_by_key(1000, |ask| {
            // By then more rows were received than the count shows, which stops at the window.
            if fake.borrow().kept.len() > 11_000 && empty.get() > 0 {
                empty.set(empty.get() - 1);
                return PageSummary::default();
            }
            fake.borrow_mut().page(ask, 10_000)
        });
        let missing = walked.unwrap().missing;
        assert_eq!(missing.is_some_and(|words| words.contains("an empty page where")), reported);
        assert_eq!(fake.borrow().kept.len() == updated.len(), !reported);
    }
}

#[test]
fn an_empty_page_in_the_middle_of_a_millisecond_is_reported() {
    let fake = Shared::new(Fake::with(&[5; 30]));
    let walked =
        walk_by_key(
            10,
            |ask| if ask.number == 2 { PageSummary::default() } else { fake.borrow_mut().page(ask, 10_000) },
        );
    assert!(walked.unwrap().missing.unwrap().contains("counts 30 records, but gave 10"));
}

#[test]
fn a_purged_record_does_not_count_as_missing() {
    let fake = Shared::new(Fake::with(&[1, 2, 3, 4, 5, 6]));
    let walked = walk_by_key(3, |ask| {
        let seen = fake.borrow_mut().page(ask, 10_000);
        fake.borrow_mut().rows.remove(&4);
        seen
    });
    assert_eq!((walked.unwrap().missing, fake.borrow().kept.len()), (None, 5));
}

#[test]
fn a_rejected_row_counts_once_for_all_pages_that_show_it() {
    let reject = |text| Reject { why: Rejection::Unreadable, text };
    let walked = walk_by_key(4, |ask| {
        let mut seen = PageSummary { sent: 4, count: Some(7), ..PageSummary::default() };
        let keys = if ask.since.is_none() { [("a", 1), ("b", 2)] } else { [("b", 2), ("c", 3)] };
        // Two equal rows on one page are two rows; one that is not an object cannot be recognised.
        seen.rejected = vec![reject(Some(1)), reject(Some(1))];
        if ask.since.is_some_and(|since| since.millis() == 3) {
            seen = PageSummary {
                sent: 2,
                count: Some(2),
                rejected: vec![reject(Some(2)), reject(None)],
                ..PageSummary::default()
            };
            return seen;
        }
        for (key, updated) in keys {
            let brought = if key == "b" && ask.since.is_some() { Upsert::Unchanged } else { Upsert::New };
            seen.row(key, Timestamp::from_millis(updated), brought);
        }
        seen
    })
    .unwrap();
    assert_eq!((walked.rejected, walked.unreadable.len(), walked.missing), ([0, 4], 2, None));
}

#[test]
fn a_refused_cursor_of_ours_leaves_the_end_in_doubt() {
    for (failure, reported) in [(Failure::BadResponse, true), (Failure::Timeout, false), (Failure::RateLimited, false)]
    {
        let fake = Shared::new(Fake::with(&[1, 2, 3]));
        let fetch = |cursor: Option<String>| match cursor {
            Some(_) => Box::pin(ready(Err(ApiError::new(&ENDPOINT, failure, "no")))),
            None => page(PageSummary { next: Next::Nothing, ..fake.borrow_mut().bulk(None, 2) }),
        };
        let walk = by_cursor(&ENDPOINT, 2, CursorPosition::default(), unfollowed(), &fetch);
        let walk = walk.now_or_never().unwrap().unwrap();
        let walked = walk.finish(&|| true, &|last| behind(&fake.borrow(), last)).now_or_never().unwrap();
        // Any other failure fails the walk.
        let missing = walked.ok().map(|walked| walked.missing.expect("words for what may be missing"));
        assert_eq!(missing.is_some(), reported, "{failure:?}");
    }
}

#[test]
fn a_server_that_accepts_only_its_own_cursors_is_not_walked_again() {
    let fake = Shared::new(Fake::with(&[1, 2, 3, 4]));
    let fetch = |_: Option<String>| page(PageSummary { next: Next::Nothing, ..fake.borrow_mut().bulk(None, 2) });
    let walk = by_cursor(&ENDPOINT, 2, CursorPosition::default(), unfollowed(), &fetch);
    let walk = walk.now_or_never().unwrap().unwrap();
    let walked = walk.finish(&|| true, &|last| behind(&fake.borrow(), last)).now_or_never().unwrap();
    assert_eq!((walked.unwrap().missing, fake.borrow().requests), (None, 2));
}

/// An error would let the next run continue with a table that the panic may have left half changed.
#[tokio::test]
#[should_panic(expected = "half stored")]
async fn a_panic_while_a_page_is_stored_continues_in_the_walk() {
    _ = Page::new(PageSummary::default(), || panic!("half stored")).accept(&ENDPOINT).await;
}
