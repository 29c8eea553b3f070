//! Sensors, one per row of the list, in either version of the API.

use std::sync::Arc;

use super::listing::by_page::PagedListing;
use super::listing::collector::Listed;
use super::session::Listing;
use super::wire::SensorRow;
use crate::client::Endpoint;
use crate::inventory::{Table, Tables};
use crate::labels::word;
use crate::names::Names;
use crate::record::Sensor;
use crate::source::staged::FromRow;

/// The sensor list, of either version.
pub(super) const SENSORS: Listing = Listing {
    endpoint: Endpoint { name: "sensors", class: "other" },
    what: "sensors",
    permission: "such as CS.SENSOR.VIEW",
};

impl Listed for Sensor {
    const NAME: &'static str = "sensors";
    const LISTING: PagedListing = PagedListing {
        listing: &SENSORS,
        path: "/csapi/v1.3/sensors",
        size: 1000,
        number_names: &["pageNumber", "pageNo"],
        size_names: &["pageSize"],
        sort: Some("created:asc"),
    };
    const OLDER: Option<PagedListing> = Some(PagedListing { path: "/csapi/v1.1/sensors", ..Self::LISTING });
    const IS_OPTIONAL: bool = false;

    fn tables(table: Arc<Table<Self>>) -> Tables {
        Tables { sensors: Some(table), ..Tables::default() }
    }

    fn table(tables: &Tables) -> Option<&Arc<Table<Self>>> {
        tables.sensors.as_ref()
    }
}

impl FromRow for Sensor {
    type Row<'a> = SensorRow<'a>;

    fn from_row(names: &mut Names, row: &SensorRow<'_>) -> Self {
        Self {
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
        }
    }
}
