//! The vendor's JSON, as it is sent: typed, borrowed from the response, and tolerant of the variants seen.
//!
//! Owns which fields are read and which forms each may have. It knows neither requests nor records. Everything not
//! named in a row type is skipped without being decoded: `processes`, for one, can hold secrets.

use serde::de::Deserialize;

use crate::client::{Answer, Unreadable};
use crate::wire::{self, Document, Envelope, Keyed, Nested, Row, RowList, Rows, Text, row};

mod container;
mod image;
mod rows;

pub use container::{Check, Cloud, ContainerRow, Firewall, Info, Passed, Products, Severities};
pub use image::{ImageRow, RepoTag};
pub use rows::{CveRow, Daily, DefenderRow, License, computed};

/// The header with the number of rows in the whole listing.
const TOTAL_COUNT: &str = "Total-Count";

/// How the vendor wraps its listings: not at all, and an empty one is null.
#[derive(Debug)]
enum Bare {}

impl Envelope for Bare {
    type Around<'a, T: Deserialize<'a> + 'a> = Option<RowList<T>>;

    fn open<'a, T: Deserialize<'a> + 'a>(rows: Option<RowList<T>>) -> Result<(Vec<T>, Option<u64>), Unreadable> {
        Ok((rows.map_or(Ok(Vec::new()), RowList::rows)?, None))
    }
}

/// The rows in `text`, the body of a response. Fails if it is not a listing.
pub fn rows<'a, T: Row<'a> + Keyed + 'a>(answer: &Answer, text: &'a Document<'_>) -> Result<Rows<T>, Unreadable> {
    open::<Bare, T>(answer, text)
}

/// As [`rows()`], for rows in another envelope.
pub(super) fn open<'a, E: Envelope, T: Row<'a> + Keyed + 'a>(
    answer: &Answer,
    text: &'a Document<'_>,
) -> Result<Rows<T>, Unreadable> {
    refuse_web_page(answer)?;
    if text.trim_ascii().is_empty() {
        // The console sends `null` for an empty listing.
        return Err(Unreadable("the answer is empty".to_owned()));
    }
    if is_error(text) {
        return Err(Unreadable("the console answered with an error message in place of records".to_owned()));
    }
    let total = answer.headers.get(TOTAL_COUNT).and_then(|total| total.to_str().ok()?.trim().parse().ok());
    let mut rows = wire::rows::<E, T>(text)?;
    rows.count = total;
    Ok(rows)
}

row! {
    /// The console's response to a failure.
    struct Refusal<'a> {
        err: Text<'a> = "err",
    }
}

/// Whether the console reports a failure, as it also does with status 200.
fn is_error(text: &str) -> bool {
    // A listing need not be read for this check.
    text.trim_ascii_start().starts_with('{')
        && serde_json::from_str::<Nested<Refusal<'_>>>(text)
            .is_ok_and(|refusal| refusal.0.is_some_and(|it| it.err.filled().is_some()))
}

/// Fails for the response of a proxy in between, or of the console's own web interface.
pub(super) fn refuse_web_page(answer: &Answer) -> Result<(), Unreadable> {
    let words = "the response is a web page and not from the API; check that base_url has the tenant's path, and that \
                 no proxy requires a log-in";
    if answer.is_html() { Err(Unreadable(words.to_owned())) } else { Ok(()) }
}
