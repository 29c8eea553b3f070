//! The walk by page number, for listings that are small and change little: sensors, posture, reports and policies.

use crate::client::{ApiError, Endpoint};

use super::key::WINDOW;
use super::{Fetch, REPEATS, WalkCounters, WalkSummary, too_few, walk_error};

/// So often the whole listing is read anew because records left it meanwhile.
const MOST_PASSES: usize = 3;

/// Walks the whole listing by page number, from 1. Asks on until a page is shorter than `size` and `count` does not
/// tell of more. Without `count`, only a page that is empty, or is the same short one again, is the end: a short page
/// can be a server's own smaller page size.
///
/// The name of the page parameter is not the same in all versions of the API; a server that does not know the one
/// sent gives its first page for ever, which is found out by its repeating.
///
/// Where records leave the listing while it is read, those behind them move up, and one can move past the page that is
/// next: the count falls, and the listing is read once more.
///
/// One that ends after just as many rows as the vendor gives of other listings may go on behind them, even if it counts
/// no more: the count can be held to the same.
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
                "records left the listing each time that it was read, and may have drawn others past the page that was next"
                    .to_owned(),
            );
        }
        if sent == WINDOW {
            walk.counters.miss(
                "the vendor gave 10,000 records and no more, which may be the most it gives of a listing; there may be \
                 others"
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

/// What one way through the whole listing came to.
#[derive(Default)]
struct NumberPass {
    /// Rows on its pages.
    sent: u64,
    /// How many there are, as told last.
    count: Option<u64>,
    /// Whether they became fewer meanwhile: what followed those that went moved up, maybe past the page that was next.
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
            let ends = page.sent == 0 || (short && pass.count.is_some_and(|count| count <= pass.sent));
            if repeats && !ends {
                return Err(walk_error(self.endpoint, REPEATS));
            }
            let page = fetched.accept(self.endpoint).await?;
            self.counters.add(&if first { page } else { page.again() }, self.progress);
            if ends {
                break;
            }
        }
        Ok(pass)
    }
}
