//! Changes a console as time passes.

use super::{Console, birth};
use crate::random::Random;

/// Advances the console from its last step to `now`.
pub(super) fn step(console: &mut Console, now: i64) {
    let mut random = Random::new(console.shape.seed ^ (console.generation + 1).wrapping_mul(0x00A5_A5A5_5A5A));
    let since = console.now_ms + 1;
    let portion = console.containers.len() / 100 + 1;
    for _ in 0..portion.min(console.containers.len()) {
        let index = random.below(console.containers.len());
        birth::scan(&mut console.containers[index], &console.checks, since, now, &mut random);
    }
    for _ in 0..=portion / 2 {
        let index = random.below(console.containers.len().max(1));
        if index < console.containers.len() {
            console.containers.remove(index);
        }
        let container = birth::container(&console.images, &console.checks, now, &mut random);
        console.containers.push(container);
    }
    for defenders in &mut console.defenders {
        if let (Some(_), Some(deployed)) = (defenders.connected, defenders.deployed) {
            defenders.connected = Some(random.count(deployed));
        }
    }
    for vulnerability in &mut console.vulnerabilities {
        if random.percent(5) {
            vulnerability.images = Some(random.count(40));
        }
    }
    console.now_ms = now;
}
