//! Qualys Container Security.
//!
//! Owns everything that is the vendor's: hosts and log-in ([`Config`], `session`), how a listing tells where it goes on
//! (`link`), what rows look like ([`wire`]), and one file per collector that turns rows into records. What the
//! vendor's API really does, as opposed to what its pages say, is written where the code heeds it.

use std::sync::Arc;

use crate::clock::Clock;
use crate::http::Client;
use crate::record::Vendor;
use crate::source::{Collector, Source};
use crate::telemetry::Telemetry;

mod assess;
mod config;
pub mod containers;
mod link;
#[cfg(test)]
mod live_tests;
mod login;
mod platform;
mod posture;
mod sensors;
mod session;
#[cfg(test)]
mod tests;
mod token;
#[cfg(test)]
mod walk_live_tests;
pub mod wire;

pub use config::{Collector as CollectorConfig, Collectors, Config, RateLimits};

use containers::Containers;
use posture::Posture;
use sensors::Sensors;
use session::Session;

/// Every endpoint that is asked, by its label value.
const ENDPOINTS: [&str; 6] = [
    login::AUTH.name,
    containers::PAGES.endpoint.name,
    containers::BULK.endpoint.name,
    posture::CONTROL.endpoint.name,
    posture::LIST.endpoint.name,
    sensors::SENSORS.endpoint.name,
];

/// The account as a source; otherwise what is wrong, in words for people.
pub(super) fn build(
    config: &Config,
    promote: &Arc<[String]>,
    telemetry: &Telemetry,
    clock: &Clock,
) -> Result<Source, String> {
    let login = config.login().map_err(|wrong| {
        wrong.into_iter().map(|(key, reason)| format!("{key}: {reason}")).collect::<Vec<_>>().join("; ")
    })?;
    let collectors = collectors(config);
    let names: Vec<_> = collectors.iter().map(|(name, ..)| *name).collect();
    let telemetry = telemetry.source(&config.name, Vendor::Qualys.as_str(), &ENDPOINTS, &names);
    let RateLimits { bulk, pages, other } = config.rate_limits;
    let limits = [("bulk", bulk), ("pages", pages), ("other", other)];
    let client = Client::new(&config.base_url, &config.http, &limits, Arc::clone(&telemetry), clock.clone())?;
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
    let Collectors { containers, posture, sensors } = &config.collectors;
    let all: [(_, _, Make); 3] = [
        (containers::NAME, containers, |Parts { session, promote, interval }| {
            Box::new(Containers { session, promote, interval })
        }),
        (posture::NAME, posture, |Parts { session, interval, promote: _ }| Box::new(Posture::new(session, interval))),
        (sensors::NAME, sensors, |Parts { session, interval, promote: _ }| Box::new(Sensors::new(session, interval))),
    ];
    all.into_iter().filter(|(_, settings, _)| settings.enabled).collect()
}
