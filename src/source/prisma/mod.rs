//! Prisma Cloud Compute.
//!
//! Owns everything that is the vendor's: consoles and log-in ([`Config`], `login`), what stands in every request
//! (`account`), what rows look like ([`wire`]), and one file per collector that turns rows into records. What the
//! vendor's API really does, as opposed to what its pages say, is written where the code heeds it.

use std::sync::Arc;

use crate::client::Client;
use crate::clock::Clock;
use crate::record::Vendor;
use crate::session::Session;
use crate::source::settings::{identity, in_words};
use crate::source::{Offered, Source, collectors};
use crate::telemetry::Telemetry;

mod account;
mod config;
pub mod console;
mod console_url;
pub mod containers;
pub mod images;
mod login;
pub mod sensors;
#[cfg(test)]
mod tests;
pub mod vulnerabilities;
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
    login::VERSION.endpoint.name,
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
    let offered = offered(config);
    let names: Vec<_> = offered.iter().map(|(name, ..)| *name).collect();
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
        identity: identity(&config.account(), promote),
        telemetry,
        stale_after: config.stale_after,
        collectors: collectors(offered, &Parts { account, promote: Arc::clone(promote) }, config.interval),
    })
}

/// What a collector may be made of.
#[derive(Clone)]
struct Parts {
    account: Arc<Account>,
    promote: Arc<[String]>,
}

/// The collectors that are enabled, sorted by name.
fn offered(config: &Config) -> Vec<Offered<'_, Parts>> {
    let Collectors { containers, images, sensors, vulnerabilities, console } = &config.collectors;
    let all: [Offered<'_, Parts>; 5] = [
        (console::NAME, console, |Parts { account, .. }| Box::new(ConsoleItself { account })),
        (containers::NAME, containers, |Parts { account, promote }| Box::new(Containers { account, promote })),
        (images::NAME, images, |Parts { account, .. }| Box::new(Images { account })),
        (sensors::NAME, sensors, |Parts { account, .. }| Box::new(Sensors { account })),
        (vulnerabilities::NAME, vulnerabilities, |Parts { account, .. }| Box::new(Vulnerabilities { account })),
    ];
    all.into_iter().filter(|(_, settings, _)| settings.enabled).collect()
}
