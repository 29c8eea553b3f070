//! The parts of the program: the current data, everything that outlives a reload, and the publisher of snapshots.
//!
//! Owns how the parts are built from a configuration; `app` decides when to build them.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::catalog;
use crate::checkpoint::{Saved, Slot, Store};
use crate::clock::Clock;
use crate::collect::{CurrentData, OnDemandScheduler, Runner};
use crate::config::Config;
use crate::inventory::Inventory;
use crate::lock::lock;
use crate::metric::Settings;
use crate::output::Output;
use crate::output::exposition::Refresh;
use crate::self_metrics::SelfMetrics;
use crate::snapshot::Snapshot;
use crate::source::{RowRules, Source};
use crate::telemetry::Telemetry;

/// The basis that everything is built from, and that outlives a reload.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) self_metrics: Arc<SelfMetrics>,
    pub(super) state: Arc<PublishedState>,
    /// Where data is saved for a restart.
    pub(super) store: Option<Arc<Store>>,
}

/// The basis of snapshots: the current data, and the settings that choose what to show.
pub(super) struct PublishedState {
    pub(super) current: Arc<CurrentData>,
    /// Locked while both change, so that data is never shown with settings it was not collected for.
    pub(super) settings: Mutex<Arc<Settings>>,
    /// The generation of the data that was published last.
    published: watch::Sender<u64>,
}

impl PublishedState {
    pub(super) fn now(&self) -> (Inventory, Arc<Settings>) {
        let settings = lock(&self.settings);
        (self.current.inventory(), Arc::clone(&settings))
    }

    /// Waits until all current data is published.
    pub(super) async fn wait_until_published(&self) {
        let wanted = self.current.generation();
        // The sender is the waiter's own.
        _ = self.published.subscribe().wait_for(|published| *published >= wanted).await;
    }
}

/// Triggers a collection when a scrape finds data that is too old, and waits until it is published.
pub(super) struct OnDemand {
    pub(super) scheduler: Arc<OnDemandScheduler>,
    pub(super) state: Arc<PublishedState>,
}

impl Refresh for OnDemand {
    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.scheduler.ensure_fresh().await;
            self.state.wait_until_published().await;
        })
    }
}

impl Parts {
    pub(super) fn new(config: &Config, clock: Clock, store: Option<Arc<Store>>) -> Self {
        let telemetry = Arc::new(Telemetry::new(clock.now()));
        Self {
            self_metrics: Arc::new(SelfMetrics { telemetry, store: store.clone(), clock: clock.clone() }),
            clock,
            state: Arc::new(PublishedState {
                current: Arc::default(),
                settings: Mutex::new(Arc::new(settings(config))),
                published: watch::Sender::default(),
            }),
            store,
        }
    }

    /// Builds the sources of a configuration. Nothing runs yet.
    pub(super) fn build(&self, config: &Config) -> Result<Vec<Source>, String> {
        let rules = RowRules {
            promote_labels: config.containers.promote_labels.as_slice().into(),
            max_rejected_percent: config.limits.max_rejected_percent,
        };
        config.source.build(&rules, &self.self_metrics.telemetry, &self.clock).map_err(|reasons| reasons.join("\n"))
    }

    /// Makes these the sources. Only those in `keep_data` keep their data.
    pub(super) fn arrange(&self, sources: &[Source], keep_data: &[String]) {
        let keep_data: Vec<&str> = keep_data.iter().map(String::as_str).collect();
        let named = sources.iter().map(|source| (source.name.as_str(), source.vendor, source.collector_names()));
        self.state.current.arrange(named, &keep_data);
        let read = sources.iter().map(|source| (Arc::clone(&source.telemetry), source.collector_names()));
        self.self_metrics.telemetry.arrange(read);
    }

    /// Builds a runner for each collector of these sources, which continues with its saved data.
    pub(super) async fn runners(&self, sources: impl IntoIterator<Item = Source>) -> Vec<Runner> {
        let mut runners = Vec::new();
        for Source { name, vendor, identity, stale_after, telemetry, collectors } in sources {
            for collector in collectors {
                let slot = self.store.as_ref().map(|store| store.slot(&name, vendor, collector.name, identity));
                let stale_after = stale_after.map(|span| span.0);
                let (telemetry, collection) = (Arc::clone(&telemetry), Arc::clone(&self.state.current));
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

    /// Drops the saved data of all other sources and collectors.
    pub(super) async fn forget_others(&self, sources: &[Source]) {
        let Some(store) = self.store.clone() else { return };
        let of =
            |source: &Source| source.collector_names().into_iter().map(|name| (source.name.clone(), name)).collect();
        let named: Vec<(String, &str)> = sources.iter().flat_map(|source| -> Vec<_> { of(source) }).collect();
        let forgotten = spawn_blocking(move || {
            let named: Vec<_> = named.iter().map(|(source, collector)| (source.as_str(), *collector)).collect();
            store.keep_only(&named)
        });
        if let Ok(Err(error)) = forgotten.await {
            tracing::warn!(error, "dropping checkpoints of removed collectors failed");
        }
    }
}

/// The saved data; nothing if it cannot be read.
async fn load(slot: &Slot) -> Saved {
    let stored = slot.clone();
    spawn_blocking(move || stored.load()).await.unwrap_or_else(|_| {
        tracing::warn!("checkpoint unreadable, starting without it");
        Saved::default()
    })
}

pub(super) fn settings(config: &Config) -> Settings {
    catalog::resolve(&config.limits, &config.containers, &config.images, &config.sensors)
}

/// Publishes a snapshot after each change; ends when it is dropped.
pub(super) async fn publish_changes(state: Arc<PublishedState>, subscribers: Vec<Arc<dyn Output>>) {
    loop {
        state.current.changed().await;
        publish(&state, &subscribers).await;
    }
}

/// Computes a snapshot of the current data and hands it to every output, off the async threads.
pub(super) async fn publish(state: &PublishedState, subscribers: &[Arc<dyn Output>]) {
    let generation = state.current.generation();
    let ((inventory, settings), subscribers) = (state.now(), subscribers.to_vec());
    let published = spawn_blocking(move || {
        let snapshot = Arc::new(Snapshot::take(&inventory, settings));
        for subscriber in subscribers {
            subscriber.take(&snapshot);
        }
    });
    if published.await.is_err() {
        tracing::error!("publishing a snapshot failed, the previous one stays");
    }
    // On failure, too: waiting longer would not help.
    state.published.send_replace(generation);
}
