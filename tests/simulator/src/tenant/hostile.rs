//! Makes a tenant hostile to its readers: bytes that break expositions, words nobody knows, rows that cannot be read.

use super::Tenant;
use super::record::{DAMAGES, Damage, Label, Row, StrayRow};
use crate::random::Random;

const NASTY: &[&str] = &[
    "quote\"d",
    "back\\slash",
    "trailing\\",
    "two\nlines",
    "carriage\rreturn",
    "",
    "_other",
    "{a=\"b\"}",
    "a,b=c",
    "nul\u{0}byte",
    "\u{202e}right-to-left",
    "emoji 🧨 e\u{301}",
    "tab\there",
    "# HELP not_a_family nonsense",
    "\\n",
    " padded ",
    "line\u{2028}separator",
];

/// Spoils part of everything.
pub(super) fn spoil(tenant: &mut Tenant, random: &mut Random) {
    spoil_containers(tenant, random);
    spoil_sensors(tenant, random);
    spoil_controls(tenant, random);
    let oldest = tenant.now_ms - 80 * 86_400_000;
    let now = tenant.now_ms;
    let mut strays = || (0..6).map(|index| stray(index, oldest, now, random)).collect();
    tenant.stray_page_rows = strays();
    tenant.stray_bulk_rows = strays();
    tenant.stray_sensor_rows = strays();
    tenant.stray_posture_rows = strays();
}

fn spoil_containers(tenant: &mut Tenant, random: &mut Random) {
    for container in &mut tenant.containers {
        if random.percent(8) {
            container.name = nasty(random);
        }
        if random.percent(4) {
            container.state =
                Some(String::from(random.word(&["HIBERNATING", "Being Deleted", "Dead-ish\n", "_other"])));
        }
        if random.percent(4) {
            container.qds_severity = Some(String::from(random.word(&["SEVERE", "hIGH", ""])));
        }
        if random.percent(3) {
            container.criticality = Some(String::from(random.word(&["EXTREME", "7"])));
        }
        if random.percent(3) {
            container.origin = Some(String::from("QUANTUM SENSOR"));
        }
        if random.percent(8) {
            container.labels.retain(|label| label.key != "team");
            container.labels.push(Label { key: String::from("team"), value: Some(nasty(random)) });
        }
        if let Some(pod) = &mut container.pod
            && random.percent(8)
        {
            pod.namespace = nasty(random);
            pod.labels.push(Label { key: nasty(random), value: None });
            for controller in &mut pod.controllers {
                controller.name = Some(nasty(random));
                controller.kind = None;
            }
        }
        match random.below(40) {
            0 => container.bulk_row = Row::Unreadable(*random.pick(DAMAGES)),
            1 => container.page_row = Row::Unreadable(*random.pick(DAMAGES)),
            _ => {}
        }
    }
}

fn spoil_sensors(tenant: &mut Tenant, random: &mut Random) {
    for sensor in &mut tenant.sensors {
        if random.percent(20) {
            sensor.hostname = Some(nasty(random));
            sensor.version = Some(nasty(random));
        }
        if random.percent(10) && sensor.sensor_id.is_some() {
            sensor.runtime = Some(String::from(random.word(&["Podman NG", "kata-\"containers\"", "_other"])));
        }
        if random.percent(10) {
            sensor.kind = Some(String::from("ORBITAL STATION"));
            sensor.status = Some(String::from("Half\\Provisioned"));
        }
    }
}

fn spoil_controls(tenant: &mut Tenant, random: &mut Random) {
    for control in &mut tenant.controls {
        if random.percent(15) {
            control.name = Some(nasty(random));
            control.policies.push(nasty(random));
        }
        if random.percent(10) {
            control.criticality = Some(String::from(random.word(&["Very Bad", "important", "\"moderate\""])));
        }
        if random.percent(10) {
            control.category = Some(nasty(random));
        }
    }
}

fn stray(index: usize, oldest: i64, now: i64, random: &mut Random) -> StrayRow {
    let updated = random.between(oldest, now);
    let damage: Damage = DAMAGES[index % DAMAGES.len()];
    StrayRow { uuid: random.uuid(), created: oldest, updated, damage }
}

fn nasty(random: &mut Random) -> String {
    if random.percent(8) {
        return format!("{}{}", "very-long-".repeat(60), random.below(3));
    }
    String::from(random.word(NASTY))
}
