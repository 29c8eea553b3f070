//! Listings that are small enough to be walked by page number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use crate::client::{Answer, ApiError, Call, Decode};
use crate::inventory::Table;
use crate::paging::{Page, WalkSummary, by_number};
use crate::source::qualys::session::{Listing, Session};
use crate::source::qualys::wire;
use crate::source::staged::{FromRow, StagedTable};
use crate::wire::text;

/// A listing that is walked by page number, and its parameters.
pub(crate) struct PagedListing {
    pub(crate) listing: &'static Listing,
    /// Its path.
    pub(crate) path: &'static str,
    /// Rows per page.
    pub(crate) size: u64,
    /// Names of the page number. Versions and documents do not always agree on it; then it is sent under each name.
    pub(crate) number_names: &'static [&'static str],
    /// Names of the page size, likewise.
    pub(crate) size_names: &'static [&'static str],
    /// The order to request.
    pub(crate) sort: Option<&'static str>,
}

impl PagedListing {
    /// Walks the whole listing, each row of which is one record. Sets `answered` once it answers.
    pub(crate) async fn read<R: FromRow>(
        &self,
        session: &Session,
        answered: &AtomicBool,
        progress: &(dyn Fn() + Sync),
    ) -> Result<(Table<R>, WalkSummary), ApiError> {
        let staged = Arc::<StagedTable<R>>::default();
        let reading = Arc::clone(&staged);
        let decode: Decode<Page> =
            Arc::new(move |answer: &Answer| Ok(reading.read(wire::rows(&text(&answer.body))?, &answer.body)));
        let walked = self.walk(session, answered, progress, &|_| Arc::clone(&decode)).await?;
        Ok((staged.take(), walked))
    }

    /// Walks the whole listing; `decode` receives the number of each page. Sets `answered` once it answers.
    pub(crate) async fn walk(
        &self,
        session: &Session,
        answered: &AtomicBool,
        progress: &(dyn Fn() + Sync),
        decode: &(dyn Fn(u64) -> Decode<Page> + Sync),
    ) -> Result<WalkSummary, ApiError> {
        let fetch = |number| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let page = session.call(self.listing, self.call(number), decode(number)).await?;
                answered.store(true, Ordering::Relaxed);
                Ok(page)
            })
        };
        by_number(&self.listing.endpoint, self.size, progress, &fetch).await
    }

    fn call(&self, number: u64) -> Call {
        let mut call = Call::get(&self.listing.endpoint, self.path);
        for name in self.number_names {
            call = call.query(name, number.to_string());
        }
        for name in self.size_names {
            call = call.query(name, self.size.to_string());
        }
        if let Some(sort) = self.sort {
            call = call.query("sort", sort);
        }
        call
    }
}
