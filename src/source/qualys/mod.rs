//! Qualys Container Security.
//!
//! Owns everything that is the vendor's: hosts and log-in ([`Config`], `session`), how a listing tells where it goes on
//! (`link`), what rows look like ([`wire`]), and one file per collector that turns rows into records. What the
//! vendor's API really does, as opposed to what its pages say, is written where the code heeds it.

use std::sync::Arc;

use crate::clock::Clock;
use crate::http::{Client, Connection};
use crate::record::{Container, Image, Vendor};
use crate::source::settings::in_words;
use crate::source::{Collector, CollectorConfig, Source};
use crate::telemetry::Telemetry;

mod absence;
mod assess;
mod config;
pub mod containers;
mod details;
#[cfg(test)]
mod governance_tests;
#[cfg(test)]
mod image_tests;
pub mod images;
mod inspect;
mod link;
#[cfg(test)]
mod live_tests;
mod login;
mod numbered;
mod pair;
mod platform;
mod policies;
mod posture;
mod reports;
mod resources;
mod rules;
#[cfg(test)]
mod scripted_tests;
mod sensors;
mod session;
pub mod staging;
#[cfg(test)]
mod tests;
mod token;
#[cfg(test)]
mod walk_live_tests;
pub mod wire;

pub use config::{Collectors, Config, RateLimits};

use pair::{Pair, Paired as _};
use policies::Policies;
use posture::Posture;
use reports::Reports;
use sensors::Sensors;
use session::Session;

/// Every endpoint that is asked, by its label value.
const ENDPOINTS: [&str; 12] = [
    login::AUTH.name,
    containers::PAGES.endpoint.name,
    containers::BULK.endpoint.name,
    images::PAGES.endpoint.name,
    images::BULK.endpoint.name,
    posture::CONTROL.endpoint.name,
    posture::LIST.endpoint.name,
    resources::COUNT.endpoint.name,
    policies::LIST.endpoint.name,
    policies::POLICY.endpoint.name,
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
    let collectors = collectors(config);
    let names: Vec<_> = collectors.iter().map(|(name, ..)| *name).collect();
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
    Ok(Source {
        name: config.name.clone(),
        vendor: Vendor::Qualys,
        telemetry,
        stale_after: config.stale_after,
        collectors: collectors
            .into_iter()
            .map(|(_, settings, make)| {
                let interval = settings.interval.unwrap_or(config.interval);
                make(Parts { session: Arc::clone(&session), promote: Arc::clone(promote), interval })
            })
            .collect(),
    })
}

/// What a collector may be made of.
struct Parts {
    session: Arc<Session>,
    promote: Arc<[String]>,
    interval: crate::setting::Span,
}

type Make = fn(Parts) -> Box<dyn Collector>;

/// The collectors that are enabled, sorted by name.
fn collectors(config: &Config) -> Vec<(&'static str, &CollectorConfig, Make)> {
    let Collectors { containers, images, sensors, posture, reports, policies } = &config.collectors;
    let all: [(_, _, Make); 6] = [
        (Container::NAME, containers, |Parts { session, promote, interval }| {
            Box::new(Pair::<Container>::new(session, promote, interval))
        }),
        (Image::NAME, images, |Parts { session, interval, promote: _ }| {
            Box::new(Pair::<Image>::new(session, (), interval))
        }),
        (policies::NAME, policies, |Parts { session, interval, promote: _ }| {
            Box::new(Policies::new(session, interval))
        }),
        (posture::NAME, posture, |Parts { session, interval, promote: _ }| Box::new(Posture::new(session, interval))),
        (reports::NAME, reports, |Parts { session, interval, promote: _ }| Box::new(Reports::new(session, interval))),
        (sensors::NAME, sensors, |Parts { session, interval, promote: _ }| Box::new(Sensors::new(session, interval))),
    ];
    all.into_iter().filter(|(_, settings, _)| settings.enabled).collect()
}
