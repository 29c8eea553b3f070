//! Prisma Cloud Compute.
//!
//! Owns everything that is the vendor's: consoles and log-in ([`Config`], `login`), the parts that every request has
//! (`account`), what rows look like ([`wire`]), and one file per collector that turns rows into records. The real
//! behaviour of the vendor's API, where it differs from the documentation, is described where the code handles it.

use std::sync::Arc;

use crate::client::Client;
use crate::clock::Clock;
use crate::record::Vendor;
use crate::session::Session;
use crate::setting::ConfigErrors;
use crate::source::settings::{identity, in_words, written};
use crate::source::{AccountSettings, Offered, RowRules, Source, collectors, enabled, endpoints};
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
pub mod version;
pub mod vulnerabilities;
pub mod wire;

pub use config::{Collectors, Config, Method};

use account::Account;
use console::ConsoleItself;
use containers::Containers;
use images::Images;
use sensors::Sensors;
use vulnerabilities::Vulnerabilities;

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
    let login = config.login().and_then(|login| Ok((login, config.connection()?))).map_err(in_words);
    let (login, connection) = login?;
    if connection.insecure_skip_verify {
        tracing::warn!(
            source = config.name,
            "TLS verification is disabled; credentials can be intercepted; put the console's authority into \
             http.ca_file instead"
        );
    }
    let offered = offered(config);
    let endpoints = endpoints(&login::AUTHENTICATE, &offered);
    let telemetry = telemetry.source(&config.name, Vendor::Prisma.as_str(), &endpoints, &enabled(&offered));
    // The vendor limits each of its listings separately.
    let limits = ["containers", "images", "other"].map(|class| (class, config.rate_limit));
    let client =
        Client::new(&config.base_url, &config.http, &connection, &limits, Arc::clone(&telemetry), clock.clone())?;
    let session = Session::new(client, login, clock.clone(), Arc::clone(&telemetry), rules.max_rejected_percent);
    let account = Arc::new(Account::new(session, config));
    Ok(Source {
        name: config.name.clone(),
        vendor: Vendor::Prisma,
        identity: config.identity(&rules.promote_labels),
        telemetry,
        stale_after: config.stale_after,
        collectors: collectors(
            &offered,
            &Parts { account, promote: Arc::clone(&rules.promote_labels) },
            config.interval,
        ),
    })
}

/// The parts that collectors are built from.
#[derive(Clone)]
struct Parts {
    account: Arc<Account>,
    promote: Arc<[String]>,
}

/// The vendor's collectors, sorted by name.
fn offered(config: &Config) -> [Offered<'_, Parts>; 5] {
    let Collectors { containers, images, sensors, vulnerabilities, console } = &config.collectors;
    [
        Offered {
            name: console::NAME,
            settings: console,
            listings: &[&login::VERSION, &console::LICENSE],
            make: |Parts { account, .. }| Box::new(ConsoleItself { account }),
        },
        Offered {
            name: containers::NAME,
            settings: containers,
            listings: &[&containers::CONTAINERS],
            make: |Parts { account, promote }| Box::new(Containers { account, promote }),
        },
        Offered {
            name: images::NAME,
            settings: images,
            listings: &[&images::IMAGES],
            make: |Parts { account, .. }| Box::new(Images { account }),
        },
        Offered {
            name: sensors::NAME,
            settings: sensors,
            listings: &[&sensors::SUMMARY],
            make: |Parts { account, .. }| Box::new(Sensors { account }),
        },
        Offered {
            name: vulnerabilities::NAME,
            settings: vulnerabilities,
            listings: &[&vulnerabilities::STATS],
            make: |Parts { account, .. }| Box::new(Vulnerabilities { account }),
        },
    ]
}
