//! The walk by page number, for listings that are small and change little: sensors, posture, reports and policies.

use crate::http::{ApiError, Endpoint};

use super::key::WINDOW;
use super::{REPEATS, Seen, Tally, Walked, stray, too_few};

/// Walks the whole listing by page number, from 1. Asks on until a page is shorter than `size` and `count` does not
/// tell of more. Without `count`, only a page that is empty, or is the same short one again, is the end: a short page
/// can be a server's own smaller page size.
///
/// The name of the page parameter is not the same in all versions of the API; a server that does not know the one
/// sent gives its first page for ever, which is found out by its repeating.
///
/// One that ends after just as many rows as the vendor gives of other listings may go on behind them, even if it counts
/// no more: the count can be held to the same.
pub async fn by_number<F, Fut>(
    endpoint: &'static Endpoint,
    size: u64,
    progress: &(dyn Fn() + Sync),
    fetch: F,
) -> Result<Walked, ApiError>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Result<Seen, ApiError>>,
{
    let mut tally = Tally::default();
    let (mut sent, mut count, mut fingerprint) = (0, None, None);
    for number in 1.. {
        let page = fetch(number).await?;
        count = page.count.or(count);
        let short = (page.sent as u64) < size;
        if count.is_none() && short && fingerprint == Some(page.fingerprint) {
            break;
        }
        tally.add(&page, progress);
        sent += page.sent as u64;
        if page.sent == 0 || (short && count.is_some_and(|count| count <= sent)) {
            break;
        }
        if page.repeats(fingerprint) {
            return Err(stray(endpoint, REPEATS));
        }
        fingerprint = Some(page.fingerprint);
    }
    let given = tally.given();
    if let Some(count) = count.filter(|count| *count > given) {
        tally.miss(too_few(count, given));
    }
    if sent == WINDOW {
        tally.miss(
            "the vendor gave 10,000 records and no more, which may be the most it gives of a listing; there may be others"
                .to_owned(),
        );
    }
    Ok(tally.walked)
}
