//! Walks over in-memory listings, some of which change or misbehave meanwhile.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::telemetry::Rejection;

mod fault;
mod offset;
mod refusal;

/// What a walk and its test share.
#[derive(Default)]
pub(super) struct Shared<T>(RwLock<T>);

impl<T> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    pub(super) fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap()
    }

    pub(super) fn borrow_mut(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap()
    }

    pub(super) fn into_inner(self) -> T {
        self.0.into_inner().unwrap()
    }
}

impl<T: Copy> Shared<T> {
    pub(super) fn get(&self) -> T {
        *self.borrow()
    }

    pub(super) fn set(&self, value: T) {
        *self.borrow_mut() = value;
    }
}

/// The result of a fetch; its rows need no storing.
pub(super) fn page(summary: PageSummary) -> BoxFuture<'static, Result<Page, ApiError>> {
    Box::pin(ready(Ok(summary.into())))
}

pub(super) const ENDPOINT: Endpoint = Endpoint { name: "fake", class: "fake" };

pub(super) fn quiet() {}

/// An observer that ignores everything.
pub(super) fn unfollowed<Position>() -> WalkObserver<'static, Position> {
    WalkObserver { page: &quiet, position: &|_| () }
}

/// A row: its `updated` and which version of the record it is.
pub(super) type Version = (i64, u32);

/// A listing in memory and what a walk has kept of it.
#[derive(Default)]
pub(super) struct Fake {
    now: i64,
    pub(super) rows: BTreeMap<u32, Version>,
    pub(super) kept: BTreeMap<u32, Version>,
    pub(super) requests: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Touch(Vec<u32>),
    Add(u32),
    Purge(u32),
}

impl Fake {
    pub(super) fn with(updated: &[i64]) -> Self {
        let rows = (0..).zip(updated.iter().map(|updated| (*updated, 0))).collect();
        Self { now: 1000, rows, ..Self::default() }
    }

    pub(super) fn apply(&mut self, change: &Change) {
        let now = self.now;
        match change {
            Change::Touch(picks) => {
                for pick in picks {
                    let at = *pick as usize % self.rows.len().max(1);
                    if let Some((updated, version)) = self.rows.values_mut().nth(at) {
                        (*updated, *version) = (now, *version + 1);
                    }
                }
            }
            Change::Add(rows) => {
                let first = self.rows.keys().last().map_or(0, |last| last + 1);
                self.rows.extend((first..first + rows).map(|id| (id, (now, 0))));
            }
            Change::Purge(pick) => {
                let at = *pick as usize % self.rows.len().max(1);
                if let Some(id) = self.rows.keys().nth(at).copied() {
                    self.rows.remove(&id);
                }
            }
        }
    }

    pub(super) fn sorted(&self, since: i64) -> Vec<(u32, Version)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(id, row)| (*id, *row)).collect();
        rows.retain(|(_, (updated, _))| *updated >= since);
        rows.sort_by_key(|(id, (updated, _))| (*updated, *id));
        rows
    }

    /// Reads some rows as a collector does.
    pub(super) fn read(&mut self, rows: &[(u32, Version)], count: Option<usize>) -> PageSummary {
        self.requests += 1;
        self.now += 1;
        let count = count.map(|count| count as u64);
        let mut seen = PageSummary { sent: rows.len(), count, ..PageSummary::default() };
        for (id, row) in rows {
            let known = self.kept.get(id).copied();
            let brought = match known {
                None => Upsert::New,
                Some(known) if known.0 < row.0 => Upsert::Newer,
                Some(_) => Upsert::Unchanged,
            };
            seen.row(&id.to_string(), Timestamp::from_millis(row.0), brought);
            if known.is_none_or(|known| known.0 <= row.0) {
                self.kept.insert(*id, *row);
            }
        }
        seen
    }

    pub(super) fn page(&mut self, ask: KeyAsk, window: usize) -> PageSummary {
        let mut rows = self.sorted(ask.since.map_or(0, Timestamp::millis));
        rows.truncate(window);
        let start = usize::try_from((ask.number - 1) * ask.size).unwrap().min(rows.len());
        let end = (start + usize::try_from(ask.size).unwrap()).min(rows.len());
        let count = (start < end).then_some(rows.len());
        self.read(&rows[start..end], count)
    }

    pub(super) fn bulk(&mut self, cursor: Option<&str>, limit: usize) -> PageSummary {
        let (since, not) = cursor.map_or((0, vec![]), |cursor| {
            let (since, not) = cursor.split_once('!').unwrap();
            (since.parse().unwrap(), not.split(',').map(|id| id.parse::<u32>().unwrap()).collect())
        });
        let mut rows = self.sorted(since);
        rows.retain(|(id, (updated, _))| *updated > since || !not.contains(id));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut seen = self.read(&rows, None);
        if more {
            let last = rows.last().unwrap().1.0;
            let mut not: Vec<_> = rows.iter().filter(|row| row.1.0 == last).map(|row| row.0.to_string()).collect();
            if last == since {
                not.extend(cursor.unwrap().split_once('!').unwrap().1.split(',').map(str::to_owned));
            }
            seen.next = Next::Cursor(format!("{last}!{}", not.join(",")));
        }
        seen
    }
}

pub(super) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => prop::collection::vec(any::<u32>(), 1..6).prop_map(Change::Touch),
        1 => (1_u32..4).prop_map(Change::Add),
        1 => any::<u32>().prop_map(Change::Purge),
    ];
    prop::collection::vec(change, 0..40)
}

proptest! {
    #[test]
    fn a_walk_by_key_loses_nothing(
        updated in prop::collection::vec(1_i64..8, 0..60), size in 2_u64..12, changes in changes(),
    ) {
        let fake = Shared::new(Fake::with(&updated));
        let changes = Shared::new(changes.into_iter());
        let fetch = |ask: KeyAsk| {
            let mut fake = fake.borrow_mut();
            // The listing does not change during the final count: such a change is for the next walk.
            if ask.size == size && let Some(change) = changes.borrow_mut().next() {
                fake.apply(&change);
            }
            page(fake.page(ask, 10_000))
        };
        let walk = by_key(&ENDPOINT, size, KeyPosition::default(), unfollowed(), &fetch);
        let walked = walk.now_or_never().unwrap().unwrap();
        prop_assert_eq!(walked.missing, None);
        let fake = fake.into_inner();
        for (id, row) in &fake.rows {
            prop_assert_eq!(fake.kept.get(id), Some(row), "record {}", id);
        }
    }

    #[test]
    fn a_walk_by_cursor_loses_nothing(
        updated in prop::collection::vec(1_i64..8, 0..60), limit in 1_usize..12, changes in changes(),
    ) {
        let fake = Shared::new(Fake::with(&updated));
        let changes = Shared::new(changes.into_iter());
        let fetch = |cursor: Option<String>| {
            let mut fake = fake.borrow_mut();
            if let Some(change) = changes.borrow_mut().next() {
                fake.apply(&change);
            }
            page(fake.bulk(cursor.as_deref(), limit))
        };
        let walk = by_cursor(&ENDPOINT, limit as u64, CursorPosition::default(), unfollowed(), &fetch);
        let walk = walk.now_or_never().unwrap().unwrap();
        let asked = fake.borrow().requests;
        let walked = walk.finish(&|| false, &|_| unreachable!("nothing is lacking")).now_or_never().unwrap().unwrap();
        prop_assert_eq!((walked.missing, fake.borrow().requests), (None, asked));
        let fake = fake.into_inner();
        for (id, row) in &fake.rows {
            prop_assert_eq!(fake.kept.get(id), Some(row), "record {}", id);
        }
    }
}

pub(super) fn walk_by_key(size: u64, fetch: impl Fn(KeyAsk) -> PageSummary + Sync) -> Result<WalkSummary, ApiError> {
    by_key(&ENDPOINT, size, KeyPosition::default(), unfollowed(), &|ask| page(fetch(ask))).now_or_never().unwrap()
}

#[test]
fn the_walk_continues_past_the_window() {
    let updated: Vec<i64> = (0..25_000).map(|at| 1 + at / 3).collect();
    let fake = Shared::new(Fake::with(&updated));
    walk_by_key(1000, |ask| fake.borrow_mut().page(ask, 10_000)).unwrap();
    assert_eq!(fake.borrow().kept.len(), 25_000);
    assert!(fake.borrow().requests < 30);
}

#[test]
fn rows_beyond_the_window_are_reported_and_the_rest_is_kept() {
    let updated = [vec![5; 10_001], vec![6, 7, 8]].concat();
    let fake = Shared::new(Fake::with(&updated));
    let walked = walk_by_key(1000, |ask| fake.borrow_mut().page(ask, 10_000)).unwrap();
    assert!(walked.missing.unwrap().contains("the same millisecond"));
    assert_eq!(fake.borrow().kept.len(), 10_003);
    let fake = Shared::new(Fake::with(&vec![5; 9_999]));
    let walked = walk_by_key(1000, |ask| fake.borrow_mut().page(ask, 10_000)).unwrap();
    assert_eq!((walked.missing, fake.borrow().kept.len()), (None, 9_999));
}

#[test]
fn a_server_that_ignores_a_parameter_is_detected() {
    // The page number.
    let fake = Shared::new(Fake::with(&[5; 30]));
    let error = walk_by_key(10, |ask| fake.borrow_mut().page(KeyAsk { number: 1, ..ask }, 10_000)).unwrap_err();
    assert!(error.failure == Failure::BadResponse && error.to_string().contains("repeats"), "{error}");
    // The filter.
    let fake = Shared::new(Fake::with(&[1, 2, 3, 4, 5]));
    let error = walk_by_key(3, |ask| fake.borrow_mut().page(KeyAsk { since: None, ..ask }, 10_000)).unwrap_err();
    assert!(error.failure == Failure::BadResponse && error.to_string().contains("the filter"), "{error}");
    // The sort, where nothing counts the rows.
    let fake = Shared::new(Fake::with(&[1, 2, 3]));
    let rows: Vec<_> = fake.borrow().sorted(0).into_iter().rev().collect();
    let error = walk_by_key(3, |_| fake.borrow_mut().read(&rows, None)).unwrap_err();
    assert!(error.failure == Failure::BadResponse && error.to_string().contains("order"), "{error}");
    // The page size.
    let fake = Shared::new(Fake::with(&[1, 2, 3, 3, 3, 3, 4]));
    walk_by_key(1000, |ask| fake.borrow_mut().page(KeyAsk { size: 2, ..ask }, 10_000)).unwrap();
    assert_eq!(fake.borrow().kept.len(), 7);
}

#[test]
fn rows_out_of_order_are_complete_if_the_count_is_met() {
    let backwards: Vec<i64> = (1..=25).rev().collect();
    for (counted, missing) in [(25, false), (26, true)] {
        let fake = Shared::new(Fake::with(&backwards));
        let rows: Vec<_> = fake.borrow().sorted(0).into_iter().rev().collect();
        let walked = walk_by_key(10, |ask| {
            let from = usize::try_from((ask.number - 1) * ask.size).unwrap();
            let page: Vec<_> = rows.iter().skip(from).take(usize::try_from(ask.size).unwrap()).copied().collect();
            fake.borrow_mut().read(&page, Some(counted))
        });
        let walked = walked.unwrap();
        assert_eq!((walked.missing.is_some(), fake.borrow().kept.len()), (missing, 25), "{counted}");
    }
}

#[test]
fn a_listing_that_ignores_paging_is_read_once() {
    let fake = Shared::new(Fake::with(&[5, 1, 4, 2, 3]));
    let walked = walk_by_key(2, |_| {
        let rows = fake.borrow().sorted(0);
        fake.borrow_mut().read(&rows, Some(5))
    });
    assert_eq!((walked.unwrap().missing, fake.borrow().kept.len(), fake.borrow().requests), (None, 5, 1));
}

#[test]
fn rows_without_a_time_take_no_part_in_the_order() {
    let fake = Shared::new(Fake::with(&[0, 0, 0, 1, 2]));
    let walked = walk_by_key(2, |ask| fake.borrow_mut().page(ask, 10_000)).unwrap();
    assert_eq!((fake.borrow().kept.len(), walked.missing), (5, None));
}

fn walk_by_number(pages: &[(&[u32], Option<usize>)]) -> (Result<WalkSummary, ApiError>, usize) {
    let fake = Shared::new(Fake::default());
    let progressed = std::sync::atomic::AtomicUsize::new(0);
    let progress = || {
        progressed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let fetch = |number: u64| {
        let (ids, count) = pages.get(usize::try_from(number - 1).unwrap()).copied().unwrap_or_default();
        let rows: Vec<_> = ids.iter().map(|id| (*id, (1, 0))).collect();
        page(fake.borrow_mut().read(&rows, count))
    };
    let walk = by_number(&ENDPOINT, 2, &progress, &fetch);
    let walked = walk.now_or_never().unwrap();
    (walked, progressed.into_inner())
}

#[test]
fn a_walk_by_number_ends_where_the_listing_does() {
    let whole = |pages: &[(&[u32], Option<usize>)]| {
        let (walked, progressed) = walk_by_number(pages);
        (walked.unwrap().missing, progressed)
    };
    assert_eq!(whole(&[]), (None, 0));
    assert_eq!(whole(&[(&[1], Some(1))]), (None, 1));
    assert_eq!(whole(&[(&[1, 2], Some(3)), (&[3], Some(3))]), (None, 2));
    assert_eq!(whole(&[(&[1, 2], Some(2))]), (None, 1));
    assert_eq!(whole(&[(&[1], Some(2)), (&[2], Some(2))]), (None, 2), "the server's pages are smaller");
    assert_eq!(whole(&[(&[1, 2], None), (&[3, 4], None), (&[5], None)]), (None, 3));
    assert_eq!(whole(&[(&[1], None), (&[2], None)]), (None, 2), "the same, without a count");
    assert_eq!(whole(&[(&[1], None), (&[1], None), (&[2], None)]), (None, 1), "it does not know the page number");
    let (missing, _) = whole(&[(&[1, 2], Some(9)), (&[3], Some(9))]);
    assert!(missing.unwrap().contains("9 records, but gave 3"));
    let (missing, _) = whole(&[(&[1, 2], Some(4)), (&[2, 3], Some(4))]);
    assert!(missing.is_some(), "a row came twice because another one was skipped");
    let (walked, _) = walk_by_number(&[(&[1, 2], Some(9)), (&[2, 1], Some(9))]);
    assert_eq!(walked.unwrap_err().failure, Failure::BadResponse);
}

#[test]
fn a_walk_by_number_finds_records_that_moved_up_when_others_left() {
    // Rows left at each request; the first ones go.
    let walk = |left: &[u32]| {
        let fake = Shared::new(Fake::default());
        let request = Shared::new(0);
        let fetch = |number: u64| {
            let left = left.get(request.get()).or(left.last()).copied().unwrap();
            request.set(request.get() + 1);
            let from = (6 - left) + 2 * (u32::try_from(number).unwrap() - 1);
            let rows: Vec<_> = (from..6.min(from + 2)).map(|id| (id, (1, 0))).collect();
            page(fake.borrow_mut().read(&rows, usize::try_from(left).ok()))
        };
        let walk = by_number(&ENDPOINT, 2, &quiet, &fetch);
        let missing = walk.now_or_never().unwrap().unwrap().missing;
        let known: Vec<_> = fake.into_inner().kept.into_keys().collect();
        (known, missing)
    };
    assert_eq!(walk(&[6]), (vec![0, 1, 2, 3, 4, 5], None));
    assert_eq!(walk(&[6, 5]), (vec![0, 1, 2, 3, 4, 5], None), "2 moved to the first page after that was read");
    let (_, missing) = walk(&[6, 5, 5, 5, 4, 4, 4, 3, 3, 3]);
    assert!(missing.unwrap().contains("left the listing"), "it never stands still");
}

#[test]
fn a_walk_by_number_that_ends_at_the_vendors_window_is_reported_incomplete() {
    let whole = |rows: u32, size: u32, count: Option<usize>| {
        let fake = Shared::new(Fake::default());
        let fetch = |number: u64| {
            let first = (u32::try_from(number).unwrap() - 1) * size;
            let ids: Vec<_> = (first..rows.min(first + size)).map(|id| (id, (1, 0))).collect();
            page(fake.borrow_mut().read(&ids, count.filter(|_| !ids.is_empty())))
        };
        let walk = by_number(&ENDPOINT, size.into(), &quiet, &fetch);
        walk.now_or_never().unwrap().unwrap().missing
    };
    for size in [250, 1000, 300] {
        for count in [Some(10_000), None] {
            assert!(whole(10_000, size, count).unwrap().contains("10,000 records and no more"), "{size} {count:?}");
        }
        assert!(whole(10_000, size, Some(31_600)).unwrap().contains("31600 records, but gave 10000"), "{size}");
        for rows in [9_999, 10_001] {
            assert_eq!(whole(rows, size, usize::try_from(rows).ok()), None, "{size}");
        }
        assert_eq!(whole(10_250, size, Some(10_000)), None, "the count is capped at the window, the rows are not");
    }
}

const NAMELESS: Reject = Reject { why: Rejection::Unidentified, text: None };

#[test]
fn pages_of_unreadable_rows_repeat_only_if_their_bytes_do() {
    let summary =
        |body: &[u8]| PageSummary { sent: 2, rejected: vec![NAMELESS; 2], ..PageSummary::default() }.close(body);
    let walk = |same: bool| {
        let bodies: [&[u8]; 3] = [b"a", if same { b"a" } else { b"b" }, b""];
        let fetch = |number: u64| {
            let body = bodies[usize::try_from(number - 1).unwrap()];
            page(if body.is_empty() { PageSummary::default() } else { summary(body) })
        };
        by_number(&ENDPOINT, 2, &quiet, &fetch).now_or_never().unwrap()
    };
    assert!(walk(true).is_err());
    assert_eq!(walk(false).unwrap().rejected, [4, 0]);
}

#[test]
fn a_walk_by_cursor_that_would_never_end_fails() {
    let cursor = |text: &str| Next::Cursor(text.to_owned());
    for (next, fresh, words) in [
        ([cursor("a"), cursor("a")], [1, 1], "points back"),
        ([cursor("a"), cursor("b")], [1, 0], "nothing new"),
        ([Next::Broken("the reason"), Next::Nothing], [1, 1], "the reason"),
    ] {
        let asked = Shared::new(0);
        let fetch = |_: Option<String>| {
            let at = {
                let at = asked.get();
                asked.set(at + 1);
                at
            };
            page(PageSummary { sent: 1, taken: 1, fresh: fresh[at], next: next[at].clone(), ..PageSummary::default() })
        };
        let walk = by_cursor(&ENDPOINT, 1, CursorPosition::default(), unfollowed(), &fetch);
        let error = walk.now_or_never().unwrap().err().unwrap();
        assert!(error.failure == Failure::BadResponse && error.to_string().contains(words), "{error}");
    }
}
