//! The walk by cursor, for the bulk list.
//!
//! The cursor is `updated>=X AND not uuid:[…]`: a record that changes during the walk comes again at the end, so the
//! newest version of each is what counts. The walk's end is told by the `Link` header only; see [`super::link`].

use std::collections::HashSet;

use crate::http::{ApiError, Endpoint};

use super::{Next, Seen, Walked, stray};

/// Walks the whole listing; `fetch` is given the cursor of the page to ask for.
pub async fn by_cursor<F, Fut>(
    endpoint: &'static Endpoint,
    progress: &(dyn Fn() + Sync),
    fetch: F,
) -> Result<Walked, ApiError>
where
    F: Fn(Option<String>) -> Fut,
    Fut: Future<Output = Result<Seen, ApiError>>,
{
    let mut walked = Walked::default();
    let mut cursors = HashSet::new();
    let mut cursor = None;
    let mut fingerprint = None;
    loop {
        let page = fetch(cursor).await?;
        walked.add(&page, progress);
        let next = match &page.next {
            Next::Nothing => return Ok(walked),
            Next::Broken(words) => return Err(stray(endpoint, words)),
            Next::Cursor(next) => next.clone(),
        };
        if page.repeats(fingerprint) || page.sent == 0 {
            return Err(stray(endpoint, "a page tells of a next one, but holds nothing new; the walk would never end"));
        }
        if !cursors.insert(next.clone()) {
            return Err(stray(endpoint, "a page points back to one that was read before; the walk would never end"));
        }
        fingerprint = Some(page.fingerprint);
        cursor = Some(next);
    }
}
