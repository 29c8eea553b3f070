//! The walk by page number, for listings that are small and change little: sensors and posture.

use crate::http::{ApiError, Endpoint};

use super::{REPEATS, Seen, Walked, stray, too_few};

/// Walks the whole listing by page number, from 1. Asks on until a page is shorter than `size` while `count` does not
/// tell of more: an empty page is the only end that cannot be a server's own smaller page size.
///
/// The name of the page parameter is not the same in all versions of the API; a server that does not know the one
/// sent gives its first page for ever, which is found out by its repeating.
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
    let mut walked = Walked::default();
    let (mut sent, mut distinct, mut count, mut fingerprint) = (0, 0, None, None);
    for number in 1.. {
        let page = fetch(number).await?;
        walked.add(&page, progress);
        sent += page.sent as u64;
        distinct += page.fresh as u64;
        count = page.count.or(count);
        let more = count.is_some_and(|count| count > sent);
        if page.sent == 0 || (!more && (page.sent as u64) < size) {
            break;
        }
        if page.repeats(fingerprint) {
            return Err(stray(endpoint, REPEATS));
        }
        fingerprint = Some(page.fingerprint);
    }
    let known = distinct + walked.rejected.iter().sum::<u64>();
    walked.missing = count.filter(|count| *count > known).map(|count| too_few(count, known));
    Ok(walked)
}
