//! The vendors this exporter can ask, and what each of them must be able to do.
//!
//! Owns the list of vendors, and what a collector is. A vendor's log-in and rows stay in its own folder; what leaves it
//! are [`crate::inventory::Tables`] of records.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Saved, Slot};
use crate::client::ApiError;
use crate::clock::Clock;
use crate::inventory::Tables;
use crate::record::Vendor;
use crate::setting::{ConfigErrors, HumanDuration};
use crate::telemetry::{SourceTelemetry, Telemetry};

pub mod prisma;
pub mod qualys;
mod settings;
pub mod staged;
#[cfg(test)]
mod tests;

pub use settings::Collector as CollectorConfig;

/// `[source]`: the vendor accounts to read. To add a vendor, add its module, its field here and its line in
/// [`Config::build`]; the compiler asks for the rest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Accounts of Qualys Container Security.
    pub qualys: Vec<qualys::Config>,
    /// Accounts of Prisma Cloud Compute.
    pub prisma: Vec<prisma::Config>,
}

impl Config {
    /// Notes what is wrong with the accounts.
    pub fn check(&self, errors: &mut ConfigErrors) {
        let Self { qualys, prisma } = self;
        let mut names = HashSet::new();
        for (at, account) in qualys.iter().enumerate() {
            let at = format!("source.qualys[{at}]");
            account.check(&at, errors);
            check_name(&account.name, &at, &mut names, errors);
        }
        for (at, account) in prisma.iter().enumerate() {
            let at = format!("source.prisma[{at}]");
            account.check(&at, errors);
            check_name(&account.name, &at, &mut names, errors);
        }
    }

    /// The sources that these settings describe; otherwise everything that keeps them from being built, in words for
    /// people. Of the labels of containers and pods, the values of those in `promote_labels` are kept.
    pub fn build(
        &self,
        promote_labels: &Arc<[String]>,
        telemetry: &Telemetry,
        clock: &Clock,
    ) -> Result<Vec<Source>, Vec<String>> {
        let Self { qualys, prisma } = self;
        let named =
            |name: &str, built: Result<Source, String>| built.map_err(|reason| format!("source {name}: {reason}"));
        let qualys =
            qualys.iter().map(|account| named(&account.name, qualys::build(account, promote_labels, telemetry, clock)));
        let prisma =
            prisma.iter().map(|account| named(&account.name, prisma::build(account, promote_labels, telemetry, clock)));
        let mut sources = Vec::new();
        let mut wrong = Vec::new();
        for built in qualys.chain(prisma) {
            match built {
                Ok(source) => sources.push(source),
                Err(reason) => wrong.push(reason),
            }
        }
        if wrong.is_empty() { Ok(sources) } else { Err(wrong) }
    }
}

impl Config {
    /// The settings of the account of this name, to be compared with those of another configuration.
    pub fn account(&self, name: &str) -> Option<Account<'_>> {
        let Self { qualys, prisma } = self;
        let of_qualys = qualys.iter().find(|account| account.name == name).map(Account::Qualys);
        of_qualys.or_else(|| prisma.iter().find(|account| account.name == name).map(Account::Prisma))
    }

    /// Whether the account of this name is in `other` too and sees the same records there, so that what is known of
    /// them stays true. How and when they are asked for may differ.
    pub fn is_same_account(&self, other: &Self, name: &str) -> bool {
        match (self.account(name), other.account(name)) {
            (Some(Account::Qualys(one)), Some(Account::Qualys(two))) => one.account() == two.account(),
            (Some(Account::Prisma(one)), Some(Account::Prisma(two))) => one.account() == two.account(),
            (Some(Account::Qualys(_)), Some(Account::Prisma(_)))
            | (Some(Account::Prisma(_)), Some(Account::Qualys(_)))
            | (None, _)
            | (_, None) => false,
        }
    }
}

/// The settings of one account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Account<'a> {
    /// Of Qualys Container Security.
    Qualys(&'a qualys::Config),
    /// Of Prisma Cloud Compute.
    Prisma(&'a prisma::Config),
}

/// Notes a name that another account has already; series of the two could not be told apart.
fn check_name<'a>(name: &'a str, at: &str, names: &mut HashSet<&'a str>, errors: &mut ConfigErrors) {
    if !name.is_empty() && !names.insert(name) {
        errors.add(format!("{at}.name"), "another source has this name already; give each its own");
    }
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
    /// What people should know of the data though nothing is wrong with it, such as that the tenant has none.
    pub note: Option<String>,
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
            note: None,
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

/// A kind of listing that a vendor has: the collector's name and settings, and how it is made of an account's parts.
type Offered<'a, Parts> = (&'static str, &'a CollectorConfig, fn(Parts) -> Box<dyn Collect>);

/// Makes the collectors that are offered; those without an interval of their own have the account's.
fn collectors<Parts: Clone>(
    offered: Vec<Offered<'_, Parts>>,
    parts: &Parts,
    interval: HumanDuration,
) -> Vec<Collector> {
    let made = |(name, settings, make): Offered<'_, Parts>| Collector {
        name,
        interval: settings.interval.unwrap_or(interval),
        listing: make(parts.clone()),
    };
    offered.into_iter().map(made).collect()
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
