//! The walk in key order, for a listing of which only the first 10,000 rows can be reached by page number.
//!
//! Rows come sorted by `updated`. A page that ends at a later time than it began is followed by the first page of
//! `updated>=<that time>`: whatever changes meanwhile only moves behind that point and comes again, so that nothing
//! is skipped, which page numbers alone would do when rows before them leave their place.
//!
//! Rows that share one millisecond and fill more than a page do need page numbers. Such a group is walked forwards to
//! its end and then backwards to its start: a row that leaves draws the others towards the start, into pages still
//! to come. After that nothing of the group is left to be seen, and the walk goes on with the next millisecond.

use crate::clock::Timestamp;
use crate::http::{ApiError, Endpoint};
use crate::telemetry::Failure;

use super::super::wire::Rejected;
use super::{REPEATS, Seen, Walked, stray};

/// Rows that the vendor gives by page number; what comes behind them is undocumented (Fetch a List of Containers:
/// "at most 10,000 records").
const WINDOW: u64 = 10_000;

/// Which page to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAsk {
    /// Only rows with this `updated` or a later one.
    pub since: Option<Timestamp>,
    /// Page number, from 1.
    pub number: u64,
    /// Rows per page.
    pub size: u64,
}

impl KeyAsk {
    /// The vendor's filter for it.
    pub fn filter(&self) -> Option<String> {
        self.since.map(|since| format!("updated>={}", since.millis()))
    }
}

/// How the pages of one filter ended.
enum End {
    /// There is nothing behind them.
    Whole,
    /// They go on behind this time.
    At(Timestamp),
}

/// Walks the whole listing in the order of `updated`.
pub async fn by_key<F, Fut>(
    endpoint: &'static Endpoint,
    size: u64,
    progress: &(dyn Fn() + Sync),
    fetch: F,
) -> Result<Walked, ApiError>
where
    F: Fn(KeyAsk) -> Fut,
    Fut: Future<Output = Result<Seen, ApiError>>,
{
    let mut walked = Walked::default();
    let mut ask = KeyAsk { since: None, number: 1, size };
    loop {
        let mut pass = Pass::default();
        let end = loop {
            if ask.number.saturating_mul(size) > WINDOW.max(size) {
                return Err(ApiError::new(
                    endpoint,
                    Failure::Incomplete,
                    "more than 10,000 records changed in the same millisecond; the vendor gives no way to reach those behind them",
                ));
            }
            let page = fetch(ask).await?;
            in_order(endpoint, &page, ask.since)?;
            walked.add(&page, progress);
            if let Some(end) = pass.end(endpoint, ask, &page)? {
                break end;
            }
            ask.number += 1;
        };
        if ask.number == 1 {
            match end {
                End::Whole => return Ok(walked),
                End::At(time) => ask.since = Some(time),
            }
            continue;
        }
        for number in (1..ask.number).rev() {
            let page = fetch(KeyAsk { number, ..ask }).await?;
            in_order(endpoint, &page, ask.since)?;
            walked.add(&Seen { rejected: Rejected::default(), ..page }, progress);
        }
        ask.number = 1;
        match (ask.since, end) {
            // Rows that change from now on are later than the group.
            (Some(since), _) => ask.since = Timestamp::from_millis(since.millis() + 1),
            // Rows without a time came first; the others start here.
            (None, End::At(time)) => ask.since = Some(time),
            (None, End::Whole) => return Ok(walked),
        }
    }
}

/// The pages of one filter, up to now.
#[derive(Default)]
struct Pass {
    rows: u64,
    fingerprint: Option<u64>,
}

impl Pass {
    /// Takes the page that was asked for into account; tells whether it ends the pass.
    fn end(&mut self, endpoint: &'static Endpoint, ask: KeyAsk, page: &Seen) -> Result<Option<End>, ApiError> {
        self.rows += page.sent as u64;
        let more = page.count.is_some_and(|count| count > self.rows);
        if page.sent == 0 || (!more && (page.sent as u64) < ask.size) {
            // That fewer came than were counted tells nothing: rows left meanwhile, and the walk meets them again.
            return Ok(Some(End::Whole));
        }
        if let Some((_, latest)) = page.updated
            && ask.since.is_none_or(|since| latest > since)
        {
            return Ok(Some(End::At(latest)));
        }
        // Not whether anything on it is new: going backwards through a group that changed, much may have been seen.
        if self.fingerprint.replace(page.fingerprint) == Some(page.fingerprint) {
            return Err(stray(endpoint, REPEATS));
        }
        Ok(None)
    }
}

/// A page out of order, or before the time asked for, would make the walk lose records.
fn in_order(endpoint: &'static Endpoint, page: &Seen, since: Option<Timestamp>) -> Result<(), ApiError> {
    let early = page.updated.is_some_and(|(earliest, _)| since.is_some_and(|since| earliest < since));
    if page.disordered || early {
        return Err(stray(
            endpoint,
            "the records are not in the order of their last change as was asked for; going on would lose some",
        ));
    }
    Ok(())
}
