//! What is known of all sources together: the last good data of every collector.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::inventory::{Inventory, Served, SourceInventory, Tables};
use crate::lock::lock;
use crate::record::Vendor;

/// The data of every collector, as long as it is good.
#[derive(Debug, Default)]
pub struct Collection {
    sources: Mutex<Vec<CollectedSource>>,
    changed: Notify,
    generation: AtomicU64,
}

#[derive(Debug)]
struct CollectedSource {
    source: Arc<str>,
    vendor: Vendor,
    collected: Vec<Collected>,
}

/// What one collector brought last.
#[derive(Debug)]
struct Collected {
    collector: &'static str,
    tables: Tables,
    held: Held,
}

impl Collected {
    fn served(&self) -> Served {
        let Held { complete, records, last_success, last_walk, .. } = self.held;
        Served { collector: self.collector, complete, records, last_success, last_walk }
    }
}

/// Since when data is served, and what it came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) since: Instant,
    /// Whether the run that brought it saw every record.
    pub(super) complete: bool,
    /// How many records it is.
    pub(super) records: u64,
    /// How long the last run took that asked for all of them.
    pub(super) walk: Duration,
    /// When a run succeeded last by then.
    pub(super) last_success: Option<Timestamp>,
    /// When one did that asked for all of them.
    pub(super) last_walk: Option<Timestamp>,
}

impl Collection {
    /// Makes these the sources with their collectors, in this order. Only sources that are in `kept` keep their data.
    pub fn arrange<'a>(&self, sources: impl IntoIterator<Item = (&'a str, Vendor, Vec<&'static str>)>, kept: &[&str]) {
        let mut known = lock(&self.sources);
        let mut before = std::mem::take(&mut *known);
        before.retain(|source| kept.contains(&&*source.source));
        known.extend(sources.into_iter().map(|(source, vendor, collectors)| {
            let same = before.iter().position(|before| &*before.source == source && before.vendor == vendor);
            let mut collected = same.map(|at| before.swap_remove(at).collected).unwrap_or_default();
            collected.retain(|collected| collectors.contains(&collected.collector));
            CollectedSource { source: source.into(), vendor, collected }
        }));
        drop(known);
        self.tell_of_change();
    }

    /// Everything that is known now.
    pub fn inventory(&self) -> Inventory {
        let sources = lock(&self.sources);
        let inventories = sources.iter().map(|source| SourceInventory {
            source: Arc::clone(&source.source),
            vendor: source.vendor,
            tables: source.collected.iter().fold(Tables::default(), |all, collected| all.or(&collected.tables)),
            served: source.collected.iter().map(Collected::served).collect(),
        });
        Inventory { sources: inventories.collect() }
    }

    /// How often it has changed: what is read after this was read is no older.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn tell_of_change(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Waits until something has changed since the last wait ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Since when a collector's data is served, if it is.
    pub(super) fn held(&self, source: &str, collector: &str) -> Option<Held> {
        let sources = lock(&self.sources);
        let source = sources.iter().find(|known| &*known.source == source)?;
        source.collected.iter().find(|known| known.collector == collector).map(|known| known.held)
    }

    /// Puts what a collector brought in place of what it brought before; nothing, if that is too old.
    pub(super) fn put(&self, source: &str, collector: &'static str, brought: Option<(Tables, Held)>) {
        let mut sources = lock(&self.sources);
        let Some(source) = sources.iter_mut().find(|known| &*known.source == source) else {
            return;
        };
        let before = source.collected.iter().position(|known| known.collector == collector);
        let before = before.map(|at| source.collected.swap_remove(at));
        let brought = brought.map(|(tables, held)| Collected { collector, tables, held });
        source.collected.extend(brought);
        drop(sources);
        self.tell_of_change();
        // A large table takes a while to be given back.
        tokio::task::spawn_blocking(move || drop(before));
    }
}
