//! Lists of bounded length: what a hostile response can fill memory with is millions of tiny elements.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::skip::skip_list;
use crate::client::Unreadable;

/// The most elements of a list that are read. No page is longer, whatever a listing ignores of its request.
pub(super) const MOST_ELEMENTS: usize = 100_000;

/// The elements of a list; `None` if there are more than [`MOST_ELEMENTS`], which are skipped without being stored.
pub(super) fn elements<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Vec<T>>, A::Error> {
    let mut elements = Vec::new();
    while let Some(element) = list.next_element()? {
        if elements.len() == MOST_ELEMENTS {
            drop(elements);
            skip_list(list)?;
            return Ok(None);
        }
        elements.push(element);
    }
    Ok(Some(elements))
}

/// The rows of a page, of which there may be too many.
#[derive(Debug)]
pub struct RowList<T>(Option<Vec<T>>);

impl<T> RowList<T> {
    /// The rows; an error if there are more than a page has.
    pub fn rows(self) -> Result<Vec<T>, Unreadable> {
        self.0.ok_or_else(|| Unreadable(format!("the answer has more than {MOST_ELEMENTS} rows, which no page has")))
    }
}

struct RowsOf<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for RowsOf<T> {
    type Value = RowList<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<RowList<T>, A::Error> {
        elements(list).map(RowList)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for RowList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsOf(PhantomData))
    }
}
