//! What is asked for when not all is: what has changed since the listings were read.
//!
//! Owns how far back that is, and when it is not enough. Records that were purged never appear among those that changed,
//! so the number of all of them is looked at each time, as far as the vendor counts, and all are walked again now and then.

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

/// What changed so long before the latest change that was seen is asked for again: the vendor's servers do not agree on
/// the time to the second, and a listing shows what changed a while later.
const OVERLAP: Duration = Duration::from_mins(1);

/// What is known of both listings, all of it.
#[derive(Debug)]
pub(crate) struct DeltaBase<R> {
    pub(crate) table: Arc<Table<R>>,
    /// Since when the records of the page list are to be asked for.
    pub(crate) pages: Timestamp,
    /// Since when those of the bulk list are.
    pub(crate) bulk: Timestamp,
    /// The last walk of all of them.
    pub(crate) last: FullWalk,
}

/// What is kept over a restart of what is known, besides the records.
#[derive(Debug, Deserialize, Serialize)]
struct ResumeState {
    pages: Timestamp,
    bulk: Timestamp,
    unread: u64,
    unreadable: HashSet<u64>,
    walked: Timestamp,
    fields: FieldCounts,
}

/// A walk of all records.
#[derive(Clone, Debug)]
pub(crate) struct FullWalk {
    /// How many rows of the page list could not be read.
    pub(crate) unread: u64,
    /// What stands for the texts of the rows of both lists that could not.
    pub(crate) unreadable: Arc<HashSet<u64>>,
    /// When it began.
    pub(crate) walked: Timestamp,
    /// When the next one is due.
    pub(crate) resync: Instant,
    /// Its rows by field, and those of what has changed since.
    pub(crate) fields: FieldCounts,
}

impl<R: Joined> DeltaBase<R> {
    /// What is known once `table` was read by a run that began at `began`, on top of the last walk of all of them. None
    /// if a delta could miss what becomes of its records: of one without a time nobody can tell that it changed.
    ///
    /// Times are the vendor's own. A record can bear one of the future, if one of the vendor's clocks is wrong: others
    /// would then change unseen until that time, so none later than the start of the run counts, by the vendor's clock and
    /// by ours.
    pub(crate) fn new(table: Arc<Table<R>>, began: Timestamp, last: FullWalk) -> Option<Self> {
        let pages = since(latest::<R::Page>(&table)?, began);
        let bulk = since(latest::<R::Bulk>(&table)?, began);
        Some(Self { table, pages, bulk, last })
    }

    /// What is known once `table` and `resume_state` were kept over a restart.
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

    /// What is to be kept over a restart, besides the records.
    pub(crate) fn resume_state(&self) -> Option<Vec<u8>> {
        let &Self { pages, bulk, last: FullWalk { unread, ref unreadable, walked, ref fields, .. }, .. } = self;
        let (unreadable, fields) = (HashSet::clone(unreadable), fields.clone());
        postcard::to_stdvec(&ResumeState { pages, bulk, unread, unreadable, walked, fields }).ok()
    }

    /// How many records the vendor is to count if `table` are all that can be read.
    pub(crate) fn to_be_counted(&self, table: &Table<R>) -> u64 {
        table.len() as u64 + self.last.unread
    }
}

/// How a number of records that the vendor tells compares with how many are known. It counts so many at most as it gives
/// out by page number, so that this number can mean any above it.
pub(crate) fn compare(counted: u64, known: u64) -> Ordering {
    if counted == WINDOW { WINDOW.cmp(&known.min(WINDOW)) } else { counted.cmp(&known) }
}

fn since(latest: Timestamp, began: Timestamp) -> Timestamp {
    let overlap = i64::try_from(OVERLAP.as_millis()).unwrap_or(i64::MAX);
    let latest = latest.min(began);
    Timestamp::from_millis(latest.millis().saturating_sub(overlap)).unwrap_or(latest)
}

/// The latest time that a listing told; none if it told no time of one of its records, or has none.
fn latest<H: Half>(table: &Table<H::Record>) -> Option<Timestamp> {
    let mut latest = None;
    for known in table.iter().filter_map(|(_, record)| H::part(record)) {
        latest = latest.max(Some(H::updated(known)?));
    }
    latest
}
