//! The collector of sensors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::session::{Listing, Session};
use super::wire::{self, SensorRow};
use crate::http::{Answer, ApiError, Call, Endpoint};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::record::Sensor;
use crate::setting::Span;
use crate::source::label::word;
use crate::source::paging::{Brought, Seen, by_number};
use crate::source::wire::{Rows, text};
use crate::source::{Collector, Harvest};
use crate::telemetry::Failure;

/// The sensor list, of either version.
pub(super) const SENSORS: Listing = Listing {
    endpoint: Endpoint { name: "sensors", class: "other" },
    what: "sensors",
    permission: "such as CS.SENSOR.VIEW",
};

/// The collector's name.
pub(super) const NAME: &str = "sensors";

const PAGE_SIZE: u64 = 1000;

/// Where the list is now, and where it was before.
const PATHS: [&str; 2] = ["/csapi/v1.3/sensors", "/csapi/v1.1/sensors"];

/// Walks the sensor list.
pub(super) struct Sensors {
    session: Arc<Session>,
    interval: Span,
    /// Whether the new version ever answered: then a "not found" is a fault, and no reason to ask the old one.
    has_new: AtomicBool,
    /// Whether this tenant was found to have the old version only.
    only_old: AtomicBool,
}

impl Sensors {
    pub(super) fn new(session: Arc<Session>, interval: Span) -> Self {
        Self { session, interval, has_new: AtomicBool::new(false), only_old: AtomicBool::new(false) }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let [new, old] = PATHS;
        if !self.only_old.load(Ordering::Relaxed) {
            match self.walk(new, progress).await {
                Err(error) if error.failure == Failure::NotFound && !self.has_new.load(Ordering::Relaxed) => {}
                other => return other,
            }
        }
        let harvest = self.walk(old, progress).await;
        match &harvest {
            Ok(_) => self.only_old.store(true, Ordering::Relaxed),
            // Once the old one is gone, the new one is asked again.
            Err(error) if error.failure == Failure::NotFound => self.only_old.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
        harvest
    }

    async fn walk(&self, path: &'static str, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let table = Arc::new(Mutex::new(Table::default()));
        let fetch = |number: u64| {
            let table = Arc::clone(&table);
            let number = number.to_string();
            // Versions and documents do not agree on the name of the page number.
            let call = Call::get(&SENSORS.endpoint, path)
                .query("pageNumber", number.as_str())
                .query("pageNo", number)
                .query("pageSize", PAGE_SIZE.to_string())
                .query("sort", "created:asc");
            let read = move |answer: &Answer| {
                let text = text(&answer.body);
                let rows = wire::rows(&text)?;
                Ok(take(&mut lock(&table), rows).close(&answer.body))
            };
            async move {
                let seen = self.session.call(&SENSORS, call, read).await?;
                if path == PATHS[0] {
                    self.has_new.store(true, Ordering::Relaxed);
                }
                Ok(seen)
            }
        };
        let walked = by_number(&SENSORS.endpoint, PAGE_SIZE, progress, fetch).await?;
        self.session.count_rejected(NAME, walked.rejected);
        let table = std::mem::take(&mut *lock(&table));
        Ok(Harvest {
            records: table.len() as u64,
            tables: Tables { sensors: Some(Arc::new(table)), ..Tables::default() },
            missing: walked.missing,
            note: None,
        })
    }
}

/// Puts the rows of a page into the table.
pub(super) fn take(table: &mut Table<Sensor>, rows: Rows<SensorRow<'_>>) -> Seen {
    let mut seen = Seen::of(&rows);
    for row in rows.into_keyed() {
        let names = &mut table.names;
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
        let new = table.put(row.uuid.get(), sensor);
        seen.row(row.uuid.get(), None, if new { Brought::New } else { Brought::Nothing });
    }
    seen
}

impl Collector for Sensors {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interval(&self) -> Span {
        self.interval
    }

    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<Harvest, ApiError>> {
        Box::pin(self.run(progress))
    }
}
