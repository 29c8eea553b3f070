//! Pushes the newest snapshot on an interval, and once more at the end.
//!
//! Owns when requests are sent, retried or split, and what is counted and logged. One push runs at a time and ends
//! before the next is due, so nothing piles up. Encoding is done off the async threads.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::answer::{PushError, Retry, Verdict};
use super::encode::Batch;
use super::receiver::ReceiverConfig;
use super::sent_series::SentSeries;
use super::transport::{Transport, gzip};
use super::{Config, resource};
use crate::metric::Series;
use crate::output::Output;
use crate::random;
use crate::self_metrics::SelfMetrics;
use crate::snapshot::Snapshot;
use crate::telemetry::{PushFailure, PushTelemetry};

/// Longest first pause before a retry; each further pause is up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause before a retry, unless the receiver asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After this many consecutive "too large" answers the receiver must mean something else: halving a million series
/// down to one takes twenty.
const MOST_TOO_LARGE: u32 = 32;

/// Time limit of the final push, whatever the receiver does.
pub(super) const LAST_PUSH: Duration = Duration::from_secs(5);

/// Hands new snapshots to the pusher, which pushes the newest.
pub struct PushSubscriber(watch::Sender<Option<Arc<Snapshot>>>);

impl Output for PushSubscriber {
    fn take(&self, snapshot: &Arc<Snapshot>) {
        self.0.send_replace(Some(Arc::clone(snapshot)));
    }
}

/// Pushes snapshots to one receiver.
pub struct Pusher {
    interval: Duration,
    max_request_bytes: usize,
    receiver: ReceiverConfig,
    self_metrics: Arc<SelfMetrics>,
    transport: Transport,
    resource: Vec<(String, String)>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    telemetry: Arc<PushTelemetry>,
    sent: SentSeries,
    /// Outcome of the last push.
    last: Option<Result<(), PushFailure>>,
}

/// The report of a push, built up request by request.
#[derive(Default)]
struct Report {
    /// The first failure.
    failed: Option<(PushFailure, String)>,
    /// Whether all stale markers were sent, so that the receiver can only know the series of this push.
    marked: bool,
    /// Whether anything arrived or may have arrived.
    arrived: bool,
    rejected: u64,
    oversized: u64,
}

impl Report {
    fn fail(&mut self, failure: PushFailure, words: String) {
        self.failed.get_or_insert((failure, words));
    }
}

/// An encoded request.
struct Ready {
    places: Range<usize>,
    oversized: usize,
    body: Bytes,
}

impl Pusher {
    /// A pusher as configured, and what takes snapshots for it; none if nothing is to be pushed. `listen` is where the
    /// metrics are served too.
    pub fn new(
        config: &Config,
        listen: &str,
        self_metrics: &Arc<SelfMetrics>,
    ) -> Result<Option<(Arc<PushSubscriber>, Self)>, String> {
        let Some(receiver) = config.metrics() else { return Ok(None) };
        let transport =
            Transport::new(&receiver, self_metrics.clock.clone()).map_err(|reason| format!("otlp: {reason}"))?;
        let (sender, snapshots) = watch::channel(None);
        let pusher = Self {
            resource: resource::attributes(&config.resource_attributes, listen),
            interval: config.interval.0,
            max_request_bytes: config.max_request_bytes(receiver.protocol),
            receiver,
            self_metrics: Arc::clone(self_metrics),
            transport,
            snapshots,
            telemetry: self_metrics.telemetry.pushes(),
            sent: SentSeries::default(),
            last: None,
        };
        Ok(Some((Arc::new(PushSubscriber(sender)), pusher)))
    }

    /// Pushes until `stop` is ready, and once more then.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.run_forever() => {}
            () = stop => {}
        }
        let within = self.receiver.timeout.0.min(LAST_PUSH);
        let last = self.push(Instant::now() + within);
        // Its requests have their own timeout; encoding has not.
        if timeout(within + Duration::from_secs(1), last).await.is_err() {
            tracing::warn!("final OTLP push of metrics timed out");
        }
    }

    async fn run_forever(&mut self) {
        // A dropped sender means that this task is about to be stopped, too.
        while self.snapshots.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
        loop {
            let next = Instant::now() + self.interval;
            self.push(next).await;
            sleep_until(next).await;
        }
    }

    /// Pushes the newest snapshot once; gives up at `deadline`.
    async fn push(&mut self, deadline: Instant) {
        let Some(snapshot) = self.snapshots.borrow().clone() else { return };
        let mut report = Report::default();
        match self.prepare(snapshot).await {
            Some((lists, batch, headers)) => {
                match headers {
                    Ok(headers) => self.send_all(batch, &headers, deadline, &mut report).await,
                    Err(reason) => report.fail(PushFailure::Internal, reason),
                }
                if report.arrived && report.marked {
                    self.sent = SentSeries::of(lists);
                }
            }
            None => report.fail(PushFailure::Internal, "the metrics could not be encoded".to_owned()),
        }
        self.record_outcome(report);
    }

    /// The series to push and the headers to send.
    async fn prepare(&self, snapshot: Arc<Snapshot>) -> Option<Prepared> {
        let (self_metrics, resource) = (Arc::clone(&self.self_metrics), self.resource.clone());
        let receiver = self.receiver.clone();
        let sent = self.sent.clone();
        let prepared = spawn_blocking(move || {
            let now = self_metrics.clock.now();
            let lists = vec![Arc::clone(&snapshot.families), Arc::new(self_metrics.evaluate(&snapshot))];
            let gone = sent.gone(&lists);
            let batch = Batch::new(&lists, gone, now, self_metrics.telemetry.started(), resource);
            (lists, Arc::new(batch), receiver.headers())
        });
        prepared.await.ok()
    }

    async fn send_all(&self, batch: Arc<Batch>, headers: &HeaderMap, deadline: Instant, report: &mut Report) {
        // Stale markers go first, in separate requests: once they arrive, the receiver knows only the rest.
        let mut left = VecDeque::from([0..batch.marks(), batch.marks()..batch.len()]);
        let mut too_large = 0;
        while let Some(places) = left.pop_front() {
            report.marked = places.start >= batch.marks();
            let Some(ready) = self.encode(&batch, places.clone()).await else {
                return report.fail(PushFailure::Internal, "the metrics could not be encoded".to_owned());
            };
            if ready.places.end < places.end {
                left.push_front(ready.places.end..places.end);
            }
            if ready.oversized > 0 {
                report.oversized += ready.oversized as u64;
                report.fail(PushFailure::TooLarge, "a single series is larger than max_request_bytes".to_owned());
            }
            if ready.body.is_empty() {
                continue;
            }
            let verdict = self.send(headers, ready.body, deadline).await;
            too_large = if matches!(verdict, Verdict::TooLarge(_)) { too_large + 1 } else { 0 };
            match verdict {
                Verdict::Taken(rejected, words) => {
                    report.arrived = true;
                    report.rejected += rejected;
                    if rejected > 0 {
                        report.fail(PushFailure::PartialSuccess, words);
                    }
                }
                Verdict::TooLarge(words) if too_large == MOST_TOO_LARGE => {
                    return report.fail(PushFailure::TooLarge, words);
                }
                Verdict::TooLarge(words) if ready.places.len() <= 1 => {
                    report.oversized += ready.places.len() as u64;
                    report.fail(PushFailure::TooLarge, words);
                }
                Verdict::TooLarge(_) => {
                    let Range { start, end } = ready.places;
                    let middle = start + (end - start) / 2;
                    left.push_front(middle..end);
                    left.push_front(start..middle);
                }
                Verdict::Failed(PushError { failure, words, retry }) => {
                    report.fail(failure, words);
                    // A slow receiver may have accepted it.
                    report.arrived |= failure == PushFailure::Timeout;
                    // Other requests may succeed if this one was refused for its contents or for its stale markers.
                    if failure != PushFailure::Refused && (report.marked || retry != Retry::No) {
                        return;
                    }
                }
            }
        }
        report.marked = true;
    }

    async fn encode(&self, batch: &Arc<Batch>, places: Range<usize>) -> Option<Ready> {
        let (batch, wants_gzip, limit) = (Arc::clone(batch), self.transport.wants_gzip(), self.max_request_bytes);
        let encoded = spawn_blocking(move || {
            let chunk = batch.chunk(places, limit);
            let body = if wants_gzip && !chunk.body.is_empty() { gzip(&chunk.body).ok()? } else { chunk.body };
            Some(Ready { places: chunk.places, oversized: chunk.oversized, body: body.into() })
        });
        encoded.await.ok().flatten()
    }

    /// Sends a request, with retries as far as the answer and `deadline` allow.
    async fn send(&self, headers: &HeaderMap, body: Bytes, deadline: Instant) -> Verdict {
        let mut pause = FIRST_PAUSE;
        loop {
            let patience = self.receiver.timeout.0.min(deadline.saturating_duration_since(Instant::now()));
            if patience.is_zero() {
                return Verdict::transient(
                    PushFailure::Timeout,
                    "the next push was due before everything was sent",
                    None,
                );
            }
            let verdict = self.transport.send(headers.clone(), body.clone(), patience).await;
            let Verdict::Failed(PushError { retry, failure, .. }) = &verdict else { return verdict };
            let wait = match retry {
                Retry::No => return verdict,
                // A receiver that asks for no pause gets one all the same.
                Retry::After(wait) if !wait.is_zero() => *wait,
                Retry::Soon | Retry::After(_) => pause.mul_f64(0.5 + random::unit() / 2.0),
            };
            if Instant::now() + wait >= deadline {
                return verdict;
            }
            tracing::debug!(outcome = failure.as_str(), retry_in = %humantime::format_duration(wait), "retrying OTLP push");
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Counts a push and logs its outcome if it changed.
    fn record_outcome(&mut self, report: Report) {
        let Report { failed, rejected, oversized, .. } = report;
        self.telemetry.count_lost(rejected, oversized);
        let outcome = failed.as_ref().map_or(Ok(()), |(failure, _)| Err(*failure));
        self.telemetry.count_push(outcome.map(|()| self.self_metrics.clock.now()));
        let changed = self.last.replace(outcome) != Some(outcome);
        match failed {
            _ if !changed => {}
            None => tracing::info!("OTLP push succeeded"),
            Some((failure, words)) => {
                let error = self.receiver.fit_for_log(&words);
                tracing::warn!(
                    error,
                    outcome = failure.as_str(),
                    rejected,
                    oversized,
                    "OTLP push failed or was partial"
                );
            }
        }
    }
}

type Prepared = (Vec<Arc<Vec<Series>>>, Arc<Batch>, Result<HeaderMap, String>);
