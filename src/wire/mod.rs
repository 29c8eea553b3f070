//! What vendors' JSON has in common: values written in many ways, and rows of which a field may be unreadable.
//!
//! Owns scalars ([`Text`], [`Time`] and so on), what can stand in a field ([`Field`]), and how a list of rows is taken. A row
//! without a key is left out and counted, while the rest of its page is kept; a field that cannot be read is absent and
//! counted, while the rest of its row is kept. It knows no vendor's row: those name what they read ([`row!`]), and all else
//! is skipped without being decoded.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::de::Deserialize;
use serde_json::value::RawValue;

use crate::client::Unreadable;
use crate::clock::Timestamp;
use crate::telemetry::Rejection;

mod document;
mod field;
mod object;
mod scalar;
mod skip;
#[cfg(test)]
mod tests;
mod time;

pub use crate::record::{FieldState, StateCounts};
pub use crate::row;
pub use document::{Document, text};
pub(crate) use field::state_of_text;
pub use field::{Field, Key, Read, Row, States, below, count, fields, paths};
pub(crate) use object::other_scalars;
pub use object::{Length, List, Nested, Words};
pub use scalar::{Count, Flag, Number, Presence, Text, known};
pub use time::Time;

/// The time that a text means; none if it is no time, or "never".
pub fn time(text: &str) -> Option<Timestamp> {
    time::from_text(text)?.0
}

/// Why a row cannot be taken, counted by reason in the order of [`Rejection::ALL`].
pub type Rejected = [u64; Rejection::ALL.len()];

/// A row that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub why: Rejection,
    /// Stands for its text, so that it is known again on another page; none if it is no object, for then many rows
    /// may be the same.
    pub text: Option<u64>,
}

/// A row that is known by a key.
pub trait Keyed {
    /// The vendor's key; empty if the row has none.
    fn key(&self) -> &str;

    /// Why the row cannot be taken, if it cannot.
    fn rejection(&self) -> Option<Rejection> {
        self.key().is_empty().then_some(Rejection::Unidentified)
    }
}

/// Makes keys for the rows of a page that have none and count all the same.
#[derive(Debug, Default)]
pub struct Keyless(HashMap<u64, u64>);

impl Keyless {
    /// A key for the row: no other row of the page has it, and the same page gives the same keys again.
    pub fn key(&mut self, row: &impl fmt::Debug) -> String {
        let hash = FixedState::default().hash_one(format!("{row:?}"));
        let same = self.0.entry(hash).or_default();
        *same += 1;
        format!("\n{hash:016x}\n{same}")
    }
}

/// What a vendor puts around the rows of a page.
pub trait Envelope {
    /// It, around rows of this kind.
    type Around<'a, T: Deserialize<'a> + 'a>: Deserialize<'a>;

    /// The rows, and how many the whole listing has, if it tells.
    fn open<'a, T: Deserialize<'a> + 'a>(around: Self::Around<'a, T>) -> Result<(Vec<T>, Option<u64>), Unreadable>;
}

/// The rows of one page.
#[derive(Debug)]
pub struct Rows<T> {
    decoded: Vec<Nested<T>>,
    /// How many rows the page has, those that cannot be taken included.
    pub sent: usize,
    /// Rows that cannot be taken.
    pub rejected: Vec<Reject>,
    /// Where on the page rows stand that are no object, from 0.
    pub nameless: Vec<usize>,
    /// How many rows the whole listing has, if the page tells.
    pub count: Option<u64>,
}

impl<T> Rows<T> {
    /// How many rows cannot be taken, by reason.
    pub fn rejections(&self) -> Rejected {
        let mut rejections = Rejected::default();
        self.rejected.iter().for_each(|reject| rejections[reject.why as usize] += 1);
        rejections
    }
}

impl<T: Keyed> Rows<T> {
    /// The rows that can be taken.
    pub fn into_keyed(self) -> impl Iterator<Item = T> {
        self.decoded.into_iter().filter_map(|row| row.0)
    }
}

/// The rows of the page in a document; an empty one has none. Fails if it is no page at all.
pub fn rows<'a, E: Envelope, T: Row<'a> + Keyed + 'a>(page: &'a Document<'_>) -> Result<Rows<T>, Unreadable> {
    if page.trim_ascii().is_empty() {
        // A vendor's way to say that nothing matches, with status 204 or 200.
        return Ok(Rows { decoded: Vec::new(), sent: 0, rejected: Vec::new(), nameless: Vec::new(), count: None });
    }
    let (text, around) = match serde_json::from_str::<E::Around<'a, Nested<T>>>(page) {
        Ok(around) => (&**page, around),
        Err(error) => {
            let repaired = page.repaired().ok_or_else(|| unreadable(&error, page))?;
            let around = serde_json::from_str::<E::Around<'a, Nested<T>>>(repaired);
            (repaired, around.map_err(|error| unreadable(&error, page))?)
        }
    };
    let (rows, count) = E::open(around)?;
    if rows.iter().any(|row| rejection(row).is_some()) {
        return row_by_row::<E, T>(text, rows, count);
    }
    Ok(Rows { sent: rows.len(), decoded: rows, rejected: Vec::new(), nameless: Vec::new(), count })
}

/// Why a row cannot be taken, if it cannot.
fn rejection<T: Keyed>(row: &Nested<T>) -> Option<Rejection> {
    row.0.as_ref().map_or(Some(Rejection::Unidentified), Keyed::rejection)
}

/// Takes apart the rows of a page, one of which cannot be taken: only here is its text looked at.
fn row_by_row<'a, E: Envelope, T: Row<'a> + Keyed>(
    text: &'a str,
    decoded: Vec<Nested<T>>,
    count: Option<u64>,
) -> Result<Rows<T>, Unreadable> {
    let page = serde_json::from_str::<E::Around<'a, &'a RawValue>>(text).map_err(|error| unreadable(&error, text))?;
    let (raw, _) = E::open(page)?;
    let mut rows = Rows { sent: raw.len(), decoded: Vec::new(), rejected: Vec::new(), nameless: Vec::new(), count };
    for (at, (row, raw)) in decoded.into_iter().zip(raw).enumerate() {
        let Some(why) = rejection(&row) else {
            rows.decoded.push(row);
            continue;
        };
        let text = row.0.is_some().then(|| FixedState::default().hash_one(raw.get()));
        if text.is_none() {
            rows.nameless.push(at);
        }
        rows.rejected.push(Reject { why, text });
    }
    Ok(rows)
}

/// What is wrong with a text that is not the JSON it should be. Not the error itself, which may quote the answer.
pub fn unreadable(error: &serde_json::Error, text: &str) -> Unreadable {
    let (line, column) = (error.line(), error.column());
    let shape = match error.classify() {
        serde_json::error::Category::Data => "is JSON, but no list of records",
        serde_json::error::Category::Eof => "breaks off",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
    };
    Unreadable(format!("the answer {shape} (line {line}, column {column}, {} bytes)", text.len()))
}
