//! Listings that are small enough to be walked by page number.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use crate::client::{Answer, ApiError, Call, Unreadable};
use crate::lock::lock;
use crate::paging::{PageSummary, WalkSummary, by_number};
use crate::source::qualys::session::{Listing, Session};
use crate::source::qualys::wire;
use crate::wire::{Keyed, Rows, text};

/// A listing that is walked by page number, and how it is asked.
pub(crate) struct Numbered {
    pub(crate) listing: &'static Listing,
    /// Where it is.
    pub(crate) path: &'static str,
    /// Rows per page.
    pub(crate) size: u64,
    /// Names of the page number. Versions and documents do not agree on it everywhere; then it is sent under each.
    pub(crate) number_names: &'static [&'static str],
    /// Names of the page size, likewise.
    pub(crate) size_names: &'static [&'static str],
    /// The order to ask for.
    pub(crate) sort: Option<&'static str>,
}

/// What the rows of a listing go into.
pub trait Fill: Default + Send + 'static {
    /// A row of it.
    type Row<'a>: Keyed + Deserialize<'a>;

    /// Takes the rows of a page.
    fn fill(&mut self, rows: Rows<Self::Row<'_>>) -> PageSummary;

    /// Takes the page of this number.
    fn take(&mut self, answer: &Answer, _number: u64) -> Result<PageSummary, Unreadable> {
        let text = text(&answer.body);
        let rows = wire::rows(&text)?;
        Ok(self.fill(rows).close(&answer.body))
    }
}

impl Numbered {
    /// Walks the whole listing. `answered` is set once it answers.
    pub(crate) async fn walk<F: Fill>(
        &'static self,
        session: &Session,
        answered: &AtomicBool,
        progress: &(dyn Fn() + Sync),
    ) -> Result<(F, WalkSummary), ApiError> {
        let filled = Arc::new(Mutex::new(F::default()));
        let fetch = |number: u64| {
            let filled = Arc::clone(&filled);
            let read = move |answer: &Answer| lock(&filled).take(answer, number);
            async move {
                let seen = session.call(self.listing, self.call(number), read).await?;
                answered.store(true, Ordering::Relaxed);
                Ok(seen)
            }
        };
        let walked = by_number(&self.listing.endpoint, self.size, progress, fetch).await?;
        let filled = std::mem::take(&mut *lock(&filled));
        Ok((filled, walked))
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
