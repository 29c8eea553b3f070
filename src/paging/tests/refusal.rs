//! Pages that a walk refuses: their rows are never stored.

use std::future::ready;
use std::sync::{Arc, Mutex};

use super::{ENDPOINT, quiet, unfollowed};
use crate::paging::*;

/// Pages that are returned in turn, and the numbers of those that were stored.
struct Pages {
    given: Vec<PageSummary>,
    asked: Mutex<usize>,
    stored: Arc<Mutex<Vec<usize>>>,
}

impl Pages {
    fn new(given: Vec<PageSummary>) -> Self {
        Self { given, asked: Mutex::default(), stored: Arc::default() }
    }

    fn next(&self) -> BoxFuture<'static, Result<Page, ApiError>> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        let (number, stored) = (*asked, Arc::clone(&self.stored));
        let summary = self.given.get(number - 1).or(self.given.last()).cloned().unwrap();
        Box::pin(ready(Ok(Page::new(summary, move || stored.lock().unwrap().push(number)))))
    }

    fn stored(&self) -> Vec<usize> {
        self.stored.lock().unwrap().clone()
    }
}

/// A page of rows with these keys and times; all of them are new if `fresh`.
fn page(rows: &[(&str, i64)], fresh: bool, count: Option<u64>) -> PageSummary {
    let mut summary = PageSummary { sent: rows.len(), count, ..PageSummary::default() };
    let upsert = if fresh { Upsert::New } else { Upsert::Unchanged };
    for (key, updated) in rows {
        summary.row(key, Timestamp::from_millis(*updated), upsert);
    }
    summary
}

#[tokio::test]
async fn a_walk_by_key_stores_no_page_from_before_its_filter() {
    let first = page(&[("a", 1), ("b", 2)], true, Some(9));
    let pages = Pages::new(vec![first, page(&[("c", 1), ("d", 3)], true, Some(9))]);
    let fetch = |_: KeyAsk| pages.next();
    let walk = by_key(&ENDPOINT, 2, KeyPosition::default(), unfollowed(), &fetch);
    assert!(walk.await.unwrap_err().to_string().contains("the filter"));
    assert_eq!(pages.stored(), [1]);
}

#[tokio::test]
async fn a_walk_by_cursor_stores_no_page_that_it_cannot_continue_from() {
    let with = |next: Next, summary: PageSummary| PageSummary { next, ..summary };
    let first = with(Next::Cursor("x".to_owned()), page(&[("a", 1)], true, None));
    for second in [
        with(Next::Broken("a broken link"), page(&[("b", 2)], true, None)),
        with(Next::Cursor("x".to_owned()), page(&[("b", 2)], true, None)),
        with(Next::Cursor("y".to_owned()), page(&[("a", 1)], false, None)),
    ] {
        let pages = Pages::new(vec![first.clone(), second]);
        let fetch = |_: Option<String>| pages.next();
        let walk = by_cursor(&ENDPOINT, 1, CursorPosition::default(), unfollowed(), &fetch);
        assert_eq!(walk.await.map(drop).unwrap_err().failure, Failure::BadResponse);
        assert_eq!(pages.stored(), [1]);
    }
}

#[tokio::test]
async fn a_walk_by_number_stores_no_page_that_repeats_another() {
    let first = page(&[("a", 1), ("b", 2)], true, Some(9));
    let pages = Pages::new(vec![first, page(&[("b", 2), ("a", 1)], false, Some(9))]);
    let fetch = |_: u64| pages.next();
    let walk = by_number(&ENDPOINT, 2, &quiet, &fetch);
    assert!(walk.await.unwrap_err().to_string().contains("repeats"));
    assert_eq!(pages.stored(), [1]);
}

#[tokio::test]
async fn a_walk_by_offset_stores_no_page_once_pages_repeat_forever() {
    let pages = Pages::new(vec![page(&[("a", 1), ("b", 2)], true, None)]);
    let fetch = |_: u64| pages.next();
    let walk = by_offset(&ENDPOINT, None, &quiet, &fetch);
    assert!(walk.await.unwrap_err().to_string().contains("repeats"));
    let asked = *pages.asked.lock().unwrap();
    assert_eq!(pages.stored().last().copied(), Some(asked - 1), "all but the last");
}
