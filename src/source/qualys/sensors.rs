//! The collector of sensors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::listing::by_page::{Fill, Numbered};
use super::session::{Listing, Session};
use super::wire::SensorRow;
use crate::client::{ApiError, Endpoint};
use crate::inventory::{Table, Tables};
use crate::labels::word;
use crate::paging::PageSummary;
use crate::record::Sensor;
use crate::source::{Collect, CollectOutput};
use crate::telemetry::Failure;
use crate::wire::Rows;

/// The sensor list, of either version.
pub(super) const SENSORS: Listing = Listing {
    endpoint: Endpoint { name: "sensors", class: "other" },
    what: "sensors",
    permission: "such as CS.SENSOR.VIEW",
};

/// The collector's name.
pub(super) const NAME: &str = "sensors";

/// The list as it is now.
const NEW: Numbered = Numbered {
    listing: &SENSORS,
    path: "/csapi/v1.3/sensors",
    size: 1000,
    number_names: &["pageNumber", "pageNo"],
    size_names: &["pageSize"],
    sort: Some("created:asc"),
};

/// The list as it was before.
const OLD: Numbered = Numbered { path: "/csapi/v1.1/sensors", ..NEW };

/// Walks the sensor list.
pub(super) struct Sensors {
    session: Arc<Session>,
    /// Whether the new version ever answered: then a "not found" is a fault, and no reason to ask the old one.
    has_new: AtomicBool,
    /// Whether this tenant was found to have the old version only.
    only_old: AtomicBool,
}

impl Sensors {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, has_new: AtomicBool::new(false), only_old: AtomicBool::new(false) }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        if !self.only_old.load(Ordering::Relaxed) {
            match self.walk(&NEW, &self.has_new, progress).await {
                Err(error) if error.failure == Failure::NotFound && !self.has_new.load(Ordering::Relaxed) => {}
                other => return other,
            }
        }
        let output = self.walk(&OLD, &AtomicBool::default(), progress).await;
        match &output {
            Ok(_) => self.only_old.store(true, Ordering::Relaxed),
            // Once the old one is gone, the new one is asked again.
            Err(error) if error.failure == Failure::NotFound => self.only_old.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
        output
    }

    async fn walk(
        &self,
        list: &'static Numbered,
        answered: &AtomicBool,
        progress: &(dyn Fn() + Sync),
    ) -> Result<CollectOutput, ApiError> {
        let (table, walked) = list.walk::<Table<Sensor>>(&self.session, answered, progress).await?;
        self.session.count_rejected(NAME, walked.rejected);
        let (records, sensors) = (table.len(), Some(Arc::new(table)));
        Ok(CollectOutput {
            missing: walked.missing,
            ..CollectOutput::full(records, Tables { sensors, ..Tables::default() })
        })
    }
}

impl Fill for Table<Sensor> {
    type Row<'a> = SensorRow<'a>;

    fn fill(&mut self, rows: Rows<SensorRow<'_>>) -> PageSummary {
        let mut seen = PageSummary::of(&rows);
        for row in rows.into_keyed() {
            let names = &mut self.names;
            let sensor = Sensor {
                uuid: names.intern(row.uuid.get()),
                // A row that never got an id shares its host name with the live sensor of that host.
                registered: row.sensor_id.filled().is_some(),
                host_name: names.intern(row.hostname.get()),
                kind: word(names, row.sensor_type.get()),
                status: word(names, row.status.get()),
                version: names.intern(row.sensor_version.get()),
                runtime: word(names, row.container_runtime.get()),
                runtime_version: names.intern(row.container_runtime_version.get()),
                last_checkin: row.last_checked_in.0,
            };
            let new = self.put(row.uuid.get(), sensor);
            seen.undated(row.uuid.get(), new);
        }
        seen
    }
}

impl Collect for Sensors {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
