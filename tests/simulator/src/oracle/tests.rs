//! The oracle against sums that can be reckoned by eye.

use super::{Families, Labels, Question, expected};
use crate::tenant::{Row, Shape, Tenant};

const NOW: i64 = 1_750_000_000_000;

fn question() -> Question {
    Question {
        source: String::from("acme"),
        group_by: vec![String::from("k8s_cluster_name"), String::from("k8s_namespace_name")],
        promote_labels: Vec::new(),
        top_k: 20,
        sensors_stale_after_s: 86_400.0,
        max_series_per_family: 10_000,
        now_s: 1_750_000_000.0,
    }
}

fn total(families: &Families, family: &str) -> f64 {
    families[&format!("container_security_{family}")].values().sum()
}

fn folded(families: &Families, family: &str) -> f64 {
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
fn a_container_without_a_bulk_row_has_no_place() {
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
