//! Properties of every tenant, and of its changes.

use std::collections::BTreeSet;

use super::{AGE_RULE, PostureResource, Row, Shape, Tenant};

const NOW: i64 = 1_750_000_000_123;

#[test]
fn equal_shapes_make_equal_tenants() {
    let dump = |seed| {
        let mut tenant = Tenant::generate(&Shape::small(seed, NOW).hostile(true));
        tenant.step(NOW + 60_000);
        format!("{tenant:?}")
    };
    assert_eq!(dump(3), dump(3));
    assert_ne!(dump(3), dump(4));
}

#[test]
fn keys_are_unique_and_times_are_past() {
    let tenant = Tenant::generate(&Shape::small(5, NOW).hostile(true));
    let uuids: BTreeSet<_> = tenant.containers.iter().map(|container| &container.uuid).collect();
    assert_eq!(uuids.len(), tenant.containers.len());
    let cids: BTreeSet<_> = tenant.controls.iter().map(|control| control.cid).collect();
    assert_eq!(cids.len(), tenant.controls.len());
    for container in &tenant.containers {
        assert!(container.created <= container.updated && container.updated <= NOW);
    }
    let uuids: BTreeSet<_> = tenant.images.iter().map(|image| &image.uuid).collect();
    assert_eq!(uuids.len(), tenant.images.len());
    for image in &tenant.images {
        assert!(image.updated <= NOW && image.created <= Some(image.updated));
    }
    let listed = |image: &str| tenant.images.iter().any(|listed| listed.uuid == image);
    let images = || tenant.containers.iter().filter_map(|container| container.image_uuid.as_deref());
    assert!(images().any(listed) && images().any(|image| !listed(image)));
    let keys: BTreeSet<_> = tenant.posture_resources.iter().map(identity).collect();
    assert_eq!(keys.len(), tenant.posture_resources.len());
    let policies: BTreeSet<_> = tenant.policies.iter().map(|policy| &policy.name).collect();
    assert_eq!(policies.len(), tenant.policies.len());
    let named = |sensor: &str| tenant.sensors.iter().any(|listed| listed.uuid == sensor);
    let hosts = || tenant.containers.iter().filter_map(|container| container.host.as_ref()?.sensor_uuid.as_deref());
    assert!(hosts().any(named) && hosts().any(|sensor| !named(sensor)));
}

/// The fields that distinguish a resource of a control from all others.
fn identity(resource: &PostureResource) -> (u32, &str, [Option<&str>; 3]) {
    let uid = resource.resource_uid.as_deref();
    let id = resource.resource_id.as_deref();
    let name = [None, resource.kind.as_deref(), Some(resource.name.as_str())];
    let own = if uid.or(id).is_some() { [uid.or(id), None, None] } else { name };
    (resource.cid, &resource.cluster_uid, own)
}

#[test]
fn a_tenant_has_every_kind_of_row() {
    let tenant = Tenant::generate(&Shape::small(1, NOW).hostile(true));
    let any = |page: fn(Row) -> bool, bulk: fn(Row) -> bool| {
        tenant.containers.iter().any(|container| page(container.page_row) && bulk(container.bulk_row))
    };
    let readable = |row| row == Row::Readable;
    let absent = |row| row == Row::Absent;
    let unreadable = |row| matches!(row, Row::Unreadable(_));
    assert!(any(readable, readable) && any(readable, absent) && any(absent, readable));
    assert!(any(readable, unreadable) && any(unreadable, readable));
    assert!(tenant.unreadable_page_rows() > 6 && tenant.unreadable_bulk_rows() > 6);
    assert!(tenant.containers.iter().any(|container| container.findings.is_none()));
    assert!(tenant.sensors.iter().any(|sensor| sensor.sensor_id.is_none()));
}

#[test]
fn a_tenant_has_every_kind_of_image_and_policy() {
    let tenant = Tenant::generate(&Shape::small(1, NOW).hostile(true));
    let any = |page: fn(Row) -> bool, bulk: fn(Row) -> bool| {
        tenant.images.iter().any(|image| page(image.page_row) && bulk(image.bulk_row))
    };
    let readable = |row| row == Row::Readable;
    let absent = |row| row == Row::Absent;
    let unreadable = |row| matches!(row, Row::Unreadable(_));
    assert!(any(readable, readable) && any(readable, absent) && any(absent, readable));
    assert!(any(readable, unreadable) && any(unreadable, readable));
    let images = || tenant.images.iter().filter(|image| image.exists());
    assert!(images().any(|image| image.repositories.is_none()));
    assert!(images().any(|image| image.repositories.as_ref().is_some_and(|several| several.len() > 1)));
    assert!(images().any(|image| image.containers == Some(0)) && images().any(|image| image.containers.is_none()));
    assert!(images().any(|image| image.detections.is_none()) && images().any(|image| image.findings.is_none()));
    let lists = || images().filter_map(|image| image.detections.as_ref());
    assert!(lists().any(Vec::is_empty));
    let twice = |list: &Vec<super::Detection>| {
        let qids: BTreeSet<_> = list.iter().map(|found| found.qid).collect();
        qids.len() < list.len()
    };
    assert!(lists().any(twice));
    let ages = tenant
        .policies
        .iter()
        .map(|policy| policy.rules.iter().filter(|rule| rule.kind.as_deref() == Some(AGE_RULE)).count());
    assert!(ages.clone().any(|count| count > 2) && ages.clone().any(|count| count == 0));
    assert!(tenant.reports.iter().any(|report| report.is_scheduled.is_none()));
}

#[test]
fn a_step_changes_images_and_stamps_them() {
    let mut tenant = Tenant::generate(&Shape::small(9, NOW));
    let before = tenant.clone();
    tenant.step(NOW + 60_000);
    let is_new = |image: &&super::Image| !before.images.iter().any(|old| format!("{old:?}") == format!("{image:?}"));
    let changed: Vec<_> = tenant.images.iter().filter(is_new).collect();
    assert!((2..12).contains(&changed.len()), "{} changed", changed.len());
    assert!(changed.iter().all(|image| image.updated > NOW && image.updated <= NOW + 60_000));
    let purged = before.images.iter().filter(|old| !tenant.images.iter().any(|new| new.uuid == old.uuid)).count();
    assert!(purged > 0);
    let dump = |tenant: &Tenant| {
        [format!("{:?}", tenant.posture_resources), format!("{:?}", tenant.reports), format!("{:?}", tenant.policies)]
    };
    assert!(dump(&tenant).iter().zip(dump(&before)).all(|(new, old)| *new != old));
    assert!(tenant.policies.iter().any(|policy| policy.updated > NOW));
}

#[test]
fn a_step_changes_a_little_and_stamps_it() {
    let mut tenant = Tenant::generate(&Shape::small(9, NOW));
    let before = tenant.clone();
    tenant.step(NOW + 60_000);
    assert!(tenant.generation() > before.generation());
    let known = |uuid: &str| before.containers.iter().find(|old| old.uuid == uuid);
    let mut changed = 0;
    for container in &tenant.containers {
        match known(&container.uuid) {
            Some(old) if format!("{old:?}") == format!("{container:?}") => {}
            _ => {
                changed += 1;
                assert!(container.updated > NOW && container.updated <= NOW + 60_000);
            }
        }
    }
    assert!((2..40).contains(&changed), "{changed} changed");
    assert!(
        before.containers.iter().any(|old| !tenant.containers.iter().any(|new| new.uuid == old.uuid)),
        "some containers must be purged"
    );
    assert!(tenant.sensors.iter().any(|sensor| sensor.last_checked_in > Some(NOW)));
}
