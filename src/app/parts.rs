//! What the program is made of: what is known of the sources, what outlives a reload, and what publishes snapshots.
//!
//! Owns how the parts are put together from a configuration. When that is done is the program's life.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::catalog;
use crate::checkpoint::{Saved, Slot, Store};
use crate::clock::Clock;
use crate::collect::{Collection, Demand, Runner};
use crate::config::Config;
use crate::inventory::Inventory;
use crate::lock::lock;
use crate::metric::Settings;
use crate::output::Output;
use crate::output::exposition::Refresh;
use crate::self_metrics::SelfMetrics;
use crate::snapshot::Snapshot;
use crate::source::Source;
use crate::telemetry::Telemetry;

/// What everything is built from, and what outlives a reload.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) self_metrics: Arc<SelfMetrics>,
    pub(super) known: Arc<Known>,
    /// Where what is known is kept over a restart.
    pub(super) store: Option<Arc<Store>>,
}

/// What snapshots are made from: what is known, and the settings that say what to show of it.
pub(super) struct Known {
    pub(super) collection: Arc<Collection>,
    /// Locked while both change, so that nobody sees data that was collected for one and the other settings.
    pub(super) settings: Mutex<Arc<Settings>>,
    /// The generation of the collection that was published last.
    published: watch::Sender<u64>,
}

impl Known {
    pub(super) fn now(&self) -> (Inventory, Arc<Settings>) {
        let settings = lock(&self.settings);
        (self.collection.inventory(), Arc::clone(&settings))
    }

    /// Waits until all that is known now is published.
    pub(super) async fn shown(&self) {
        let wanted = self.collection.generation();
        // The sender is the waiter's own.
        _ = self.published.subscribe().wait_for(|published| *published >= wanted).await;
    }
}

/// Has data collected anew when it is asked for and too old, and waits until that is published.
pub(super) struct OnDemand {
    pub(super) demand: Arc<Demand>,
    pub(super) known: Arc<Known>,
}

impl Refresh for OnDemand {
    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.demand.fresh().await;
            self.known.shown().await;
        })
    }
}

impl Parts {
    pub(super) fn new(config: &Config, clock: Clock, store: Option<Arc<Store>>) -> Self {
        let telemetry = Arc::new(Telemetry::new(clock.now()));
        Self {
            self_metrics: Arc::new(SelfMetrics { telemetry, store: store.clone(), clock: clock.clone() }),
            clock,
            known: Arc::new(Known {
                collection: Arc::default(),
                settings: Mutex::new(Arc::new(settings(config))),
                published: watch::Sender::default(),
            }),
            store,
        }
    }

    /// The sources that a configuration has. Nothing runs yet.
    pub(super) fn build(&self, config: &Config) -> Result<Vec<Source>, String> {
        let promote: Arc<[String]> = config.containers.promote_labels.as_slice().into();
        config.source.build(&promote, &self.self_metrics.telemetry, &self.clock).map_err(|reasons| reasons.join("\n"))
    }

    /// Makes these the sources. Only those in `keep_data` keep what is known of them.
    pub(super) fn arrange(&self, sources: &[Source], keep_data: &[String]) {
        let keep_data: Vec<&str> = keep_data.iter().map(String::as_str).collect();
        let named = sources.iter().map(|source| (source.name.as_str(), source.vendor, source.collector_names()));
        self.known.collection.arrange(named, &keep_data);
        let read = sources.iter().map(|source| (Arc::clone(&source.telemetry), source.collector_names()));
        self.self_metrics.telemetry.arrange(read);
    }

    /// A runner for each collector of these sources, which goes on with what was kept of it.
    pub(super) async fn runners(&self, sources: impl IntoIterator<Item = Source>) -> Vec<Runner> {
        let mut runners = Vec::new();
        for Source { name, vendor, identity, stale_after, telemetry, collectors } in sources {
            for collector in collectors {
                let slot = self.store.as_ref().map(|store| store.slot(&name, vendor, collector.name, identity));
                let stale_after = stale_after.map(|span| span.0);
                let (telemetry, collection) = (Arc::clone(&telemetry), Arc::clone(&self.known.collection));
                let mut runner = Runner::new(collector, stale_after, telemetry, collection, self.clock.clone());
                if let Some(slot) = slot {
                    let saved = load(&slot).await;
                    runner.restore(slot, saved);
                }
                runners.push(runner);
            }
        }
        runners
    }

    /// Forgets what was kept of others than these.
    pub(super) async fn forget_others(&self, sources: &[Source]) {
        let Some(store) = self.store.clone() else { return };
        let of =
            |source: &Source| source.collector_names().into_iter().map(|name| (source.name.clone(), name)).collect();
        let named: Vec<(String, &str)> = sources.iter().flat_map(|source| -> Vec<_> { of(source) }).collect();
        let forgotten = off_thread(move || {
            let named: Vec<_> = named.iter().map(|(source, collector)| (source.as_str(), *collector)).collect();
            store.keep_only(&named)
        });
        if let Err(error) | Ok(Err(error)) = forgotten.await {
            tracing::warn!(error, "what was kept of collectors that are gone stays");
        }
    }
}

/// What is stored; nothing if that cannot be read.
async fn load(slot: &Slot) -> Saved {
    let stored = slot.clone();
    off_thread(move || stored.load()).await.unwrap_or_else(|error| {
        tracing::warn!(error, "what is stored cannot be read");
        Saved::default()
    })
}

/// Does work that waits for a disk off the async threads.
pub(super) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|_| "it was broken off".to_owned())
}

pub(super) fn settings(config: &Config) -> Settings {
    catalog::resolve(&config.limits, &config.containers, &config.images, &config.sensors)
}

/// Publishes a snapshot after each change; ends when it is dropped.
pub(super) async fn publish_changes(known: Arc<Known>, subscribers: Vec<Arc<dyn Output>>) {
    loop {
        known.collection.changed().await;
        publish(&known, &subscribers).await;
    }
}

/// Computes a snapshot of what is known now and hands it to every output, off the async threads.
pub(super) async fn publish(known: &Known, subscribers: &[Arc<dyn Output>]) {
    let generation = known.collection.generation();
    let ((inventory, settings), subscribers) = (known.now(), subscribers.to_vec());
    let work = tokio::task::spawn_blocking(move || {
        let snapshot = Arc::new(Snapshot::take(&inventory, settings));
        for subscriber in subscribers {
            subscriber.take(&snapshot);
        }
    });
    if work.await.is_err() {
        tracing::error!("a snapshot could not be published; what was published before stays");
    }
    // If not, nobody is to wait for it any longer.
    known.published.send_replace(generation);
}
