//! Families about the vendor's console.

use super::label::{CONSOLE_VERSION, SOURCE};
use crate::clock::Timestamp;
use crate::metric::{Family, Kind, Metric, Unit, Value};
use crate::record::Console;

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Console> {
        name: "container_security_console_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Version of the vendor's console, always 1",
        by: &[SOURCE.keep(|row| row.source.name), CONSOLE_VERSION.keep(|row| row.text(row.record.version))],
        value: Value::Each(|_| Some(1.0), |_| 0.0),
    },
    &Family::<Console> {
        name: "container_security_console_licence_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Expiry time of the console's licence, Unix seconds",
        by: &[SOURCE.keep(|row| row.source.name)],
        value: Value::Each(|row| row.record.licence_expiry.map(Timestamp::seconds), |_| 0.0),
    },
];
