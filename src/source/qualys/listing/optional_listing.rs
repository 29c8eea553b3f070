//! Listings that a tenant may not have: the vendor answers "not found" then, which is no failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::Saved;
use crate::client::ApiError;
use crate::inventory::{Table, Tables};
use crate::source::qualys::session::{Listing, Session};
use crate::telemetry::Failure;

/// What is known of whether a tenant has a listing.
#[derive(Default)]
pub(crate) struct OptionalListing {
    /// Whether it ever answered: then a "not found" is a fault, and not a tenant without it.
    pub(crate) answered: AtomicBool,
    logged: AtomicBool,
}

/// What a listing brought that a tenant may not have.
pub(crate) enum Presence<T> {
    /// There is one.
    Present(T),
    /// The tenant has none; in words for people.
    Absent(String),
}

impl OptionalListing {
    /// Takes into account what is kept of the listing over a restart: if there is some of it, it answered.
    pub(crate) fn remember<R>(&self, saved: &Saved, kept: impl FnOnce(&Tables) -> Option<&Arc<Table<R>>>) {
        let table = saved.served.as_ref().and_then(|(tables, _)| kept(tables));
        if table.is_some_and(|table| !table.is_empty()) {
            self.answered.store(true, Ordering::Relaxed);
        }
    }

    /// What the result of a walk means. That the tenant does not have the listing is logged once.
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
