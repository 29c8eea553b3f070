//! When each collector runs, how long its last good data is served, and what is known of all sources together.
//!
//! Owns time: intervals, ages, expiry. A collector runs on its own interval and never twice at once; one that fails
//! leaves the others alone and its last good data in place until that is too old. It knows no vendor and no metric.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::inventory::{Inventory, SourceInventory, Tables};
use crate::lock::lock;
use crate::random;
use crate::record::Vendor;
use crate::source::{Collector, Harvest};
use crate::telemetry::{CollectorState, Failure, SourceTelemetry};

/// How many of the longer of interval and last full walk data is served for by default.
const STALE_AFTER_INTERVALS: u32 = 3;

/// Runs start up to this part of the interval late, so that many exporters do not ask all at once.
const JITTER: f64 = 0.05;

/// The data of every collector, as long as it is good.
#[derive(Debug, Default)]
pub struct Collection {
    sources: Mutex<Vec<CollectedSource>>,
    changed: Notify,
}

#[derive(Debug)]
struct CollectedSource {
    source: Arc<str>,
    vendor: Vendor,
    /// By collector.
    tables: Vec<(&'static str, Tables)>,
}

impl Collection {
    /// Makes these the sources, in this order. Only those that are `unchanged` keep their data.
    pub fn arrange<'a>(&self, sources: impl IntoIterator<Item = (&'a str, Vendor)>, unchanged: &[&str]) {
        let mut known = lock(&self.sources);
        let mut kept = std::mem::take(&mut *known);
        kept.retain(|kept| unchanged.contains(&&*kept.source));
        known.extend(sources.into_iter().map(|(source, vendor)| {
            kept.iter().position(|kept| &*kept.source == source).map_or_else(
                || CollectedSource { source: source.into(), vendor, tables: Vec::new() },
                |at| kept.swap_remove(at),
            )
        }));
        drop(known);
        self.changed.notify_one();
    }

    /// Everything that is known now.
    pub fn inventory(&self) -> Inventory {
        let sources = lock(&self.sources);
        let inventories = sources.iter().map(|source| SourceInventory {
            source: Arc::clone(&source.source),
            vendor: source.vendor,
            tables: source.tables.iter().fold(Tables::default(), |all, (_, tables)| all.or(tables)),
        });
        Inventory { sources: inventories.collect() }
    }

    /// Waits until something has changed since the last wait ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn put(&self, source: &str, collector: &'static str, tables: Option<Tables>) {
        let mut sources = lock(&self.sources);
        if let Some(source) = sources.iter_mut().find(|known| &*known.source == source) {
            source.tables.retain(|(known, _)| *known != collector);
            source.tables.extend(tables.map(|tables| (collector, tables)));
        }
        self.changed.notify_one();
    }
}

/// Why a run failed, in words for people.
pub type RunError = (Failure, String);

/// A collector with what is known of its runs.
pub struct Runner {
    collector: Box<dyn Collector>,
    /// Fixed by the configuration, or reckoned from the interval.
    stale_after: Option<Duration>,
    telemetry: Arc<SourceTelemetry>,
    collection: Arc<Collection>,
    clock: Clock,
    held: Option<Held>,
    last_walk: Duration,
}

/// Data that is being served.
#[derive(Clone, Copy, Debug)]
struct Held {
    since: Instant,
    complete: bool,
}

impl Runner {
    /// A runner that has not run yet.
    pub fn new(
        collector: Box<dyn Collector>,
        stale_after: Option<Duration>,
        telemetry: Arc<SourceTelemetry>,
        collection: Arc<Collection>,
        clock: Clock,
    ) -> Self {
        telemetry.update(collector.name(), CollectorState::begin);
        Self { collector, stale_after, telemetry, collection, clock, held: None, last_walk: Duration::ZERO }
    }

    /// The collector's name.
    pub fn collector(&self) -> &'static str {
        self.collector.name()
    }

    /// The source's name.
    pub fn source(&self) -> &str {
        self.telemetry.source()
    }

    /// Runs again and again; ends when it is dropped.
    pub async fn run_forever(mut self) {
        loop {
            let started = Instant::now();
            // Already told, in the log and by the collector's own metrics.
            _ = self.run().await;
            let interval = self.collector.interval().0;
            let next = started + interval.mul_f64(1.0 + JITTER * random::unit());
            self.wait_until(next).await;
        }
    }

    /// Runs once.
    pub async fn run(&mut self) -> Result<(), RunError> {
        let started = Instant::now();
        let progressed = AtomicBool::new(false);
        let result = self.collect(&progressed).await;
        let took = started.elapsed();
        let name = self.collector.name();
        self.telemetry.update(name, |state| {
            state.answered = true;
            state.last_duration = Some(took.as_secs_f64());
        });
        let result = match result {
            Ok(harvest) => self.take(harvest, took),
            Err(error) => Err(error),
        };
        match &result {
            Ok(()) => {
                tracing::debug!(
                    source = self.telemetry.source(),
                    collector = name,
                    seconds = took.as_secs_f64(),
                    "collected"
                );
            }
            Err((failure, words)) => {
                self.telemetry.update(name, |state| {
                    state.up = false;
                    state.failed[*failure as usize] += 1;
                    state.last_error = Some(words.clone());
                });
                tracing::warn!(
                    source = self.telemetry.source(),
                    collector = name,
                    outcome = failure.as_str(),
                    error = words,
                    "collection failed"
                );
                self.drop_what_is_stale();
            }
        }
        self.collection.changed.notify_one();
        result
    }

    /// Runs the collector, and drops what is stale meanwhile if nothing comes.
    async fn collect(&mut self, progressed: &AtomicBool) -> Result<Harvest, RunError> {
        let name = self.collector.name();
        let telemetry = Arc::clone(&self.telemetry);
        let progress = move || {
            if !progressed.swap(true, Ordering::Relaxed) {
                telemetry.update(name, |state| state.answered = true);
            }
        };
        let expiry = self.expiry();
        let run = AssertUnwindSafe(self.collector.collect(&progress)).catch_unwind();
        let mut run = std::pin::pin!(run);
        let mut expired = false;
        let result = loop {
            tokio::select! {
                result = &mut run => break result,
                // A walk that is making progress is not failing: its old data is served until it ends.
                () = until(expiry), if !expired && !progressed.load(Ordering::Relaxed) => {
                    expired = true;
                    expire(&mut self.held, &self.telemetry, &self.collection, name);
                }
            }
        };
        match result {
            Ok(Ok(harvest)) => Ok(harvest),
            Ok(Err(error)) => Err((error.failure, error.to_string())),
            Err(_) => Err((
                Failure::Internal,
                "the collector broke off with a fault of its own; please report it with the log lines before"
                    .to_owned(),
            )),
        }
    }

    /// Serves what a run brought.
    fn take(&mut self, harvest: Harvest, took: Duration) -> Result<(), RunError> {
        let name = self.collector.name();
        let complete = harvest.missing.is_none();
        // What is known to lack records is better than nothing, and worse than whole data that is a little older.
        if complete || !self.held.is_some_and(|held| held.complete) {
            self.collection.put(self.telemetry.source(), name, Some(harvest.tables));
            self.held = Some(Held { since: Instant::now(), complete });
            self.telemetry.update(name, |state| {
                state.complete = complete;
                state.records = harvest.records;
            });
        }
        if let Some(missing) = harvest.missing {
            return Err((Failure::Incomplete, missing));
        }
        self.last_walk = took;
        let now = self.clock.now();
        self.telemetry.update(name, |state| {
            state.up = true;
            state.succeeded += 1;
            state.last_success = Some(now);
            state.last_error = None;
        });
        Ok(())
    }

    async fn wait_until(&mut self, next: Instant) {
        loop {
            let expiry = self.expiry();
            tokio::select! {
                () = sleep_until(next) => return,
                () = until(expiry) => self.drop_what_is_stale(),
            }
        }
    }

    fn expiry(&self) -> Option<Instant> {
        let reckoned = || STALE_AFTER_INTERVALS * self.collector.interval().0.max(self.last_walk);
        let stale_after = self.stale_after.unwrap_or_else(reckoned);
        self.held.map(|held| held.since + stale_after)
    }

    fn drop_what_is_stale(&mut self) {
        if self.expiry().is_some_and(|expiry| expiry <= Instant::now()) {
            expire(&mut self.held, &self.telemetry, &self.collection, self.collector.name());
        }
    }
}

fn expire(held: &mut Option<Held>, telemetry: &SourceTelemetry, collection: &Collection, collector: &'static str) {
    *held = None;
    collection.put(telemetry.source(), collector, None);
    telemetry.update(collector, |state| {
        state.complete = false;
        state.records = 0;
    });
    tracing::warn!(source = telemetry.source(), collector, "its data is too old and is no longer served");
}

/// Waits until then; for ever if there is no such time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
