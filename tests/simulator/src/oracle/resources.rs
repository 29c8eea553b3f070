//! The families about the resources evaluated for posture controls.

use std::collections::BTreeMap;

use super::Question;
use super::answer::{Cells, FamilySet, Key, Pairs, amount, pairs, single};
use super::facts::{name, seconds, severity, word};
use crate::tenant::{Outcome, PostureResource, Tenant};

pub(super) fn add<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let source = || pairs([("source", &question.source)]);
    let cluster = |resource: &PostureResource| name(resource.cluster_name.as_deref());
    let readable: Vec<&PostureResource> =
        tenant.posture_resources.iter().filter(|resource| resource.outcome.is_some()).collect();
    let by_kind = |resource: &PostureResource| Key {
        kept: source(),
        open: pairs([("k8s_cluster_name", &cluster(resource)), ("k8s_resource_kind", &name(resource.kind.as_deref()))]),
    };
    let records: Vec<_> = readable.iter().map(|resource| (by_kind(resource), *resource)).collect();
    set.add_grouped("posture_resources", &records, by_severity);
    let by_cluster =
        |resource: &PostureResource| Key { kept: source(), open: pairs([("k8s_cluster_name", &cluster(resource))]) };
    let records: Vec<_> = readable.iter().map(|resource| (by_cluster(resource), *resource)).collect();
    set.add_grouped("posture_oldest_evaluation_timestamp_seconds", &records, |members: &[&PostureResource]| {
        let oldest = members.iter().filter_map(|resource| seconds(resource.last_evaluated)).min_by(f64::total_cmp);
        oldest.map_or_else(Vec::new, single)
    });
}

/// For each severity of a member, the number of passed, failed and skipped resources.
fn by_severity(members: &[&PostureResource]) -> Cells {
    let mut severities: BTreeMap<Pairs, Vec<&PostureResource>> = BTreeMap::new();
    for resource in members {
        let sent = resource.criticality.as_deref();
        let labels = pairs([("severity", severity(sent)), ("vendor_severity", &word(sent))]);
        severities.entry(labels).or_default().push(resource);
    }
    let mut cells = Cells::new();
    for (labels, resources) in severities {
        for (outcome, status) in [(Outcome::Pass, "pass"), (Outcome::Fail, "fail"), (Outcome::Skip, "skip")] {
            let count = resources.iter().filter(|resource| resource.outcome == Some(outcome)).count();
            cells.push(([labels.clone(), pairs([("status", status)])].concat(), amount(count)));
        }
    }
    cells
}
