//! Pushes the newest snapshot on an interval, and once more at the end.
//!
//! Owns when requests are sent, again or in smaller parts, and what is counted and told of it. One push is at work at a
//! time, and ends before the next is due: nothing piles up. Encoding is done off the async threads.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::answer::{Again, Miss, Verdict};
use super::encode::Batch;
use super::reach::Reach;
use super::send::{Way, gzip};
use super::told::Told;
use super::{Config, resource};
use crate::metric::Series;
use crate::output::Output;
use crate::random;
use crate::self_metrics::SelfMetrics;
use crate::snapshot::Snapshot;
use crate::telemetry::{PushFailure, PushTelemetry};

/// The first pause before another try lasts up to this long, each further one up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// No pause of our own choice lasts longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After so many requests in a row that are too large, however they are divided, the receiver means something else by it:
/// halving a million series down to one takes twenty.
const MOST_TOO_LARGE: u32 = 32;

/// The push at the end takes no longer, whatever the receiver does.
pub(super) const LAST_PUSH: Duration = Duration::from_secs(5);

/// Takes snapshots for the pusher, which pushes the newest.
pub struct Taker(watch::Sender<Option<Arc<Snapshot>>>);

impl Output for Taker {
    fn take(&self, snapshot: &Arc<Snapshot>) {
        self.0.send_replace(Some(Arc::clone(snapshot)));
    }
}

/// Pushes snapshots to one receiver.
pub struct Pusher {
    interval: Duration,
    max_request_bytes: usize,
    reach: Reach,
    self_metrics: Arc<SelfMetrics>,
    way: Way,
    resource: Vec<(String, String)>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    telemetry: Arc<PushTelemetry>,
    told: Told,
    /// How the last push ended, once there was one.
    last: Option<Result<(), PushFailure>>,
}

/// What there is to say of a push, put together request by request.
#[derive(Default)]
struct Report {
    /// The first thing that went wrong.
    failed: Option<(PushFailure, String)>,
    /// Whether all marks on what is gone are done with, so that only what this push tells can be known to the receiver.
    marked: bool,
    /// Whether anything arrived, or may have.
    arrived: bool,
    rejected: u64,
    oversized: u64,
}

impl Report {
    fn fail(&mut self, failure: PushFailure, words: String) {
        self.failed.get_or_insert((failure, words));
    }
}

/// A request that is ready to be sent.
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
    ) -> Result<Option<(Arc<Taker>, Self)>, String> {
        let Some(reach) = config.metrics() else { return Ok(None) };
        let way = Way::new(&reach, self_metrics.clock.clone()).map_err(|reason| format!("otlp: {reason}"))?;
        let (sender, snapshots) = watch::channel(None);
        let pusher = Self {
            resource: resource::attributes(&config.resource_attributes, listen),
            interval: config.interval.0,
            max_request_bytes: config.max_request_bytes(reach.protocol),
            reach,
            self_metrics: Arc::clone(self_metrics),
            way,
            snapshots,
            telemetry: self_metrics.telemetry.pushes(),
            told: Told::default(),
            last: None,
        };
        Ok(Some((Arc::new(Taker(sender)), pusher)))
    }

    /// Pushes until `stop` is ready, and once more then.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.run_forever() => {}
            () = stop => {}
        }
        let within = self.reach.timeout.0.min(LAST_PUSH);
        let last = self.push(Instant::now() + within);
        // Its requests end in time by themselves; what is encoded before them may not.
        if timeout(within + Duration::from_secs(1), last).await.is_err() {
            tracing::warn!("the last push of metrics did not end in time");
        }
    }

    async fn run_forever(&mut self) {
        // A sender that is gone sends nothing more, and whoever dropped it stops this too.
        while self.snapshots.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
        loop {
            let next = Instant::now() + self.interval;
            self.push(next).await;
            sleep_until(next).await;
        }
    }

    /// Pushes the newest snapshot once, and gives up at `deadline`.
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
                    self.told = Told::of(lists);
                }
            }
            None => report.fail(PushFailure::Internal, "the metrics could not be encoded".to_owned()),
        }
        self.tell(report);
    }

    /// What is to be pushed, and the headers to send with it.
    async fn prepare(&self, snapshot: Arc<Snapshot>) -> Option<Prepared> {
        let (self_metrics, resource) = (Arc::clone(&self.self_metrics), self.resource.clone());
        let reach = self.reach.clone();
        let told = self.told.clone();
        let prepared = off_thread(move || {
            let now = self_metrics.clock.now();
            let lists = vec![Arc::clone(&snapshot.families), Arc::new(self_metrics.evaluate(&snapshot))];
            let gone = told.gone(&lists);
            let batch = Batch::new(&lists, gone, now, self_metrics.telemetry.started(), resource);
            (lists, Arc::new(batch), reach.headers())
        });
        prepared.await
    }

    async fn send_all(&self, batch: Arc<Batch>, headers: &HeaderMap, deadline: Instant, report: &mut Report) {
        // Marks go first, in requests of their own: once they are there, nothing but the rest is left at the receiver.
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
                report.fail(PushFailure::TooLarge, "a series alone is larger than max_request_bytes".to_owned());
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
                Verdict::Failed(Miss { failure, words, again }) => {
                    report.fail(failure, words);
                    // A receiver that is slow may have taken it all the same.
                    report.arrived |= failure == PushFailure::Timeout;
                    // Another request may be taken where one was refused for what is in it, or for being of marks.
                    if failure != PushFailure::Refused && (report.marked || again != Again::No) {
                        return;
                    }
                }
            }
        }
        report.marked = true;
    }

    async fn encode(&self, batch: &Arc<Batch>, places: Range<usize>) -> Option<Ready> {
        let (batch, wants_gzip, limit) = (Arc::clone(batch), self.way.wants_gzip(), self.max_request_bytes);
        let encoded = off_thread(move || {
            let chunk = batch.chunk(places, limit);
            let body = if wants_gzip && !chunk.body.is_empty() { gzip(&chunk.body).ok()? } else { chunk.body };
            Some(Ready { places: chunk.places, oversized: chunk.oversized, body: body.into() })
        });
        encoded.await.flatten()
    }

    /// Sends a request, again where that is worth it and `deadline` allows it.
    async fn send(&self, headers: &HeaderMap, body: Bytes, deadline: Instant) -> Verdict {
        let mut pause = FIRST_PAUSE;
        loop {
            let patience = self.reach.timeout.0.min(deadline.saturating_duration_since(Instant::now()));
            if patience.is_zero() {
                return Verdict::passing(PushFailure::Timeout, "the next push was due before all was sent", None);
            }
            let verdict = self.way.send(headers.clone(), body.clone(), patience).await;
            let Verdict::Failed(Miss { again, failure, .. }) = &verdict else { return verdict };
            let wait = match again {
                Again::No => return verdict,
                // A receiver that asks for no time at all is left some, all the same.
                Again::After(wait) if !wait.is_zero() => *wait,
                Again::Soon | Again::After(_) => pause.mul_f64(0.5 + random::unit() / 2.0),
            };
            if Instant::now() + wait >= deadline {
                return verdict;
            }
            tracing::debug!(reason = failure.as_str(), "pushing again");
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Counts a push, and says how it went if the one before went otherwise.
    fn tell(&mut self, report: Report) {
        let Report { failed, rejected, oversized, .. } = report;
        self.telemetry.count_lost(rejected, oversized);
        let outcome = failed.as_ref().map_or(Ok(()), |(failure, _)| Err(*failure));
        self.telemetry.count_push(outcome.map(|()| self.self_metrics.clock.now()));
        let changed = self.last.replace(outcome) != Some(outcome);
        match failed {
            _ if !changed => {}
            None => tracing::info!("metrics are pushed"),
            Some((failure, words)) => {
                let said = self.reach.fit_for_log(&words);
                tracing::warn!(
                    reason = failure.as_str(),
                    said,
                    rejected,
                    oversized,
                    "metrics are not pushed, or not all"
                );
            }
        }
    }
}

type Prepared = (Vec<Arc<Vec<Series>>>, Arc<Batch>, Result<HeaderMap, String>);

/// Does work that takes a while off the async threads; nothing if it panicked or the program is stopping.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
