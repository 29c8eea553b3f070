//! When each collector runs, and how long its last good data is served.
//!
//! Owns time: intervals, ages, expiry. A collector runs on its own interval, or when scrapes ask for data ([`Demand`]),
//! and never twice at once; one that fails leaves the others alone and its last good data in place until that is too old. It knows no vendor and no metric.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;

use crate::checkpoint::{Slot, Standing};
use crate::clock::{Clock, Timestamp};
use crate::lock::lock;
use crate::random;
use crate::source::{CollectOutput, Collector, WalkKind};
use crate::telemetry::{CollectorState, Failure, SourceTelemetry, span};

mod collection;
mod config;
mod demand;
mod restart;
#[cfg(test)]
mod tests;

pub use collection::Collection;
use collection::Held;
pub use config::{Config, Mode};
pub use demand::{Demand, Turn};

/// How many of the longer of interval and last full walk data is served for by default.
const STALE_AFTER_INTERVALS: u32 = 3;

/// Runs start up to this part of the interval late, so that many exporters do not ask all at once.
const JITTER: f64 = 0.05;

/// A run has so long to bring its first page, if the one before succeeded or it had to wait for a rate limit, before
/// it counts as failing and data that is too old is dropped.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// A run that has brought pages counts as making progress for so long after the last one: as long as a page may take
/// that has to be asked for again.
const NEXT_ANSWER: Duration = Duration::from_mins(5);

/// A failure that goes on is told again after so long.
const TELL_AGAIN: Duration = Duration::from_mins(10);

/// Why a run failed, in words for people.
pub type RunError = (Failure, String);

/// A collector with what is known of its runs.
pub struct Runner {
    collector: Collector,
    /// Fixed by the configuration, or reckoned from the interval.
    stale_after: Option<Duration>,
    telemetry: Arc<SourceTelemetry>,
    collection: Arc<Collection>,
    clock: Clock,
    held: Option<Held>,
    /// How long the last run took that asked for all records.
    walk: Duration,
    /// When a run succeeded last, and one that asked for all records.
    last_success: Option<Timestamp>,
    last_walk: Option<Timestamp>,
    /// How the last run failed, if it did, and when that was told.
    failing: Option<(Failure, Instant)>,
    /// Where its data is kept over a restart.
    slot: Option<Slot>,
    saving: Option<JoinHandle<()>>,
}

impl Runner {
    /// A runner that goes on with the data that is there of its collector.
    pub fn new(
        collector: Collector,
        stale_after: Option<Duration>,
        telemetry: Arc<SourceTelemetry>,
        collection: Arc<Collection>,
        clock: Clock,
    ) -> Self {
        let held = collection.held(telemetry.source(), collector.name);
        if held.is_none() {
            telemetry.update(collector.name, CollectorState::begin);
        }
        let walk = held.map_or(Duration::ZERO, |held| held.walk);
        Self {
            collector,
            stale_after,
            telemetry,
            collection,
            clock,
            held,
            walk,
            last_success: held.and_then(|held| held.last_success),
            last_walk: held.and_then(|held| held.last_walk),
            failing: None,
            slot: None,
            saving: None,
        }
    }

    /// The collector's name.
    pub fn collector(&self) -> &'static str {
        self.collector.name
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
            let interval = self.collector.interval.0;
            let next = started + interval.mul_f64(1.0 + JITTER * random::unit());
            self.wait(sleep_until(next)).await;
        }
    }

    /// Runs once, and again whenever it is its turn; ends when it is dropped.
    pub async fn run_on_demand(mut self, mut turn: Turn) {
        loop {
            // Already told, as above.
            _ = self.run().await;
            self.wait(turn.next()).await;
        }
    }

    /// Runs once, within a span of its own.
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
        self.telemetry.update(self.collector(), |state| {
            state.answered = true;
            state.last_duration = Some(took.as_secs_f64());
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
                    tracing::info!(source = self.source(), collector, "collecting again");
                }
            }
            Err((failure, words)) => {
                self.telemetry.update(self.collector(), |state| {
                    state.up = false;
                    state.failed[*failure as usize] += 1;
                    state.last_error = Some(words.clone());
                });
                self.tell(*failure, words);
                self.drop_what_is_stale();
            }
        }
        result
    }

    /// Logs a failure: once for each change, and now and then while it goes on.
    fn tell(&mut self, failure: Failure, words: &str) {
        let (source, collector, outcome) = (self.telemetry.source(), self.collector.name, failure.as_str());
        match self.failing {
            Some((known, told)) if known == failure && told.elapsed() < TELL_AGAIN => {
                tracing::debug!(source, collector, outcome, error = words, "collection failed again");
            }
            _ => {
                tracing::warn!(source, collector, outcome, error = words, "collection failed");
                self.failing = Some((failure, Instant::now()));
            }
        }
    }

    /// Runs the collector, and drops what is stale meanwhile if nothing comes.
    async fn collect(&mut self) -> Result<CollectOutput, RunError> {
        let name = self.collector.name;
        let telemetry = Arc::clone(&self.telemetry);
        let last_page = Mutex::new(None);
        let progress = || {
            if lock(&last_page).replace(Instant::now()).is_none() {
                telemetry.update(name, |state| state.answered = true);
            }
        };
        let mut check = self.expiry();
        if self.failing.is_none() {
            check = check.map(|check| check.max(Instant::now() + FIRST_ANSWER));
        }
        let run = AssertUnwindSafe(self.collector.listing.collect(&progress)).catch_unwind();
        let mut run = std::pin::pin!(run);
        let result = loop {
            tokio::select! {
                result = &mut run => break result,
                () = until(check) => {
                    // A walk that is making progress is not failing: its old data is served until it ends. Nor is one
                    // that waits for its turn, and then for the answer.
                    let now = Instant::now();
                    let progressing = lock(&last_page).map(|last| last + NEXT_ANSWER).filter(|until| *until > now);
                    let waiting = telemetry.is_waiting_for_limit().then(|| now + FIRST_ANSWER);
                    check = progressing.or(waiting);
                    if check.is_none() {
                        expire(&mut self.held, &telemetry, &self.collection, name);
                    }
                }
            }
        };
        match result {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err((error.failure, error.to_string())),
            Err(_) => Err((
                Failure::Internal,
                "the collector broke off with a fault of its own; please report it with the log lines before"
                    .to_owned(),
            )),
        }
    }

    /// Serves what a run brought.
    async fn take(&mut self, output: CollectOutput, took: Duration) -> Result<(), RunError> {
        let CollectOutput { tables, records, walk_kind, missing, note, resume_state } = output;
        let (now, complete) = (self.clock.now(), missing.is_none());
        match walk_kind {
            WalkKind::Full => self.walk = took,
            // How long it took before it was broken off is not known, nor how long it lay.
            WalkKind::Resumed => self.walk = self.walk.max(took),
            WalkKind::Incremental => {}
        }
        // What is known to lack records is better than nothing, and worse than whole data that is not too old.
        let serves = complete || self.is_stale() || !self.held.is_some_and(|held| held.complete);
        let walk = self.walk;
        if complete {
            self.last_success = Some(now);
            if walk_kind != WalkKind::Incremental {
                self.last_walk = Some(now);
            }
        }
        let (last_success, last_walk) = (self.last_success, self.last_walk);
        if serves {
            let held = Held { since: Instant::now(), complete, records, walk, last_success, last_walk };
            self.collection.put(self.source(), self.collector(), Some((tables.clone(), held)));
            self.held = Some(held);
        }
        let mut standing = None;
        self.telemetry.update(self.collector(), |state| {
            if complete {
                state.up = true;
                state.succeeded += 1;
                state.last_success = last_success;
                state.last_walk = last_walk;
                state.last_error = None;
            }
            if serves {
                state.complete = complete;
                state.records = records;
                state.note.clone_from(&note);
                standing = Some(Standing {
                    since: now,
                    complete,
                    records,
                    walk,
                    last_success,
                    last_walk,
                    note,
                    onward: resume_state,
                });
            }
        });
        if let Some(standing) = standing {
            self.keep(tables, standing).await;
        }
        missing.map_or(Ok(()), |missing| Err((Failure::Incomplete, missing)))
    }

    /// Waits for the next run, and drops meanwhile what is stale.
    async fn wait(&mut self, next: impl Future<Output = ()>) {
        let mut next = std::pin::pin!(next);
        loop {
            // One that is not failing has the next run to show that it still is not.
            let expiry = self.expiry().filter(|_| self.failing.is_some());
            tokio::select! {
                () = &mut next => return,
                () = until(expiry) => self.drop_what_is_stale(),
            }
        }
    }

    fn expiry(&self) -> Option<Instant> {
        let held = self.held?;
        let reckoned = || STALE_AFTER_INTERVALS * self.collector.interval.0.max(held.walk);
        Some(held.since + self.stale_after.unwrap_or_else(reckoned))
    }

    fn is_stale(&self) -> bool {
        self.expiry().is_some_and(|expiry| expiry <= Instant::now())
    }

    fn drop_what_is_stale(&mut self) {
        if self.is_stale() {
            expire(&mut self.held, &self.telemetry, &self.collection, self.collector.name);
        }
    }
}

fn expire(held: &mut Option<Held>, telemetry: &SourceTelemetry, collection: &Collection, collector: &'static str) {
    *held = None;
    collection.put(telemetry.source(), collector, None);
    telemetry.update(collector, |state| {
        state.complete = false;
        state.records = 0;
        state.note = None;
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
