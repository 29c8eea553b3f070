//! Makes a console hostile to its readers: bytes that break expositions, unknown enumeration values, unreadable rows,
//! and containers that disagree about a check.

use super::Console;
use super::record::{Check, Container, StrayRow, Tag};
use crate::nasty::nasty;
use crate::random::Random;
use crate::tenant::{DAMAGES, Damage};

/// Spoils part of everything.
pub(super) fn spoil(console: &mut Console, random: &mut Random) {
    for container in &mut console.containers {
        spoil_container(container, random);
    }
    for image in &mut console.images {
        if random.percent(8) {
            image.repo_tag = Some(Tag { registry: Some(nasty(random)), repo: Some(nasty(random)) });
        }
        image.damage = random.percent(4).then(|| *random.pick(DAMAGES));
    }
    for defenders in &mut console.defenders {
        if random.percent(30) {
            defenders.category = format!("{} {}", defenders.category, nasty(random));
        }
    }
    console.older_vulnerabilities = console.vulnerabilities.split_off(console.vulnerabilities.len() - 20);
    for (number, vulnerability) in console.vulnerabilities.iter_mut().take(9).enumerate() {
        vulnerability.cve = format!("{} {number}", nasty(random));
    }
    console.version = format!("31.00.129 {}", nasty(random));
    console.stray_container_rows = strays(DAMAGES, random);
    console.stray_image_rows = strays(DAMAGES, random);
    console.stray_vulnerability_rows = strays(DAMAGES, random);
    let keyed: Vec<Damage> = DAMAGES.iter().copied().filter(|damage| *damage != Damage::NoKey).collect();
    console.stray_defender_rows = strays(&keyed, random);
}

fn spoil_container(container: &mut Container, random: &mut Random) {
    if random.percent(8) {
        container.name = nasty(random);
        container.hostname = Some(nasty(random));
        container.namespace = Some(nasty(random));
    }
    if random.percent(8) {
        container.labels.retain(|label| !label.starts_with("team"));
        container.labels.push(format!("team:{}", nasty(random)));
    }
    if let Some(cloud) = &mut container.cloud
        && random.percent(8)
    {
        cloud.provider = Some(String::from(random.word(&["Moon Base", "ibm\"cloud\""])));
        cloud.region = Some(nasty(random));
    }
    if random.percent(15) {
        disagree(container, random);
    }
    container.damage = random.percent(4).then(|| *random.pick(DAMAGES));
}

/// Changes the title, type, severity or template of one check in all of the container's lists.
fn disagree(container: &mut Container, random: &mut Random) {
    let passed = container.passed.iter().flat_map(|passed| passed.checks.iter().flatten());
    let listed: Vec<Check> = container.failed.iter().flatten().chain(passed).cloned().collect();
    if listed.is_empty() {
        return;
    }
    let old = random.pick(&listed).clone();
    let mut new = old.clone();
    new.title = new.title.map(|_| nasty(random));
    new.kind = new.kind.map(|_| String::from(random.word(&["container", "quantum_config", "k8s master"])));
    new.severity = Some(String::from(random.word(&["CRITICAL", "Very Bad", "\"moderate\"", "low", "_other"])));
    if random.percent(30) {
        new.templates.push(nasty(random));
    }
    let passed = container.passed.iter_mut().flat_map(|passed| passed.checks.iter_mut().flatten());
    for check in container.failed.iter_mut().flatten().chain(passed) {
        if *check == old {
            *check = new.clone();
        }
    }
}

fn strays(damages: &[Damage], random: &mut Random) -> Vec<StrayRow> {
    (0..6).map(|index| StrayRow { id: random.hex(64), damage: damages[index % damages.len()] }).collect()
}
