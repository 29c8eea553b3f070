//! Decides when each collector runs, and how long its last good data is served.
//!
//! Owns time: intervals, ages, expiry. A collector runs on its own interval, or when scrapes trigger it
//! ([`OnDemandScheduler`]), and never twice at once. A failing collector does not affect the others, and its last good
//! data is served until it is too old. It knows neither vendors nor metrics.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;

use crate::checkpoint::{SavedData, Slot};
use crate::clock::Clock;
use crate::inventory::DataStatus;
use crate::lock::lock;
use crate::random;
use crate::record::FieldCounts;
use crate::source::{CollectOutput, Collector, WalkKind};
use crate::telemetry::{CollectorRuns, Failure, SourceTelemetry, span};

mod config;
mod current;
mod on_demand;
mod restart;
mod served;
#[cfg(test)]
mod tests;

pub use config::{Config, Mode};
pub use current::CurrentData;
pub use on_demand::{OnDemandScheduler, Ticket};
use served::ServedData;

/// Runs start up to this part of the interval late, so that many exporters do not query a vendor all at once.
const JITTER: f64 = 0.05;

/// A run has this long to read its first page, if the run before succeeded or it had to wait for a rate limit, before
/// it counts as failing and data that is too old is dropped.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// A run that has read pages counts as making progress for this long after the last one: as long as a page may take
/// that has to be retried.
const NEXT_ANSWER: Duration = Duration::from_mins(5);

/// A failure that persists is logged again after this long.
const LOG_AGAIN: Duration = Duration::from_mins(10);

/// Why a run failed, in plain words.
pub type RunError = (Failure, String);

/// Runs one collector and serves its data.
pub struct Runner {
    collector: Collector,
    telemetry: Arc<SourceTelemetry>,
    clock: Clock,
    served: ServedData,
    /// How the last run failed, if it did, and when that was logged.
    failing: Option<(Failure, Instant)>,
    /// Where its data is saved for a restart.
    slot: Option<Slot>,
    saving: Option<JoinHandle<()>>,
}

impl Runner {
    /// A runner that continues with the current data of its collector.
    pub fn new(
        collector: Collector,
        stale_after: Option<Duration>,
        telemetry: Arc<SourceTelemetry>,
        current: Arc<CurrentData>,
        clock: Clock,
    ) -> Self {
        let runs = (collector.name, collector.interval.0);
        let served = ServedData::of(current, telemetry.source(), runs, stale_after);
        if !served.is_some() {
            telemetry.update(collector.name, CollectorRuns::start_over);
        }
        Self { collector, telemetry, clock, served, failing: None, slot: None, saving: None }
    }

    /// The collector's name.
    pub fn collector(&self) -> &'static str {
        self.collector.name
    }

    /// The source's name.
    pub fn source(&self) -> &str {
        self.telemetry.source()
    }

    /// Runs on its interval; ends when dropped.
    pub async fn run_forever(mut self) {
        loop {
            let started = Instant::now();
            // The log and the collector's own metrics show how it went.
            _ = self.run().await;
            let interval = self.collector.interval.0;
            let next = started + interval.mul_f64(1.0 + JITTER * random::unit());
            self.wait(sleep_until(next)).await;
        }
    }

    /// Runs once, and again whenever scrapes need newer data; ends when dropped.
    pub async fn run_on_demand(mut self, mut ticket: Ticket) {
        loop {
            // As above.
            _ = self.run().await;
            self.wait(ticket.next()).await;
        }
    }

    /// Runs once, within its own span.
    pub async fn run(&mut self) -> Result<(), RunError> {
        let span = span::of_run(self.source(), self.collector());
        let result = self.run_once().instrument(span.clone()).await;
        if let Err((failure, words)) = &result {
            span::failed(&span, *failure, words);
        }
        result
    }

    async fn run_once(&mut self) -> Result<(), RunError> {
        let started = Instant::now();
        let result = self.collect().await;
        let took = started.elapsed();
        self.telemetry.update(self.collector(), |runs| {
            runs.answered = true;
            runs.last_duration = Some(took.as_secs_f64());
        });
        let result = match result {
            Ok(output) => {
                span::brought(output.walk_kind.as_str(), output.records);
                self.take(output, took).await
            }
            Err(error) => Err(error),
        };
        match &result {
            Ok(()) => {
                let (source, collector) = (self.source(), self.collector());
                tracing::debug!(source, collector, seconds = took.as_secs_f64(), "collected");
                if self.failing.take().is_some() {
                    tracing::info!(source = self.source(), collector, "collection recovered");
                }
            }
            Err((failure, words)) => {
                self.telemetry.count_failure(self.collector(), *failure, words);
                self.log_failure(*failure, words);
                self.expire_if_stale();
            }
        }
        result
    }

    /// Logs a failure: once for each change, and from time to time while it persists.
    fn log_failure(&mut self, failure: Failure, words: &str) {
        let (source, collector, outcome) = (self.telemetry.source(), self.collector.name, failure.as_str());
        match self.failing {
            Some((known, logged)) if known == failure && logged.elapsed() < LOG_AGAIN => {
                tracing::debug!(source, collector, outcome, error = words, "collection failed again");
            }
            _ => {
                tracing::warn!(source, collector, outcome, error = words, "collection failed");
                self.failing = Some((failure, Instant::now()));
            }
        }
    }

    /// Runs the collector, and drops stale data meanwhile if nothing arrives.
    async fn collect(&mut self) -> Result<CollectOutput, RunError> {
        let name = self.collector.name;
        let telemetry = Arc::clone(&self.telemetry);
        let last_page = Mutex::new(None);
        let progress = || {
            if lock(&last_page).replace(Instant::now()).is_none() {
                telemetry.update(name, |runs| runs.answered = true);
            }
        };
        let mut check = self.served.expiry();
        if self.failing.is_none() {
            check = check.map(|check| check.max(Instant::now() + FIRST_ANSWER));
        }
        let run = AssertUnwindSafe(self.collector.listing.collect(&progress)).catch_unwind();
        let mut run = std::pin::pin!(run);
        let result = loop {
            tokio::select! {
                result = &mut run => break result,
                () = until(check) => {
                    // A walk that is making progress is not failing: its old data is served until it ends. Nor is a run
                    // failing that waits for a rate limit, and then for the response.
                    let now = Instant::now();
                    let progressing = lock(&last_page).map(|last| last + NEXT_ANSWER).filter(|until| *until > now);
                    let waiting = telemetry.is_waiting_for_limit().then(|| now + FIRST_ANSWER);
                    check = progressing.or(waiting);
                    if check.is_none() {
                        self.served.expire();
                    }
                }
            }
        };
        match result {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err((error.failure, error.to_string())),
            Err(_) => Err((
                Failure::Internal,
                "internal error: the collector panicked; please report it with the log lines above".to_owned(),
            )),
        }
    }

    /// Serves the output of a run, unless it is worse than the served data.
    async fn take(&mut self, output: CollectOutput, took: Duration) -> Result<(), RunError> {
        let CollectOutput { tables, records, walk_kind, missing, failure, note, fields, resume_state } = output;
        let complete = missing.is_none();
        let known = self.served.status();
        // Incomplete data is better than none, and worse than complete data that is not too old.
        if complete || !self.served.is_some() || self.served.is_stale() || !known.complete {
            let walk_duration = match walk_kind {
                WalkKind::Full => took,
                // The time before the interruption is not measured.
                WalkKind::Resumed => known.walk_duration.max(took),
                WalkKind::Incremental => known.walk_duration,
            };
            self.log_unreadable(&fields);
            let fields = Arc::new(fields);
            let mut status = DataStatus { complete, records, walk_duration, note, fields, ..known.clone() };
            let since = self.clock.now();
            if complete {
                status.last_success = Some(since);
                if walk_kind != WalkKind::Incremental {
                    status.last_walk = Some(since);
                }
                status.last_good_run = self.telemetry.count_success(self.collector());
            }
            self.served.replace(tables.clone(), Instant::now(), status.clone());
            self.save(tables, SavedData { since, status, resume_state }).await;
        }
        missing.map_or(Ok(()), |missing| Err((failure, missing)))
    }

    /// Logs the fields that cannot be read in some rows, once for each change.
    fn log_unreadable(&self, fields: &FieldCounts) {
        let known: BTreeMap<_, _> = self.served.status().fields.unreadable().collect();
        let (source, collector) = (self.telemetry.source(), self.collector.name);
        for (field, rows) in fields.unreadable().filter(|(field, rows)| known.get(field) != Some(rows)) {
            tracing::warn!(source, collector, field, rows, "field cannot be read and counts as absent");
        }
    }

    /// Waits for the next run, and drops stale data meanwhile.
    async fn wait(&mut self, next: impl Future<Output = ()>) {
        let mut next = std::pin::pin!(next);
        loop {
            // A collector that is not failing keeps its data until the next run.
            let expiry = self.served.expiry().filter(|_| self.failing.is_some());
            tokio::select! {
                () = &mut next => return,
                () = until(expiry) => self.expire_if_stale(),
            }
        }
    }

    fn expire_if_stale(&mut self) {
        if self.served.is_stale() {
            self.served.expire();
        }
    }
}

/// Waits until this time; forever if there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
