//! The families about containers.

use super::super::Question;
use super::super::answer::{Cells, FamilySet, Key, amount, pairs, single};
use super::super::facts::seconds;
use super::known::{Known, containers};
use super::{severities, summed};
use crate::console::{Console, Firewall};

/// Computes the samples of a group from its containers.
type MakeCells = fn(&[Known<'_>]) -> Cells;

/// Whether a condition holds for a container.
type Holds = fn(&Known<'_>) -> bool;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, console: &'a Console, question: &'a Question) {
    let known = containers(console);
    let by_group: Vec<_> = known.iter().map(|container| (container.group(question), *container)).collect();
    let families: [(&str, MakeCells); 8] = [
        ("containers", |members| single(amount(members.len()))),
        ("container_vulnerabilities", vulnerabilities),
        ("containers_by_highest_severity", by_highest_severity),
        ("container_compliance_issues", compliance_issues),
        ("container_compliance_risk_score_max", compliance_risk_score_max),
        ("containers_with_condition", with_condition),
        ("container_oldest_scan_timestamp_seconds", oldest_scan),
        ("containers_without_passed_checks", without_passed_checks),
    ];
    for (family, cells) in families {
        set.add_grouped(family, &by_group, cells);
    }
    let by_runtime: Vec<_> =
        known.iter().map(|container| (cluster_and_runtime(container, question), *container)).collect();
    set.add_grouped("containers_by_runtime", &by_runtime, |members| single(amount(members.len())));
}

fn vulnerabilities(members: &[Known<'_>]) -> Cells {
    let scanned: Vec<_> = members.iter().filter_map(Known::vulnerabilities).collect();
    summed(&scanned)
}

fn by_highest_severity(members: &[Known<'_>]) -> Cells {
    let scanned: Vec<_> = members.iter().filter_map(Known::vulnerabilities).collect();
    if scanned.is_empty() {
        return Vec::new();
    }
    let highest = |counts: &[Option<u32>; 4]| counts.iter().position(|count| count.unwrap_or(0) > 0);
    let count = |level: Option<usize>| amount(scanned.iter().filter(|counts| highest(counts) == level).count());
    let mut cells: Cells =
        severities().into_iter().enumerate().map(|(level, labels)| (labels, count(Some(level)))).collect();
    cells.push((pairs([("severity", "none"), ("vendor_severity", "")]), count(None)));
    cells
}

fn compliance_issues(members: &[Known<'_>]) -> Cells {
    let checked: Vec<_> = members.iter().filter_map(|known| known.container.issues).collect();
    summed(&checked)
}

fn compliance_risk_score_max(members: &[Known<'_>]) -> Cells {
    let highest = members.iter().filter_map(|known| known.container.risk_score).max();
    highest.map_or_else(Vec::new, |score| single(f64::from(score)))
}

fn firewall<'a>(known: &Known<'a>) -> Option<&'a Firewall> {
    known.container.firewall.as_ref()
}

fn with_condition(members: &[Known<'_>]) -> Cells {
    let conditions: [(&str, Holds); 7] = [
        ("never_scanned", |known| known.vulnerabilities().is_none()),
        ("agentless", |known| known.container.agentless == Some(true)),
        ("infrastructure", |known| known.container.infra == Some(true)),
        ("runtime_protected", |known| known.container.runtime_enabled == Some(true)),
        ("waas_supported", |known| firewall(known).is_some_and(|firewall| firewall.supported == Some(true))),
        ("waas_enabled", |known| firewall(known).is_some_and(|firewall| firewall.enabled == Some(true))),
        ("waas_unprotected", |known| firewall(known).is_some_and(|firewall| firewall.unprotected > Some(0))),
    ];
    let count = |holds: Holds| amount(members.iter().filter(|known| holds(known)).count());
    conditions.into_iter().map(|(condition, holds)| (pairs([("condition", condition)]), count(holds))).collect()
}

fn oldest_scan(members: &[Known<'_>]) -> Cells {
    let oldest = members.iter().filter_map(|known| seconds(known.container.scan_time)).min_by(f64::total_cmp);
    oldest.map_or_else(Vec::new, single)
}

fn without_passed_checks(members: &[Known<'_>]) -> Cells {
    let records_them =
        |known: &&Known<'_>| known.container.passed.as_ref().is_some_and(|passed| passed.enabled == Some(true));
    single(amount(members.len() - members.iter().filter(records_them).count()))
}

fn cluster_and_runtime(known: &Known<'_>, question: &Question) -> Key {
    let runtime = match &known.container.installed {
        Some(installed) if installed.crio == Some(true) => "cri-o",
        Some(installed) if installed.docker.as_ref().is_some_and(|version| !version.is_empty()) => "docker",
        Some(_) | None => "unknown",
    };
    Key {
        kept: pairs([("source", &question.source), ("state", "running")]),
        open: pairs([("k8s_cluster_name", &known.cluster()), ("container_runtime_name", runtime)]),
    }
}
