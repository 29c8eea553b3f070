//! What every tenant must be like, and how it may change.

use std::collections::BTreeSet;

use super::{Row, Shape, Tenant};

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
    let named = |sensor: &str| tenant.sensors.iter().any(|listed| listed.uuid == sensor);
    let hosts = || tenant.containers.iter().filter_map(|container| container.host.as_ref()?.sensor_uuid.as_deref());
    assert!(hosts().any(named) && hosts().any(|sensor| !named(sensor)));
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
        "some are purged"
    );
    assert!(tenant.sensors.iter().any(|sensor| sensor.last_checked_in > Some(NOW)));
}
