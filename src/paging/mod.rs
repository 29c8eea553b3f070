//! How a vendor's listings are walked to their end without losing or repeating a record.
//!
//! Owns the order of requests and when a walk is over or has gone wrong. It knows neither HTTP nor rows: a walk fetches
//! a [`Page`], judges it by its [`PageSummary`], and only then lets its rows go into their table.
//!
//! Four ways, one for each kind of listing: Qualys' [`by_key`] (page lists of containers and images),
//! [`by_cursor`] (their bulk lists) and [`by_number`] (all others), and Prisma's [`by_offset`].

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::client::{ApiError, Endpoint, off_thread};
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

/// Where the next page is, for listings that tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// There is none.
    #[default]
    Nothing,
    /// Under this cursor, decoded.
    Cursor(String),
    /// There is one, but it cannot be told which; in words for people.
    Broken(&'static str),
}

/// Fetches the page that is asked for.
pub type Fetch<'a, Ask> = &'a (dyn Fn(Ask) -> BoxFuture<'a, Result<Page, ApiError>> + Sync);

/// A page that has been read. Its rows go into their table once a walk accepts it; of one that is dropped, none does.
pub struct Page {
    /// What a walk judges it by.
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
    /// A page whose rows are stored by `store`, which may wait for others.
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
            off_thread(endpoint, store).await?;
        }
        Ok(summary)
    }
}

/// What a row does to its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upsert {
    /// A key that was not known.
    New,
    /// A newer version of what was known under its key.
    Newer,
    /// Nothing that was not known.
    Unchanged,
}

/// What a walk needs to know of a page that has been read.
#[derive(Clone, Debug, Default)]
pub struct PageSummary {
    /// Rows on the page, those that could not be taken included.
    pub sent: usize,
    /// Rows that could be taken.
    pub taken: usize,
    /// Rows that brought something: a new key, or a newer version of a known one.
    pub fresh: usize,
    /// Rows whose key was not known.
    pub new: usize,
    /// Rows that could not be taken.
    pub rejected: Vec<Reject>,
    /// Where on the page rows stand that are no object, from 0.
    pub nameless: Vec<usize>,
    /// What stands for the key of each row that was taken, in their order.
    pub keys: Vec<u64>,
    /// The key's hash of each row whose key an earlier row of the page has.
    pub repeated: Vec<u64>,
    /// How many rows the whole listing has, if the page tells.
    pub count: Option<u64>,
    /// The least and the greatest `updated` on the page, of the rows that have one.
    pub updated: Option<(Timestamp, Timestamp)>,
    /// Whether a row has a smaller `updated` than one before it.
    pub disordered: bool,
    /// Stands for the rows on the page, or for its bytes if none of them could be taken.
    pub fingerprint: u64,
    /// Where the next page is, for listings that tell.
    pub next: Next,
    /// Rows with a new key by the states of their fields, in the order of the fields' paths.
    pub fields: Vec<StateCounts>,
}

impl PageSummary {
    /// Notes a row that could be read.
    fn row(&mut self, key: &str, updated: Option<Timestamp>, upsert: Upsert) {
        // A sum, for a server may give the rows of one time in any order. Compared within one walk only.
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

    /// The summary of the page with these bytes, all rows of which were looked at.
    fn close(mut self, body: &[u8]) -> Self {
        if self.taken == 0 {
            self.fingerprint = FixedState::default().hash_one(body);
        }
        self
    }

    /// A page of rows that were asked for before: those that could not be known again do not count again.
    fn again(mut self) -> Self {
        self.rejected.retain(|reject| reject.text.is_some());
        self
    }

    /// Whether the page after `before` brought nothing new. One without a readable row tells by its bytes only.
    fn repeats(&self, before: Option<u64>) -> bool {
        self.fresh == 0 && (self.taken > 0 || before == Some(self.fingerprint))
    }
}

/// The summary of a page, row by row.
#[derive(Debug, Default)]
pub struct PageReader {
    summary: PageSummary,
    /// By what stands for its key, the latest version of each record that is on the page or was stored before.
    versions: HashMap<u64, Option<Timestamp>>,
}

impl PageReader {
    /// For the page of these rows.
    pub fn new<T>(rows: &Rows<T>) -> Self {
        let summary = PageSummary {
            sent: rows.sent,
            rejected: rows.rejected.clone(),
            nameless: rows.nameless.clone(),
            // A page with rows of a listing without any contradicts itself.
            count: rows.count.filter(|count| *count > 0 || rows.sent == 0),
            ..PageSummary::default()
        };
        Self { summary, versions: HashMap::with_capacity(rows.sent) }
    }

    /// Notes a row that could be read, and when its record was last changed, if rows tell that. `stored` is what is known
    /// of that of the record that is stored under its key, if there is one. Returns whether the key is new.
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

    /// Counts the fields of a row, which is to be done once for each key.
    pub fn count_fields<'de, T: Row<'de>>(&mut self, row: &T) {
        count(row, &mut self.summary.fields);
    }

    /// What all rows of the page with these bytes add up to.
    pub fn summary(self, body: &[u8]) -> PageSummary {
        self.summary.close(body)
    }
}

/// What stands for a key.
fn hash_of(key: &str) -> u64 {
    FixedState::default().hash_one(key)
}

/// Who is told how a walk comes on, for walks that can be taken up again.
#[derive(Clone, Copy)]
pub struct WalkObserver<'a, Position> {
    /// Called for every page that has rows.
    pub page: &'a (dyn Fn() + Sync),
    /// Told where the walk stands, as often as that changes.
    pub position: &'a (dyn Fn(&Position) + Sync),
}

/// What a whole walk amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct WalkSummary {
    /// Rows that could not be taken.
    pub rejected: Rejected,
    /// What stands for the texts of those of them that can be known again.
    pub unreadable: HashSet<u64>,
    /// Why rows are known to be missing, in words for people.
    pub missing: Option<String>,
    /// Rows that were read, rejected ones included.
    pub read: u64,
    /// Rows that only repeat the key of another on their page. The vendor counts them.
    pub repeated: u64,
    /// Rows by the states of their fields. Those of a former process do not count.
    #[serde(skip)]
    pub fields: Vec<StateCounts>,
}

impl WalkSummary {
    /// Whether all rows that could not be taken are among those that `known` stands for.
    pub fn rejects_only(&self, known: &HashSet<u64>) -> bool {
        self.rejected.iter().sum::<u64>() == self.unreadable.len() as u64 && self.unreadable.is_subset(known)
    }
}

/// What a walk amounts to so far.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct WalkCounters {
    walked: WalkSummary,
    /// Keys that came.
    keys: u64,
    /// How often each row that could not be taken stood on one page, at most: pages overlap, but within one of them
    /// equal texts are different rows.
    rejects: HashMap<u64, u64>,
    /// How often each key was repeated on one page, at most.
    repeated: HashMap<u64, u64>,
}

impl WalkCounters {
    /// Adds a page; `progress` hears of it if it brought something.
    fn add(&mut self, page: &PageSummary, progress: &(dyn Fn() + Sync)) {
        self.keys += page.new as u64;
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

    /// What it amounts to in the end.
    fn done(self) -> WalkSummary {
        WalkSummary {
            read: self.given(),
            repeated: self.repeated.values().sum(),
            unreadable: self.rejects.into_keys().collect(),
            ..self.walked
        }
    }

    /// How many rows of the vendor's count came, those included that were rejected or repeat another on their page.
    fn given(&self) -> u64 {
        self.keys + self.walked.rejected.iter().sum::<u64>() + self.repeated.values().sum::<u64>()
    }

    /// Notes that records are missing; what was noted first stands.
    fn miss(&mut self, words: String) {
        self.walked.missing.get_or_insert(words);
    }
}

/// A walk that cannot go on because of what the vendor answered.
fn walk_error(endpoint: &'static Endpoint, words: &str) -> ApiError {
    ApiError::new(endpoint, Failure::BadResponse, words)
}

/// A listing that ended before the number of records it told of itself.
fn too_few(count: u64, given: u64) -> String {
    format!("the vendor counts {count} records, but gave {given} of them")
}

const REPEATS: &str = "a page repeats: the vendor gave records again that it had given before, and no others";
