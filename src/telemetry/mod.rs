//! The exporter's own instruments: requests to the vendors, runs of the collectors, reloads.
//!
//! Owns the live instruments and the closed sets of words their labels are taken from. It does not know how
//! a metric is named or shown: the catalog reads these instruments like any other records.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::lock::lock;

mod otlp;
mod reason;
pub mod span;
#[cfg(test)]
mod tests;

pub use otlp::{PushFailure, PushReading, PushTelemetry};
pub use reason::{Failure, Rejection};

/// Upper bounds of the latency buckets, in seconds: a vendor answers in tenths of seconds to half a minute.
pub const LATENCY_BOUNDS: [f64; 11] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// A distribution of seconds over [`LATENCY_BOUNDS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// Observations per bucket (not cumulative); the last is for those above every bound.
    pub buckets: [u64; LATENCY_BOUNDS.len() + 1],
    /// Seconds in all.
    pub sum: f64,
}

impl Latency {
    fn observe(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let bucket = LATENCY_BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket] += 1;
        self.sum += seconds;
    }
}

/// The calls to one endpoint of a vendor.
#[derive(Debug, Default)]
struct Endpoint {
    by_code: Mutex<BTreeMap<Option<u16>, u64>>,
    latency: Mutex<Latency>,
    received_bytes: Counter,
}

/// The live instruments of one source.
#[derive(Debug)]
pub struct SourceTelemetry {
    source: String,
    vendor: &'static str,
    endpoints: BTreeMap<&'static str, Endpoint>,
    retries: [Counter; Failure::ALL.len()],
    throttled_seconds: Counter<f64, AtomicU64>,
    waiting: AtomicUsize,
    collectors: Mutex<BTreeMap<&'static str, CollectorRuns>>,
}

impl SourceTelemetry {
    /// Instruments for a source with these endpoints and collectors, all at zero.
    pub fn new(source: &str, vendor: &'static str, endpoints: &[&'static str], collectors: &[&'static str]) -> Self {
        Self {
            source: source.to_owned(),
            vendor,
            endpoints: endpoints.iter().map(|name| (*name, Endpoint::default())).collect(),
            retries: Default::default(),
            throttled_seconds: Counter::default(),
            waiting: AtomicUsize::new(0),
            collectors: Mutex::new(collectors.iter().map(|name| (*name, CollectorRuns::default())).collect()),
        }
    }

    /// The source's name in the configuration.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Counts one request: its HTTP status, or none if no answer came; how long it took; decoded bytes received.
    pub fn count_request(&self, endpoint: &str, status: Option<u16>, took: Duration, bytes: u64) {
        let known = self.endpoints.get(endpoint);
        debug_assert!(known.is_some(), "{endpoint} is not among the endpoints that its source counts");
        if let Some(endpoint) = known {
            *lock(&endpoint.by_code).entry(status).or_default() += 1;
            lock(&endpoint.latency).observe(took);
            endpoint.received_bytes.inc_by(bytes);
        }
    }

    /// Counts a retry because of `reason`.
    pub fn count_retry(&self, reason: Failure) {
        self.retries[reason as usize].inc();
    }

    /// Starts waiting for a rate limit. The wait ends, and is counted, when the returned guard is dropped.
    pub fn wait_for_limit(&self) -> LimitWait<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        LimitWait { telemetry: self, since: Instant::now() }
    }

    /// Whether a request is waiting for a rate limit now.
    pub fn is_waiting_for_limit(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Counts records that a collector rejected.
    pub fn count_rejected(&self, collector: &str, reason: Rejection, records: u64) {
        self.update(collector, |runs| runs.rejected[reason as usize] += records);
    }

    /// Changes what is known of a collector's runs.
    pub fn update(&self, collector: &str, change: impl FnOnce(&mut CollectorRuns)) {
        if let Some(runs) = lock(&self.collectors).get_mut(collector) {
            change(runs);
        }
    }

    /// Counts a successful run and returns its number.
    pub fn count_success(&self, collector: &str) -> u64 {
        let mut number = 0;
        self.update(collector, |runs| {
            runs.succeeded += 1;
            runs.last_error = None;
            number = runs.count();
        });
        number
    }

    /// Counts a run that failed.
    pub fn count_failure(&self, collector: &str, failure: Failure, words: &str) {
        self.update(collector, |runs| {
            runs.failed[failure as usize] += 1;
            runs.last_failed_run = runs.count();
            runs.last_error = Some(words.to_owned());
        });
    }

    /// Has these collectors and no others. Those that it had keep their counts.
    fn keep_collectors(&self, names: &[&'static str]) {
        let mut collectors = lock(&self.collectors);
        collectors.retain(|name, _| names.contains(name));
        for name in names {
            collectors.entry(name).or_default();
        }
    }

    fn read(&self) -> SourceReading {
        SourceReading {
            source: self.source.clone(),
            vendor: self.vendor,
            retries: Failure::ALL.map(|reason| (reason, self.retries[reason as usize].get())),
            throttled_seconds: self.throttled_seconds.get(),
            endpoints: self
                .endpoints
                .iter()
                .map(|(name, endpoint)| EndpointReading {
                    source: self.source.clone(),
                    endpoint: name,
                    by_code: lock(&endpoint.by_code)
                        .iter()
                        .map(|(code, count)| (code.map_or_else(|| "error".to_owned(), |code| code.to_string()), *count))
                        .collect(),
                    latency: lock(&endpoint.latency).clone(),
                    received_bytes: endpoint.received_bytes.get(),
                })
                .collect(),
            collectors: lock(&self.collectors).iter().map(|(name, runs)| (*name, runs.clone())).collect(),
        }
    }
}

/// A wait for a rate limit.
#[derive(Debug)]
pub struct LimitWait<'a> {
    telemetry: &'a SourceTelemetry,
    since: Instant,
}

impl Drop for LimitWait<'_> {
    fn drop(&mut self) {
        self.telemetry.waiting.fetch_sub(1, Ordering::Relaxed);
        let waited = self.since.elapsed();
        // Timers wait for a millisecond at least; what is less was no wait.
        if waited >= Duration::from_millis(1) {
            self.telemetry.throttled_seconds.inc_by(waited.as_secs_f64());
        }
    }
}

/// How a collector's runs went. How good its data is says `DataStatus` in the inventory.
#[derive(Clone, Debug, Default)]
pub struct CollectorRuns {
    /// Whether it has had its first answer from the vendor, or failed to get one.
    pub answered: bool,
    /// Duration of the last run in seconds, whatever its outcome.
    pub last_duration: Option<f64>,
    /// Why the last run failed, in words for people.
    pub last_error: Option<String>,
    /// The number of the last failed run, counting from 1.
    pub last_failed_run: u64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed, by reason, in the order of [`Failure::ALL`].
    pub failed: [u64; Failure::ALL.len()],
    /// Records rejected, by reason, in the order of [`Rejection::ALL`].
    pub rejected: [u64; Rejection::ALL.len()],
}

impl CollectorRuns {
    /// Starts over without data: keeps the counts, and is down until the next success.
    pub fn start_over(&mut self) {
        let Self { succeeded, failed, rejected, .. } = *self;
        *self = Self { last_failed_run: self.count(), succeeded, failed, rejected, ..Self::default() };
    }

    /// The number of runs that have ended.
    fn count(&self) -> u64 {
        self.succeeded + self.failed.iter().sum::<u64>()
    }
}

/// The instruments of one source at one moment.
#[derive(Clone, Debug)]
pub struct SourceReading {
    /// The source's name.
    pub source: String,
    /// Its vendor.
    pub vendor: &'static str,
    /// Retries, by reason.
    pub retries: [(Failure, u64); Failure::ALL.len()],
    /// Seconds spent waiting for rate limits.
    pub throttled_seconds: f64,
    /// Its endpoints.
    pub endpoints: Vec<EndpointReading>,
    /// Its collectors' runs.
    pub collectors: Vec<(&'static str, CollectorRuns)>,
}

/// The instruments of one endpoint at one moment.
#[derive(Clone, Debug)]
pub struct EndpointReading {
    /// The source's name.
    pub source: String,
    /// The endpoint's fixed name.
    pub endpoint: &'static str,
    /// Requests by HTTP status, or by `error` where no answer came.
    pub by_code: Vec<(String, u64)>,
    /// Request durations.
    pub latency: Latency,
    /// Bytes received, after decompression.
    pub received_bytes: u64,
}

/// The result of the last reload.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    /// Whether it succeeded.
    pub successful: bool,
    /// When one last succeeded.
    pub last_success: Timestamp,
}

/// All live instruments of the process.
#[derive(Debug)]
pub struct Telemetry {
    sources: Mutex<BTreeMap<String, Arc<SourceTelemetry>>>,
    reload: Mutex<Reload>,
    started: Timestamp,
    pushes: OnceLock<Arc<PushTelemetry>>,
}

impl Telemetry {
    /// No sources yet, and a configuration that was loaded at `started`.
    pub fn new(started: Timestamp) -> Self {
        let reload = Mutex::new(Reload { successful: true, last_success: started });
        Self { sources: Mutex::default(), reload, started, pushes: OnceLock::new() }
    }

    /// When counting started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The instruments of the pushes, which are shown from now on.
    pub fn pushes(&self) -> Arc<PushTelemetry> {
        Arc::clone(self.pushes.get_or_init(Arc::default))
    }

    /// The pushes so far; none where nothing is pushed.
    pub fn read_pushes(&self) -> Option<PushReading> {
        self.pushes.get().map(|pushes| pushes.read())
    }

    /// The instruments for a source: those it has, so that its counters go on over a reload, or new ones. New ones
    /// are read only once they are among those of [`Telemetry::arrange`].
    pub fn source(
        &self,
        source: &str,
        vendor: &'static str,
        endpoints: &[&'static str],
        collectors: &[&'static str],
    ) -> Arc<SourceTelemetry> {
        let known = lock(&self.sources).get(source).filter(|known| known.vendor == vendor).map(Arc::clone);
        known.unwrap_or_else(|| Arc::new(SourceTelemetry::new(source, vendor, endpoints, collectors)))
    }

    /// Reads these sources with these collectors from now on, and no others.
    pub fn arrange(&self, sources: impl IntoIterator<Item = (Arc<SourceTelemetry>, Vec<&'static str>)>) {
        let arranged = sources.into_iter().map(|(source, collectors)| {
            source.keep_collectors(&collectors);
            (source.source.clone(), source)
        });
        *lock(&self.sources) = arranged.collect();
    }

    /// Whether every collector has had its first answer, or failed to get one.
    pub fn all_answered(&self) -> bool {
        lock(&self.sources).values().all(|source| lock(&source.collectors).values().all(|runs| runs.answered))
    }

    /// Records the result of a reload.
    pub fn count_reload(&self, successful: bool, now: Timestamp) {
        let mut reload = lock(&self.reload);
        reload.successful = successful;
        if successful {
            reload.last_success = now;
        }
    }

    /// Reads all instruments.
    pub fn read(&self) -> (Vec<SourceReading>, Reload) {
        let sources = lock(&self.sources).values().map(|source| source.read()).collect();
        (sources, *lock(&self.reload))
    }
}
