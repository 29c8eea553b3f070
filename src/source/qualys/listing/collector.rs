//! The collector of any listing that is walked by page number and has one record per row.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::by_page::PagedListing;
use super::optional_listing::{OptionalListing, Presence};
use crate::checkpoint::{Saved, Slot};
use crate::client::ApiError;
use crate::inventory::{Record, Table, Tables};
use crate::paging::WalkSummary;
use crate::source::qualys::session::{Listing, Session};
use crate::source::staged::FromRow;
use crate::source::{Collect, CollectOutput};
use crate::telemetry::Failure;
use crate::wire;

/// A kind of record that is listed page by page.
pub(crate) trait Listed: FromRow + Record {
    /// The collector's name.
    const NAME: &'static str;
    /// The listing.
    const LISTING: PagedListing;
    /// The listings that the collector calls.
    const LISTINGS: &'static [&'static Listing] = &[Self::LISTING.listing];
    /// The same listing in an older version of the API, for tenants that do not have this one.
    const OLDER: Option<PagedListing> = None;
    /// Whether a tenant may be without the listing.
    const IS_OPTIONAL: bool;

    /// Wraps the table as [`Tables`].
    fn tables(table: Arc<Table<Self>>) -> Tables;

    /// Finds the table in [`Tables`].
    fn table(tables: &Tables) -> Option<&Arc<Table<Self>>>;
}

/// Walks the listing of such records.
pub(crate) struct ListedCollector<R> {
    session: Arc<Session>,
    presence: OptionalListing,
    /// Whether this tenant has only the older version.
    only_older: AtomicBool,
    records: PhantomData<fn() -> R>,
}

impl<R: Listed> ListedCollector<R> {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session, presence: OptionalListing::default(), only_older: AtomicBool::new(false), records: PhantomData }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let read = self.read(progress).await;
        let read = if R::IS_OPTIONAL {
            self.presence.judge(&self.session, R::LISTING.listing, read)?
        } else {
            Presence::Present(read?)
        };
        let ((table, walked), note) = match read {
            Presence::Present(read) => (read, None),
            Presence::Absent(words) => ((Table::default(), WalkSummary::default()), Some(words)),
        };
        let too_many = self.session.count_rejected(R::NAME, &[(walked.rejected, walked.read)]);
        let records = table.len();
        let fields = wire::fields::<R::Row<'static>>(&walked.fields);
        Ok(CollectOutput {
            missing: walked.missing.or(too_many),
            note,
            fields,
            ..CollectOutput::full(records, R::tables(Arc::new(table)))
        })
    }

    async fn read(&self, progress: &(dyn Fn() + Sync)) -> Result<(Table<R>, WalkSummary), ApiError> {
        let answered = &self.presence.answered;
        let Some(older) = R::OLDER else {
            return R::LISTING.read(&self.session, answered, progress).await;
        };
        if !self.only_older.load(Ordering::Relaxed) {
            match R::LISTING.read(&self.session, answered, progress).await {
                Err(error) if error.failure == Failure::NotFound && !answered.load(Ordering::Relaxed) => {}
                other => return other,
            }
        }
        let read = older.read(&self.session, &AtomicBool::default(), progress).await;
        match &read {
            Ok(_) => self.only_older.store(true, Ordering::Relaxed),
            // Once the older one is gone, the current one is tried again.
            Err(error) if error.failure == Failure::NotFound => self.only_older.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
        read
    }
}

impl<R: Listed> Collect for ListedCollector<R> {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }

    fn resume(&self, _: Slot, saved: Saved) {
        if R::IS_OPTIONAL {
            self.presence.remember(&saved, R::table);
        }
    }
}
