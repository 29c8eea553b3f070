//! Collection on demand: one run of a collector at a time, shared by all who wait for it, and none before its data may be
//! that old.
//!
//! Owns when collectors run if scrapes say so. It knows neither what they collect nor who asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::lock::lock;

/// The wish of those who ask for data, and how far the collectors are with it. Each has its own turn: one that takes long
/// keeps none of the others from being asked.
#[derive(Debug)]
pub struct Demand {
    min_age: Duration,
    collectors: Mutex<Vec<Arc<Part>>>,
    /// How many collectors have still to end their run.
    running: watch::Sender<usize>,
}

/// One collector's part in it.
#[derive(Debug)]
struct Part {
    wanted: Notify,
    run: Mutex<Run>,
}

#[derive(Debug)]
struct Run {
    /// When its last run was wanted.
    started: Instant,
    /// Whether it has still to be ended.
    runs: bool,
}

impl Demand {
    /// No collector yet. A run of one is not started before the one before it was started so long ago.
    pub fn new(min_age: Duration) -> Self {
        Self { min_age, collectors: Mutex::default(), running: watch::Sender::new(0) }
    }

    /// One more collector, which begins with a run at once.
    pub fn join(self: &Arc<Self>) -> Turn {
        let run = Mutex::new(Run { started: Instant::now(), runs: true });
        let part = Arc::new(Part { wanted: Notify::new(), run });
        lock(&self.collectors).push(Arc::clone(&part));
        self.running.send_modify(|running| *running += 1);
        Turn { demand: Arc::clone(self), part }
    }

    /// Waits until no collector has a run to end, after starting those that ended theirs and started it too long ago.
    pub async fn fresh(&self) {
        let now = Instant::now();
        for part in &*lock(&self.collectors) {
            let mut run = lock(&part.run);
            if !run.runs && now.duration_since(run.started) >= self.min_age {
                *run = Run { started: now, runs: true };
                self.running.send_modify(|running| *running += 1);
                part.wanted.notify_one();
            }
        }
        // The sender is this one's own.
        _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// A collector's part in collections on demand. One that is dropped is waited for no longer.
#[derive(Debug)]
pub struct Turn {
    demand: Arc<Demand>,
    part: Arc<Part>,
}

impl Turn {
    /// Ends the run, and waits until another one is wanted.
    pub async fn next(&mut self) {
        self.end();
        self.part.wanted.notified().await;
    }

    fn end(&self) {
        if std::mem::take(&mut lock(&self.part.run).runs) {
            self.demand.running.send_modify(|running| *running = running.saturating_sub(1));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // First, so that nobody wants a run of it that nobody would end.
        lock(&self.demand.collectors).retain(|part| !Arc::ptr_eq(part, &self.part));
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

    /// Collectors that need so many seconds for a run, and how many runs they began.
    fn collectors(demand: &Arc<Demand>, seconds: &[u64]) -> (JoinSet<()>, Arc<AtomicUsize>) {
        let runs = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for seconds in seconds {
            let (mut turn, runs, time) = (demand.join(), Arc::clone(&runs), Duration::from_secs(*seconds));
            tasks.spawn(async move {
                loop {
                    runs.fetch_add(1, Ordering::Relaxed);
                    sleep(time).await;
                    turn.next().await;
                }
            });
        }
        (tasks, runs)
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_share_one_collection() {
        let demand = Arc::new(Demand::new(Duration::from_mins(1)));
        let (_tasks, runs) = collectors(&demand, &[5, 1]);
        let began = Instant::now();
        join_all((0..100).map(|_| demand.fresh())).await;
        assert_eq!((began.elapsed().as_secs(), runs.load(Ordering::Relaxed)), (5, 2), "the first is everyone's");
        for second in 6..60 {
            advance(Duration::from_secs(1)).await;
            demand.fresh().await;
            assert_eq!((began.elapsed().as_secs(), runs.load(Ordering::Relaxed)), (second, 2), "not too old yet");
        }
        advance(Duration::from_secs(1)).await;
        join_all((0..100).map(|_| demand.fresh())).await;
        assert_eq!((began.elapsed().as_secs(), runs.load(Ordering::Relaxed)), (65, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_collection_that_takes_long_is_not_started_again_meanwhile() {
        let demand = Arc::new(Demand::new(Duration::from_secs(10)));
        let (_tasks, runs) = collectors(&demand, &[100]);
        for _ in 0..9 {
            assert!(tokio::time::timeout(Duration::from_secs(10), demand.fresh()).await.is_err());
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        demand.fresh().await;
        demand.fresh().await;
        assert_eq!(runs.load(Ordering::Relaxed), 2, "it was too old when it ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_that_takes_long_keeps_no_other_from_its_turn() {
        let demand = Arc::new(Demand::new(Duration::from_secs(10)));
        let (_slow, slow) = collectors(&demand, &[3600]);
        let (_quick, quick) = collectors(&demand, &[1]);
        for _ in 0..30 {
            assert!(tokio::time::timeout(Duration::from_secs(10), demand.fresh()).await.is_err());
        }
        assert_eq!((slow.load(Ordering::Relaxed), quick.load(Ordering::Relaxed)), (1, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_that_goes_is_not_waited_for() {
        let demand = Arc::new(Demand::new(Duration::from_secs(10)));
        demand.fresh().await;
        let (mut tasks, _) = collectors(&demand, &[1000]);
        let (_others, runs) = collectors(&demand, &[1]);
        let waiting = demand.fresh();
        let stopping = async {
            sleep(Duration::from_secs(2)).await;
            tasks.shutdown().await;
        };
        let began = Instant::now();
        tokio::join!(waiting, stopping);
        assert_eq!(began.elapsed().as_secs(), 2);
        // One that is gone before it heard of a collection, too.
        let (mut tasks, _) = collectors(&demand, &[1]);
        sleep(Duration::from_secs(20)).await;
        let (mut waiting, before) = (Box::pin(demand.fresh()), runs.load(Ordering::Relaxed));
        assert!((&mut waiting).now_or_never().is_none());
        tasks.abort_all();
        waiting.await;
        assert_eq!(runs.load(Ordering::Relaxed), before + 1);
    }
}
