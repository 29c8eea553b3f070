//! Families about sensors.

use super::label::{
    CONTAINER_RUNTIME_NAME, CONTAINER_RUNTIME_VERSION, HOST_NAME, SENSOR_STATUS, SENSOR_TYPE, SENSOR_UUID,
    SENSOR_VERSION, SOURCE,
};
use crate::clock::Timestamp;
use crate::metric::{Column, Family, Kind, LastSeen, Metric, Unit, Value};
use crate::record::Sensor;
use crate::view::{Row, SensorCount, SensorStatus};

/// When a sensor was last heard from; never, if it did not finish registering.
pub(super) fn seen(sensor: &Sensor) -> LastSeen {
    let last_checkin = sensor.last_checkin.filter(|_| sensor.registered);
    last_checkin.map_or(LastSeen::Never, |last_checkin| LastSeen::At(last_checkin.seconds()))
}

fn last_checkin(row: Row<'_, Sensor>) -> Option<f64> {
    registered(row).and_then(|sensor| sensor.last_checkin).map(Timestamp::seconds)
}

fn registered(row: Row<'_, Sensor>) -> Option<&Sensor> {
    Some(row.record).filter(|sensor| sensor.registered)
}

/// The sensors that are silent for longest are kept first; those never heard from come last.
fn rank(row: Row<'_, Sensor>) -> f64 {
    last_checkin(row).unwrap_or(f64::INFINITY)
}

fn status(row: Row<'_, SensorCount>) -> &str {
    match row.record.status {
        SensorStatus::Reported(status) => row.text(status),
        SensorStatus::Connected => "connected",
        SensorStatus::Disconnected => "disconnected",
    }
}

static BY_TYPE: &[Column<Sensor>] = &[
    SOURCE.keep(|row| row.source.name),
    SENSOR_TYPE.fold(|row| row.text(row.record.kind)),
    CONTAINER_RUNTIME_NAME.fold(|row| row.text(row.record.runtime)),
];

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<SensorCount> {
        name: "container_security_sensors",
        kind: Kind::Gauge,
        unit: Unit::Each("sensor"),
        help: "Sensors known to the source",
        by: &[
            SOURCE.keep(|row| row.source.name),
            SENSOR_TYPE.fold(|row| row.text(row.record.kind)),
            SENSOR_STATUS.fold(status),
            CONTAINER_RUNTIME_NAME.fold(|row| row.text(row.record.runtime)),
        ],
        value: Value::Sum(|row| {
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 sensors")]
            Some(row.record.count as f64)
        }),
    },
    &Family::<Sensor> {
        name: "container_security_sensor_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Registered sensor, always 1",
        by: &[
            SOURCE.keep(|row| row.source.name),
            SENSOR_UUID.keep(|row| row.text(row.record.uuid)),
            HOST_NAME.keep(|row| row.text(row.record.host_name)),
            SENSOR_TYPE.keep(|row| row.text(row.record.kind)),
            SENSOR_VERSION.keep(|row| row.text(row.record.version)),
            CONTAINER_RUNTIME_NAME.keep(|row| row.text(row.record.runtime)),
            CONTAINER_RUNTIME_VERSION.keep(|row| row.text(row.record.runtime_version)),
        ],
        value: Value::Each(|row| registered(row).map(|_| 1.0), rank),
    },
    &Family::<Sensor> {
        name: "container_security_sensor_last_checkin_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Last check-in time of the sensor, Unix seconds",
        by: &[
            SOURCE.keep(|row| row.source.name),
            SENSOR_UUID.keep(|row| row.text(row.record.uuid)),
            HOST_NAME.keep(|row| row.text(row.record.host_name)),
        ],
        value: Value::Each(last_checkin, rank),
    },
    &Family::<Sensor> {
        name: "container_security_sensor_oldest_checkin_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Oldest last check-in time of sensors, Unix seconds",
        by: BY_TYPE,
        value: Value::Min(last_checkin),
    },
    &Family::<Sensor> {
        name: "container_security_sensor_checkin_age_max_seconds",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Time since the oldest last check-in of sensors, seconds",
        by: BY_TYPE,
        value: Value::Age(last_checkin),
    },
    &Family::<Sensor> {
        name: "container_security_sensors_stale",
        kind: Kind::Gauge,
        unit: Unit::Each("sensor"),
        help: "Registered sensors silent for longer than sensors.stale_after",
        by: BY_TYPE,
        value: Value::Stale(|row| registered(row).map(seen)),
    },
];
