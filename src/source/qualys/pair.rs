//! The collector of records that two listings tell of: both are walked at the same time into one table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;

use super::link::next;
use super::session::{Listing, Session};
use super::staging::{Joined, Staging};
use crate::http::{Answer, ApiError, Call};
use crate::inventory::{Table, Tables};
use crate::source::paging::{KeyAsk, Seen, by_cursor, by_key};
use crate::source::{Collect, Harvest, off_thread};
use crate::telemetry::Failure;

/// Rows per page of a page list: the most the vendor gives.
const PAGE_SIZE: u64 = 1000;

/// Rows per page of a bulk list: the most the vendor gives.
const BULK_LIMIT: u64 = 250;

/// As few rows as are asked for where larger pages are too large.
const LEAST_BULK_LIMIT: u64 = 10;

/// Records whose two listings are known.
pub(super) trait Paired: Joined + Sync {
    /// The collector's name.
    const NAME: &'static str;
    /// The page list, and where it is.
    const PAGES: (&'static Listing, &'static str);
    /// The bulk list, and where it is.
    const BULK: (&'static Listing, &'static str);

    /// The table among the others.
    fn tables(table: Arc<Table<Self>>) -> Tables;
}

/// Walks both listings.
pub(super) struct Pair<R: Paired> {
    pub(super) session: Arc<Session>,
    pub(super) wanted: R::Wanted,
    /// Rows per page of the bulk list. Its rows are as large as what is installed; where a page is larger than an
    /// answer may be, the next run asks for half as many.
    bulk_limit: AtomicU64,
}

impl<R: Paired> Pair<R> {
    pub(super) fn new(session: Arc<Session>, wanted: R::Wanted) -> Self {
        Self { session, wanted, bulk_limit: AtomicU64::new(BULK_LIMIT) }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let staging = Arc::new(Staging::<R>::new(self.wanted.clone()));
        let (pages, bulk) = (&R::PAGES.0.endpoint, &R::BULK.0.endpoint);
        let pages = by_key(pages, PAGE_SIZE, progress, |ask| self.page(ask, Arc::clone(&staging)));
        let limit = self.bulk_limit.load(Ordering::Relaxed);
        let bulk = by_cursor(bulk, limit, progress, |cursor| self.bulk(cursor, limit, Arc::clone(&staging)));
        let (pages, bulk) = tokio::try_join!(pages, bulk)?;
        let bulk = bulk.finish(|| staging.lacks_bulk(), |last| staging.cursor_behind(last)).await?;
        let rejected = std::array::from_fn(|reason| pages.rejected[reason] + bulk.rejected[reason]);
        self.session.count_rejected(R::NAME, rejected);
        let (table, missing) = off_thread(&R::PAGES.0.endpoint, move || staging.finish()).await?;
        Ok(Harvest {
            records: table.len() as u64,
            tables: R::tables(Arc::new(table)),
            missing: pages.missing.or(bulk.missing).or(missing),
            note: None,
        })
    }

    async fn page(&self, ask: KeyAsk, staging: Arc<Staging<R>>) -> Result<Seen, ApiError> {
        let (listing, path) = R::PAGES;
        let mut call = Call::get(&listing.endpoint, path)
            .query("pageNumber", ask.number.to_string())
            .query("pageSize", ask.size.to_string())
            .query("sort", "updated:asc");
        if let Some(filter) = ask.filter() {
            call = call.query("filter", filter);
        }
        let read = move |answer: &Answer| staging.take::<R::Page>(&answer.body);
        self.session.call(listing, call, read).await
    }

    async fn bulk(&self, cursor: Option<String>, limit: u64, staging: Arc<Staging<R>>) -> Result<Seen, ApiError> {
        let (listing, path) = R::BULK;
        let mut call = Call::get(&listing.endpoint, path).query("limit", limit.to_string());
        if let Some(cursor) = cursor {
            call = call.query("paginationQuery", cursor);
        }
        let read = move |answer: &Answer| {
            let seen = staging.take::<R::Bulk>(&answer.body)?;
            Ok(Seen { next: next(&answer.headers), ..seen })
        };
        let page = self.session.call(listing, call, read).await;
        if page.as_ref().is_err_and(|error| error.failure == Failure::TooLarge) {
            self.bulk_limit.store((limit / 2).max(LEAST_BULK_LIMIT), Ordering::Relaxed);
        }
        page
    }
}

impl<R: Paired> Collect for Pair<R> {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<Harvest, ApiError>> {
        Box::pin(self.run(progress))
    }
}
