//! The walk by offset, for Prisma's containers and images.
//!
//! The API offers no sort order and no other position than an offset: when a row goes, all behind it move up, and the
//! next page would skip rows that were never returned. Counting does not reveal that, because the removed row was
//! counted, too. So each page is requested from the last row of the page before: if it does not begin with a known row,
//! rows may have moved past it, and the walk takes a step back. Without changes this costs a row per page.
//!
//! A server may return fewer rows than requested; the walk goes by the rows it received. The whole listing is walked
//! again if fewer rows were received than the server counts. Rows that were inserted behind the walk while it was
//! running do not count as missing: if every page followed the one before, to the very end, the walk may lack as many
//! rows as the server's count changed by.

use std::collections::HashSet;

use crate::client::{ApiError, Endpoint};

use super::{Bound, Fetch, Page, PageSummary, REPEATS, WalkCounters, WalkSummary, too_few, walk_error};

/// How many times the whole listing is walked before records count as missing.
const MOST_PASSES: usize = 3;

/// How many pages in a row may hold nothing new; rows that were inserted before them can cause that.
const MOST_REPEATS: usize = 8;

/// How many steps back are allowed in addition to one per page. If they are not enough, the rows have no order at all,
/// and only their number can be checked.
const MOST_STEPS_BACK: u64 = 16;

/// The fewest rows that a console returns on a page of a longer listing.
const SMALLEST_PAGE: u64 = 50;

/// Walks the whole listing; `fetch` receives the offset of the page to request. `usual` is the number of rows of the last
/// complete walk.
pub async fn by_offset<'a>(
    endpoint: &'static Endpoint,
    usual: Option<u64>,
    progress: &'a (dyn Fn() + Sync),
    fetch: Fetch<'a, u64>,
) -> Result<WalkSummary, ApiError> {
    let counters = WalkCounters { bound: Bound { usual, ..Bound::default() }, ..WalkCounters::default() };
    let mut walk = OffsetWalk { endpoint, progress, fetch, counters, count: None };
    let mut lacking = None;
    for number in 0..MOST_PASSES {
        let pass = walk.pass(number == 0).await?;
        lacking = walk.lacking(pass.allowance());
        if walk.counters.walked.missing.is_some() {
            break;
        }
        if lacking.is_none() {
            break;
        }
        if pass.pages > 1 && !pass.differ {
            return Err(walk_error(endpoint, REPEATS));
        }
    }
    if let Some(count) = lacking {
        let given = walk.counters.given();
        walk.counters.miss(too_few(count, given));
    }
    Ok(walk.counters.done())
}

/// A walk under way.
struct OffsetWalk<'a> {
    endpoint: &'static Endpoint,
    progress: &'a (dyn Fn() + Sync),
    fetch: Fetch<'a, u64>,
    counters: WalkCounters,
    /// Rows in the listing, as reported last.
    count: Option<u64>,
}

/// How a pass continues after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Next,
    End,
}

/// One pass through the whole listing, so far.
#[derive(Default)]
struct OffsetPass {
    /// Where the next page begins.
    offset: u64,
    /// Rows at its beginning that were on an earlier page.
    lap: u64,
    /// The end of the last page that followed the one before it.
    reached: u64,
    /// The hashes of the keys on those pages. Other pages may have a gap before them.
    known: HashSet<u64>,
    pages: u64,
    /// Rows of the largest page.
    largest: u64,
    steps_back: u64,
    fingerprint: Option<u64>,
    /// Pages in a row that held nothing new.
    repeats: usize,
    /// Whether a page held other rows than the one before.
    differ: bool,
    /// Whether an unconfirmed end was requested again.
    asked_again: bool,
    /// The smallest and the largest count that the server reported.
    counts: Option<(u64, u64)>,
    /// Whether rows may be missing between the pages or behind the last one.
    gap: bool,
}

impl OffsetPass {
    /// Whether there can be no unknown row between this page and the earlier ones. A page without a readable row does
    /// not count as a gap.
    fn follows(&self, page: &PageSummary) -> bool {
        self.lap == 0 || page.keys.first().map_or(page.sent > 0, |first| self.known.contains(first))
    }

    /// Whether the page certainly follows the earlier ones.
    fn surely_follows(&self, page: &PageSummary) -> bool {
        self.offset == 0 || (self.lap > 0 && page.keys.first().is_some_and(|first| self.known.contains(first)))
    }

    /// How many rows inserted behind the pass it may lack.
    fn allowance(&self) -> u64 {
        let changed = self.counts.map_or(0, |(least, greatest)| greatest - least);
        if self.gap { 0 } else { changed }
    }

    /// Whether another step back is allowed for a page that did not follow. The limit grows with the number of pages
    /// walked.
    fn can_step_back(&self) -> bool {
        self.steps_back < MOST_STEPS_BACK + self.reached / self.largest.max(1)
    }

    /// Goes back for a page that did not follow; each step is longer than the one before.
    fn step_back(&mut self) {
        self.steps_back += 1;
        self.lap = (self.lap * 4).clamp(1, (self.largest / 2).max(1));
        self.offset = self.offset.saturating_sub(self.lap);
        if self.offset == 0 {
            // There is nothing before the first row.
            self.lap = 0;
        }
    }

    /// Takes a page into account that the pass continues from; returns whether it does. Fails if the pass would never
    /// end. `count` is the number of rows in the listing, as reported last.
    fn step(&mut self, endpoint: &'static Endpoint, page: &PageSummary, count: Option<u64>) -> Result<Step, ApiError> {
        self.gap |= !self.surely_follows(page);
        let sent = page.sent as u64;
        let end = self.offset + sent;
        let fresh = self.take(page);
        // Rows beyond the count refute it. A count that equals a full first page may be that page's, and is probed.
        let is_full_page = self.pages == 0 && sent >= SMALLEST_PAGE;
        let is_end = count.is_some_and(|count| if fresh { count == end && !is_full_page } else { count <= end });
        if !is_end && sent <= self.lap && !fresh {
            // There is nothing behind the known rows. If there should be, a second request may return it.
            let asked_again = std::mem::replace(&mut self.asked_again, true);
            self.gap |= asked_again;
            return Ok(if asked_again { Step::End } else { Step::Next });
        }
        let same = self.fingerprint.replace(page.fingerprint) == Some(page.fingerprint);
        self.pages += 1;
        self.differ |= self.pages > 1 && !same;
        if is_end {
            return Ok(Step::End);
        }
        self.repeats = if same || (count.is_none() && !fresh) { self.repeats + 1 } else { 0 };
        if self.repeats >= MOST_REPEATS {
            return Err(walk_error(endpoint, REPEATS));
        }
        // Once steps back were needed, later pages overlap as much.
        self.lap = self.lap.max(1).min(sent.saturating_sub(1));
        self.offset = end - self.lap;
        Ok(Step::Next)
    }

    /// Takes in a page that follows the earlier ones; returns whether it holds a row that none of them held. An
    /// unreadable row may be new.
    fn take(&mut self, page: &PageSummary) -> bool {
        let sent = page.sent as u64;
        self.reached = self.reached.max(self.offset + sent);
        self.largest = self.largest.max(sent);
        let known = self.known.len();
        self.known.extend(&page.keys);
        self.known.len() > known || (page.sent > 0 && page.taken == 0)
    }
}

impl OffsetWalk<'_> {
    async fn pass(&mut self, first: bool) -> Result<OffsetPass, ApiError> {
        let mut pass = OffsetPass::default();
        loop {
            let page = (self.fetch)(pass.offset).await?;
            // A faulty empty page would report a count of zero, too.
            self.count = page.summary.count.filter(|count| *count > 0).or(self.count);
            if let Some(count) = self.count {
                let (least, greatest) = pass.counts.unwrap_or((count, count));
                pass.counts = Some((least.min(count), greatest.max(count)));
            }
            if !pass.follows(&page.summary) && pass.can_step_back() {
                self.accept(page, None).await?;
                pass.step_back();
                continue;
            }
            let known = first.then(|| pass.reached.saturating_sub(pass.offset));
            let step = pass.step(self.endpoint, &page.summary, self.count)?;
            self.accept(page, known).await?;
            if step == Step::End || self.counters.is_endless(2, u64::MAX) {
                return Ok(pass);
            }
        }
    }

    /// Stores the rows of a page and counts them: on the first pass, all but the unrecognisable ones among its first
    /// `known` rows.
    async fn accept(&mut self, page: Page, known: Option<u64>) -> Result<(), ApiError> {
        let page = page.accept(self.endpoint).await?;
        let page = match known {
            Some(known) => unmet(page, known),
            None => page.again(),
        };
        self.counters.add(&page, self.progress);
        Ok(())
    }

    /// The number of records in the listing, if fewer were received even with the `allowance`.
    fn lacking(&self, allowance: u64) -> Option<u64> {
        self.count.filter(|count| count.saturating_sub(allowance) > self.counters.given())
    }
}

/// Removes the unrecognisable rejected rows that were already counted: those among the page's first `known` rows.
fn unmet(mut page: PageSummary, known: u64) -> PageSummary {
    let mut met = page.nameless.iter().filter(|at| (**at as u64) < known).count();
    page.rejected.retain(|reject| {
        let drop = reject.text.is_none() && met > 0;
        met -= usize::from(drop);
        !drop
    });
    page
}
