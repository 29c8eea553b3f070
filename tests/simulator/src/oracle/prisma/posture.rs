//! The families about posture: each check of a container is a control evaluated for a resource.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Question;
use super::super::answer::{Cells, FamilySet, Key, Pairs, Single, amount, pairs};
use super::super::facts::{severity, word};
use super::known::containers;
use crate::console::{Check, Console, Container};

/// A control as some containers list it, and the number of containers that pass and fail it.
#[derive(Clone, Copy)]
struct Control<'a> {
    check: &'a Check,
    passed: usize,
    failed: usize,
}

pub(super) fn add<'a>(set: &mut FamilySet<'a>, console: &'a Console, question: &'a Question) {
    let key =
        |label: &str, value: &str| Key { kept: pairs([("source", &question.source)]), open: pairs([(label, value)]) };
    let (mut by_id, mut by_template) = (Vec::new(), Vec::new());
    for (id, control) in controls(console) {
        by_id.push((key("control_id", &id.to_string()), control));
        let templates: BTreeSet<&String> = control.check.templates.iter().filter(|name| *name != "None").collect();
        by_template.extend(templates.into_iter().map(|template| (key("policy", template), control)));
    }
    set.add_grouped("posture_control_resources", &by_id, by_severity);
    set.add_grouped("posture_policy_resources", &by_template, by_status);
    set.add_single("posture_control_info", info(console, question));
}

/// The controls by number. If containers disagree about a control's severity or templates, each variant is a separate
/// record, which matters when groups are folded.
fn controls(console: &Console) -> Vec<(u32, Control<'_>)> {
    let mut controls: BTreeMap<(u32, String, BTreeSet<&String>), Control<'_>> = BTreeMap::new();
    for known in containers(console) {
        for (id, (check, has_failed)) in outcomes(known.container) {
            let identity = (id, word(check.severity.as_deref()), check.templates.iter().collect());
            let control = controls.entry(identity).or_insert(Control { check, passed: 0, failed: 0 });
            if has_failed {
                control.failed += 1;
            } else {
                control.passed += 1;
            }
        }
    }
    controls.into_iter().map(|((id, _, _), control)| (id, control)).collect()
}

/// The container's checks by number, and whether they failed. A check that is both passed and failed counts as failed.
fn outcomes(container: &Container) -> BTreeMap<u32, (&Check, bool)> {
    let mut outcomes = BTreeMap::new();
    for (check, has_failed) in
        passed(container).map(|check| (check, false)).chain(failed(container).map(|check| (check, true)))
    {
        if let Some(id) = check.id.filter(|id| *id > 0) {
            outcomes.insert(id, (check, has_failed));
        }
    }
    outcomes
}

fn passed(container: &Container) -> impl Iterator<Item = &Check> {
    container.passed.iter().flat_map(|passed| passed.checks.iter().flatten())
}

fn failed(container: &Container) -> impl Iterator<Item = &Check> {
    container.failed.iter().flatten()
}

/// The resources of some controls by status. Skipped is always zero.
fn by_status(members: &[Control<'_>]) -> Cells {
    let passed = members.iter().map(|control| control.passed).sum();
    let failed = members.iter().map(|control| control.failed).sum();
    [("pass", passed), ("fail", failed), ("skip", 0)]
        .map(|(status, count)| (pairs([("status", status)]), amount(count)))
        .into()
}

/// The resources of some controls by severity and status.
fn by_severity(members: &[Control<'_>]) -> Cells {
    let mut severities: BTreeMap<Pairs, Vec<Control<'_>>> = BTreeMap::new();
    for control in members {
        let sent = control.check.severity.as_deref();
        let labels = pairs([("severity", severity(sent)), ("vendor_severity", &word(sent))]);
        severities.entry(labels).or_default().push(*control);
    }
    let cells = severities.into_iter().flat_map(|(severity, controls)| {
        by_status(&controls).into_iter().map(move |(status, sum)| ([severity.clone(), status].concat(), sum))
    });
    cells.collect()
}

/// One sample per number, with the smallest title and type that any container lists; a missing one is empty.
fn info(console: &Console, question: &Question) -> Vec<Single> {
    let mut entries: BTreeMap<u32, Vec<&Check>> = BTreeMap::new();
    for known in containers(console) {
        for (id, (check, _)) in outcomes(known.container) {
            entries.entry(id).or_default().push(check);
        }
    }
    let smallest = |checks: &[&Check], text: fn(&Check) -> Option<&String>| {
        checks.iter().filter_map(|check| text(check).cloned()).filter(|text| !text.is_empty()).min().unwrap_or_default()
    };
    let samples = entries.into_iter().map(|(id, checks)| {
        let labels = pairs([
            ("source", &question.source),
            ("control_id", &id.to_string()),
            ("control_name", &smallest(&checks, |check| check.title.as_ref())),
            ("category", &smallest(&checks, |check| check.kind.as_ref())),
        ]);
        (0.0, labels, 1.0)
    });
    samples.collect()
}
