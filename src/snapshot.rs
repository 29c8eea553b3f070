//! A snapshot: every family's series at one moment, computed once and never changed.
//!
//! Owns the walk over the catalog's rows about the inventory. Next to the series stands how good the data is that they
//! were computed from, so that whoever shows both shows what belongs together. It knows no output.

use std::sync::Arc;

use crate::catalog;
use crate::inventory::{DataStatus, Inventory, Statuses};
use crate::metric::{GroupingCache, Series, Settings};
use crate::view::View;

/// The series about what the vendors reported.
pub struct Snapshot {
    /// By family, in the catalog's order.
    pub families: Arc<Vec<Series>>,
    /// What was chosen about metrics.
    pub settings: Arc<Settings>,
    /// By source and collector, how good the data is.
    statuses: Vec<(Arc<str>, Statuses)>,
}

impl Snapshot {
    /// Computes every family about the inventory. Takes a while for a large one: not for an async thread.
    pub fn take(inventory: &Inventory, settings: Arc<Settings>) -> Self {
        let view = View::of_inventory(inventory);
        let mut groupings = GroupingCache::default();
        let metrics = catalog::all().filter(|metric| !metric.is_live());
        let families = metrics.map(|metric| metric.evaluate(&view, &settings, &mut groupings)).collect();
        let statuses = inventory.sources.iter().map(|source| (Arc::clone(&source.source), source.statuses.clone()));
        Self { families: Arc::new(families), settings, statuses: statuses.collect() }
    }

    /// How good the data of a collector is that this snapshot was computed from.
    pub fn status(&self, source: &str, collector: &str) -> Option<&DataStatus> {
        let (_, statuses) = self.statuses.iter().find(|(name, _)| **name == *source)?;
        statuses.iter().find(|(name, _)| *name == collector).map(|(_, status)| status)
    }
}
