//! Reads JSON as vendors send it: values in many notations, and rows with unreadable fields.
//!
//! Owns scalars ([`Text`], [`Time`] and so on), the types of fields ([`Field`]), and how a list of rows is read. A row
//! without a key is left out and counted, while the rest of its page is kept; an unreadable field is absent and
//! counted, while the rest of its row is kept. It does not know any vendor's row: those name what they read ([`row!`]),
//! and everything else is skipped without being decoded.

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
mod elements;
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
pub use elements::RowList;
pub(crate) use field::state_of_text;
pub use field::{Field, Key, Read, Row, States, below, count, fields, paths};
pub(crate) use object::other_scalars;
pub use object::{Length, List, Nested, Words};
pub use scalar::{Count, Flag, Number, Presence, Text, known};
pub use time::Time;

/// The time that a text means; `None` for "never" and for anything that is not a time.
pub fn time(text: &str) -> Option<Timestamp> {
    time::from_text(text)?.0
}

/// The number of rejected rows by reason, in the order of [`Rejection::ALL`].
pub type Rejected = [u64; Rejection::ALL.len()];

/// A rejected row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The reason.
    pub why: Rejection,
    /// Hash of its text, so that it is recognised on another page; `None` if it is not an object, because many such
    /// rows may be equal.
    pub text: Option<u64>,
}

/// A row that is identified by a key.
pub trait Keyed {
    /// The vendor's key; empty if the row has none.
    fn key(&self) -> &str;

    /// Why the row is rejected, if it is.
    fn rejection(&self) -> Option<Rejection> {
        self.key().is_empty().then_some(Rejection::Unidentified)
    }
}

/// Makes keys for the rows of a page that have none and still count.
#[derive(Debug, Default)]
pub struct Keyless(HashMap<u64, u64>);

impl Keyless {
    /// A key for the row, unique on the page; the same page always gets the same keys.
    pub fn key(&mut self, row: &impl fmt::Debug) -> String {
        let hash = FixedState::default().hash_one(format!("{row:?}"));
        let same = self.0.entry(hash).or_default();
        *same += 1;
        format!("\n{hash:016x}\n{same}")
    }
}

/// The vendor's structure around the rows of a page.
pub trait Envelope {
    /// The structure, around rows of this kind.
    type Around<'a, T: Deserialize<'a> + 'a>: Deserialize<'a>;

    /// The rows, and the number of rows in the whole listing, if it is reported.
    fn open<'a, T: Deserialize<'a> + 'a>(around: Self::Around<'a, T>) -> Result<(Vec<T>, Option<u64>), Unreadable>;
}

/// The rows of one page.
#[derive(Debug)]
pub struct Rows<T> {
    decoded: Vec<Nested<T>>,
    /// The number of rows on the page, including rejected ones.
    pub sent: usize,
    /// Rejected rows.
    pub rejected: Vec<Reject>,
    /// Positions on the page, from 0, of rows that are not objects.
    pub nameless: Vec<usize>,
    /// The number of rows in the whole listing, if the page reports it.
    pub count: Option<u64>,
}

impl<T> Rows<T> {
    /// The number of rejected rows, by reason.
    pub fn rejections(&self) -> Rejected {
        let mut rejections = Rejected::default();
        self.rejected.iter().for_each(|reject| rejections[reject.why as usize] += 1);
        rejections
    }
}

impl<T: Keyed> Rows<T> {
    /// The accepted rows.
    pub fn into_keyed(self) -> impl Iterator<Item = T> {
        self.decoded.into_iter().filter_map(|row| row.0)
    }
}

/// The rows of the page in a document; an empty document has none. Fails if it is not a page.
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

/// Reads the rows of a page one by one, because one of them is rejected: only here is its text needed.
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

/// What is wrong with a text that is not the expected JSON. Not the error itself, which may quote the response.
pub fn unreadable(error: &serde_json::Error, text: &str) -> Unreadable {
    let (line, column) = (error.line(), error.column());
    let shape = match error.classify() {
        serde_json::error::Category::Data => "is JSON, but no list of records",
        serde_json::error::Category::Eof => "breaks off",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
    };
    Unreadable(format!("the answer {shape} (line {line}, column {column}, {} bytes)", text.len()))
}
