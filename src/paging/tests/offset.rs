//! Walks by offset over an in-memory listing that changes or misbehaves meanwhile.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::{ENDPOINT, Shared, page, quiet};
use crate::paging::*;
use crate::telemetry::Rejection;

/// A listing in the order of its rows, and what a walk has kept of it.
#[derive(Default)]
struct Fake {
    rows: Vec<u32>,
    next: u32,
    /// The server's own page size.
    most: usize,
    /// Whether the server reports the number of rows.
    counts: bool,
    kept: BTreeSet<u32>,
    requests: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Purge(u32),
    Add(u32),
}

impl Fake {
    fn with(rows: u32) -> Self {
        Self { rows: (0..rows).collect(), next: rows, most: usize::MAX, counts: true, ..Self::default() }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Purge(pick) if !self.rows.is_empty() => {
                let at = *pick as usize % self.rows.len();
                self.rows.remove(at);
            }
            Change::Purge(_) => {}
            Change::Add(pick) => {
                let at = *pick as usize % (self.rows.len() + 1);
                self.rows.insert(at, self.next);
                self.next += 1;
            }
        }
    }

    fn page(&mut self, offset: u64, limit: u64) -> PageSummary {
        let start = usize::try_from(offset).unwrap().min(self.rows.len());
        let end = (start + usize::try_from(limit).unwrap().min(self.most)).min(self.rows.len());
        let rows = self.rows[start..end].to_vec();
        self.read(&rows)
    }

    /// Reads some rows as a collector does.
    fn read(&mut self, rows: &[u32]) -> PageSummary {
        self.requests += 1;
        let count = self.counts.then_some(self.rows.len() as u64);
        let mut seen = PageSummary { sent: rows.len(), count, ..PageSummary::default() };
        for row in rows {
            let new = self.kept.insert(*row);
            seen.row(&row.to_string(), None, if new { Upsert::New } else { Upsert::Unchanged });
        }
        seen
    }
}

fn changes(most: usize) -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = prop_oneof![2 => any::<u32>().prop_map(Change::Purge), 1 => any::<u32>().prop_map(Change::Add)];
    prop::collection::vec(prop::collection::vec(change, 0..4), 0..most)
}

fn walk(fetch: impl Fn(u64) -> PageSummary + Sync) -> Result<WalkSummary, ApiError> {
    by_offset(&ENDPOINT, None, &quiet, &|offset| page(fetch(offset))).now_or_never().unwrap()
}

/// The summary without the number of rows that were read.
fn unread(walked: WalkSummary) -> WalkSummary {
    WalkSummary { read: 0, ..walked }
}

proptest! {
    #[test]
    fn rows_that_come_and_go_hide_no_others(
        rows in 0_u32..120, limit in 2_u64..20, most in 2_usize..20, counts: bool, changes in changes(14),
    ) {
        let fake = Shared::new(Fake { most, counts, ..Fake::with(rows) });
        let stayed = Shared::new(fake.borrow().rows.clone());
        let changes = Shared::new(changes.into_iter());
        let walked = walk(|offset| {
            let mut fake = fake.borrow_mut();
            for change in changes.borrow_mut().next().unwrap_or_default() {
                fake.apply(&change);
                stayed.borrow_mut().retain(|row| fake.rows.contains(row));
            }
            fake.page(offset, limit)
        });
        let fake = fake.into_inner();
        let lost: Vec<_> = stayed.into_inner().into_iter().filter(|row| !fake.kept.contains(row)).collect();
        // An incomplete result must be reported as such.
        prop_assert!(walked.is_err() || walked.unwrap().missing.is_some() || lost.is_empty(), "{:?}", lost);
    }

    #[test]
    fn a_few_changes_leave_a_walk_whole(rows in 0_u32..400, changes in changes(6)) {
        let fake = Shared::new(Fake::with(rows));
        let changes = Shared::new(changes.into_iter());
        let walked = walk(|offset| {
            let mut fake = fake.borrow_mut();
            changes.borrow_mut().next().unwrap_or_default().iter().for_each(|change| fake.apply(change));
            fake.page(offset, 50)
        });
        prop_assert_eq!(unread(walked.unwrap()), WalkSummary::default());
    }

    #[test]
    fn a_walk_that_was_cut_short_is_reported_incomplete(
        rows in 1_u32..80, limit in 2_u64..12, faults in prop::collection::vec(prop::option::of(0_usize..4), 0..40),
    ) {
        let fake = Shared::new(Fake::with(rows));
        let faults = Shared::new(faults.into_iter());
        let walked = walk(|offset| {
            let mut fake = fake.borrow_mut();
            let fault = if fake.requests == 0 { None } else { faults.borrow_mut().next().flatten() };
            match fault {
                Some(0) => PageSummary::default(),
                Some(most) => fake.page(offset, limit.min(most as u64)),
                None => fake.page(offset, limit),
            }
        });
        let fake = fake.into_inner();
        let reported = walked.map_or(true, |walked| walked.missing.is_some());
        prop_assert!(reported || fake.kept.len() == fake.rows.len(), "{} of {rows}", fake.kept.len());
    }
}

#[test]
fn a_count_of_one_page_does_not_end_the_listing() {
    let fake = Shared::new(Fake::with(120));
    let walked = walk(|offset| PageSummary { count: Some(50), ..fake.borrow_mut().page(offset, 50) }).unwrap();
    assert_eq!((walked.missing, fake.borrow().kept.len()), (None, 120));
}

#[test]
fn a_walk_by_offset_ends_where_the_listing_does() {
    for (rows, limit, counts, requests) in [
        (0, 50, true, 2),
        (0, 50, false, 2),
        (1, 50, true, 1),
        (49, 49, true, 1),
        (50, 50, true, 2),
        (120, 50, true, 3),
        (7, 1, true, 7),
    ] {
        let fake = Shared::new(Fake { counts, ..Fake::with(rows) });
        let walked = walk(|offset| fake.borrow_mut().page(offset, limit)).unwrap();
        assert_eq!((unread(walked), fake.borrow().kept.len()), (WalkSummary::default(), rows as usize));
        assert_eq!(fake.borrow().requests, requests, "{rows} rows by {limit}");
    }
    for (rows, most) in [(120, 50), (120, 7), (120, 1), (100, 50)] {
        for counts in [true, false] {
            let fake = Shared::new(Fake { most, counts, ..Fake::with(rows) });
            let walked = walk(|offset| fake.borrow_mut().page(offset, 250)).unwrap();
            assert_eq!(
                (unread(walked), fake.borrow().kept.len()),
                (WalkSummary::default(), rows as usize),
                "{rows} by {most}"
            );
        }
    }
}

#[test]
fn rows_that_the_server_counts_but_does_not_return_are_reported() {
    let fake = Shared::new(Fake::with(60));
    let walked = walk(|offset| PageSummary { count: Some(62), ..fake.borrow_mut().page(offset, 50) }).unwrap();
    assert_eq!(walked.missing.unwrap(), "the vendor counts 62 records, but gave 60 of them");
    assert!(fake.borrow().requests <= 12, "{}", fake.borrow().requests);
    // A listing that only looks empty.
    let walked = walk(|_| PageSummary { count: Some(3), ..PageSummary::default() }).unwrap();
    assert!(walked.missing.unwrap().contains("3 records, but gave 0"));
    // An empty page that was not the end.
    let fake = Shared::new(Fake::with(60));
    let asked = Shared::new(0);
    let walked = walk(|offset| {
        asked.set(asked.get() + 1);
        if asked.get() == 2 { PageSummary::default() } else { fake.borrow_mut().page(offset, 50) }
    });
    assert_eq!((walked.unwrap().missing, fake.borrow().kept.len()), (None, 60));
}

#[test]
fn a_server_that_ignores_the_offset_is_detected() {
    for (counts, rows) in [(true, 60), (true, 900), (false, 60)] {
        let fake = Shared::new(Fake { counts, ..Fake::with(rows) });
        let error = walk(|_| fake.borrow_mut().page(0, 50)).unwrap_err();
        assert!(error.to_string().contains("repeats"), "{error}");
        assert!(fake.borrow().requests <= 10);
    }
    // Neither a listing without an order nor one whose pages form a circle keeps the walk running forever.
    let random = Shared::new(1_u32);
    let fake = Shared::new(Fake::with(300));
    let shuffled = walk(|offset| {
        let mut fake = fake.borrow_mut();
        fake.rows.sort_by_cached_key(|row| {
            random.set(random.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            row ^ (random.get() >> 16)
        });
        fake.page(offset, 50)
    });
    assert!(shuffled.unwrap().missing.is_some() || fake.borrow().kept.len() == 300);
    let fake = Shared::new(Fake { counts: false, ..Fake::with(100) });
    let error = walk(|offset| fake.borrow_mut().page(offset % 90, 50)).unwrap_err();
    assert!(error.to_string().contains("repeats"), "{error}");
}

#[test]
fn unreadable_rows_count_as_received_and_only_once() {
    // Every third row is not an object, every third one is an unreadable object.
    let known = Shared::new(BTreeSet::new());
    let walked = walk(|offset| {
        let rows: Vec<u64> = (offset..(offset + 10).min(31)).collect();
        let mut seen = PageSummary { sent: rows.len(), count: Some(31), ..PageSummary::default() };
        for (at, row) in rows.into_iter().enumerate() {
            match row % 3 {
                0 => {
                    seen.nameless.push(at);
                    seen.rejected.push(Reject { why: Rejection::Unidentified, text: None });
                }
                1 => seen.rejected.push(Reject { why: Rejection::Unreadable, text: Some(row) }),
                _ => {
                    let new = known.borrow_mut().insert(row);
                    seen.row(&row.to_string(), None, if new { Upsert::New } else { Upsert::Unchanged });
                }
            }
        }
        seen
    })
    .unwrap();
    assert_eq!((walked.rejected, walked.missing, known.into_inner().len()), ([11, 10], None, 10));
}

#[test]
fn a_listing_that_keeps_changing_is_walked_once() {
    // One in this many requests sees an added or a removed row.
    for (adds, purges) in [(1, 0), (0, 1), (4, 4), (3, 6), (6, 3)] {
        let random = Shared::new(1_u32);
        let number = || {
            random.set(random.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            random.get() >> 4
        };
        let fake = Shared::new(Fake::with(20_000));
        let walked = walk(|offset| {
            let mut fake = fake.borrow_mut();
            for (one_in, change) in [(adds, Change::Add as fn(u32) -> Change), (purges, Change::Purge)] {
                if one_in > 0 && number() % one_in == 0 {
                    fake.apply(&change(number()));
                }
            }
            fake.page(offset, 50)
        });
        assert_eq!(unread(walked.unwrap()), WalkSummary::default());
        assert!(fake.borrow().requests < 500, "{adds} {purges}: {} for 400 pages", fake.borrow().requests);
    }
}
