//! Makes a tenant hostile to its readers: bytes that break expositions, unknown enumeration values, unreadable rows.

use super::Tenant;
use super::record::{DAMAGES, Damage, Label, Row, StrayRow};
use super::{Outcome, Repository};
use crate::nasty::nasty;
use crate::random::Random;

/// Spoils part of everything.
pub(super) fn spoil(tenant: &mut Tenant, random: &mut Random) {
    spoil_containers(tenant, random);
    spoil_sensors(tenant, random);
    spoil_controls(tenant, random);
    spoil_images(tenant, random);
    spoil_resources(tenant, random);
    spoil_reports_and_policies(tenant, random);
    let oldest = tenant.now_ms - 80 * 86_400_000;
    let now = tenant.now_ms;
    let mut strays = || (0..6).map(|index| stray(index, oldest, now, random)).collect();
    tenant.stray_page_rows = strays();
    tenant.stray_bulk_rows = strays();
    tenant.stray_sensor_rows = strays();
    tenant.stray_posture_rows = strays();
    tenant.stray_image_page_rows = strays();
    tenant.stray_image_bulk_rows = strays();
    tenant.stray_resource_rows = strays();
    tenant.stray_report_rows = strays();
    tenant.stray_policy_rows = strays();
    tenant.stray_registry_rows = strays();
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
        container.is_odd = random.percent(25);
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

fn spoil_images(tenant: &mut Tenant, random: &mut Random) {
    for image in &mut tenant.images {
        if random.percent(12) {
            let named =
                Repository { registry: Some(nasty(random)), repository: Some(nasty(random)), tag: Some(nasty(random)) };
            image.repositories = Some(vec![Some(named)]);
        }
        if random.percent(5) {
            image.scan_status = Some(String::from(random.word(&["Half\\Scanned", "two\nlines", "_other", ""])));
        }
        match random.below(20) {
            0 => image.bulk_row = Row::Unreadable(*random.pick(DAMAGES)),
            1 => image.page_row = Row::Unreadable(*random.pick(DAMAGES)),
            _ => {}
        }
        for detection in image.detections.iter_mut().flatten() {
            if random.percent(4) {
                detection.kind = Some(String::from(random.word(&["CONFIRMED?", "maybe\"", "", "_other"])));
            }
        }
    }
}

fn spoil_resources(tenant: &mut Tenant, random: &mut Random) {
    for resource in &mut tenant.posture_resources {
        if random.percent(3) {
            resource.outcome = None;
        } else if random.percent(4) {
            resource.outcome = Some(Outcome::Fail);
            resource.cluster_name = Some(nasty(random));
        }
        // Only their identifiers distinguish resources with the same name.
        if resource.resource_uid.is_some() && random.percent(8) {
            resource.name = nasty(random);
            resource.kind = Some(nasty(random));
        }
        if random.percent(5) {
            resource.criticality = Some(String::from(random.word(&["Very Bad", "important", "\"moderate\""])));
        }
    }
}

fn spoil_reports_and_policies(tenant: &mut Tenant, random: &mut Random) {
    for report in &mut tenant.reports {
        if random.percent(25) {
            report.name = Some(nasty(random));
            report.template = Some(nasty(random));
        }
        if random.percent(20) {
            report.status = Some(String::from(random.word(&["Half\\Done", "_other", "Lost In Space"])));
        }
    }
    for (index, policy) in tenant.policies.iter_mut().enumerate() {
        if random.percent(25) {
            policy.name = Some(format!("{}{index}", nasty(random)));
            policy.mode = Some(nasty(random));
        }
        for rule in policy.rules.iter_mut().chain(&mut policy.exclusions) {
            if random.percent(15) {
                rule.action = Some(nasty(random));
            }
        }
    }
}

fn stray(index: usize, oldest: i64, now: i64, random: &mut Random) -> StrayRow {
    let updated = random.between(oldest, now);
    let damage: Damage = DAMAGES[index % DAMAGES.len()];
    StrayRow { uuid: random.uuid(), created: oldest, updated, damage }
}
