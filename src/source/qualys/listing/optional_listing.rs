//! Listings that a tenant may not have: the vendor then answers "not found", which is not a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::Saved;
use crate::client::ApiError;
use crate::inventory::{Table, Tables};
use crate::source::qualys::session::{Listing, Session};
use crate::telemetry::Failure;

/// What is known about whether a tenant has a listing.
#[derive(Default)]
pub(crate) struct OptionalListing {
    /// Whether it ever answered: then a "not found" is a failure, and not a tenant without the listing.
    pub(crate) answered: AtomicBool,
    logged: AtomicBool,
}

/// The result of a listing that a tenant may not have.
pub(crate) enum Presence<T> {
    /// The tenant has the listing.
    Present(T),
    /// The tenant does not have it; the text says so in plain words.
    Absent(String),
}

impl OptionalListing {
    /// Notes records of the listing that were kept across a restart: if there are any, the listing answered before.
    pub(crate) fn remember<R>(&self, saved: &Saved, kept: impl FnOnce(&Tables) -> Option<&Arc<Table<R>>>) {
        let table = saved.served.as_ref().and_then(|(tables, _)| kept(tables));
        if table.is_some_and(|table| !table.is_empty()) {
            self.answered.store(true, Ordering::Relaxed);
        }
    }

    /// Judges the result of a walk. Logs once that the tenant does not have the listing.
    pub(crate) fn judge<T>(
        &self,
        session: &Session,
        listing: &'static Listing,
        walked: Result<T, ApiError>,
    ) -> Result<Presence<T>, ApiError> {
        match walked {
            Ok(brought) => Ok(Presence::Present(brought)),
            Err(error) if error.failure == Failure::NotFound && !self.answered.load(Ordering::Relaxed) => {
                let words = format!("this tenant has no listing of {}; nothing is shown of it", listing.what);
                if !self.logged.swap(true, Ordering::Relaxed) {
                    tracing::warn!(source = session.source(), %error, "{words}");
                }
                Ok(Presence::Absent(words))
            }
            Err(error) => Err(error),
        }
    }
}
