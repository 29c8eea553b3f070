//! Qualys Container Security.
//!
//! Owns everything that is the vendor's: hosts and log-in ([`Config`], `session`), how a listing tells where it goes on
//! (`link`), what rows look like ([`wire`]), and one file per collector that turns rows into records. What the
//! vendor's API really does, as opposed to what its pages say, is written where the code heeds it.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Connection};
use crate::clock::Clock;
use crate::record::{Container, Image, Registry, Report, Sensor, Vendor};
use crate::source::settings::{identity, in_words};
use crate::source::{Offered, Source, collectors};
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

use listing::collector::{Listed as _, ListedCollector};
use policies::Policies;
use posture::Posture;
use session::Session;
use two_listings::{TwoListed as _, TwoListings};

/// Every endpoint that is asked, by its label value.
const ENDPOINTS: [&str; 13] = [
    login::AUTH.name,
    containers::PAGES.endpoint.name,
    containers::BULK.endpoint.name,
    images::PAGES.endpoint.name,
    images::BULK.endpoint.name,
    posture::CONTROL.endpoint.name,
    posture::LIST.endpoint.name,
    posture::resources::COUNT.endpoint.name,
    policies::LIST.endpoint.name,
    policies::POLICY.endpoint.name,
    registries::REGISTRIES.endpoint.name,
    reports::REPORTS.endpoint.name,
    sensors::SENSORS.endpoint.name,
];

/// The account as a source; otherwise what is wrong, in words for people.
pub(super) fn build(
    config: &Config,
    promote: &Arc<[String]>,
    telemetry: &Telemetry,
    clock: &Clock,
) -> Result<Source, String> {
    let login = config.login().map_err(in_words)?;
    let offered = offered(config);
    let names: Vec<_> = offered.iter().map(|(name, ..)| *name).collect();
    let telemetry = telemetry.source(&config.name, Vendor::Qualys.as_str(), &ENDPOINTS, &names);
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
    let session = Arc::new(Session::new(client, login, clock.clone(), Arc::clone(&telemetry)));
    let parts =
        Parts { session, promote: Arc::clone(promote), clock: clock.clone(), full_resync: config.full_resync.0 };
    Ok(Source {
        name: config.name.clone(),
        vendor: Vendor::Qualys,
        identity: identity(&config.account(), promote),
        telemetry,
        stale_after: config.stale_after,
        collectors: collectors(offered, &parts, config.interval),
    })
}

/// What a collector may be made of.
#[derive(Clone)]
struct Parts {
    session: Arc<Session>,
    promote: Arc<[String]>,
    clock: Clock,
    full_resync: Duration,
}

/// The collectors that are enabled, sorted by name.
fn offered(config: &Config) -> Vec<Offered<'_, Parts>> {
    let Collectors { containers, images, sensors, posture, reports, registries, policies } = &config.collectors;
    let all: [Offered<'_, Parts>; 7] = [
        (Container::NAME, containers, |Parts { session, promote, clock, full_resync }| {
            Box::new(TwoListings::<Container>::new(session, promote, clock, full_resync))
        }),
        (Image::NAME, images, |Parts { session, clock, full_resync, .. }| {
            Box::new(TwoListings::<Image>::new(session, (), clock, full_resync))
        }),
        (policies::NAME, policies, |Parts { session, .. }| Box::new(Policies::new(session))),
        (posture::NAME, posture, |Parts { session, .. }| Box::new(Posture::new(session))),
        (Registry::NAME, registries, |Parts { session, .. }| Box::new(ListedCollector::<Registry>::new(session))),
        (Report::NAME, reports, |Parts { session, .. }| Box::new(ListedCollector::<Report>::new(session))),
        (Sensor::NAME, sensors, |Parts { session, .. }| Box::new(ListedCollector::<Sensor>::new(session))),
    ];
    all.into_iter().filter(|(_, settings, _)| settings.enabled).collect()
}
