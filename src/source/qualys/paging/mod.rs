//! How the vendor's listings are walked to their end without losing or repeating a record.
//!
//! Owns the order of requests and when a walk is over or has gone wrong. It knows neither HTTP nor rows: a walk asks
//! for a page through a closure and is told what was [`Seen`] on it; what is on it has gone elsewhere by then.
//!
//! Three ways, one for each kind of listing: [`by_key`] (page list of containers), [`by_cursor`] (bulk list) and
//! [`by_number`] (sensors, posture).

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::clock::Timestamp;
use crate::http::{ApiError, Endpoint};
use crate::telemetry::Failure;

use super::wire::{Rejected, Rows};

mod cursor;
mod key;
mod link;
mod number;
#[cfg(test)]
mod tests;

pub use cursor::by_cursor;
pub use key::{KeyAsk, by_key};
pub use link::{Next, next};
pub use number::by_number;

/// What a walk needs to know of a page that has been read.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Rows on the page, those that could not be taken included.
    pub sent: usize,
    /// Rows that could be taken.
    pub taken: usize,
    /// Rows that brought something: a new key, or a newer version of a known one.
    pub fresh: usize,
    /// Rows that could not be taken.
    pub rejected: Rejected,
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
}

impl Seen {
    /// A page of which no row was looked at yet.
    pub fn of<T>(rows: &Rows<T>) -> Self {
        Self { sent: rows.sent, rejected: rows.rejected, count: rows.count, ..Self::default() }
    }

    /// Notes a row that was taken.
    pub fn row(&mut self, key: &str, updated: Option<Timestamp>, fresh: bool) {
        // A sum, for a server may give the rows of one time in any order. Compared within one walk only.
        let hash = FixedState::default().hash_one((key, updated));
        self.fingerprint = self.fingerprint.wrapping_add(hash);
        self.taken += 1;
        self.fresh += usize::from(fresh);
        if let Some(updated) = updated {
            let (least, greatest) = self.updated.unwrap_or((updated, updated));
            self.disordered |= updated < greatest;
            self.updated = Some((least.min(updated), greatest.max(updated)));
        }
    }

    /// The page with these bytes, all rows of which were looked at.
    #[must_use]
    pub fn close(mut self, body: &[u8]) -> Self {
        if self.taken == 0 {
            self.fingerprint = FixedState::default().hash_one(body);
        }
        self
    }

    /// Whether the page after `before` brought nothing new. One without a readable row tells by its bytes only.
    fn repeats(&self, before: Option<u64>) -> bool {
        self.fresh == 0 && (self.taken > 0 || before == Some(self.fingerprint))
    }
}

/// What a whole walk amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Rows that could not be taken.
    pub rejected: Rejected,
    /// Why rows are known to be missing, in words for people.
    pub missing: Option<String>,
}

impl Walked {
    /// Adds a page; `progress` hears of it if it brought something.
    fn add(&mut self, page: &Seen, progress: &(dyn Fn() + Sync)) {
        for (sum, rejected) in self.rejected.iter_mut().zip(page.rejected) {
            *sum += rejected;
        }
        if page.sent > 0 {
            progress();
        }
    }
}

/// A walk that cannot go on because of what the vendor answered.
fn stray(endpoint: &'static Endpoint, words: &str) -> ApiError {
    ApiError::new(endpoint, Failure::BadResponse, words)
}

/// A listing that ended before the number of records it told of itself.
fn too_few(count: u64, given: u64) -> String {
    format!("the vendor counts {count} records, but gave {given} of them")
}

const REPEATS: &str = "a page repeats: the vendor gave records again that it had given before, and no others";
