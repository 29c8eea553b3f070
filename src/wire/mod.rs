//! What vendors' JSON has in common: values written in many ways, and lists of which a row may be unreadable.
//!
//! Owns scalars ([`Text`], [`Time`] and so on) and how a list of rows is taken: as a whole, and only if that fails, or a
//! row has no key, row by row, so that a row which cannot be taken is left out and counted while the rest of its page is
//! kept. It knows no vendor's row: those name what they read, and all else is skipped without being decoded.

use std::borrow::Cow;
use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;

use foldhash::fast::FixedState;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::client::Unreadable;
use crate::clock::Timestamp;
use crate::telemetry::Rejection;

mod scalar;
mod time;

pub use scalar::{Count, Flag, Number, Text, known};
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
}

/// What a vendor puts around the rows of a page.
pub trait Envelope {
    /// It, around rows of this kind.
    type Around<'a, T: Deserialize<'a> + 'a>: Deserialize<'a>;

    /// The rows, and how many the whole listing has, if it tells.
    fn open<'a, T: Deserialize<'a> + 'a>(around: Self::Around<'a, T>) -> Result<(Vec<T>, Option<u64>), Unreadable>;
}

/// An object, or nothing. (What serde derives would take an array for an object, too.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested<T>(pub Option<T>);

impl<T> Default for Nested<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Nested<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Nested(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|object| Nested(Some(object)))
            }
        }

        deserializer.deserialize_any(Object(PhantomData))
    }
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
    /// The rows that have a key.
    pub fn into_keyed(self) -> impl Iterator<Item = T> {
        self.decoded.into_iter().filter_map(|row| row.0).filter(|row| !row.key().is_empty())
    }
}

/// The body as text. Bytes that are not UTF-8 are replaced: one garbled name must not cost a whole page.
pub fn text(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    simdutf8::basic::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// The rows of the page in `text`; an empty one has none. Fails if it is no page at all.
pub fn rows<'a, E: Envelope, T: Deserialize<'a> + Keyed + 'a>(text: &'a str) -> Result<Rows<T>, Unreadable> {
    if text.trim_ascii().is_empty() {
        // A vendor's way to say that nothing matches, with status 204 or 200.
        return Ok(Rows { decoded: Vec::new(), sent: 0, rejected: Vec::new(), nameless: Vec::new(), count: None });
    }
    if let Ok(page) = serde_json::from_str::<E::Around<'a, Nested<T>>>(text) {
        let (rows, count) = E::open(page)?;
        let keyless = |row: &Nested<T>| row.0.as_ref().is_none_or(|row| row.key().is_empty());
        if !rows.iter().any(keyless) {
            return Ok(Rows { sent: rows.len(), decoded: rows, rejected: Vec::new(), nameless: Vec::new(), count });
        }
    }
    row_by_row::<E, T>(text)
}

/// As [`rows()`], for a page that holds a row which cannot be taken: only here is its text at hand.
fn row_by_row<'a, E: Envelope, T: Deserialize<'a> + Keyed>(text: &'a str) -> Result<Rows<T>, Unreadable> {
    let page = serde_json::from_str::<E::Around<'a, &'a RawValue>>(text).map_err(|error| unreadable(&error, text))?;
    let (raw, count) = E::open(page)?;
    let mut rows = Vec::with_capacity(raw.len());
    let mut rejected = Vec::new();
    let mut nameless = Vec::new();
    for (at, row) in raw.iter().enumerate() {
        let why = match serde_json::from_str::<Nested<T>>(row.get()) {
            Ok(Nested(Some(row))) if !row.key().is_empty() => {
                rows.push(Nested(Some(row)));
                continue;
            }
            Err(_) if row.get().starts_with('{') => Rejection::Unreadable,
            Ok(_) | Err(_) => Rejection::Unidentified,
        };
        let text = row.get().starts_with('{').then(|| FixedState::default().hash_one(row.get()));
        if text.is_none() {
            nameless.push(at);
        }
        rejected.push(Reject { why, text });
    }
    Ok(Rows { sent: raw.len(), decoded: rows, rejected, nameless, count })
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
