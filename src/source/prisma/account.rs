//! One account's calls: its session, and the parts that every request has.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::config::Config;
use super::login::Login;
use crate::client::{ApiError, Call, Decode};
use crate::paging::{Page, WalkSummary, by_offset};
use crate::session::{Listing, Session};

/// The calls of one account.
pub(super) struct Account {
    pub(super) session: Session<Login>,
    /// The path of the versioned API, such as `/api/v30.00`.
    api: String,
    /// The scope that every listing is limited to.
    scope: Vec<(&'static str, String)>,
    pub(super) page_limit: u64,
}

impl Account {
    pub(super) fn new(session: Session<Login>, config: &Config) -> Self {
        let collections = Some(config.collections.join(",")).filter(|names| !names.is_empty());
        let scope = [("project", config.project.clone()), ("collections", collections)];
        Self {
            session,
            api: format!("/api/v{}", config.api_version),
            scope: scope.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            page_limit: config.page_limit,
        }
    }

    /// A call whose response is the same for everyone.
    pub(super) fn get(&self, listing: &'static Listing, path: &str) -> Call {
        Call::get(&listing.endpoint, format!("{}/{path}", self.api))
    }

    /// A call for a listing, limited as configured.
    pub(super) fn list(&self, listing: &'static Listing, path: &str) -> Call {
        let call = self.get(listing, path);
        self.scope.iter().fold(call, |call, (name, value)| call.query(name, value.as_str()))
    }

    /// The call for the page that begins at `offset`.
    pub(super) fn page(&self, call: &Call, offset: u64) -> Call {
        call.clone().query("offset", offset.to_string()).query("limit", self.page_limit.to_string())
    }

    /// Walks a listing whose pages are requested with `call` and read by `decode`.
    pub(super) async fn walk(
        &self,
        listing: &'static Listing,
        call: Call,
        progress: &(dyn Fn() + Sync),
        decode: Decode<Page>,
    ) -> Result<WalkSummary, ApiError> {
        let fetch = |offset| -> BoxFuture<'_, _> {
            Box::pin(self.session.call(listing, self.page(&call, offset), Arc::clone(&decode)))
        };
        by_offset(&listing.endpoint, progress, &fetch).await
    }
}
