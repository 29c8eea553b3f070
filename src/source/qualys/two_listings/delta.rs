//! The delta between full walks: what has changed since the listings were read.
//!
//! Owns how far back a delta reaches, and when it is not enough. Purged records never appear among the changed ones, so
//! the total is checked each time, as far as the vendor counts, and everything is walked again from time to time.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::staging::{Half, Joined};
use crate::clock::Timestamp;
use crate::inventory::Table;
use crate::paging::WINDOW;
use crate::record::FieldCounts;

/// How far before the latest known change a delta begins: the vendor's servers do not agree on the time to the second,
/// and a listing shows changes with a delay.
const OVERLAP: Duration = Duration::from_mins(1);

/// The complete known state of both listings, which a delta is applied to.
#[derive(Debug)]
pub(crate) struct DeltaBase<R> {
    pub(crate) table: Arc<Table<R>>,
    /// The time from which a delta reads the page list.
    pub(crate) pages: Timestamp,
    /// The time from which a delta reads the bulk list.
    pub(crate) bulk: Timestamp,
    /// The last full walk.
    pub(crate) last: FullWalk,
}

/// What is kept across a restart, besides the records.
#[derive(Debug, Deserialize, Serialize)]
struct ResumeState {
    pages: Timestamp,
    bulk: Timestamp,
    unread: u64,
    unreadable: HashSet<u64>,
    walked: Timestamp,
    fields: FieldCounts,
}

/// A full walk.
#[derive(Clone, Debug)]
pub(crate) struct FullWalk {
    /// Number of unreadable rows of the page list.
    pub(crate) unread: u64,
    /// Hashes of the texts of the unreadable rows of both lists.
    pub(crate) unreadable: Arc<HashSet<u64>>,
    /// When it began.
    pub(crate) walked: Timestamp,
    /// When the next one is due.
    pub(crate) resync: Instant,
    /// Its rows by field, and those of the changes since.
    pub(crate) fields: FieldCounts,
}

impl<R: Joined> DeltaBase<R> {
    /// Builds the base from `table`, which a run that began at `began` read on top of the last full walk. `None` if a
    /// delta could miss changes: nothing shows that a record without a time has changed.
    ///
    /// Times are the vendor's own. A record can have a time in the future if one of the vendor's clocks is wrong: other
    /// records would then change unnoticed until that time. So no time after the start of the run counts, by the
    /// vendor's clock and by ours.
    pub(crate) fn new(table: Arc<Table<R>>, began: Timestamp, last: FullWalk) -> Option<Self> {
        let pages = since(latest::<R::Page>(&table)?, began);
        let bulk = since(latest::<R::Bulk>(&table)?, began);
        Some(Self { table, pages, bulk, last })
    }

    /// Restores the base from `table` and `resume_state`, which were kept across a restart.
    pub(crate) fn restored(
        table: Arc<Table<R>>,
        resume_state: &[u8],
        resync: impl FnOnce(Timestamp) -> Instant,
    ) -> Option<Self> {
        let ResumeState { pages, bulk, unread, unreadable, walked, fields } =
            postcard::from_bytes(resume_state).ok()?;
        let last = FullWalk { unread, unreadable: Arc::new(unreadable), walked, resync: resync(walked), fields };
        Some(Self { table, pages, bulk, last })
    }

    /// Returns what to keep across a restart, besides the records.
    pub(crate) fn resume_state(&self) -> Option<Vec<u8>> {
        let &Self { pages, bulk, last: FullWalk { unread, ref unreadable, walked, ref fields, .. }, .. } = self;
        let (unreadable, fields) = (HashSet::clone(unreadable), fields.clone());
        postcard::to_stdvec(&ResumeState { pages, bulk, unread, unreadable, walked, fields }).ok()
    }

    /// How many records the vendor should count if `table` holds all readable ones.
    pub(crate) fn to_be_counted(&self, table: &Table<R>) -> u64 {
        table.len() as u64 + self.last.unread
    }
}

/// Compares the vendor's count with the number of known records. The count stops at the number of rows that are
/// reachable by page number, so that number can mean any above it.
pub(crate) fn compare(counted: u64, known: u64) -> Ordering {
    if counted == WINDOW { WINDOW.cmp(&known.min(WINDOW)) } else { counted.cmp(&known) }
}

fn since(latest: Timestamp, began: Timestamp) -> Timestamp {
    let overlap = i64::try_from(OVERLAP.as_millis()).unwrap_or(i64::MAX);
    let latest = latest.min(began);
    Timestamp::from_millis(latest.millis().saturating_sub(overlap)).unwrap_or(latest)
}

/// The latest time in a listing; `None` if one of its records has no time, or if it has no records.
fn latest<H: Half>(table: &Table<H::Record>) -> Option<Timestamp> {
    let mut latest = None;
    for known in table.iter().filter_map(|(_, record)| H::part(record)) {
        latest = latest.max(Some(H::updated(known)?));
    }
    latest
}
