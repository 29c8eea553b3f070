//! The walk in key order, for a listing of which only the first 10,000 rows are reachable by page number.
//!
//! Rows are sorted by `updated`. A page that ends at a later time than it began is followed by the first page of
//! `updated>=<that time>`: records that change meanwhile only move behind that point and come again, so that nothing is
//! skipped, which page numbers alone cannot guarantee when rows before them leave.
//!
//! Rows that share one millisecond and fill more than a page do need page numbers. Such a group is walked forwards to
//! its end and then backwards to its start: when a row leaves, the others move towards the start, into pages that are
//! still to be read. After that the whole group has been seen, and the walk continues with the next millisecond.
//!
//! The walk trusts an end if it received as many records as the vendor counts. This also reveals rows without a time
//! that are sorted last, which no such filter finds.

use serde::{Deserialize, Serialize};

use crate::client::{ApiError, Endpoint};
use crate::clock::Timestamp;

use super::{Fetch, Page, PageSummary, REPEATS, WalkCounters, WalkObserver, WalkSummary, too_few, walk_error};

/// The number of rows that are reachable by page number; what follows them is undocumented (Fetch a List of Containers:
/// "at most 10,000 records"). A `count` of this size means this many or more.
pub const WINDOW: u64 = 10_000;

/// The page to request.
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
    /// The vendor's filter for the page.
    pub fn filter(&self) -> Option<String> {
        self.since.map(changed_since)
    }
}

/// The vendor's filter for records that changed at this time or later.
pub fn changed_since(since: Timestamp) -> String {
    format!("updated>={}", since.millis())
}

/// The position of a walk in key order. A walk can resume from here if it still has the rows that it had then.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct KeyPosition {
    /// The walk ignores rows before this time.
    from: Option<Timestamp>,
    /// Rows before this time are done.
    since: Option<Timestamp>,
    /// Whether a record that was already seen must still be ahead: if it changes, it moves further back.
    met: bool,
    /// The number of rows in the listing when the walk began.
    total: Option<u64>,
    /// Whether a page was empty where there must be records.
    doubtful: bool,
    counters: WalkCounters,
}

impl KeyPosition {
    /// The start of a walk over rows with this `updated` or a later one; at least one such row is known.
    pub fn changed_since(from: Timestamp) -> Self {
        Self { from: Some(from), since: Some(from), met: true, ..Self::default() }
    }

    /// Sets the number of records that the walk has received.
    #[must_use]
    pub fn with_keys(mut self, keys: u64) -> Self {
        self.counters.keys = keys;
        self
    }
}

/// Walks the listing in the order of `updated` from `position`; the default is its start.
pub async fn by_key<'a>(
    endpoint: &'static Endpoint,
    size: u64,
    position: KeyPosition,
    observer: WalkObserver<'a, KeyPosition>,
    fetch: Fetch<'a, KeyAsk>,
) -> Result<WalkSummary, ApiError> {
    let mut walk = KeyWalk { endpoint, observer, fetch, at: position };
    walk.listing(size).await?;
    walk.confirm().await?;
    Ok(walk.at.counters.done())
}

/// How the pages of one filter ended.
enum FilterEnd {
    /// There are no more pages.
    Whole,
    /// More rows follow after this time.
    At(Timestamp),
    /// All rows of the filter were read, without a reliable order.
    Everything,
    /// There may be more rows, but the vendor does not return them.
    Window,
}

/// A walk under way.
struct KeyWalk<'a> {
    endpoint: &'static Endpoint,
    observer: WalkObserver<'a, KeyPosition>,
    fetch: Fetch<'a, KeyAsk>,
    at: KeyPosition,
}

impl KeyWalk<'_> {
    async fn listing(&mut self, size: u64) -> Result<(), ApiError> {
        loop {
            let ask = KeyAsk { since: self.at.since, number: 1, size };
            let (end, last) = self.forwards(ask).await?;
            if matches!(end, FilterEnd::Window) {
                self.at.counters.miss(
                    "10,000 records or more changed in the same millisecond; those beyond 10,000 are unreachable"
                        .to_owned(),
                );
            } else if last > 1 {
                for number in (1..last).rev() {
                    let page = self.page(KeyAsk { number, ..ask }, true).await?.accept(self.endpoint).await?;
                    self.at.counters.add(&page.again(), self.observer.page);
                }
            }
            self.at.met = matches!(end, FilterEnd::At(_));
            self.at.since = match (ask.since, end) {
                // Without an order there are no groups, and a later filter would not find more.
                (_, FilterEnd::Everything) => None,
                // Rows that change from now on come after the group.
                (Some(since), _) if last > 1 => Timestamp::from_millis(since.millis().saturating_add(1)),
                (_, FilterEnd::At(time)) => Some(time),
                // Rows without a time came first; the others follow.
                (None, FilterEnd::Window) => Timestamp::from_millis(1),
                (_, FilterEnd::Whole | FilterEnd::Window) => None,
            };
            if self.at.since.is_none() {
                return Ok(());
            }
            (self.observer.position)(&self.at);
        }
    }

    /// Walks the pages of one filter; returns how they ended and the number of the last page.
    async fn forwards(&mut self, mut ask: KeyAsk) -> Result<(FilterEnd, u64), ApiError> {
        let mut pass = FilterPages::default();
        loop {
            if ask.number.saturating_mul(ask.size) > WINDOW.max(ask.size) {
                if pass.disordered {
                    return Err(walk_error(self.endpoint, DISORDERED));
                }
                return Ok((FilterEnd::Window, ask.number));
            }
            let page = self.page(ask, if ask.number == 1 { self.at.met } else { pass.expects_more() }).await?;
            let end = pass.end(self.endpoint, ask, &page.summary)?;
            let page = page.accept(self.endpoint).await?;
            self.at.counters.add(&page, self.observer.page);
            if ask.since == self.at.from {
                self.at.total = self.at.total.or(page.count);
            }
            // A count can be capped below the documented window.
            if self.at.counters.is_endless(10, WINDOW) {
                return Ok((FilterEnd::Everything, ask.number));
            }
            if let Some(end) = end {
                return Ok((end, ask.number));
            }
            ask.number += 1;
        }
    }

    /// Requests a page, and retries once if it is empty where rows are `expected`.
    async fn page(&mut self, ask: KeyAsk, expected: bool) -> Result<Page, ApiError> {
        let mut page = (self.fetch)(ask).await?;
        if expected && page.summary.sent == 0 {
            page = (self.fetch)(ask).await?;
            self.at.doubtful |= page.summary.sent == 0;
        }
        not_before(self.endpoint, &page.summary, ask.since)?;
        Ok(page)
    }

    /// Compares the number of records received with the vendor's count.
    async fn confirm(&mut self) -> Result<(), ApiError> {
        // The latest change must be found again, whatever else changed: if nothing was returned, no count can settle
        // that.
        let Some(mut least) = self.at.total.filter(|_| self.at.from.is_none() || !self.at.doubtful) else {
            if self.at.doubtful {
                self.at.counters.miss(EARLY.to_owned());
            }
            return Ok(());
        };
        if self.at.counters.walked.missing.is_some() || self.reaches(least) {
            return Ok(());
        }
        // Records that were purged before the walk reached them are not missing. A response without a count proves
        // nothing: it may be what cut the walk short.
        let page = (self.fetch)(KeyAsk { since: self.at.from, number: 1, size: 1 }).await?;
        let page = page.accept(self.endpoint).await?;
        least = page.count.map_or(least, |count| count.min(least));
        self.at.counters.add(&page.again(), self.observer.page);
        if !self.reaches(least) {
            let (least, given) = (least.min(WINDOW), self.at.counters.given());
            self.at.counters.miss(if given < least { too_few(least, given) } else { EARLY.to_owned() });
        }
        Ok(())
    }

    /// Whether at least `count` records were received. A count that reaches the window cannot settle a doubt.
    fn reaches(&self, count: u64) -> bool {
        self.at.counters.given() >= count.min(WINDOW) && !(self.at.doubtful && count >= WINDOW)
    }
}

/// The pages of one filter, so far.
#[derive(Default)]
struct FilterPages {
    rows: u64,
    count: Option<u64>,
    fingerprint: Option<u64>,
    /// Whether rows are out of order: then only page numbers can be used.
    disordered: bool,
}

impl FilterPages {
    fn expects_more(&self) -> bool {
        self.count.is_some_and(|count| count > self.rows)
    }

    /// The end of rows without an order: the vendor's count alone shows that they are all.
    fn everything(&self, endpoint: &'static Endpoint) -> Result<FilterEnd, ApiError> {
        self.count.map(|_| FilterEnd::Everything).ok_or_else(|| walk_error(endpoint, DISORDERED))
    }

    /// Takes the requested page into account; returns whether it ends the pass.
    fn end(
        &mut self,
        endpoint: &'static Endpoint,
        ask: KeyAsk,
        page: &PageSummary,
    ) -> Result<Option<FilterEnd>, ApiError> {
        if page.sent == 0 {
            return Ok(Some(if self.disordered { self.everything(endpoint)? } else { FilterEnd::Whole }));
        }
        self.rows += page.sent as u64;
        self.count = page.count.or(self.count);
        self.disordered |= page.disordered;
        // Does not check for new rows: on the way backwards through a group that changed, many may be known.
        let repeats = self.fingerprint.replace(page.fingerprint) == Some(page.fingerprint);
        let short = (page.sent as u64) < ask.size;
        // Without a count, a short page may be a server's own smaller page size, unless it repeats forever.
        let whole = if self.count.is_some() { !self.expects_more() } else { repeats };
        // A vendor that ignores paging sends everything that it counts at once.
        let everything = ask.number == 1 && page.sent as u64 > ask.size && page.count == Some(page.sent as u64);
        if everything || (whole && self.disordered) {
            return self.everything(endpoint).map(Some);
        }
        if short && whole {
            return Ok(Some(FilterEnd::Whole));
        }
        if !self.disordered
            && let Some((_, latest)) = page.updated
            && ask.since.is_none_or(|since| latest > since)
        {
            return Ok(Some(FilterEnd::At(latest)));
        }
        if repeats { Err(walk_error(endpoint, REPEATS)) } else { Ok(None) }
    }
}

/// Fails for a page that begins before the requested time: the walk would lose records.
fn not_before(endpoint: &'static Endpoint, page: &PageSummary, since: Option<Timestamp>) -> Result<(), ApiError> {
    let early = page.updated.is_some_and(|(earliest, _)| since.is_some_and(|since| earliest < since));
    if early {
        return Err(walk_error(
            endpoint,
            "the vendor returned records that changed before the time of the filter; continuing would lose some",
        ));
    }
    Ok(())
}

const DISORDERED: &str = "the records are not in the requested order of their last change, and nothing shows that these \
                          are all";

const EARLY: &str = "the vendor returned an empty page where it had listed records; later records may be missing";
