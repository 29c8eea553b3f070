//! The walk by cursor, for the bulk lists.
//!
//! The cursor is `updated>=X AND not uuid:[…]`: a record that changes during the walk comes again at the end, so the
//! newest version of each record counts. Only the `Link` header marks the end of the walk. Since a lost header looks
//! like the end, a caller that knows of records that were not received has the end checked again with
//! [`CursorWalk::finish`].
//!
//! The cursor names all records of one millisecond that were received: if there are very many, it is longer than a
//! request can be, or than the vendor accepts. The walk then continues with the next millisecond, and is incomplete.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::client::{ApiError, Endpoint};
use crate::clock::Timestamp;
use crate::telemetry::Failure;

use super::{Fetch, Next, Page, PageSummary, WalkCounters, WalkObserver, WalkSummary, changed_since, walk_error};

/// The position of a walk by cursor. A walk can resume from here if it still has the rows that it had then.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct CursorPosition {
    /// The cursor of the next page.
    cursor: Option<String>,
    /// The latest `updated` of the page before.
    last: Option<Timestamp>,
    /// Rows of the largest page so far: a server may return fewer than the limit.
    largest: Option<u64>,
    counters: WalkCounters,
}

impl CursorPosition {
    /// Sets the number of records of the last complete walk.
    #[must_use]
    pub fn with_usual(mut self, usual: Option<u64>) -> Self {
        self.counters.bound.usual = usual;
        self
    }
}

/// Walks the listing from `position` (the default is its start) in pages of `limit`; `fetch` receives the cursor of the
/// page to request.
pub async fn by_cursor<'a>(
    endpoint: &'static Endpoint,
    limit: u64,
    position: CursorPosition,
    observer: WalkObserver<'a, CursorPosition>,
    fetch: Fetch<'a, Option<String>>,
) -> Result<CursorWalk<'a>, ApiError> {
    let mut walk = CursorWalk {
        endpoint,
        limit,
        observer,
        fetch,
        at: position,
        cursors: HashSet::new(),
        fingerprint: None,
        end: WalkEnd::AsAnnounced,
    };
    let cursor = walk.at.cursor.clone();
    walk.walk(cursor).await?;
    Ok(walk)
}

/// How a walk ended.
#[derive(Debug, PartialEq, Eq)]
enum WalkEnd {
    /// As the vendor announced, with a page that has no times.
    AsAnnounced,
    /// With a page up to this time; the link to the next page may have been lost, more likely so if the page is full.
    Last { last: Timestamp, full: bool },
    /// With an empty page under this cursor.
    Empty(Option<String>),
}

/// A walk that reached its end.
pub struct CursorWalk<'a> {
    endpoint: &'static Endpoint,
    limit: u64,
    observer: WalkObserver<'a, CursorPosition>,
    fetch: Fetch<'a, Option<String>>,
    at: CursorPosition,
    cursors: HashSet<String>,
    fingerprint: Option<u64>,
    end: WalkEnd,
}

impl CursorWalk<'_> {
    /// Returns the result of the walk. As long as records are `lacking`, checks an unconfirmed end again: `behind`
    /// makes the cursor for the rows after this time, without the records of the time itself that were received.
    pub async fn finish(
        mut self,
        lacking: &(dyn Fn() -> bool + Sync),
        behind: &(dyn Fn(Timestamp) -> String + Sync),
    ) -> Result<WalkSummary, ApiError> {
        loop {
            match std::mem::replace(&mut self.end, WalkEnd::AsAnnounced) {
                WalkEnd::Last { last, full } if lacking() => {
                    let cursor = Some(behind(last));
                    let page = match (self.fetch)(cursor.clone()).await {
                        // The vendor may accept only its own cursors; what is behind the page cannot be known then.
                        Err(error) if refuses(&error) => {
                            if full {
                                self.at.counters.miss(REFUSED.to_owned());
                            }
                            break;
                        }
                        page => page?,
                    };
                    let follows = page.summary.updated.is_none_or(|(earliest, _)| earliest >= last);
                    if page.summary.fresh == 0 || !follows {
                        let page = page.accept(self.endpoint).await?;
                        self.at.counters.add(&page.again(), self.observer.page);
                        break;
                    }
                    if let Some(next) = self.step(cursor, page).await? {
                        self.walk(Some(next)).await?;
                    }
                }
                WalkEnd::Empty(cursor) if lacking() => {
                    self.walk(cursor.clone()).await?;
                    if self.end == WalkEnd::Empty(cursor) {
                        self.at.counters.miss(
                            "the bulk list ended with an empty page before it returned all records of the page list"
                                .to_owned(),
                        );
                        break;
                    }
                }
                WalkEnd::AsAnnounced | WalkEnd::Last { .. } | WalkEnd::Empty(_) => break,
            }
        }
        Ok(self.at.counters.done())
    }

    async fn walk(&mut self, mut cursor: Option<String>) -> Result<(), ApiError> {
        loop {
            let page = match (self.fetch)(cursor.clone()).await {
                Err(error) if cursor.as_deref().is_some_and(|cursor| refuses_length(&error, cursor)) => {
                    cursor = Some(self.next_millisecond()?);
                    continue;
                }
                page => page?,
            };
            match self.step(cursor, page).await? {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Takes the page under `cursor` into account; returns the cursor of the next page unless the walk has ended.
    async fn step(&mut self, cursor: Option<String>, page: Page) -> Result<Option<String>, ApiError> {
        self.judge(&page.summary)?;
        let page = page.accept(self.endpoint).await?;
        self.at.counters.add(&page, self.observer.page);
        let sent = page.sent as u64;
        let full = sent >= self.at.largest.unwrap_or(self.limit).min(self.limit);
        self.at.largest = self.at.largest.max(Some(sent));
        if self.at.counters.is_endless(2, u64::MAX) {
            self.end = WalkEnd::AsAnnounced;
            return Ok(None);
        }
        let Next::Cursor(next) = page.next else {
            self.end = match page.updated {
                _ if sent == 0 => WalkEnd::Empty(cursor),
                Some((_, last)) => WalkEnd::Last { last, full },
                None => WalkEnd::AsAnnounced,
            };
            return Ok(None);
        };
        self.fingerprint = Some(page.fingerprint);
        self.at.last = page.updated.map(|(_, last)| last);
        let next = if sent_bytes(&next) > MOST_CURSOR_BYTES { self.next_millisecond()? } else { next };
        self.at.cursor = Some(next.clone());
        (self.observer.position)(&self.at);
        Ok(Some(next))
    }

    /// Refuses a page after which the walk could not continue or would never end.
    fn judge(&mut self, page: &PageSummary) -> Result<(), ApiError> {
        let next = match &page.next {
            Next::Nothing => return Ok(()),
            Next::Broken(words) => return Err(walk_error(self.endpoint, words)),
            Next::Cursor(next) => next,
        };
        // The first page after a resume may have been received before.
        if page.sent == 0 || (self.fingerprint.is_some() && page.repeats(self.fingerprint)) {
            return Err(walk_error(
                self.endpoint,
                "a page links to a next one, but holds nothing new; the walk would never end",
            ));
        }
        if !self.cursors.insert(next.clone()) {
            return Err(walk_error(
                self.endpoint,
                "a page points back to one that was already read; the walk would never end",
            ));
        }
        Ok(())
    }

    /// Returns the cursor that skips the rest of the last page's millisecond, and records it as missing.
    fn next_millisecond(&mut self) -> Result<String, ApiError> {
        self.at.counters.miss(CROWDED.to_owned());
        let after = self.at.last.take().and_then(|last| Timestamp::from_millis(last.millis().saturating_add(1)));
        let cursor = after.map(changed_since);
        cursor.ok_or_else(|| walk_error(self.endpoint, CROWDED))
    }
}

/// A URL of more than 65,534 bytes cannot be sent; this leaves room for the rest of the URL.
const MOST_CURSOR_BYTES: usize = 60_000;

/// A cursor up to this length was not refused for its length.
const USUAL_CURSOR_BYTES: usize = 2_000;

const CROWDED: &str = "more records changed in the same millisecond than the bulk list's cursor can name; of the \
                       others, only the fields of the page list are known";

/// The length of a cursor once it is encoded.
fn sent_bytes(cursor: &str) -> usize {
    cursor.bytes().map(|byte| if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { 1 } else { 3 }).sum()
}

/// Whether the vendor refuses a cursor for its length.
fn refuses_length(error: &ApiError, cursor: &str) -> bool {
    matches!(error.status(), Some(400 | 413 | 414 | 431)) && sent_bytes(cursor) > USUAL_CURSOR_BYTES
}

const REFUSED: &str = "the bulk list ended with a full page and no link to a next one before it returned all records \
                       of the page list, and the vendor refuses the request for what follows";

/// Whether the vendor refuses the request, rather than failing.
fn refuses(error: &ApiError) -> bool {
    let refusals = [Failure::BadResponse, Failure::Forbidden, Failure::NotFound];
    refusals.contains(&error.failure) && error.status().is_none_or(|status| status < 500)
}
