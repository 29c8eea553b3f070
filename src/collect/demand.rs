//! Collection on demand: one at a time, shared by all who wait for it, and none before the data may be that old.
//!
//! Owns when collectors run if scrapes say so. It knows neither what they collect nor who asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::lock::lock;

/// The wish of those who ask for data, and how far the collectors are with it.
#[derive(Debug)]
pub struct Demand {
    min_age: Duration,
    state: Mutex<State>,
    /// The collection that is wanted; each has the number of those before it.
    wanted: watch::Sender<u64>,
    /// How many collectors have still to end their run.
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    collectors: usize,
    started: Option<Instant>,
}

impl Demand {
    /// No collector yet. A collection is not started before the one before it was started so long ago.
    pub fn new(min_age: Duration) -> Self {
        Self { min_age, state: Mutex::default(), wanted: watch::Sender::new(0), running: watch::Sender::new(0) }
    }

    /// One more collector, which begins with a run at once.
    pub fn join(self: &Arc<Self>) -> Turn {
        let mut state = lock(&self.state);
        state.collectors += 1;
        state.started = Some(Instant::now());
        self.running.send_modify(|running| *running += 1);
        Turn { demand: Arc::clone(self), wanted: self.wanted.subscribe(), runs: true }
    }

    /// Waits until no collection is under way, after starting one if the last was started too long ago.
    pub async fn fresh(&self) {
        {
            let mut state = lock(&self.state);
            let now = Instant::now();
            let too_old = state.started.is_none_or(|started| now.duration_since(started) >= self.min_age);
            if too_old && *self.running.borrow() == 0 && state.collectors > 0 {
                state.started = Some(now);
                self.running.send_replace(state.collectors);
                self.wanted.send_modify(|number| *number += 1);
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
    wanted: watch::Receiver<u64>,
    /// Whether it has a run to end.
    runs: bool,
}

impl Turn {
    /// Ends the run, and waits until another one is wanted.
    pub async fn next(&mut self) {
        self.end();
        // The sender lives as long as this.
        _ = self.wanted.changed().await;
        self.runs = true;
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.runs) {
            self.demand.running.send_modify(|running| *running = running.saturating_sub(1));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.demand.state);
        state.collectors = state.collectors.saturating_sub(1);
        // One that has not heard of the collection yet was counted in it.
        let unheard = self.wanted.has_changed().unwrap_or(false);
        if self.runs || unheard {
            self.demand.running.send_modify(|running| *running = running.saturating_sub(1));
        }
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
