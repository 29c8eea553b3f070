//! The served data of one collector: since when, its status, and when it is too old.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::current::{Collected, CurrentData};
use crate::inventory::{DataStatus, Tables};

/// How many of the longer of interval and last full walk data is served for by default.
const STALE_AFTER_INTERVALS: u32 = 3;

/// What one collector serves.
pub(super) struct ServedData {
    current: Arc<CurrentData>,
    source: String,
    collector: &'static str,
    interval: Duration,
    /// As configured; otherwise computed from the interval.
    stale_after: Option<Duration>,
    /// None while nothing is served.
    since: Option<Instant>,
    status: DataStatus,
}

impl ServedData {
    /// The data that `collection` has of this collector.
    pub(super) fn of(
        current: Arc<CurrentData>,
        source: &str,
        (collector, interval): (&'static str, Duration),
        stale_after: Option<Duration>,
    ) -> Self {
        let Collected { since, status, .. } = current.of(source, collector).unwrap_or_default();
        Self { current, source: source.to_owned(), collector, interval, stale_after, since, status }
    }

    /// Whether anything is served.
    pub(super) fn is_some(&self) -> bool {
        self.since.is_some()
    }

    /// Its status; while nothing is served, when it was last good.
    pub(super) fn status(&self) -> &DataStatus {
        &self.status
    }

    /// Serves these tables instead.
    pub(super) fn replace(&mut self, tables: Tables, since: Instant, status: DataStatus) {
        (self.since, self.status) = (Some(since), status);
        self.publish(tables);
    }

    /// Stops serving data, and keeps only when data with this status was good.
    pub(super) fn drop_data(&mut self, status: DataStatus) {
        (self.since, self.status) = (None, status.without_data());
        self.publish(Tables::default());
    }

    fn publish(&self, tables: Tables) {
        let data = Collected { since: self.since, tables, status: self.status.clone() };
        self.current.put(&self.source, self.collector, data);
    }

    /// Drops the served data because it is too old.
    pub(super) fn expire(&mut self) {
        self.drop_data(self.status.clone());
        tracing::warn!(source = self.source, collector = self.collector, "dropped data that is too old");
    }

    /// When the served data will be too old.
    pub(super) fn expiry(&self) -> Option<Instant> {
        Some(self.since? + self.lifetime(&self.status))
    }

    /// Whether the served data is too old.
    pub(super) fn is_stale(&self) -> bool {
        self.expiry().is_some_and(|expiry| expiry <= Instant::now())
    }

    /// How long data with this status is served.
    pub(super) fn lifetime(&self, status: &DataStatus) -> Duration {
        self.stale_after.unwrap_or_else(|| STALE_AFTER_INTERVALS * self.interval.max(status.walk_duration))
    }
}
