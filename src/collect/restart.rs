//! Served data across a restart: saved whenever it changes, and served again with its true age.

use tokio::time::Instant;

use super::Runner;
use crate::checkpoint::{Saved, SavedData, Slot};
use crate::inventory::Tables;

impl Runner {
    /// Continues with the data that was saved in `slot` before a restart, and saves the served data there from now on.
    pub fn restore(&mut self, slot: Slot, saved: Saved) {
        if let (false, Some((tables, data))) = (self.served.is_some(), &saved.served) {
            self.serve_again(tables.clone(), data);
        }
        self.collector.listing.resume(slot.clone(), saved);
        self.slot = Some(slot);
    }

    /// Serves restored data, unless it is too old.
    fn serve_again(&mut self, tables: Tables, data: &SavedData) {
        let (source, collector) = (self.telemetry.source(), self.collector.name);
        let age = self.clock.now().since(data.since);
        let age_seconds = age.as_secs();
        // If the system's clock starts at boot, it cannot represent the time of older data.
        let since = Instant::now().checked_sub(age).filter(|_| age < self.served.lifetime(&data.status));
        if let Some(since) = since {
            self.served.replace(tables, since, data.status.clone());
            tracing::info!(source, collector, age_seconds, "serving restored data");
        } else {
            self.served.drop_data(data.status.clone());
            tracing::info!(source, collector, age_seconds, "restored data is too old to serve");
        }
    }

    /// Saves the served data in the background, if there is a store.
    pub(super) async fn save(&mut self, tables: Tables, data: SavedData) {
        let Some(slot) = self.slot.clone() else { return };
        if let Some(saving) = self.saving.take() {
            // Finished either way.
            _ = saving.await;
        }
        // The store logs and counts a failure.
        self.saving = Some(tokio::task::spawn_blocking(move || _ = slot.save(&tables, &data)));
    }
}
