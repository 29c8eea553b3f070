//! The walk in key order, for a listing of which only the first 10,000 rows can be reached by page number.
//!
//! Rows come sorted by `updated`. A page that ends at a later time than it began is followed by the first page of
//! `updated>=<that time>`: whatever changes meanwhile only moves behind that point and comes again, so that nothing
//! is skipped, which page numbers alone would do when rows before them leave their place.
//!
//! Rows that share one millisecond and fill more than a page do need page numbers. Such a group is walked forwards to
//! its end and then backwards to its start: a row that leaves draws the others towards the start, into pages still
//! to come. After that nothing of the group is left to be seen, and the walk goes on with the next millisecond.
//!
//! An end is believed if as many records came as the vendor counts. Rows without a time that are sorted last, which
//! no such filter finds, are missed that way, too.

use serde::{Deserialize, Serialize};

use crate::client::{ApiError, Endpoint};
use crate::clock::Timestamp;

use super::{Fetch, Page, PageSummary, REPEATS, WalkCounters, WalkObserver, WalkSummary, too_few, walk_error};

/// Rows that the vendor gives by page number; what comes behind them is undocumented (Fetch a List of Containers:
/// "at most 10,000 records"). A `count` of so many means at least so many.
pub const WINDOW: u64 = 10_000;

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
        self.since.map(changed_since)
    }
}

/// The vendor's filter for what changed at this time or later.
pub fn changed_since(since: Timestamp) -> String {
    format!("updated>={}", since.millis())
}

/// Where a walk in key order stands: it can go on from here, once it has the rows that it had then.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct KeyPosition {
    /// Rows before this are none of its business.
    from: Option<Timestamp>,
    /// Rows before this are done with.
    since: Option<Timestamp>,
    /// Whether a record was seen that is still to be found: if it changes, it comes later still.
    met: bool,
    /// How many rows it had to give at first.
    total: Option<u64>,
    /// Whether nothing came where records must have been.
    doubtful: bool,
    counters: WalkCounters,
}

impl KeyPosition {
    /// The start of a walk of rows with this `updated` or a later one, one of which at least was there before.
    pub fn changed_since(from: Timestamp) -> Self {
        Self { from: Some(from), since: Some(from), met: true, ..Self::default() }
    }

    /// The position of a walk to which so many records have come.
    #[must_use]
    pub fn with_keys(mut self, keys: u64) -> Self {
        self.counters.keys = keys;
        self
    }
}

/// Walks the listing in the order of `updated`; the whole of it from a position that is the default.
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
    /// There is nothing behind them.
    Whole,
    /// They go on behind this time.
    At(Timestamp),
    /// All that the filter finds was read without an order to rely on.
    Everything,
    /// There may be more, but the vendor does not give it out.
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
                    "10,000 records or more changed in the same millisecond; the vendor gives no way to reach any behind those"
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
                // Without an order there is no group, and no later filter that would find more.
                (_, FilterEnd::Everything) => None,
                // Rows that change from now on are later than the group.
                (Some(since), _) if last > 1 => Timestamp::from_millis(since.millis().saturating_add(1)),
                (_, FilterEnd::At(time)) => Some(time),
                // Rows without a time came first; the others are somewhere behind.
                (None, FilterEnd::Window) => Timestamp::from_millis(1),
                (_, FilterEnd::Whole | FilterEnd::Window) => None,
            };
            if self.at.since.is_none() {
                return Ok(());
            }
            (self.observer.position)(&self.at);
        }
    }

    /// Walks the pages of one filter; tells how they ended, and the number of the last.
    async fn forwards(&mut self, mut ask: KeyAsk) -> Result<(FilterEnd, u64), ApiError> {
        let mut pass = FilterPages::default();
        loop {
            if ask.number.saturating_mul(ask.size) > WINDOW.max(ask.size) {
                if pass.disordered {
                    return Err(walk_error(self.endpoint, DISORDERED));
                }
                return Ok((FilterEnd::Window, ask.number));
            }
            let page = self.page(ask, if ask.number == 1 { self.at.met } else { pass.tells_of_more() }).await?;
            let end = pass.end(self.endpoint, ask, &page.summary)?;
            let page = page.accept(self.endpoint).await?;
            self.at.counters.add(&page, self.observer.page);
            if ask.since == self.at.from {
                self.at.total = self.at.total.or(page.count);
            }
            if let Some(end) = end {
                return Ok((end, ask.number));
            }
            ask.number += 1;
        }
    }

    /// Asks for a page, and again if it is empty where something is `expected`.
    async fn page(&mut self, ask: KeyAsk, expected: bool) -> Result<Page, ApiError> {
        let mut page = (self.fetch)(ask).await?;
        if expected && page.summary.sent == 0 {
            page = (self.fetch)(ask).await?;
            self.at.doubtful |= page.summary.sent == 0;
        }
        not_before(self.endpoint, &page.summary, ask.since)?;
        Ok(page)
    }

    /// Holds what came to what the vendor counts.
    async fn confirm(&mut self) -> Result<(), ApiError> {
        // What changed last is to be found again, whatever else did: where nothing came, no count can allay a doubt.
        let Some(mut least) = self.at.total.filter(|_| self.at.from.is_none() || !self.at.doubtful) else {
            if self.at.doubtful {
                self.at.counters.miss(EARLY.to_owned());
            }
            return Ok(());
        };
        if self.at.counters.walked.missing.is_some() || self.reaches(least) {
            return Ok(());
        }
        // Those that were purged before the walk came to them are not missing. An answer that counts none tells
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

    /// Whether all of so many records came. A count that reaches the window cannot allay a doubt.
    fn reaches(&self, count: u64) -> bool {
        self.at.counters.given() >= count.min(WINDOW) && !(self.at.doubtful && count >= WINDOW)
    }
}

/// The pages of one filter, up to now.
#[derive(Default)]
struct FilterPages {
    rows: u64,
    count: Option<u64>,
    fingerprint: Option<u64>,
    /// Whether rows came out of order: then only page numbers lead through them.
    disordered: bool,
}

impl FilterPages {
    fn tells_of_more(&self) -> bool {
        self.count.is_some_and(|count| count > self.rows)
    }

    /// Takes the page that was asked for into account; tells whether it ends the pass.
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
        // Not whether anything on it is new: going backwards through a group that changed, much may have been seen.
        let repeats = self.fingerprint.replace(page.fingerprint) == Some(page.fingerprint);
        let short = (page.sent as u64) < ask.size;
        // Without a count, a short page may be a server's own smaller page size, unless it is given for ever.
        let whole = if self.count.is_some() { !self.tells_of_more() } else { repeats };
        // A vendor that ignores paging sends all that it counts at once.
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

impl FilterPages {
    /// The end of rows without an order, of which the vendor's count alone shows that they are all.
    fn everything(&self, endpoint: &'static Endpoint) -> Result<FilterEnd, ApiError> {
        self.count.map(|_| FilterEnd::Everything).ok_or_else(|| walk_error(endpoint, DISORDERED))
    }
}

/// A page before the time that was requested would make the walk lose records.
fn not_before(endpoint: &'static Endpoint, page: &PageSummary, since: Option<Timestamp>) -> Result<(), ApiError> {
    let early = page.updated.is_some_and(|(earliest, _)| since.is_some_and(|since| earliest < since));
    if early {
        return Err(walk_error(
            endpoint,
            "records came that changed before the time of the filter; going on would lose some",
        ));
    }
    Ok(())
}

const DISORDERED: &str = "the records are not in the order of their last change that was requested, and nothing shows \
                          that these are all";

const EARLY: &str = "the vendor gave nothing where it had told of records before; those behind may be missing";
