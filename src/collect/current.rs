//! The current data of all sources: the last good data of every collector.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::inventory::{DataStatus, Inventory, SourceInventory, Tables};
use crate::lock::lock;
use crate::record::Vendor;

/// The data of every collector, as long as it is good.
#[derive(Debug, Default)]
pub struct CurrentData {
    sources: Mutex<Vec<CollectedSource>>,
    changed: Notify,
    generation: AtomicU64,
}

#[derive(Debug)]
struct CollectedSource {
    source: Arc<str>,
    vendor: Vendor,
    collected: Vec<(&'static str, Collected)>,
}

/// The data of one collector.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    /// When the tables were first served; `None` if nothing is.
    pub(super) since: Option<Instant>,
    pub(super) tables: Tables,
    /// Their status; without tables, when they were last good.
    pub(super) status: DataStatus,
}

impl CurrentData {
    /// Replaces the sources and their collectors, in this order. Only sources in `kept` keep their data.
    pub fn arrange<'a>(&self, sources: impl IntoIterator<Item = (&'a str, Vendor, Vec<&'static str>)>, kept: &[&str]) {
        let mut known = lock(&self.sources);
        let mut before = std::mem::take(&mut *known);
        before.retain(|source| kept.contains(&&*source.source));
        known.extend(sources.into_iter().map(|(source, vendor, collectors)| {
            let same = before.iter().position(|before| &*before.source == source && before.vendor == vendor);
            let mut collected = same.map(|at| before.swap_remove(at).collected).unwrap_or_default();
            collected.retain(|(collector, _)| collectors.contains(collector));
            CollectedSource { source: source.into(), vendor, collected }
        }));
        drop(known);
        self.notify();
    }

    /// All current data.
    pub fn inventory(&self) -> Inventory {
        let sources = lock(&self.sources);
        let inventories = sources.iter().map(|source| SourceInventory {
            source: Arc::clone(&source.source),
            vendor: source.vendor,
            tables: source.collected.iter().fold(Tables::default(), |all, (_, collected)| all.or(&collected.tables)),
            statuses: source.collected.iter().map(|(name, collected)| (*name, collected.status.clone())).collect(),
        });
        Inventory { sources: inventories.collect() }
    }

    /// The number of changes so far: data that is read afterwards is at least as new.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn notify(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Waits until something has changed since the last wait ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The data of one collector.
    pub(super) fn of(&self, source: &str, collector: &str) -> Option<Collected> {
        let sources = lock(&self.sources);
        let source = sources.iter().find(|known| &*known.source == source)?;
        source.collected.iter().find(|(known, _)| *known == collector).map(|(_, collected)| collected.clone())
    }

    /// Replaces the data of one collector.
    pub(super) fn put(&self, source: &str, collector: &'static str, data: Collected) {
        let mut sources = lock(&self.sources);
        let Some(source) = sources.iter_mut().find(|known| &*known.source == source) else {
            return;
        };
        let before = source.collected.iter().position(|(known, _)| *known == collector);
        let before = before.map(|at| source.collected.swap_remove(at));
        source.collected.push((collector, data));
        drop(sources);
        self.notify();
        // Freeing a large table takes a while.
        tokio::task::spawn_blocking(move || drop(before));
    }
}
