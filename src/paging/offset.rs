//! The walk by offset, for Prisma's containers and images.
//!
//! Rows have no order that could be asked for, and an offset is all there is: where a row goes, all behind it move up,
//! and the next page would begin behind some that were never given. Counting does not find that out, for the row that
//! went was counted, too. So each page is asked for from the last row of the one before: where it does not begin with a
//! row that is known, rows may have moved past it, and the walk takes a step back. Without changes this costs a row per
//! page.
//!
//! A server may give fewer rows than asked for; the walk goes by what came. The whole listing is walked again where fewer
//! rows came than the server counts. Rows that were put in behind the walk while it went on do not count as missing:
//! where every page followed the one before, to the very end, it may lack as many as the server's number changed.

use std::collections::HashSet;

use crate::client::{ApiError, Endpoint};

use super::{Fetch, Page, PageSummary, REPEATS, WalkCounters, WalkSummary, too_few, walk_error};

/// So often the whole listing is walked before records count as missing.
const MOST_PASSES: usize = 3;

/// So many pages in a row may bring nothing; rows that were put in before them can do that.
const MOST_REPEATS: usize = 8;

/// So many steps back are taken beside one for each page. Where that is not enough, the rows have no order at all, and
/// their number must do.
const MOST_STEPS_BACK: u64 = 16;

/// The fewest rows that a console gives on a page of a longer listing.
const SMALLEST_PAGE: u64 = 50;

/// Walks the whole listing; `fetch` is given the offset of the page to ask for.
pub async fn by_offset<'a>(
    endpoint: &'static Endpoint,
    progress: &'a (dyn Fn() + Sync),
    fetch: Fetch<'a, u64>,
) -> Result<WalkSummary, ApiError> {
    let mut walk = OffsetWalk { endpoint, progress, fetch, counters: WalkCounters::default(), count: None };
    let mut lacking = None;
    for number in 0..MOST_PASSES {
        let pass = walk.pass(number == 0).await?;
        lacking = walk.lacking(pass.allowance());
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
    /// How many rows there are, as told last.
    count: Option<u64>,
}

/// How a pass goes on from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Next,
    End,
}

/// One way through the whole listing, up to now.
#[derive(Default)]
struct OffsetPass {
    /// Where the next page begins.
    offset: u64,
    /// Rows at its beginning that were on a page before.
    lap: u64,
    /// How far the pages went that followed each other.
    reached: u64,
    /// The keys on them. What came otherwise may have a gap before it.
    known: HashSet<u64>,
    pages: u64,
    /// Rows of the largest page.
    largest: u64,
    steps_back: u64,
    fingerprint: Option<u64>,
    /// Pages in a row that brought nothing.
    repeats: usize,
    /// Whether a page had other rows than the one before.
    differ: bool,
    /// Whether an end that may be none was looked at again.
    asked_again: bool,
    /// The least and the greatest number of rows that the server told.
    counts: Option<(u64, u64)>,
    /// Whether there may be rows before a page, or behind the last, that are on none of them.
    gap: bool,
}

impl OffsetPass {
    /// Whether there can be no unknown row between this page and those before it. One of which no row can be read does
    /// not tell.
    fn follows(&self, page: &PageSummary) -> bool {
        self.lap == 0 || page.keys.first().map_or(page.sent > 0, |first| self.known.contains(first))
    }

    /// Whether the page surely follows those before it.
    fn surely_follows(&self, page: &PageSummary) -> bool {
        self.offset == 0 || (self.lap > 0 && page.keys.first().is_some_and(|first| self.known.contains(first)))
    }

    /// How many rows it may lack that were put in behind it.
    fn allowance(&self) -> u64 {
        let changed = self.counts.map_or(0, |(least, greatest)| greatest - least);
        if self.gap { 0 } else { changed }
    }

    /// Whether it is of use to go back for a page that did not follow. As far as the walk came, so often it may.
    fn can_step_back(&self) -> bool {
        self.steps_back < MOST_STEPS_BACK + self.reached / self.largest.max(1)
    }

    /// Goes back for a page that did not follow; the further the more often it is needed.
    fn step_back(&mut self) {
        self.steps_back += 1;
        self.lap = (self.lap * 4).clamp(1, (self.largest / 2).max(1));
        self.offset = self.offset.saturating_sub(self.lap);
        if self.offset == 0 {
            // Nothing is before it.
            self.lap = 0;
        }
    }

    /// Takes a page into account from which the pass goes on; tells whether it does. Fails if it would do so for ever.
    /// `count` is how many rows there are, as told last.
    fn step(&mut self, endpoint: &'static Endpoint, page: &PageSummary, count: Option<u64>) -> Result<Step, ApiError> {
        self.gap |= !self.surely_follows(page);
        let sent = page.sent as u64;
        let end = self.offset + sent;
        let fresh = self.take(page);
        // Rows behind the count refute it. One that equals a full first page may be that page's, and is probed.
        let is_full_page = self.pages == 0 && sent >= SMALLEST_PAGE;
        let is_told = count.is_some_and(|count| if fresh { count == end && !is_full_page } else { count <= end });
        if !is_told && sent <= self.lap && !fresh {
            // Nothing is behind the rows that are known. Where there should be, it may come when asked for again.
            let asked_again = std::mem::replace(&mut self.asked_again, true);
            self.gap |= asked_again;
            return Ok(if asked_again { Step::End } else { Step::Next });
        }
        let same = self.fingerprint.replace(page.fingerprint) == Some(page.fingerprint);
        self.pages += 1;
        self.differ |= self.pages > 1 && !same;
        if is_told {
            return Ok(Step::End);
        }
        self.repeats = if same || (count.is_none() && !fresh) { self.repeats + 1 } else { 0 };
        if self.repeats >= MOST_REPEATS {
            return Err(walk_error(endpoint, REPEATS));
        }
        // Once steps back were needed, pages go on to overlap as much.
        self.lap = self.lap.max(1).min(sent.saturating_sub(1));
        self.offset = end - self.lap;
        Ok(Step::Next)
    }

    /// Takes in a page that follows those before it; tells whether there is a row on it that was on none of them. One
    /// that cannot be read may be.
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
            // That there is nothing, an empty page would say as well that is a fault.
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
            if step == Step::End {
                return Ok(pass);
            }
        }
    }

    /// Has the rows of a page stored, and counts them: on the first pass, all but those that cannot be known again and
    /// are among its first `known` rows.
    async fn accept(&mut self, page: Page, known: Option<u64>) -> Result<(), ApiError> {
        let page = page.accept(self.endpoint).await?;
        let page = match known {
            Some(known) => unmet(page, known),
            None => page.again(),
        };
        self.counters.add(&page, self.progress);
        Ok(())
    }

    /// How many records there are, if not so many came, less the `allowance`.
    fn lacking(&self, allowance: u64) -> Option<u64> {
        self.count.filter(|count| count.saturating_sub(allowance) > self.counters.given())
    }
}

/// The page without the rows that cannot be known again, as far as they were met: those among its first `known` rows.
fn unmet(mut page: PageSummary, known: u64) -> PageSummary {
    let mut met = page.nameless.iter().filter(|at| (**at as u64) < known).count();
    page.rejected.retain(|reject| {
        let drop = reject.text.is_none() && met > 0;
        met -= usize::from(drop);
        !drop
    });
    page
}
