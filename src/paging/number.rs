//! The walk by page number, for listings that are small and change little: sensors, posture, reports and policies.

use crate::client::{ApiError, Endpoint};

use super::key::WINDOW;
use super::{Fetch, REPEATS, WalkCounters, WalkSummary, too_few, walk_error};

/// How many times the whole listing is read at most when records leave it meanwhile.
const MOST_PASSES: usize = 3;

/// Walks the whole listing by page number, from 1. Stops at a page that is shorter than `size`, unless `count` says
/// that there are more. Without `count`, only an empty page, or the same short page again, is the end: a short page can
/// be a server's own smaller page size.
///
/// The name of the page parameter differs between versions of the API; a server that does not know the one sent returns
/// its first page forever, which shows because the page repeats.
///
/// When records leave the listing while it is read, those behind them move up, and one can move past the next page: the
/// count falls, and the listing is read again.
///
/// A listing that ends after exactly as many rows as the vendor returns of other listings may have more, even if its
/// count says otherwise: the count can be capped at the same number.
pub async fn by_number<'a>(
    endpoint: &'static Endpoint,
    size: u64,
    progress: &'a (dyn Fn() + Sync),
    fetch: Fetch<'a, u64>,
) -> Result<WalkSummary, ApiError> {
    let mut walk = NumberWalk { endpoint, size, progress, fetch, counters: WalkCounters::default() };
    for number in 1..=MOST_PASSES {
        let NumberPass { sent, count, fell } = walk.pass(number == 1).await?;
        if fell && number < MOST_PASSES {
            continue;
        }
        let given = walk.counters.given();
        if let Some(count) = count.filter(|count| *count > given) {
            walk.counters.miss(too_few(count, given));
        }
        if fell {
            walk.counters.miss(
                "records left the listing during every read, and others may have moved past the next page because of it"
                    .to_owned(),
            );
        }
        if sent == WINDOW {
            walk.counters.miss(
                "the vendor returned 10,000 records and no more, which may be the most it returns of a listing; there \
                 may be others"
                    .to_owned(),
            );
        }
        break;
    }
    Ok(walk.counters.done())
}

/// A walk under way.
struct NumberWalk<'a> {
    endpoint: &'static Endpoint,
    size: u64,
    progress: &'a (dyn Fn() + Sync),
    fetch: Fetch<'a, u64>,
    counters: WalkCounters,
}

/// The result of one pass through the whole listing.
#[derive(Default)]
struct NumberPass {
    /// Rows on its pages.
    sent: u64,
    /// Rows in the listing, as reported last.
    count: Option<u64>,
    /// Whether the count fell meanwhile: the rows behind the removed ones moved up, possibly past the next page.
    fell: bool,
}

impl NumberWalk<'_> {
    async fn pass(&mut self, first: bool) -> Result<NumberPass, ApiError> {
        let mut pass = NumberPass::default();
        let mut fingerprint = None;
        for number in 1.. {
            let fetched = (self.fetch)(number).await?;
            let page = &fetched.summary;
            pass.fell |= page.count.is_some_and(|now| pass.count.is_some_and(|before| now < before));
            pass.count = page.count.or(pass.count);
            let same = fingerprint == Some(page.fingerprint);
            let repeats = if first { page.repeats(fingerprint) } else { same };
            let short = (page.sent as u64) < self.size;
            if pass.count.is_none() && short && same {
                fetched.accept(self.endpoint).await?;
                break;
            }
            pass.sent += page.sent as u64;
            fingerprint = Some(page.fingerprint);
            // A vendor that ignores paging sends everything that it counts at once.
            let everything = number == 1 && page.sent as u64 > self.size && page.count == Some(page.sent as u64);
            let ends = page.sent == 0 || everything || (short && pass.count.is_some_and(|count| count <= pass.sent));
            if repeats && !ends {
                return Err(walk_error(self.endpoint, REPEATS));
            }
            let page = fetched.accept(self.endpoint).await?;
            self.counters.add(&if first { page } else { page.again() }, self.progress);
            if ends || self.counters.is_endless(2, WINDOW) {
                break;
            }
        }
        Ok(pass)
    }
}
