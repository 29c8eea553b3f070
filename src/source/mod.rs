//! The vendors this exporter can ask, and what each of them must be able to do.
//!
//! Owns the list of vendors, and what a collector is. A vendor's log-in and rows stay in its own folder; what leaves it
//! are [`crate::inventory::Tables`] of records.

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

    /// Notes what is wrong with the accounts.
    pub fn check(&self, errors: &mut ConfigErrors) {
        let mut names = HashSet::new();
        for account in self.accounts() {
            let key = format!("source.{}[{}]", account.vendor.as_str(), account.at);
            account.settings.check(&key, errors);
            let name = account.settings.name();
            if !name.is_empty() && !names.insert(name) {
                // Series of the two would be the same.
                errors.add(format!("{key}.name"), "another source has this name already; give each its own");
            }
        }
    }

    /// Builds the sources; otherwise returns every reason why one cannot be built.
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

    /// The account of this name, to be compared with that of another configuration.
    pub fn account(&self, name: &str) -> Option<Account<'_>> {
        self.accounts().find(|account| account.settings.name() == name)
    }

    /// Whether the account of this name is in `other` too and sees the same records there, so that what was read of
    /// them stays true. How and when they are read may differ.
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

impl Default for RowRules {
    fn default() -> Self {
        Self { promote_labels: Arc::default(), max_rejected_percent: 5.0 }
    }
}

/// The accounts of one vendor.
fn listed<A: AccountSettings>(vendor: Vendor, accounts: &[A]) -> impl Iterator<Item = Account<'_>> {
    accounts.iter().enumerate().map(move |(at, settings)| Account { vendor, at, settings })
}

/// One account of the configuration. Two are equal if all their settings are.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    vendor: Vendor,
    /// Its place among those of its vendor, from 0.
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

    /// Notes what is wrong with the settings, which stand under `key`.
    fn check(&self, key: &str, errors: &mut ConfigErrors);

    /// Builds the source; otherwise says why it cannot be built.
    fn build(&self, rules: &RowRules, telemetry: &Telemetry, clock: &Clock) -> Result<Source, String>;

    /// Stands for the account and for what is kept of its records, whose labels in `promote_labels` are kept.
    fn identity(&self, promote_labels: &[String]) -> u64;

    /// All settings, as they were written.
    fn written(&self) -> serde_json::Value;
}

/// What a run asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkKind {
    /// All there is.
    Full,
    /// What was left of all there is where another run was broken off.
    Resumed,
    /// What has changed since the run before.
    Incremental,
}

impl WalkKind {
    /// The word for it in traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "whole",
            Self::Resumed => "rest",
            Self::Incremental => "changes",
        }
    }
}

/// What one run of a collector brought.
#[derive(Debug)]
pub struct CollectOutput {
    /// The tables this collector fills.
    pub tables: Tables,
    /// How many records they hold.
    pub records: u64,
    /// What the run asked for.
    pub walk_kind: WalkKind,
    /// Why records are known to be missing, in words for people; none if the run saw every record.
    pub missing: Option<String>,
    /// What kind of failure the missing records are.
    pub failure: Failure,
    /// What people should know of the data though nothing is wrong with it, such as that the tenant has none.
    pub note: Option<String>,
    /// The rows that the run read, by field: those of an incremental run on top of those before it.
    pub fields: FieldCounts,
    /// What the collector wants to have again after a restart, besides the tables; see [`Collect::resume`].
    pub resume_state: Option<Vec<u8>>,
}

impl CollectOutput {
    /// So many records, of a run that asked for all of them, with nothing to be said of them.
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
    /// Reads the listing, as far as is needed to know all of it. `progress` is called for every page that brought something.
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>>;

    /// Goes on with what was kept over a restart, and keeps in `slot` from now on how far a run is. Only for collectors
    /// of which a run can go on where another one was, or that know a fault by what was there before.
    fn resume(&self, slot: Slot, saved: Saved) {
        drop((slot, saved));
    }
}

/// One kind of listing of a source.
pub struct Collector {
    /// Its name, as in the contract and in `[source.<vendor>.collectors.<name>]`.
    pub name: &'static str,
    /// How long to wait from the start of one run to the start of the next.
    pub interval: HumanDuration,
    /// How it is read.
    pub listing: Box<dyn Collect>,
}

/// A collector that a vendor has, and how it is made of an account's parts.
struct Offered<'a, Parts> {
    name: &'static str,
    settings: &'a CollectorConfig,
    /// What it asks.
    listings: &'static [&'static Listing],
    make: fn(Parts) -> Box<dyn Collect>,
}

/// Every endpoint of a vendor that is asked, by its label value: where accounts log in, and what collectors ask.
fn endpoints<Parts>(login: &Endpoint, offered: &[Offered<'_, Parts>]) -> Vec<&'static str> {
    let listings = offered.iter().flat_map(|collector| collector.listings);
    [login.name].into_iter().chain(listings.map(|listing| listing.endpoint.name)).collect()
}

/// The names of the collectors that are enabled.
fn enabled<Parts>(offered: &[Offered<'_, Parts>]) -> Vec<&'static str> {
    offered.iter().filter(|collector| collector.settings.enabled).map(|collector| collector.name).collect()
}

/// Makes the collectors that are enabled; those without an interval in their settings have the account's.
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
    /// Stands for the account and for what is kept of its records, over restarts.
    pub identity: u64,
    /// Its live instruments.
    pub telemetry: Arc<SourceTelemetry>,
    /// How long its last good data is served once a collector fails; by default a multiple of the interval.
    pub stale_after: Option<HumanDuration>,
    /// Its collectors that are enabled.
    pub collectors: Vec<Collector>,
}

impl Source {
    /// The names of its collectors.
    pub fn collector_names(&self) -> Vec<&'static str> {
        self.collectors.iter().map(|collector| collector.name).collect()
    }
}
