//! The compliance checks of a console, and the ones that a container fails or passes.

use super::record::{Check, Container, Passed};
use crate::random::Random;

const TITLES: &[&str] = &[
    "Image should be created with a non-root user",
    "(CIS_Docker_v1.5.0 - 5.4) Privileged containers are not used",
    "(CIS_Docker_v1.5.0 - 5.10) Memory usage for container is limited",
    "(CIS_Docker_v1.5.0 - 5.12) Mount container's root filesystem as read only",
    "Sensitive information provided in environment variables",
    "Image contains malware",
    "Only images with \"trusted\" tags run",
    "Private keys stored in image",
];
const KINDS: &[&str] = &["container", "image", "custom", "docker_stig", "application_control_linux"];
const SEVERITIES: &[&str] = &["critical", "high", "High", "medium", "low", "low", "Important", "needs attention"];
const TEMPLATES: &[&str] = &["PCI", "HIPAA", "NIST SP 800-190", "GDPR", "DISA STIG"];

/// Generates forty checks; the last two are not controls.
pub(super) fn all(random: &mut Random) -> Vec<Check> {
    let mut checks: Vec<Check> = (0..40).map(|index| check(41 + index * 13, random)).collect();
    for (check, id) in checks.iter_mut().rev().zip([None, Some(0)]) {
        check.id = id;
    }
    checks
}

fn check(id: u32, random: &mut Random) -> Check {
    let mut templates: Vec<String> = (0..random.below(4)).map(|_| String::from(random.word(TEMPLATES))).collect();
    if random.percent(10) {
        templates.extend(templates.first().cloned());
    }
    Check {
        id: Some(id),
        title: (!random.percent(4)).then(|| format!("{} [{id}]", random.word(TITLES))),
        kind: (!random.percent(6)).then(|| String::from(random.word(KINDS))),
        severity: (!random.percent(6)).then(|| String::from(random.word(SEVERITIES))),
        templates,
    }
}

/// Runs the checks on the container: some fail, some pass, and a few are listed twice.
pub(super) fn scan(container: &mut Container, checks: &[Check], random: &mut Random) {
    let (mut failed, mut passed) = (Vec::new(), Vec::new());
    for check in checks {
        let lists: &mut [&mut Vec<Check>] = match random.below(100) {
            0..15 => &mut [&mut failed],
            15..55 => &mut [&mut passed],
            55 => &mut [&mut failed, &mut passed],
            _ => &mut [],
        };
        for list in lists {
            let times = if random.percent(2) { 2 } else { 1 };
            list.extend(vec![check.clone(); times]);
        }
    }
    container.failed = (!failed.is_empty() || random.percent(50)).then_some(failed);
    container.passed = match random.below(20) {
        0 => None,
        1 => Some(Passed { enabled: Some(false), checks: None }),
        2 => Some(Passed { enabled: None, checks: Some(Vec::new()) }),
        3 => Some(Passed { enabled: Some(true), checks: None }),
        _ => Some(Passed { enabled: Some(true), checks: Some(passed) }),
    };
}
