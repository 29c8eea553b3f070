//! Checks the oracle against sums that are easy to verify by hand.

use super::{Families, Labels, Question, expected};
use crate::tenant::{Outcome, Row, Shape, Tenant};

pub(super) const NOW: i64 = 1_750_000_000_000;

pub(super) fn question() -> Question {
    Question::usual("acme", 1_750_000_000.0)
}

pub(super) fn total(families: &Families, family: &str) -> f64 {
    families[&format!("container_security_{family}")].values().sum()
}

pub(super) fn folded(families: &Families, family: &str) -> f64 {
    let label = Labels::from([(String::from("family"), format!("container_security_{family}"))]);
    families["container_security_exporter_folded_groups"][&label]
}

#[test]
fn every_container_is_counted_once_in_every_division() {
    let tenant = Tenant::generate(&Shape::small(3, NOW).hostile(true));
    let families = expected(&tenant, &question());
    let existing = super::answer::amount(tenant.containers.iter().filter(|container| container.exists()).count());
    for family in ["containers", "containers_by_risk_level", "containers_by_qds_severity", "containers_by_criticality"]
    {
        assert_eq!(total(&families, family).to_bits(), existing.to_bits(), "{family}");
    }
    for family in ["containers_by_runtime", "containers_by_sensor_state"] {
        assert_eq!(total(&families, family).to_bits(), existing.to_bits(), "{family}");
    }
    assert_eq!(families["container_security_exporter_folded_groups"].len(), super::answer::FAMILIES.len());
    assert_eq!(families["container_security_top_container_risk_score"].len(), 20);
}

#[test]
fn folding_keeps_sums_and_the_budget() {
    let tenant = Tenant::generate(&Shape::small(3, NOW));
    let whole = expected(&tenant, &question());
    let tight = expected(&tenant, &Question { max_series_per_family: 60, ..question() });
    for (family, samples) in &tight {
        let is_about_the_exporter = family == "container_security_exporter_folded_groups";
        assert!(is_about_the_exporter || samples.len() <= 60, "{family}: {}", samples.len());
    }
    for family in ["containers", "container_vulnerabilities", "containers_with_condition", "posture_control_resources"]
    {
        assert_eq!(total(&whole, family).to_bits(), total(&tight, family).to_bits(), "{family}");
        assert!(folded(&tight, family) > 0.0, "{family}");
        assert_eq!(folded(&whole, family).to_bits(), 0.0_f64.to_bits(), "{family}");
    }
    assert!(
        tight["container_security_posture_control_info"].len() == 60 && folded(&tight, "posture_control_info") > 0.0
    );
    let others =
        |name: &str| tight["container_security_containers"].keys().filter(|labels| labels[name] == "_other").count();
    assert!(others("k8s_cluster_name") > 0 && others("k8s_cluster_name") == others("k8s_namespace_name"));
}

#[test]
fn a_container_without_a_bulk_row_has_no_placement() {
    let mut tenant = Tenant::generate(&Shape::small(4, NOW).containers(1));
    tenant.containers[0].page_row = Row::Readable;
    tenant.containers[0].bulk_row = Row::Absent;
    tenant.containers[0].cluster = None;
    let labels = ["k8s_namespace_name", "origin", "label_team"].map(String::from);
    let families = expected(
        &tenant,
        &Question { group_by: labels.to_vec(), promote_labels: vec![String::from("team")], ..question() },
    );
    let shown = families["container_security_containers"].keys().next().expect("one group");
    assert_eq!(
        (shown["k8s_namespace_name"].as_str(), shown["origin"].as_str(), shown["label_team"].as_str()),
        ("", "unknown", "")
    );
}

/// The values of a family by the values of some labels.
pub(super) fn by_labels<const N: usize>(
    families: &Families,
    family: &str,
    names: [&str; N],
) -> Vec<([String; N], f64)> {
    let samples = &families[&format!("container_security_{family}")];
    let mut values: Vec<_> =
        samples.iter().map(|(labels, value)| (names.map(|name| labels[name].clone()), *value)).collect();
    values.sort_by(|(one, _), (other, _)| one.cmp(other));
    values
}

/// An expected result of [`by_labels`].
pub(super) fn rows<const N: usize>(values: &[([&str; N], f64)]) -> Vec<([String; N], f64)> {
    values.iter().map(|(labels, value)| (labels.map(String::from), *value)).collect()
}

#[test]
fn resources_count_by_outcome() {
    let mut tenant = Tenant::generate(&Shape::small(6, NOW));
    tenant.posture_resources.truncate(4);
    let outcomes = [Some(Outcome::Pass), Some(Outcome::Fail), Some(Outcome::Fail), None];
    for (resource, outcome) in tenant.posture_resources.iter_mut().zip(outcomes) {
        resource.outcome = outcome;
        resource.cluster_name = None;
        resource.kind = Some(String::from("ServiceAccount"));
        resource.criticality = Some(String::from("URGENT"));
        resource.last_evaluated = Some(NOW - 10_000);
    }
    tenant.posture_resources[1].criticality = None;
    tenant.posture_resources[2].last_evaluated = Some(NOW - 20_000);
    // The fourth has an unknown outcome, so its row is unreadable.
    tenant.posture_resources[3].last_evaluated = Some(NOW - 30_000);
    let families = expected(&tenant, &question());
    let names = ["k8s_cluster_name", "k8s_resource_kind", "severity", "vendor_severity", "status"];
    let urgent = |status| ["", "ServiceAccount", "critical", "urgent", status];
    let nameless = |status| ["", "ServiceAccount", "unknown", "unknown", status];
    assert_eq!(
        by_labels(&families, "posture_resources", names),
        rows(&[
            (urgent("fail"), 1.0),
            (urgent("pass"), 1.0),
            (urgent("skip"), 0.0),
            (nameless("fail"), 1.0),
            (nameless("pass"), 0.0),
            (nameless("skip"), 0.0),
        ])
    );
    assert_eq!(total(&families, "posture_oldest_evaluation_timestamp_seconds"), 1_749_999_980.0);
}

#[test]
fn reports_count_by_template_status_and_schedule() {
    let mut tenant = Tenant::generate(&Shape::small(6, NOW));
    tenant.reports.truncate(3);
    for (report, age) in tenant.reports.iter_mut().zip([1_000, 2_000, 3_000]) {
        report.template = Some(String::from("CS IMAGE SECRETS"));
        report.status = Some(String::from("COMPLETED"));
        report.is_scheduled = Some(true);
        report.created = Some(NOW - age);
        report.expires = Some(NOW + age);
    }
    tenant.reports[0].expires = None;
    tenant.reports[1].status = None;
    tenant.reports[2].is_scheduled = None;
    let families = expected(&tenant, &question());
    assert_eq!(
        by_labels(&families, "reports", ["report_template", "report_status", "scheduled"]),
        rows(&[
            (["cs_image_secrets", "completed", "true"], 1.0),
            (["cs_image_secrets", "completed", "unknown"], 1.0),
            (["cs_image_secrets", "unknown", "true"], 1.0),
        ])
    );
    assert_eq!(
        by_labels(&families, "report_latest_created_timestamp_seconds", ["report_status"]),
        rows(&[(["completed"], 1_749_999_999.0), (["unknown"], 1_749_999_998.0)])
    );
    assert_eq!(
        by_labels(&families, "report_earliest_expiry_timestamp_seconds", ["report_template"]),
        rows(&[(["cs_image_secrets"], 1_750_000_002.0)])
    );
}

#[test]
fn policies_count_their_rules_and_the_strictest_age() {
    let mut tenant = Tenant::generate(&Shape::small(6, NOW));
    // Enabled: 180 and 90 days, and one without a number. Disabled: 30 days. Not an age: 7.
    tenant.policies.truncate(2);
    for (policy, name) in tenant.policies.iter_mut().zip(["strict", "lax"]) {
        policy.name = Some(String::from(name));
        policy.kind = Some(String::from("CICD"));
        policy.mode = Some(String::from("ACTIVE"));
    }
    let mut exception = tenant.policies[1].rules[0].clone();
    exception.is_enabled = Some(true);
    tenant.policies[0].exclusions = vec![exception];
    tenant.policies[1].exclusions = Vec::new();
    let families = expected(&tenant, &question());
    assert_eq!(by_labels(&families, "policies", ["policy_type", "policy_mode"]), rows(&[(["cicd", "active"], 2.0)]));
    assert_eq!(
        by_labels(&families, "policy_rules", ["policy_type", "action", "enabled"]),
        rows(&[(["cicd", "fail", "false"], 2.0), (["cicd", "fail", "true"], 4.0)])
    );
    assert_eq!(
        by_labels(&families, "policy_image_age_limit_seconds", ["policy_name", "policy_type"]),
        rows(&[(["strict", "cicd"], 90.0 * 86_400.0)])
    );
}
