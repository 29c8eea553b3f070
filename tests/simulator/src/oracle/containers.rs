//! The families about containers.

use std::collections::BTreeMap;

use super::Question;
use super::answer::{Cells, FamilySet, Key, amount, pairs, single};
use super::division::{SEVERITIES, by_finding, by_risk_level, by_severity};
use super::facts::{Known, known, label_name, word};
use super::sensors::is_stale;
use crate::tenant::Tenant;

/// Computes the samples of a group from its containers.
type MakeCells = fn(&[Known<'_>]) -> Cells;

/// Whether a condition holds for a container.
type Holds = fn(&Known<'_>) -> bool;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let containers = known(tenant);
    let by_group: Vec<_> = containers.iter().map(|container| (group(container, question), *container)).collect();
    let families: [(&str, MakeCells); 13] = [
        ("containers", |members| single(amount(members.len()))),
        ("container_vulnerabilities", vulnerabilities),
        ("containers_by_highest_severity", by_highest_severity),
        ("containers_by_risk_level", risk_levels),
        ("container_findings", findings),
        ("container_risk_score_max", risk_score_max),
        ("container_risk_score_average", risk_score_average),
        ("containers_by_qds_severity", by_qds_severity),
        ("container_qds_score_max", qds_score_max),
        ("containers_by_criticality", by_criticality),
        ("container_compliance_checks", compliance_checks),
        ("containers_with_condition", with_condition),
        ("container_oldest_scan_timestamp_seconds", oldest_scan),
    ];
    for (family, cells) in families {
        set.add_grouped(family, &by_group, cells);
    }
    add_by_runtime(set, &containers, question);
    add_by_architecture(set, &containers, question);
    add_by_sensor_state(set, &containers, question);
    add_top_risk(set, &containers, question);
}

/// The group of a container. Folding keeps source and state; the chosen labels are open.
fn group(container: &Known<'_>, question: &Question) -> Key {
    let mut chosen = question.group_by.clone();
    for key in &question.promote_labels {
        if !chosen.contains(&label_name(key)) {
            chosen.push(label_name(key));
        }
    }
    let open = chosen.into_iter().map(|label| {
        let value = container.group_label(&label, &question.promote_labels);
        (label, value)
    });
    Key { kept: pairs([("source", &question.source), ("state", &container.state())]), open: open.collect() }
}

fn vulnerabilities(members: &[Known<'_>]) -> Cells {
    let scanned: Vec<_> = members.iter().filter_map(|container| container.container.findings).collect();
    by_severity(&scanned)
}

/// The findings of the containers' images. An image counts once for each container.
fn findings(members: &[Known<'_>]) -> Cells {
    let lists: Vec<_> = members.iter().filter_map(Known::image_detections).collect();
    by_finding(&lists)
}

fn by_highest_severity(members: &[Known<'_>]) -> Cells {
    let scanned: Vec<_> = members.iter().filter(|container| container.is_scanned()).collect();
    if scanned.is_empty() {
        return Vec::new();
    }
    let highest = |container: &Known<'_>| (1..=5).rev().find(|level| container.findings(*level) > 0).unwrap_or(0);
    let cell = |(level, severity, vendor): (usize, &str, &str)| {
        let count = scanned.iter().filter(|container| highest(container) == level).count();
        (pairs([("severity", severity), ("vendor_severity", vendor)]), amount(count))
    };
    SEVERITIES.into_iter().chain([(0, "none", "")]).map(cell).collect()
}

fn risk_levels(members: &[Known<'_>]) -> Cells {
    let scores: Vec<_> = members.iter().map(|container| container.container.risk_score).collect();
    by_risk_level(&scores)
}

fn by_qds_severity(members: &[Known<'_>]) -> Cells {
    let level = |container: &Known<'_>| match word(container.container.qds_severity.as_deref()).as_str() {
        "critical" => "critical",
        "high" => "high",
        "medium" => "medium",
        "low" => "low",
        _ => "unknown",
    };
    counted(members, "qds_severity", &["critical", "high", "medium", "low", "unknown"], level)
}

/// The number of members for each value of a label.
fn counted(members: &[Known<'_>], label: &str, values: &[&str], of: impl Fn(&Known<'_>) -> &'static str) -> Cells {
    let count = |value: &str| members.iter().filter(|container| of(container) == value).count();
    values.iter().map(|value| (pairs([(label, value)]), amount(count(value)))).collect()
}

fn risk_score_max(members: &[Known<'_>]) -> Cells {
    let highest = members.iter().filter_map(|container| container.container.risk_score).max();
    highest.map_or_else(Vec::new, |score| single(f64::from(score)))
}

fn risk_score_average(members: &[Known<'_>]) -> Cells {
    let scores: Vec<f64> =
        members.iter().filter_map(|container| container.container.risk_score.map(f64::from)).collect();
    if scores.is_empty() {
        return Vec::new();
    }
    single(scores.iter().sum::<f64>() / amount(scores.len()))
}

fn qds_score_max(members: &[Known<'_>]) -> Cells {
    let highest = members.iter().filter_map(|container| container.container.max_qds_score).max();
    highest.map_or_else(Vec::new, |score| single(f64::from(score)))
}

fn by_criticality(members: &[Known<'_>]) -> Cells {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for container in members {
        *counts.entry(word(container.container.criticality.as_deref())).or_default() += 1;
    }
    counts.into_iter().map(|(criticality, count)| (pairs([("criticality", &criticality)]), amount(count))).collect()
}

fn compliance_checks(members: &[Known<'_>]) -> Cells {
    let checked: Vec<_> = members.iter().filter_map(|container| container.container.compliance).collect();
    if checked.is_empty() {
        return Vec::new();
    }
    let sum = |index: usize| checked.iter().map(|counts| f64::from(counts[index].unwrap_or(0))).sum();
    [(0, "pass"), (1, "fail"), (2, "error")].map(|(index, status)| (pairs([("status", status)]), sum(index))).into()
}

fn with_condition(members: &[Known<'_>]) -> Cells {
    let conditions: [(&str, Holds); 8] = [
        ("never_scanned", |known| !known.is_scanned()),
        ("privileged", |known| known.bulk_flag(known.container.privileged)),
        ("root", |known| known.container.is_root == Some(true)),
        ("drifted", |known| known.bulk_flag(known.container.is_drift)),
        ("vulnerability_propagated", |known| known.container.is_vuln_propagated == Some(true)),
        ("exposed_to_world", |known| known.bulk_flag(known.container.is_exposed)),
        ("instrumented", |known| known.bulk_flag(known.container.is_instrumented)),
        ("excepted", |known| known.container.exceptions > 0),
    ];
    let count = |holds: Holds| members.iter().filter(|container| holds(container)).count();
    conditions.map(|(condition, holds)| (pairs([("condition", condition)]), amount(count(holds)))).into()
}

fn oldest_scan(members: &[Known<'_>]) -> Cells {
    let oldest = members.iter().filter_map(Known::last_scan).min_by(f64::total_cmp);
    oldest.map_or_else(Vec::new, single)
}

fn add_by_runtime<'a>(set: &mut FamilySet<'a>, containers: &[Known<'a>], question: &'a Question) {
    let key = |container: &Known<'_>| {
        let runtime = word(container.sensor.and_then(|sensor| sensor.runtime.as_deref()));
        Key {
            kept: pairs([("source", &question.source), ("state", &container.state())]),
            open: pairs([("k8s_cluster_name", &container.cluster()), ("container_runtime_name", &runtime)]),
        }
    };
    let records: Vec<_> = containers.iter().map(|container| (key(container), *container)).collect();
    set.add_grouped("containers_by_runtime", &records, |members| single(amount(members.len())));
}

/// Groups by the first architecture in the bulk list.
fn add_by_architecture<'a>(set: &mut FamilySet<'a>, containers: &[Known<'a>], question: &'a Question) {
    let key = |known: &Known<'_>| {
        let listed = known.container.architectures.iter().flatten().flatten().find(|listed| !listed.is_empty());
        let architecture = word(listed.filter(|_| known.container.is_placed()).map(String::as_str));
        Key {
            kept: pairs([("source", &question.source), ("state", &known.state())]),
            open: pairs([("k8s_cluster_name", &known.cluster()), ("host_arch", &architecture)]),
        }
    };
    let records: Vec<_> = containers.iter().map(|container| (key(container), *container)).collect();
    set.add_grouped("containers_by_architecture", &records, |members| single(amount(members.len())));
}

fn add_by_sensor_state<'a>(set: &mut FamilySet<'a>, containers: &[Known<'a>], question: &'a Question) {
    let key = |container: &Known<'_>| Key {
        kept: pairs([("source", &question.source), ("state", &container.state())]),
        open: pairs([("k8s_cluster_name", &container.cluster())]),
    };
    let state = move |container: &Known<'_>| match container.sensor {
        None => "missing",
        Some(sensor) if sensor.sensor_id.is_none() || is_stale(sensor, question) => "stale",
        Some(_) => "live",
    };
    let records: Vec<_> = containers.iter().map(|container| (key(container), *container)).collect();
    set.add_grouped("containers_by_sensor_state", &records, move |members| {
        counted(members, "sensor_state", &["live", "stale", "missing"], state)
    });
}

fn add_top_risk<'a>(set: &mut FamilySet<'a>, containers: &[Known<'a>], question: &'a Question) {
    let not_deleted = containers.iter().filter(|container| container.state() != "deleted");
    let mut scored: Vec<_> =
        not_deleted.filter_map(|known| known.container.risk_score.map(|score| (score, known))).collect();
    scored.sort_by(|(score, known), (other_score, other)| {
        let ids = (&known.container.container_id, &known.container.uuid);
        let other_ids = (&other.container.container_id, &other.container.uuid);
        other_score.cmp(score).then(ids.cmp(&other_ids))
    });
    let samples = scored.into_iter().take(question.top_k).map(|(score, known)| {
        let labels = pairs([
            ("source", &question.source),
            ("container_id", &known.container.container_id),
            ("container_name", &known.container.name),
            ("container_image_name", &known.image_name()),
            ("k8s_cluster_name", &known.cluster()),
            ("k8s_namespace_name", &known.namespace()),
            ("state", &known.state()),
        ]);
        (-f64::from(score), labels, f64::from(score))
    });
    set.add_single("top_container_risk_score", samples.collect());
}
