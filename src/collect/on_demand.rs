//! Collection on demand: a scrape that finds data older than `min_age` triggers a run, and concurrent scrapes share it.
//!
//! Owns when collectors run if scrapes trigger it. It knows neither what they collect nor what a scrape is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::lock::lock;

/// Starts runs when data is too old, and knows which are still going. Collectors are independent: a slow one does not
/// keep the others from running.
#[derive(Debug)]
pub struct OnDemandScheduler {
    min_age: Duration,
    collectors: Mutex<Vec<Arc<Participant>>>,
    /// The number of runs that have not ended.
    running: watch::Sender<usize>,
}

/// One collector.
#[derive(Debug)]
struct Participant {
    requested: Notify,
    run: Mutex<Run>,
}

#[derive(Debug)]
struct Run {
    /// When its last run was requested.
    started: Instant,
    /// Whether that run has not ended yet.
    runs: bool,
}

impl OnDemandScheduler {
    /// A scheduler without collectors. A run starts no sooner than `min_age` after the start of the one before.
    pub fn new(min_age: Duration) -> Self {
        Self { min_age, collectors: Mutex::default(), running: watch::Sender::new(0) }
    }

    /// Adds a collector, which starts with a run at once.
    pub fn join(self: &Arc<Self>) -> Ticket {
        let run = Mutex::new(Run { started: Instant::now(), runs: true });
        let participant = Arc::new(Participant { requested: Notify::new(), run });
        lock(&self.collectors).push(Arc::clone(&participant));
        self.running.send_modify(|running| *running += 1);
        Ticket { scheduler: Arc::clone(self), participant }
    }

    /// Starts the collectors whose last run began `min_age` or longer ago, and waits until every run has ended.
    pub async fn ensure_fresh(&self) {
        let now = Instant::now();
        for participant in &*lock(&self.collectors) {
            let mut run = lock(&participant.run);
            if !run.runs && now.duration_since(run.started) >= self.min_age {
                *run = Run { started: now, runs: true };
                self.running.send_modify(|running| *running += 1);
                participant.requested.notify_one();
            }
        }
        // Cannot fail: `self` holds the sender.
        _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// A collector's admission to collections on demand. Once it is dropped, nothing waits for the collector.
#[derive(Debug)]
pub struct Ticket {
    scheduler: Arc<OnDemandScheduler>,
    participant: Arc<Participant>,
}

impl Ticket {
    /// Ends the run, and waits until another one is requested.
    pub async fn next(&mut self) {
        self.end();
        self.participant.requested.notified().await;
    }

    fn end(&self) {
        if std::mem::take(&mut lock(&self.participant.run).runs) {
            self.scheduler.running.send_modify(|running| *running = running.saturating_sub(1));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // First, so that no run is requested that would never end.
        lock(&self.scheduler.collectors).retain(|participant| !Arc::ptr_eq(participant, &self.participant));
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use tokio::task::JoinSet;
    use tokio::time::{advance, sleep};

    use super::*;

    /// Collectors with the seconds that a run takes, and how many runs they began.
    fn collectors(scheduler: &Arc<OnDemandScheduler>, seconds: &[u64]) -> (JoinSet<()>, Arc<AtomicUsize>) {
        let runs = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for seconds in seconds {
            let (mut ticket, runs, time) = (scheduler.join(), Arc::clone(&runs), Duration::from_secs(*seconds));
            tasks.spawn(async move {
                loop {
                    runs.fetch_add(1, Ordering::Relaxed);
                    sleep(time).await;
                    ticket.next().await;
                }
            });
        }
        (tasks, runs)
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_scrapes_share_one_collection() {
        let scheduler = Arc::new(OnDemandScheduler::new(Duration::from_mins(1)));
        let (_tasks, runs) = collectors(&scheduler, &[5, 1]);
        let began = Instant::now();
        join_all((0..100).map(|_| scheduler.ensure_fresh())).await;
        assert_eq!((began.elapsed().as_secs(), runs.load(Ordering::Relaxed)), (5, 2), "the first run is shared");
        for second in 6..60 {
            advance(Duration::from_secs(1)).await;
            scheduler.ensure_fresh().await;
            assert_eq!((began.elapsed().as_secs(), runs.load(Ordering::Relaxed)), (second, 2), "not too old yet");
        }
        advance(Duration::from_secs(1)).await;
        join_all((0..100).map(|_| scheduler.ensure_fresh())).await;
        assert_eq!((began.elapsed().as_secs(), runs.load(Ordering::Relaxed)), (65, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_collection_is_not_started_again_meanwhile() {
        let scheduler = Arc::new(OnDemandScheduler::new(Duration::from_secs(10)));
        let (_tasks, runs) = collectors(&scheduler, &[100]);
        for _ in 0..9 {
            assert!(tokio::time::timeout(Duration::from_secs(10), scheduler.ensure_fresh()).await.is_err());
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        scheduler.ensure_fresh().await;
        scheduler.ensure_fresh().await;
        assert_eq!(runs.load(Ordering::Relaxed), 2, "it was too old when it ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_collector_does_not_delay_others() {
        let scheduler = Arc::new(OnDemandScheduler::new(Duration::from_secs(10)));
        let (_slow, slow) = collectors(&scheduler, &[3600]);
        let (_quick, quick) = collectors(&scheduler, &[1]);
        for _ in 0..30 {
            assert!(tokio::time::timeout(Duration::from_secs(10), scheduler.ensure_fresh()).await.is_err());
        }
        assert_eq!((slow.load(Ordering::Relaxed), quick.load(Ordering::Relaxed)), (1, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_collector_is_not_waited_for() {
        let scheduler = Arc::new(OnDemandScheduler::new(Duration::from_secs(10)));
        scheduler.ensure_fresh().await;
        let (mut tasks, _) = collectors(&scheduler, &[1000]);
        let (_others, runs) = collectors(&scheduler, &[1]);
        let waiting = scheduler.ensure_fresh();
        let stopping = async {
            sleep(Duration::from_secs(2)).await;
            tasks.shutdown().await;
        };
        let began = Instant::now();
        tokio::join!(waiting, stopping);
        assert_eq!(began.elapsed().as_secs(), 2);
        // Also one that is dropped before it notices the request.
        let (mut tasks, _) = collectors(&scheduler, &[1]);
        sleep(Duration::from_secs(20)).await;
        let (mut waiting, before) = (Box::pin(scheduler.ensure_fresh()), runs.load(Ordering::Relaxed));
        assert!((&mut waiting).now_or_never().is_none());
        tasks.abort_all();
        waiting.await;
        assert_eq!(runs.load(Ordering::Relaxed), before + 1);
    }
}
