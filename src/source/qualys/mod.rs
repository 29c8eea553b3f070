//! Qualys Container Security.
//!
//! Owns everything that is the vendor's: hosts and log-in ([`Config`], `session`), how a listing links to its next page
//! (`link`), what rows look like ([`wire`]), and one file per collector that turns rows into records. The real
//! behaviour of the vendor's API, where it differs from the documentation, is described where the code handles it.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Connection};
use crate::clock::Clock;
use crate::record::{Container, Image, Registry, Report, Sensor, Vendor};
use crate::setting::ConfigErrors;
use crate::source::settings::{identity, in_words, written};
use crate::source::{AccountSettings, CollectorConfig, Offered, RowRules, Source, collectors, enabled, endpoints};
use crate::telemetry::Telemetry;

mod config;
pub mod containers;
pub mod images;
pub mod listing;
mod login;
mod platform;
pub mod policies;
pub mod posture;
mod registries;
mod reports;
mod sensors;
mod session;
#[cfg(test)]
mod tests;
pub mod two_listings;
pub mod wire;

pub use config::{Collectors, Config, RateLimits};

use listing::collector::{Listed, ListedCollector};
use policies::Policies;
use posture::Posture;
use session::Session;
use two_listings::{TwoListed as _, TwoListings};

impl AccountSettings for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self, key: &str, errors: &mut ConfigErrors) {
        Self::check(self, key, errors);
    }

    fn build(&self, rules: &RowRules, telemetry: &Telemetry, clock: &Clock) -> Result<Source, String> {
        build(self, rules, telemetry, clock)
    }

    fn identity(&self, promote_labels: &[String]) -> u64 {
        identity(&self.account(), promote_labels)
    }

    fn written(&self) -> serde_json::Value {
        written(self)
    }
}

/// Builds the source of an account; otherwise returns what is wrong, in plain words.
fn build(config: &Config, rules: &RowRules, telemetry: &Telemetry, clock: &Clock) -> Result<Source, String> {
    let login = config.login().map_err(in_words)?;
    let offered = offered(config);
    let endpoints = endpoints(&login::AUTH, &offered);
    let telemetry = telemetry.source(&config.name, Vendor::Qualys.as_str(), &endpoints, &enabled(&offered));
    let RateLimits { bulk, pages, other } = config.rate_limits;
    let limits = [("bulk", bulk), ("pages", pages), ("other", other)];
    let client = Client::new(
        &config.base_url,
        &config.http,
        &Connection::default(),
        &limits,
        Arc::clone(&telemetry),
        clock.clone(),
    )?;
    let session =
        Arc::new(Session::new(client, login, clock.clone(), Arc::clone(&telemetry), rules.max_rejected_percent));
    let parts = Parts {
        session,
        promote: Arc::clone(&rules.promote_labels),
        clock: clock.clone(),
        full_resync: config.full_resync.0,
    };
    Ok(Source {
        name: config.name.clone(),
        vendor: Vendor::Qualys,
        identity: config.identity(&rules.promote_labels),
        telemetry,
        stale_after: config.stale_after,
        collectors: collectors(&offered, &parts, config.interval),
    })
}

/// The parts that collectors are built from.
#[derive(Clone)]
struct Parts {
    session: Arc<Session>,
    promote: Arc<[String]>,
    clock: Clock,
    full_resync: Duration,
}

/// The vendor's collectors, sorted by name.
fn offered(config: &Config) -> [Offered<'_, Parts>; 7] {
    let Collectors { containers, images, sensors, posture, reports, registries, policies } = &config.collectors;
    [
        Offered {
            name: Container::NAME,
            settings: containers,
            listings: &[&containers::PAGES, &containers::BULK],
            make: |Parts { session, promote, clock, full_resync }| {
                Box::new(TwoListings::<Container>::new(session, promote, clock, full_resync))
            },
        },
        Offered {
            name: Image::NAME,
            settings: images,
            listings: &[&images::PAGES, &images::BULK],
            make: |Parts { session, clock, full_resync, .. }| {
                Box::new(TwoListings::<Image>::new(session, (), clock, full_resync))
            },
        },
        Offered {
            name: policies::NAME,
            settings: policies,
            listings: &[&policies::LIST, &policies::POLICY],
            make: |Parts { session, .. }| Box::new(Policies::new(session)),
        },
        Offered {
            name: posture::NAME,
            settings: posture,
            listings: &[&posture::LIST, &posture::CONTROL, &posture::resources::COUNT],
            make: |Parts { session, .. }| Box::new(Posture::new(session)),
        },
        paged::<Registry>(registries),
        paged::<Report>(reports),
        paged::<Sensor>(sensors),
    ]
}

/// A collector of a listing with one record per row.
fn paged<R: Listed>(settings: &CollectorConfig) -> Offered<'_, Parts> {
    Offered {
        name: R::NAME,
        settings,
        listings: R::LISTINGS,
        make: |Parts { session, .. }| Box::new(ListedCollector::<R>::new(session)),
    }
}
