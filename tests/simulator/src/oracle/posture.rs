//! The families about posture controls.

use std::collections::{BTreeMap, BTreeSet};

use super::Question;
use super::answer::{Cells, FamilySet, Key, Pairs, Single, pairs};
use super::facts::{name, severity, word};
use crate::tenant::{Control, Tenant};

/// One of a control's counts.
type Count = fn(&Control) -> Option<u32>;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let key =
        |label: &str, value: &str| Key { kept: pairs([("source", &question.source)]), open: pairs([(label, value)]) };
    let controls: Vec<_> =
        tenant.controls.iter().map(|control| (key("control_id", &control.cid.to_string()), control)).collect();
    set.add_grouped("posture_control_resources", &controls, by_severity);
    let mut in_policies = Vec::new();
    for control in &tenant.controls {
        let policies: BTreeSet<&String> = control.policies.iter().collect();
        in_policies.extend(policies.into_iter().map(|policy| (key("policy", policy), control)));
    }
    set.add_grouped("posture_policy_resources", &in_policies, by_status);
    set.add_single("posture_control_info", info(tenant, question));
}

fn is_evaluated(control: &Control) -> bool {
    control.passed.is_some() || control.failed.is_some() || control.skipped.is_some()
}

/// The resources of the evaluated controls by status.
fn by_status(members: &[&Control]) -> Cells {
    let evaluated: Vec<_> = members.iter().filter(|control| is_evaluated(control)).collect();
    if evaluated.is_empty() {
        return Vec::new();
    }
    let counts: [(&str, Count); 3] =
        [("pass", |control| control.passed), ("fail", |control| control.failed), ("skip", |control| control.skipped)];
    counts
        .map(|(status, count)| {
            let sum = evaluated.iter().map(|control| f64::from(count(control).unwrap_or(0))).sum();
            (pairs([("status", status)]), sum)
        })
        .into()
}

/// The resources of the evaluated controls by severity and status.
fn by_severity(members: &[&Control]) -> Cells {
    let mut severities: BTreeMap<Pairs, Vec<&Control>> = BTreeMap::new();
    for control in members {
        let sent = control.criticality.as_deref();
        let labels = pairs([("severity", severity(sent)), ("vendor_severity", &word(sent))]);
        severities.entry(labels).or_default().push(control);
    }
    let cells = severities.into_iter().flat_map(|(severity, controls)| {
        by_status(&controls).into_iter().map(move |(status, sum)| ([severity.clone(), status].concat(), sum))
    });
    cells.collect()
}

fn info(tenant: &Tenant, question: &Question) -> Vec<Single> {
    let samples = tenant.controls.iter().map(|control| {
        let category = control.category.as_deref().filter(|_| control.has_detail);
        let labels = pairs([
            ("source", &question.source),
            ("control_id", &control.cid.to_string()),
            ("control_name", &name(control.name.as_deref())),
            ("category", &name(category)),
        ]);
        (0.0, labels, 1.0)
    });
    samples.collect()
}
