//! The families about sensors.

use super::Question;
use super::answer::{Cells, FamilySet, Key, amount, pairs, single};
use super::facts::{name, seconds, word};
use crate::tenant::{Sensor, Tenant};

pub(super) fn add<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    add_all(set, tenant, question);
    add_single_ones(set, tenant, question);
    let registered = tenant.sensors.iter().filter(|sensor| sensor.sensor_id.is_some());
    let records: Vec<_> = registered.map(|sensor| (kind_and_runtime(sensor, question), sensor)).collect();
    set.add_grouped("sensor_oldest_checkin_timestamp_seconds", &records, |members| {
        oldest_checkin(members).map_or_else(Vec::new, single)
    });
    set.add_grouped("sensor_checkin_age_max_seconds", &records, |members| {
        oldest_checkin(members).map_or_else(Vec::new, |oldest| single((question.now_s - oldest).max(0.0)))
    });
    set.add_grouped("sensors_stale", &records, |members| stale(members, question));
}

/// Whether a sensor has been silent for too long. A sensor that never checked in is stale.
pub(super) fn is_stale(sensor: &Sensor, question: &Question) -> bool {
    seconds(sensor.last_checked_in).is_none_or(|last| question.now_s - last > question.sensors_stale_after_s)
}

fn add_all<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let key = |sensor: &Sensor| Key {
        kept: pairs([("source", &question.source)]),
        open: pairs([
            ("sensor_type", &word(sensor.kind.as_deref())),
            ("sensor_status", &word(sensor.status.as_deref())),
            ("container_runtime_name", &word(sensor.runtime.as_deref())),
        ]),
    };
    let records: Vec<_> = tenant.sensors.iter().map(|sensor| (key(sensor), sensor)).collect();
    set.add_grouped("sensors", &records, |members| single(amount(members.len())));
}

fn add_single_ones<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let registered: Vec<&Sensor> = tenant.sensors.iter().filter(|sensor| sensor.sensor_id.is_some()).collect();
    // The longest silent are kept first; those that never checked in come last.
    let rank = |sensor: &Sensor| seconds(sensor.last_checked_in).unwrap_or(f64::INFINITY);
    let identity = |sensor: &Sensor| {
        pairs([
            ("source", &question.source),
            ("sensor_uuid", &sensor.uuid),
            ("host_name", &name(sensor.hostname.as_deref())),
        ])
    };
    let info = |sensor: &Sensor| {
        let more = pairs([
            ("sensor_type", &word(sensor.kind.as_deref())),
            ("sensor_version", &name(sensor.version.as_deref())),
            ("container_runtime_name", &word(sensor.runtime.as_deref())),
            ("container_runtime_version", &name(sensor.runtime_version.as_deref())),
        ]);
        [identity(sensor), more].concat()
    };
    set.add_single("sensor_info", registered.iter().map(|sensor| (rank(sensor), info(sensor), 1.0)).collect());
    let checkins =
        registered.iter().filter_map(|sensor| Some((rank(sensor), identity(sensor), seconds(sensor.last_checked_in)?)));
    set.add_single("sensor_last_checkin_timestamp_seconds", checkins.collect());
}

fn kind_and_runtime(sensor: &Sensor, question: &Question) -> Key {
    Key {
        kept: pairs([("source", &question.source)]),
        open: pairs([
            ("sensor_type", &word(sensor.kind.as_deref())),
            ("container_runtime_name", &word(sensor.runtime.as_deref())),
        ]),
    }
}

fn oldest_checkin(members: &[&Sensor]) -> Option<f64> {
    members.iter().filter_map(|sensor| seconds(sensor.last_checked_in)).min_by(f64::total_cmp)
}

fn stale(members: &[&Sensor], question: &Question) -> Cells {
    single(amount(members.iter().filter(|sensor| is_stale(sensor, question)).count()))
}
