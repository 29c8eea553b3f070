//! The supported vendors, and what each of them must be able to do.
//!
//! Owns the list of vendors, and what a collector is. A vendor's log-in and rows stay in its own folder; only
//! [`crate::inventory::Tables`] of records leave it.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Saved, Slot};
use crate::client::{ApiError, Endpoint};
use crate::clock::Clock;
use crate::inventory::Tables;
use crate::record::{FieldCounts, Vendor};
use crate::session::Listing;
use crate::setting::{ConfigErrors, HumanDuration};
use crate::telemetry::{Failure, SourceTelemetry, Telemetry};

pub mod prisma;
pub mod qualys;
mod settings;
pub mod staged;
#[cfg(test)]
mod tests;

pub use settings::Collector as CollectorConfig;

/// `[source]`: the vendor accounts to read. To add a vendor, add its module, its field here and its line in
/// `Config::accounts`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Accounts of Qualys Container Security.
    pub qualys: Vec<qualys::Config>,
    /// Accounts of Prisma Cloud Compute.
    pub prisma: Vec<prisma::Config>,
}

impl Config {
    /// Every account, in the order of the configuration.
    fn accounts(&self) -> impl Iterator<Item = Account<'_>> {
        let Self { qualys, prisma } = self;
        listed(Vendor::Qualys, qualys).chain(listed(Vendor::Prisma, prisma))
    }

    /// Adds an error for each invalid setting of the accounts.
    pub fn check(&self, errors: &mut ConfigErrors) {
        let mut names = HashSet::new();
        for account in self.accounts() {
            let key = format!("source.{}[{}]", account.vendor.as_str(), account.at);
            account.settings.check(&key, errors);
            let name = account.settings.name();
            if !name.is_empty() && !names.insert(name) {
                // Both accounts would have the same series.
                errors.add(format!("{key}.name"), "another source has this name already; give each its own");
            }
        }
    }

    /// Builds the sources, or returns every reason why one cannot be built.
    pub fn build(&self, rules: &RowRules, telemetry: &Telemetry, clock: &Clock) -> Result<Vec<Source>, Vec<String>> {
        let mut sources = Vec::new();
        let mut wrong = Vec::new();
        for Account { settings, .. } in self.accounts() {
            match settings.build(rules, telemetry, clock) {
                Ok(source) => sources.push(source),
                Err(reason) => wrong.push(format!("source {}: {reason}", settings.name())),
            }
        }
        if wrong.is_empty() { Ok(sources) } else { Err(wrong) }
    }

    /// The account with this name, to be compared with that of another configuration.
    pub fn account(&self, name: &str) -> Option<Account<'_>> {
        self.accounts().find(|account| account.settings.name() == name)
    }

    /// Whether `other` has an account with this name that sees the same records, so that the collected data stays
    /// valid. How and when they are read may differ.
    pub fn is_same_account(&self, other: &Self, name: &str) -> bool {
        let identity = |account: Account<'_>| (account.vendor, account.settings.identity(&[]));
        let (one, two) = (self.account(name), other.account(name));
        one.is_some() && one.map(identity) == two.map(identity)
    }
}

/// How rows are read, whatever their vendor.
#[derive(Clone, Debug)]
pub struct RowRules {
    /// Labels of containers and pods whose values are kept.
    pub promote_labels: Arc<[String]>,
    /// Most records of a listing that may be rejected before a run is incomplete, in percent.
    pub max_rejected_percent: f64,
}

/// The accounts of one vendor.
fn listed<A: AccountSettings>(vendor: Vendor, accounts: &[A]) -> impl Iterator<Item = Account<'_>> {
    accounts.iter().enumerate().map(move |(at, settings)| Account { vendor, at, settings })
}

/// One account of the configuration. Two are equal if all their settings are.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    vendor: Vendor,
    /// Its position among the accounts of its vendor, from 0.
    at: usize,
    settings: &'a dyn AccountSettings,
}

impl PartialEq for Account<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.vendor == other.vendor && self.settings.written() == other.settings.written()
    }
}

/// The settings of an account, whatever its vendor.
pub(crate) trait AccountSettings {
    /// The name of the source.
    fn name(&self) -> &str;

    /// Adds an error for each invalid setting; `key` is their path.
    fn check(&self, key: &str, errors: &mut ConfigErrors);

    /// Builds the source, or returns why it cannot be built.
    fn build(&self, rules: &RowRules, telemetry: &Telemetry, clock: &Clock) -> Result<Source, String>;

    /// Hash of the settings that identify the account, and of `promote_labels`: data is only reused while it stays the
    /// same.
    fn identity(&self, promote_labels: &[String]) -> u64;

    /// All settings, as configured.
    fn written(&self) -> serde_json::Value;
}

/// What a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkKind {
    /// All records.
    Full,
    /// The rest of a full walk that another run was interrupted in.
    Resumed,
    /// What has changed since the last run.
    Incremental,
}

impl WalkKind {
    /// Its name in traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "whole",
            Self::Resumed => "rest",
            Self::Incremental => "changes",
        }
    }
}

/// The output of one run of a collector.
#[derive(Debug)]
pub struct CollectOutput {
    /// The tables this collector fills.
    pub tables: Tables,
    /// How many records they hold.
    pub records: u64,
    /// What the run read.
    pub walk_kind: WalkKind,
    /// Why records are known to be missing, in plain words; `None` if the run saw every record.
    pub missing: Option<String>,
    /// What kind of failure the missing records are.
    pub failure: Failure,
    /// A note about the data although nothing is wrong with it, such as that the tenant has none.
    pub note: Option<String>,
    /// The rows that the run read, by field: an incremental run adds to those before it.
    pub fields: FieldCounts,
    /// What the collector needs after a restart, besides the tables; see [`Collect::resume`].
    pub resume_state: Option<Vec<u8>>,
}

impl CollectOutput {
    /// The output of a full walk with this number of records, and without notes.
    pub fn full(records: usize, tables: Tables) -> Self {
        Self {
            tables,
            records: records as u64,
            walk_kind: WalkKind::Full,
            missing: None,
            failure: Failure::Incomplete,
            note: None,
            fields: FieldCounts::default(),
            resume_state: None,
        }
    }
}

/// How one kind of listing of a source is read.
pub trait Collect: Send + Sync {
    /// Reads the listing, as far as needed to know all of it. Calls `progress` for each page that adds something.
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>>;

    /// Resumes from what was kept across a restart, and checkpoints its runs in `slot` from now on. Only for collectors
    /// whose runs can resume, or that detect failures by earlier data.
    fn resume(&self, slot: Slot, saved: Saved) {
        drop((slot, saved));
    }
}

/// One kind of listing of a source.
pub struct Collector {
    /// Its name, as in the metrics and in `[source.<vendor>.collectors.<name>]`.
    pub name: &'static str,
    /// Time from the start of one run to the start of the next.
    pub interval: HumanDuration,
    /// How it is read.
    pub listing: Box<dyn Collect>,
}

/// A collector that a vendor offers, and how it is built from an account's parts.
struct Offered<'a, Parts> {
    name: &'static str,
    settings: &'a CollectorConfig,
    /// The listings that it calls.
    listings: &'static [&'static Listing],
    make: fn(Parts) -> Box<dyn Collect>,
}

/// Every endpoint that is called, by its label value: the log-in, and those of the collectors.
fn endpoints<Parts>(login: &Endpoint, offered: &[Offered<'_, Parts>]) -> Vec<&'static str> {
    let listings = offered.iter().flat_map(|collector| collector.listings);
    [login.name].into_iter().chain(listings.map(|listing| listing.endpoint.name)).collect()
}

/// The names of the collectors that are enabled.
fn enabled<Parts>(offered: &[Offered<'_, Parts>]) -> Vec<&'static str> {
    offered.iter().filter(|collector| collector.settings.enabled).map(|collector| collector.name).collect()
}

/// Builds the enabled collectors; those without an interval in their settings have the account's.
fn collectors<Parts: Clone>(offered: &[Offered<'_, Parts>], parts: &Parts, interval: HumanDuration) -> Vec<Collector> {
    let made = |offered: &Offered<'_, Parts>| Collector {
        name: offered.name,
        interval: offered.settings.interval.unwrap_or(interval),
        listing: (offered.make)(parts.clone()),
    };
    offered.iter().filter(|collector| collector.settings.enabled).map(made).collect()
}

/// A configured vendor account.
pub struct Source {
    /// Its name in the configuration.
    pub name: String,
    /// Its vendor.
    pub vendor: Vendor,
    /// Hash of the settings that identify the account, stable across restarts.
    pub identity: u64,
    /// Its live instruments.
    pub telemetry: Arc<SourceTelemetry>,
    /// How long its last good data is served once a collector fails; by default a multiple of the interval.
    pub stale_after: Option<HumanDuration>,
    /// Its enabled collectors.
    pub collectors: Vec<Collector>,
}

impl Source {
    /// The names of its collectors.
    pub fn collector_names(&self) -> Vec<&'static str> {
        self.collectors.iter().map(|collector| collector.name).collect()
    }
}
