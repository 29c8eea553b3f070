//! One account's calls: its session, and the parts that every request has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::config::Config;
use super::login::{Login, VERSION};
use super::version::{ApiVersion, read_version};
use crate::client::{ApiError, Call, Decode};
use crate::lock::lock;
use crate::paging::{Page, WalkSummary, by_offset};
use crate::session::{Listing, Session};
use crate::telemetry::Failure;

/// The calls of one account.
pub(super) struct Account {
    pub(super) session: Session<Login>,
    version: ApiVersion,
    /// The scope that every listing is limited to.
    scope: Vec<(&'static str, String)>,
    pub(super) page_limit: u64,
    /// The number of rows of the last complete walk of each listing.
    usual: Mutex<BTreeMap<&'static str, u64>>,
}

impl Account {
    pub(super) fn new(session: Session<Login>, config: &Config) -> Self {
        let collections = Some(config.collections.join(",")).filter(|names| !names.is_empty());
        let scope = [("project", config.project.clone()), ("collections", collections)];
        Self {
            session,
            version: ApiVersion::new(&config.api_version),
            scope: scope.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            page_limit: config.page_limit,
            usual: Mutex::default(),
        }
    }

    /// A call for a listing, limited as configured; `path` is that below the version of the API.
    pub(super) fn list(&self, listing: &'static Listing, path: &str) -> Call {
        let call = Call::get(&listing.endpoint, path);
        self.scope.iter().fold(call, |call, (name, value)| call.query(name, value.as_str()))
    }

    /// The call for the page that begins at `offset`.
    pub(super) fn page(&self, call: &Call, offset: u64) -> Call {
        call.clone().query("offset", offset.to_string()).query("limit", self.page_limit.to_string())
    }

    /// Sends a call, whose path is that below the version of the API. A path that the console no longer has is looked
    /// for at the version that it has now.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        listing: &'static Listing,
        call: Call,
        decode: Decode<T>,
    ) -> Result<T, ApiError> {
        let below = |version: &str| call.clone().below(&format!("/api/v{version}"));
        let version = self.version.get(&self.session).await?;
        match self.session.call(listing, below(&version), Arc::clone(&decode)).await {
            Err(error) if error.failure == Failure::NotFound => {
                match self.version.instead_of(&version, &self.session).await? {
                    Some(version) => {
                        let answer = self.session.call(listing, below(&version), decode).await?;
                        self.version.keep(version).await;
                        Ok(answer)
                    }
                    None => Err(error),
                }
            }
            answer => answer,
        }
    }

    /// The console's release, such as `34.03.138`.
    pub(super) async fn release(&self) -> Result<String, ApiError> {
        if self.version.is_asked() {
            return self.version.release(&self.session).await;
        }
        match self.call(&VERSION, Call::get(&VERSION.endpoint, "version"), Arc::new(read_version)).await {
            Err(error) if error.failure == Failure::NotFound => self.version.release(&self.session).await,
            release => release,
        }
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
            Box::pin(self.call(listing, self.page(&call, offset), Arc::clone(&decode)))
        };
        let usual = lock(&self.usual).get(listing.endpoint.name).copied();
        let walked = by_offset(&listing.endpoint, usual, progress, &fetch).await?;
        if walked.missing.is_none() {
            lock(&self.usual).insert(listing.endpoint.name, walked.read);
        }
        Ok(walked)
    }
}
