//! The walk by cursor, for the bulk lists.
//!
//! The cursor is `updated>=X AND not uuid:[…]`: a record that changes during the walk comes again at the end, so the
//! newest version of each is what counts. The walk's end is told by the `Link` header only. Since
//! a lost header looks like the end, whoever knows of records that did not come has the end looked at again, by
//! [`CursorWalk::finish`].

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::http::{ApiError, Endpoint};
use crate::telemetry::Failure;

use super::{Follow, Next, Seen, Tally, Walked, stray};

/// Where a walk by cursor stands: it can go on from here, once it has the rows that it had then.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct CursorPosition {
    /// That of the next page.
    cursor: Option<String>,
    /// Rows of the largest page so far: a server may give fewer than the limit.
    largest: Option<u64>,
    tally: Tally,
}

/// Walks the listing, the whole of it from a position that is the default, in pages of `limit`; `fetch` is given the
/// cursor of the page to ask for.
pub async fn by_cursor<'a, F, Fut>(
    endpoint: &'static Endpoint,
    limit: u64,
    position: CursorPosition,
    follow: Follow<'a, CursorPosition>,
    fetch: F,
) -> Result<CursorWalk<'a, F>, ApiError>
where
    F: Fn(Option<String>) -> Fut,
    Fut: Future<Output = Result<Seen, ApiError>>,
{
    let mut walk = CursorWalk {
        endpoint,
        limit,
        follow,
        fetch,
        at: position,
        cursors: HashSet::new(),
        fingerprint: None,
        end: End::Told,
    };
    let cursor = walk.at.cursor.clone();
    walk.walk(cursor).await?;
    Ok(walk)
}

/// How a walk ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// As the vendor tells, with a page that is not full.
    Told,
    /// With a full page up to this time, after which the link to the next may have been lost.
    Full(Timestamp),
    /// With nothing under this cursor.
    Empty(Option<String>),
}

/// A walk that came to an end.
pub struct CursorWalk<'a, F> {
    endpoint: &'static Endpoint,
    limit: u64,
    follow: Follow<'a, CursorPosition>,
    fetch: F,
    at: CursorPosition,
    cursors: HashSet<String>,
    fingerprint: Option<u64>,
    end: End,
}

impl<F, Fut> CursorWalk<'_, F>
where
    F: Fn(Option<String>) -> Fut,
    Fut: Future<Output = Result<Seen, ApiError>>,
{
    /// What the walk amounts to. As long as records are `lacking`, an end that may be none is looked at again:
    /// `behind` makes the cursor for what follows the records of a time and before that have come.
    pub async fn finish(
        mut self,
        lacking: impl Fn() -> bool,
        behind: impl Fn(Timestamp) -> String,
    ) -> Result<Walked, ApiError> {
        loop {
            match std::mem::replace(&mut self.end, End::Told) {
                End::Full(last) if lacking() => {
                    let cursor = Some(behind(last));
                    let page = match (self.fetch)(cursor.clone()).await {
                        // It may take no cursors but its own; what is behind the page cannot be known then.
                        Err(error) if refuses(&error) => {
                            self.at.tally.miss(REFUSED.to_owned());
                            break;
                        }
                        page => page?,
                    };
                    let follows = page.updated.is_none_or(|(earliest, _)| earliest >= last);
                    if page.fresh == 0 || !follows {
                        self.at.tally.add(&page.again(), self.follow.page);
                        break;
                    }
                    if let Some(next) = self.step(cursor, &page)? {
                        self.walk(Some(next)).await?;
                    }
                }
                End::Empty(cursor) if lacking() => {
                    self.walk(cursor.clone()).await?;
                    if self.end == End::Empty(cursor) {
                        self.at.tally.miss(
                            "the bulk list ended with an empty page before all the records of the page list had come"
                                .to_owned(),
                        );
                        break;
                    }
                }
                End::Told | End::Full(_) | End::Empty(_) => break,
            }
        }
        Ok(self.at.tally.walked)
    }

    async fn walk(&mut self, mut cursor: Option<String>) -> Result<(), ApiError> {
        loop {
            let page = (self.fetch)(cursor.clone()).await?;
            match self.step(cursor, &page)? {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Takes the page under `cursor` into account; tells the cursor of the next, if it did not end the walk.
    fn step(&mut self, cursor: Option<String>, page: &Seen) -> Result<Option<String>, ApiError> {
        self.at.tally.add(page, self.follow.page);
        let sent = page.sent as u64;
        let full = sent >= self.at.largest.unwrap_or(self.limit);
        self.at.largest = self.at.largest.max(Some(sent));
        let next = match &page.next {
            Next::Nothing => {
                self.end = match page.updated {
                    _ if sent == 0 => End::Empty(cursor),
                    Some((_, last)) if full => End::Full(last),
                    Some(_) | None => End::Told,
                };
                return Ok(None);
            }
            Next::Broken(words) => return Err(stray(self.endpoint, words)),
            Next::Cursor(next) => next.clone(),
        };
        // The first page after a walk was taken up again may have come before.
        if sent == 0 || (self.fingerprint.is_some() && page.repeats(self.fingerprint)) {
            return Err(stray(
                self.endpoint,
                "a page tells of a next one, but holds nothing new; the walk would never end",
            ));
        }
        if !self.cursors.insert(next.clone()) {
            return Err(stray(
                self.endpoint,
                "a page points back to one that was read before; the walk would never end",
            ));
        }
        self.fingerprint = Some(page.fingerprint);
        self.at.cursor = Some(next.clone());
        (self.follow.position)(&self.at);
        Ok(Some(next))
    }
}

const REFUSED: &str = "the bulk list ended with a full page and no word of a next one before all the records of the page \
                       list had come, and the vendor refuses to tell what is behind it";

/// Whether the vendor refuses what was asked, rather than being unwell.
fn refuses(error: &ApiError) -> bool {
    let refusals = [Failure::BadResponse, Failure::Forbidden, Failure::NotFound];
    refusals.contains(&error.failure) && error.status().is_none_or(|status| status < 500)
}
