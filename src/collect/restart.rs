//! What is served over a restart: kept whenever it changes, and served again with its true age.

use tokio::time::Instant;

use super::Runner;
use super::collection::Held;
use crate::checkpoint::{Saved, Slot, Standing};
use crate::inventory::Tables;

impl Runner {
    /// Goes on with what was kept in `slot` over a restart, and keeps there from now on what it serves.
    pub fn restore(&mut self, slot: Slot, saved: Saved) {
        if let (None, Some((tables, standing))) = (self.held, &saved.served) {
            self.serve_again(tables.clone(), standing);
        }
        self.collector.listing.resume(slot.clone(), saved);
        self.slot = Some(slot);
    }

    /// Serves data again that is as old as `standing` says, unless that is too old.
    fn serve_again(&mut self, tables: Tables, standing: &Standing) {
        let &Standing { complete, records, walk, last_success, last_walk, .. } = standing;
        (self.walk, self.last_success, self.last_walk) = (walk, last_success, last_walk);
        self.telemetry.update(self.collector.name, |state| {
            (state.last_success, state.last_walk) = (last_success, last_walk);
        });
        let age = self.clock.now().since(standing.since);
        let (source, collector) = (self.telemetry.source(), self.collector.name);
        // Where a system knows no time before it was started, what is older is too old.
        let since = Instant::now().checked_sub(age);
        self.held = since.map(|since| Held { since, complete, records, walk, last_success, last_walk });
        if self.held.is_none() || self.is_stale() {
            self.held = None;
            tracing::info!(source, collector, seconds = age.as_secs(), "what was kept of it is too old to be served");
            return;
        }
        self.telemetry.update(collector, |state| {
            state.complete = complete;
            state.records = records;
            state.note.clone_from(&standing.note);
        });
        self.collection.put(source, collector, self.held.map(|held| (tables, held)));
        tracing::info!(source, collector, seconds = age.as_secs(), "serving what was kept over the restart, so old");
    }

    /// Keeps what is served, if it is kept at all, while everything else goes on.
    pub(super) async fn keep(&mut self, tables: Tables, standing: Standing) {
        let Some(slot) = self.slot.clone() else { return };
        if let Some(saving) = self.saving.take() {
            // It is over either way.
            _ = saving.await;
        }
        // How it went is the store's to tell.
        self.saving = Some(tokio::task::spawn_blocking(move || _ = slot.save(&tables, &standing)));
    }
}
