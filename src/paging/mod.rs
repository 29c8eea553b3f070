//! Walks a vendor's listings to their end without losing or repeating a record.
//!
//! Owns the order of requests and decides when a walk is over or has failed. It knows neither HTTP nor rows: a walk
//! fetches a [`Page`], judges it by its [`PageSummary`], and only then lets its rows into their table.
//!
//! There is one walk for each kind of listing: for Qualys [`by_key`] (page lists of containers and images),
//! [`by_cursor`] (their bulk lists) and [`by_number`] (everything else), and for Prisma [`by_offset`].

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::client::{ApiError, Endpoint};
use crate::clock::Timestamp;
use crate::telemetry::Failure;

use crate::record::StateCounts;
use crate::wire::{Reject, Rejected, Row, Rows, count};

mod cursor;
mod key;
mod number;
mod offset;
#[cfg(test)]
mod tests;

pub use cursor::{CursorPosition, CursorWalk, by_cursor};
pub use key::{KeyAsk, KeyPosition, WINDOW, by_key, changed_since};
pub use number::by_number;
pub use offset::by_offset;

/// Where the next page is, for listings whose pages link to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// This is the last page.
    #[default]
    Nothing,
    /// The next page has this cursor, decoded.
    Cursor(String),
    /// There is a next page, but its link is unusable; the text says why.
    Broken(&'static str),
}

/// Fetches the requested page.
pub type Fetch<'a, Ask> = &'a (dyn Fn(Ask) -> BoxFuture<'a, Result<Page, ApiError>> + Sync);

/// A page that has been read. Its rows go into their table once a walk accepts it; the rows of a dropped page are never
/// stored.
pub struct Page {
    /// What the walk judges the page by.
    pub summary: PageSummary,
    rows: Option<Box<dyn FnOnce() + Send>>,
}

impl From<PageSummary> for Page {
    /// A page without rows to store.
    fn from(summary: PageSummary) -> Self {
        Self { summary, rows: None }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Page {
    /// A page whose rows `store` stores; it may block.
    pub fn new(summary: PageSummary, store: impl FnOnce() + Send + 'static) -> Self {
        Self { summary, rows: Some(Box::new(store)) }
    }

    /// Stores the rows; blocks while others use their table.
    pub fn store(self) -> PageSummary {
        self.rows.into_iter().for_each(|store| store());
        self.summary
    }

    /// Stores the rows without holding up anyone else.
    pub async fn accept(self, endpoint: &'static Endpoint) -> Result<PageSummary, ApiError> {
        let Self { summary, rows } = self;
        if let Some(store) = rows {
            spawn_blocking(store).await.map_err(|error| ApiError::unfinished(endpoint, error))?;
        }
        Ok(summary)
    }
}

/// What a row does to its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upsert {
    /// Adds a new key.
    New,
    /// Replaces a known record with a newer version.
    Newer,
    /// Changes nothing: this version or a newer one is known.
    Unchanged,
}

/// What a walk needs to know about a page that has been read.
#[derive(Clone, Debug, Default)]
pub struct PageSummary {
    /// Rows on the page, including rejected ones.
    pub sent: usize,
    /// Rows that were accepted.
    pub taken: usize,
    /// Rows with a new key or a newer version of a known record.
    pub fresh: usize,
    /// Rows with a new key.
    pub new: usize,
    /// Rows that were rejected.
    pub rejected: Vec<Reject>,
    /// Positions on the page, from 0, of rows that are not objects.
    pub nameless: Vec<usize>,
    /// Hashes of the keys of the accepted rows, in page order.
    pub keys: Vec<u64>,
    /// Hashes of the keys of the rows that repeat the key of an earlier row of the page.
    pub repeated: Vec<u64>,
    /// Rows in the whole listing, if the page reports it.
    pub count: Option<u64>,
    /// The smallest and the largest `updated` on the page, of the rows that have one.
    pub updated: Option<(Timestamp, Timestamp)>,
    /// Whether a row has a smaller `updated` than one before it.
    pub disordered: bool,
    /// Hash of the rows on the page, or of its bytes if all of them were rejected.
    pub fingerprint: u64,
    /// Where the next page is, for listings whose pages link to each other.
    pub next: Next,
    /// Rows with a new key by the states of their fields, in the order of the fields' paths.
    pub fields: Vec<StateCounts>,
}

impl PageSummary {
    /// Records an accepted row.
    fn row(&mut self, key: &str, updated: Option<Timestamp>, upsert: Upsert) {
        // A sum, because a server may return the rows of one time in any order. Compared within one walk only.
        let hash = FixedState::default().hash_one((key, updated));
        self.fingerprint = self.fingerprint.wrapping_add(hash);
        self.taken += 1;
        self.keys.push(hash_of(key));
        self.fresh += usize::from(upsert != Upsert::Unchanged);
        self.new += usize::from(upsert == Upsert::New);
        if let Some(updated) = updated {
            let (least, greatest) = self.updated.unwrap_or((updated, updated));
            self.disordered |= updated < greatest;
            self.updated = Some((least.min(updated), greatest.max(updated)));
        }
    }

    /// Completes the summary of the page with these bytes, after its last row.
    fn close(mut self, body: &[u8]) -> Self {
        if self.taken == 0 {
            self.fingerprint = FixedState::default().hash_one(body);
        }
        self
    }

    /// The summary of a page that was requested before: rejected rows that cannot be recognised do not count again.
    fn again(mut self) -> Self {
        self.rejected.retain(|reject| reject.text.is_some());
        self
    }

    /// Whether the page after `before` holds nothing new. A page without a readable row is compared by its bytes only.
    fn repeats(&self, before: Option<u64>) -> bool {
        self.fresh == 0 && (self.taken > 0 || before == Some(self.fingerprint))
    }
}

/// Builds the summary of a page, row by row.
#[derive(Debug, Default)]
pub struct PageReader {
    summary: PageSummary,
    /// The latest version of each record that is on the page or was stored before, by the hash of its key.
    versions: HashMap<u64, Option<Timestamp>>,
}

impl PageReader {
    /// Creates the reader for the page with these rows.
    pub fn new<T>(rows: &Rows<T>) -> Self {
        let summary = PageSummary {
            sent: rows.sent,
            rejected: rows.rejected.clone(),
            nameless: rows.nameless.clone(),
            // A count of zero on a page with rows contradicts itself.
            count: rows.count.filter(|count| *count > 0 || rows.sent == 0),
            ..PageSummary::default()
        };
        Self { summary, versions: HashMap::with_capacity(rows.sent) }
    }

    /// Records an accepted row and, if its rows carry one, its `updated` time. `stored` is the `updated` time of the
    /// record that is stored under this key, if there is one. Returns whether the key is new.
    pub fn row(&mut self, key: &str, updated: Option<Timestamp>, stored: Option<Option<Timestamp>>) -> bool {
        let version = self.versions.entry(hash_of(key));
        let known = match &version {
            Entry::Occupied(known) => {
                self.summary.repeated.push(*known.key());
                Some(*known.get())
            }
            Entry::Vacant(_) => stored,
        };
        let upsert = match known {
            None => Upsert::New,
            Some(known) if updated > known => Upsert::Newer,
            Some(_) => Upsert::Unchanged,
        };
        version.insert_entry(known.flatten().max(updated));
        self.summary.row(key, updated, upsert);
        upsert == Upsert::New
    }

    /// Counts the fields of a row; call it once per key.
    pub fn count_fields<'de, T: Row<'de>>(&mut self, row: &T) {
        count(row, &mut self.summary.fields);
    }

    /// Returns the summary of the page with these bytes.
    pub fn summary(self, body: &[u8]) -> PageSummary {
        self.summary.close(body)
    }
}

/// The hash that identifies a key.
fn hash_of(key: &str) -> u64 {
    FixedState::default().hash_one(key)
}

/// Receives the progress of a walk that can be resumed.
#[derive(Clone, Copy)]
pub struct WalkObserver<'a, Position> {
    /// Called for each page that has rows.
    pub page: &'a (dyn Fn() + Sync),
    /// Called with the position of the walk each time it changes.
    pub position: &'a (dyn Fn(&Position) + Sync),
}

/// The result of a whole walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct WalkSummary {
    /// Rows that were rejected.
    pub rejected: Rejected,
    /// Hashes of the texts of the rejected rows that can be recognised.
    pub unreadable: HashSet<u64>,
    /// Why rows are known to be missing, in plain words.
    pub missing: Option<String>,
    /// Rows that were read, including rejected ones.
    pub read: u64,
    /// Rows that only repeat the key of another one on their page. The vendor counts them.
    pub repeated: u64,
    /// Rows by the states of their fields. Rows from before a restart do not count.
    #[serde(skip)]
    pub fields: Vec<StateCounts>,
}

impl WalkSummary {
    /// Whether the hashes of all rejected rows are in `known`.
    pub fn rejects_only(&self, known: &HashSet<u64>) -> bool {
        self.rejected.iter().sum::<u64>() == self.unreadable.len() as u64 && self.unreadable.is_subset(known)
    }
}

/// What a walk has counted so far.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct WalkCounters {
    walked: WalkSummary,
    /// Keys received.
    keys: u64,
    /// The largest number of times that each rejected row occurred on one page: pages overlap, but equal texts on one
    /// page are different rows.
    rejects: HashMap<u64, u64>,
    /// The largest number of times that each key was repeated on one page.
    repeated: HashMap<u64, u64>,
    /// What bounds the walk in this process.
    #[serde(skip)]
    bound: Bound,
}

/// How many records a walk should not exceed by far, and how many it has received since that is known.
#[derive(Clone, Copy, Debug, Default)]
struct Bound {
    /// The greatest number of rows that the vendor counted; not a number that is only that of the page it came with.
    count: Option<u64>,
    /// Where the vendor does not count: the rows of the last complete walk.
    usual: Option<u64>,
    /// New keys and rejected rows.
    received: u64,
}

/// How many rows a walk may receive whatever the count.
const FEW_ROWS: u64 = 1000;

impl WalkCounters {
    /// Adds a page; calls `progress` if it has rows.
    fn add(&mut self, page: &PageSummary, progress: &(dyn Fn() + Sync)) {
        self.keys += page.new as u64;
        self.bound.count = page.count.filter(|count| *count != page.sent as u64).max(self.bound.count);
        self.bound.received += (page.new + page.rejected.len()) as u64;
        let fields = &mut self.walked.fields;
        fields.resize(fields.len().max(page.fields.len()), StateCounts::default());
        for (known, more) in fields.iter_mut().zip(&page.fields) {
            known.iter_mut().zip(more).for_each(|(known, more)| *known += more);
        }
        let mut here = HashMap::new();
        for Reject { why, text } in &page.rejected {
            if let Some(text) = text {
                let times: &mut u64 = here.entry(text).or_default();
                *times += 1;
                let known = self.rejects.entry(*text).or_default();
                if *times <= *known {
                    continue;
                }
                *known = *times;
            }
            self.walked.rejected[*why as usize] += 1;
        }
        let mut here = HashMap::new();
        for key in &page.repeated {
            let times: &mut u64 = here.entry(key).or_default();
            *times += 1;
            let known = self.repeated.entry(*key).or_default();
            *known = (*known).max(*times);
        }
        if page.sent > 0 {
            progress();
        }
    }

    /// Returns the result of the walk.
    fn done(self) -> WalkSummary {
        WalkSummary {
            read: self.given(),
            repeated: self.repeated.values().sum(),
            unreadable: self.rejects.into_keys().collect(),
            ..self.walked
        }
    }

    /// Rows of the vendor's count that were received, including those that were rejected or repeat another one on their
    /// page.
    fn given(&self) -> u64 {
        self.keys + self.walked.rejected.iter().sum::<u64>() + self.repeated.values().sum::<u64>()
    }

    /// Whether the walk has received more than `factor` times as many records as the vendor counts, or ten times as many
    /// as the last time where it does not: it may never end. Records why it is stopped. A count of `most` or more can be
    /// too low.
    fn is_endless(&mut self, factor: u64, most: u64) -> bool {
        let Bound { count, usual, received } = self.bound;
        let (limit, expected) = match (count, usual) {
            (Some(count), _) if count >= most => return false,
            (Some(count), _) => (count.saturating_mul(factor), format!("the vendor counts {count} records")),
            (None, Some(usual)) => (usual.saturating_mul(10), format!("the last complete walk had {usual} records")),
            (None, None) => return false,
        };
        let is_endless = received > limit.max(FEW_ROWS);
        if is_endless {
            self.miss(format!("{expected}, but this one received {received} without an end and was stopped"));
        }
        is_endless
    }

    /// Records why records are missing; the first reason stays.
    fn miss(&mut self, words: String) {
        self.walked.missing.get_or_insert(words);
    }
}

/// The error of a walk that cannot continue because of what the vendor returned.
fn walk_error(endpoint: &'static Endpoint, words: &str) -> ApiError {
    ApiError::new(endpoint, Failure::BadResponse, words)
}

/// Why a listing that ended before its own count of records is incomplete.
fn too_few(count: u64, given: u64) -> String {
    format!("the vendor counts {count} records, but gave {given} of them")
}

const REPEATS: &str = "a page repeats: the vendor returned only records that it had returned before";
