//! Prisma Cloud Compute.
//!
//! Owns everything that is the vendor's: consoles and log-in ([`Config`], `login`), what stands in every request
//! (`account`), what rows look like ([`wire`]), and one file per collector that turns rows into records. What the
//! vendor's API really does, as opposed to what its pages say, is written where the code heeds it.

use std::sync::Arc;

use crate::clock::Clock;
use crate::http::Client;
use crate::record::Vendor;
use crate::setting::Span;
use crate::source::session::Session;
use crate::source::settings::in_words;
use crate::source::{Collector, CollectorConfig, Source};
use crate::telemetry::Telemetry;

mod account;
mod config;
mod console;
mod console_url;
pub mod containers;
mod images;
#[cfg(test)]
mod live_tests;
mod login;
mod posture;
mod sensors;
#[cfg(test)]
mod tests;
mod vulnerabilities;
pub mod wire;

pub use config::{Collectors, Config, Method};

use account::Account;
use console::ConsoleItself;
use containers::Containers;
use images::Images;
use sensors::Sensors;
use vulnerabilities::Vulnerabilities;

/// Every endpoint that is asked, by its label value.
const ENDPOINTS: [&str; 7] = [
    login::AUTHENTICATE.name,
    containers::CONTAINERS.endpoint.name,
    images::IMAGES.endpoint.name,
    sensors::SUMMARY.endpoint.name,
    vulnerabilities::STATS.endpoint.name,
    console::VERSION.endpoint.name,
    console::LICENSE.endpoint.name,
];

/// The account as a source; otherwise what is wrong, in words for people.
pub(super) fn build(
    config: &Config,
    promote: &Arc<[String]>,
    telemetry: &Telemetry,
    clock: &Clock,
) -> Result<Source, String> {
    let login = config.login().and_then(|login| Ok((login, config.connection()?))).map_err(in_words);
    let (login, connection) = login?;
    if connection.insecure_skip_verify {
        tracing::warn!(
            source = config.name,
            "insecure_skip_verify is on: nobody knows who reads the password and writes the answers; put the console's \
             authority into http.ca_file instead"
        );
    }
    let collectors = collectors(config);
    let names: Vec<_> = collectors.iter().map(|(name, ..)| *name).collect();
    let telemetry = telemetry.source(&config.name, Vendor::Prisma.as_str(), &ENDPOINTS, &names);
    // The vendor's limit is for each of its listings.
    let limits = ["containers", "images", "other"].map(|class| (class, config.rate_limit));
    let client =
        Client::new(&config.base_url, &config.http, &connection, &limits, Arc::clone(&telemetry), clock.clone())?;
    let session = Session::new(client, login, clock.clone(), Arc::clone(&telemetry));
    let account = Arc::new(Account::new(session, config));
    Ok(Source {
        name: config.name.clone(),
        vendor: Vendor::Prisma,
        telemetry,
        stale_after: config.stale_after,
        collectors: collectors
            .into_iter()
            .map(|(_, settings, make)| {
                let interval = settings.interval.unwrap_or(config.interval);
                make(Parts { account: Arc::clone(&account), promote: Arc::clone(promote), interval })
            })
            .collect(),
    })
}

/// What a collector may be made of.
struct Parts {
    account: Arc<Account>,
    promote: Arc<[String]>,
    interval: Span,
}

type Make = fn(Parts) -> Box<dyn Collector>;

/// The collectors that are enabled, sorted by name.
fn collectors(config: &Config) -> Vec<(&'static str, &CollectorConfig, Make)> {
    let Collectors { containers, images, sensors, vulnerabilities, console } = &config.collectors;
    let all: [(_, _, Make); 5] = [
        (console::NAME, console, |Parts { account, interval, promote: _ }| {
            Box::new(ConsoleItself { account, interval })
        }),
        (containers::NAME, containers, |Parts { account, promote, interval }| {
            Box::new(Containers { account, promote, interval })
        }),
        (images::NAME, images, |Parts { account, interval, promote: _ }| Box::new(Images { account, interval })),
        (sensors::NAME, sensors, |Parts { account, interval, promote: _ }| Box::new(Sensors { account, interval })),
        (vulnerabilities::NAME, vulnerabilities, |Parts { account, interval, promote: _ }| {
            Box::new(Vulnerabilities { account, interval })
        }),
    ];
    all.into_iter().filter(|(_, settings, _)| settings.enabled).collect()
}
