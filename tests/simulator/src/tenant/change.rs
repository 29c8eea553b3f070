//! Changes a tenant as time passes.

use super::record::{Container, Row};
use super::{Tenant, birth, governance, image, posture};
use crate::random::Random;

/// Advances the tenant from its last step to `now`.
pub(super) fn step(tenant: &mut Tenant, now: i64) {
    let mut random = Random::new(tenant.shape.seed ^ (tenant.generation + 1).wrapping_mul(0x00A5_A5A5_5A5A));
    let since = tenant.now_ms;
    let portion = tenant.containers.len() / 100 + 1;
    for _ in 0..portion.min(tenant.containers.len()) {
        let index = random.below(tenant.containers.len());
        let updated = moment(since, now, &mut random);
        let container = &mut tenant.containers[index];
        change(container, since, updated, &mut random);
        container.updated = updated;
    }
    purge(tenant, portion / 3 + 1, &mut random);
    for _ in 0..=portion / 3 {
        let born = moment(since, now, &mut random);
        let container = birth::container(&tenant.landscape, born, born, &mut random);
        tenant.containers.push(container);
    }
    for sensor in tenant.sensors.iter_mut().filter(|sensor| !sensor.is_silent) {
        sensor.last_checked_in = Some(moment(since, now, &mut random));
    }
    for control in &mut tenant.controls {
        if let (Some(passed), Some(failed), true) = (control.passed, control.failed, random.percent(10)) {
            let moved = random.count(passed);
            control.passed = Some(passed - moved);
            control.failed = Some(failed + moved);
        }
    }
    image::step(tenant, since, now, &mut random);
    posture::step(tenant, since, now, &mut random);
    governance::step(tenant, since, now, &mut random);
    tenant.now_ms = now;
}

/// A time just before `now`, after everything that happened before the step.
pub(super) fn moment(since: i64, now: i64, random: &mut Random) -> i64 {
    (now - random.between(0, 2_000)).max(since + 1).min(now)
}

fn change(container: &mut Container, since: i64, until: i64, random: &mut Random) {
    match random.below(5) {
        0 => container.state = birth::state(random),
        1 => container.risk_score = Some(random.count(1000)),
        2 => container.exceptions = random.below(3),
        3 => container.is_drift = Some(true),
        _ => birth::scan(container, since.min(until), until, random),
    }
}

/// Removes some containers altogether; listings do not report this.
fn purge(tenant: &mut Tenant, count: usize, random: &mut Random) {
    for _ in 0..count {
        let index = random.below(tenant.containers.len().max(1));
        if tenant.containers.get(index).is_some_and(|container| container.page_row == Row::Readable) {
            tenant.containers.remove(index);
        }
    }
}
