//! The walk by cursor, for the bulk lists.
//!
//! The cursor is `updated>=X AND not uuid:[…]`: a record that changes during the walk comes again at the end, so the
//! newest version of each is what counts. The walk's end is told by the `Link` header only. Since
//! a lost header looks like the end, whoever knows of records that did not come has the end looked at again, by
//! [`CursorWalk::finish`].
//!
//! It names all records of one millisecond that have come: where they are very many it is longer than a request can be, or
//! than the vendor takes. The walk then goes on with the next millisecond, and is not whole.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::client::{ApiError, Endpoint};
use crate::clock::Timestamp;
use crate::telemetry::Failure;

use super::{Fetch, Next, Page, PageSummary, WalkCounters, WalkObserver, WalkSummary, changed_since, walk_error};

/// Where a walk by cursor stands: it can go on from here, once it has the rows that it had then.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct CursorPosition {
    /// That of the next page.
    cursor: Option<String>,
    /// The latest `updated` of the page before.
    last: Option<Timestamp>,
    /// Rows of the largest page so far: a server may give fewer than the limit.
    largest: Option<u64>,
    counters: WalkCounters,
}

/// Walks the listing, the whole of it from a position that is the default, in pages of `limit`; `fetch` is given the
/// cursor of the page to ask for.
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
    /// As the vendor tells, with a page that tells no times.
    AsAnnounced,
    /// With a page up to this time, whose link to the next may have been lost; sooner if it is full.
    Last { last: Timestamp, full: bool },
    /// With nothing under this cursor.
    Empty(Option<String>),
}

/// A walk that came to an end.
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
    /// What the walk amounts to. As long as records are `lacking`, an end that may be none is looked at again:
    /// `behind` makes the cursor for what follows the records of a time and before that have come.
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
                        // It may take no cursors but its own; what is behind the page cannot be known then.
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
                            "the bulk list ended with an empty page before all the records of the page list had come"
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

    /// Takes the page under `cursor` into account; tells the cursor of the next, if it did not end the walk.
    async fn step(&mut self, cursor: Option<String>, page: Page) -> Result<Option<String>, ApiError> {
        self.judge(&page.summary)?;
        let page = page.accept(self.endpoint).await?;
        self.at.counters.add(&page, self.observer.page);
        let sent = page.sent as u64;
        let full = sent >= self.at.largest.unwrap_or(self.limit).min(self.limit);
        self.at.largest = self.at.largest.max(Some(sent));
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

    /// Refuses a page after which the walk could not go on, or would never end.
    fn judge(&mut self, page: &PageSummary) -> Result<(), ApiError> {
        let next = match &page.next {
            Next::Nothing => return Ok(()),
            Next::Broken(words) => return Err(walk_error(self.endpoint, words)),
            Next::Cursor(next) => next,
        };
        // The first page after a walk was taken up again may have come before.
        if page.sent == 0 || (self.fingerprint.is_some() && page.repeats(self.fingerprint)) {
            return Err(walk_error(
                self.endpoint,
                "a page tells of a next one, but holds nothing new; the walk would never end",
            ));
        }
        if !self.cursors.insert(next.clone()) {
            return Err(walk_error(
                self.endpoint,
                "a page points back to one that was read before; the walk would never end",
            ));
        }
        Ok(())
    }

    /// The cursor that leaves out what is left of the last page's millisecond, which is noted as missing.
    fn next_millisecond(&mut self) -> Result<String, ApiError> {
        self.at.counters.miss(CROWDED.to_owned());
        let after = self.at.last.take().and_then(|last| Timestamp::from_millis(last.millis().saturating_add(1)));
        let cursor = after.map(changed_since);
        cursor.ok_or_else(|| walk_error(self.endpoint, CROWDED))
    }
}

/// A URL of more than 65,534 bytes cannot be sent; this leaves room for what else stands in it.
const MOST_CURSOR_BYTES: usize = 60_000;

/// A cursor that is not longer was not refused for its length.
const USUAL_CURSOR_BYTES: usize = 2_000;

const CROWDED: &str = "so many records changed in the same millisecond that the bulk list's cursor, which names them, is too \
                       long to be sent; nothing is known of the others but what the page list tells";

/// How long a cursor is once it is encoded.
fn sent_bytes(cursor: &str) -> usize {
    cursor.bytes().map(|byte| if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { 1 } else { 3 }).sum()
}

/// Whether the vendor refuses a cursor for its length.
fn refuses_length(error: &ApiError, cursor: &str) -> bool {
    matches!(error.status(), Some(400 | 413 | 414 | 431)) && sent_bytes(cursor) > USUAL_CURSOR_BYTES
}

const REFUSED: &str = "the bulk list ended with a full page and no word of a next one before all the records of the page \
                       list had come, and the vendor refuses to tell what is behind it";

/// Whether the vendor refuses what was asked, rather than being unwell.
fn refuses(error: &ApiError) -> bool {
    let refusals = [Failure::BadResponse, Failure::Forbidden, Failure::NotFound];
    refusals.contains(&error.failure) && error.status().is_none_or(|status| status < 500)
}
