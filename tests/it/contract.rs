//! The metric contract, spelled out: what dashboards and rules rely on must stay in the catalog unchanged.

use std::collections::BTreeSet;

use container_security_exporter::catalog;
use container_security_exporter::metric::{Kind, Metric};
use container_security_exporter::record::Vendor;
use container_security_exporter::telemetry::{Failure, PushFailure};

/// Placeholders for the labels that the configuration chooses.
const CHOSEN: &str = "‹group›";
const CHOSEN_OF_IMAGES: &str = "‹image group›";

/// `‹group›` and these labels.
macro_rules! group {
    ($($label:literal),*) => { &["source", "state", CHOSEN $(, $label)*] };
}

/// Families about vendors and their labels. All are gauges.
const OF_VENDORS: &[(&str, &[&str])] = &[
    ("containers", group!()),
    ("container_vulnerabilities", group!("severity", "vendor_severity")),
    ("containers_by_highest_severity", group!("severity", "vendor_severity")),
    ("containers_by_risk_level", group!("risk_level")),
    ("container_findings", group!("finding_type", "fixable")),
    ("container_risk_score_max", group!()),
    ("container_risk_score_average", group!()),
    ("containers_by_qds_severity", group!("qds_severity")),
    ("container_qds_score_max", group!()),
    ("containers_by_criticality", group!("criticality")),
    ("container_compliance_checks", group!("status")),
    ("container_compliance_issues", group!("severity", "vendor_severity")),
    ("container_compliance_risk_score_max", group!()),
    ("containers_without_passed_checks", group!()),
    ("containers_with_condition", group!("condition")),
    ("container_oldest_scan_timestamp_seconds", group!()),
    ("containers_by_runtime", &["source", "k8s_cluster_name", "state", "container_runtime_name"]),
    ("containers_by_architecture", &["source", "k8s_cluster_name", "state", "host_arch"]),
    ("containers_by_sensor_state", &["source", "k8s_cluster_name", "state", "sensor_state"]),
    (
        "top_container_risk_score",
        &[
            "source",
            "container_id",
            "container_name",
            "container_image_name",
            "k8s_cluster_name",
            "k8s_namespace_name",
            "state",
        ],
    ),
    ("images", &["source", CHOSEN_OF_IMAGES, "in_use", "scan_status"]),
    ("image_vulnerabilities", &["source", CHOSEN_OF_IMAGES, "in_use", "severity", "vendor_severity"]),
    ("image_findings", &["source", CHOSEN_OF_IMAGES, "in_use", "finding_type", "fixable"]),
    ("distinct_vulnerabilities", &["source", "in_use", "fixable"]),
    ("images_by_risk_level", &["source", CHOSEN_OF_IMAGES, "in_use", "risk_level"]),
    ("image_risk_score_max", &["source", CHOSEN_OF_IMAGES, "in_use"]),
    ("image_size_bytes", &["source", CHOSEN_OF_IMAGES, "in_use"]),
    ("image_oldest_created_timestamp_seconds", &["source", CHOSEN_OF_IMAGES, "in_use"]),
    ("images_with_condition", &["source", CHOSEN_OF_IMAGES, "in_use", "condition"]),
    ("top_vulnerability_affected_images", &["source", "vulnerability_id", "fixable"]),
    ("sensors", &["source", "sensor_type", "sensor_status", "container_runtime_name"]),
    (
        "sensor_info",
        &[
            "source",
            "sensor_uuid",
            "host_name",
            "sensor_type",
            "sensor_version",
            "container_runtime_name",
            "container_runtime_version",
        ],
    ),
    ("sensor_last_checkin_timestamp_seconds", &["source", "sensor_uuid", "host_name"]),
    ("sensor_oldest_checkin_timestamp_seconds", &["source", "sensor_type", "container_runtime_name"]),
    ("sensor_checkin_age_max_seconds", &["source", "sensor_type", "container_runtime_name"]),
    ("sensors_stale", &["source", "sensor_type", "container_runtime_name"]),
    ("posture_control_resources", &["source", "control_id", "severity", "vendor_severity", "status"]),
    ("posture_control_info", &["source", "control_id", "control_name", "category"]),
    ("posture_policy_resources", &["source", "policy", "status"]),
    (
        "posture_resources",
        &["source", "k8s_cluster_name", "k8s_resource_kind", "severity", "vendor_severity", "status"],
    ),
    ("posture_oldest_evaluation_timestamp_seconds", &["source", "k8s_cluster_name"]),
    ("reports", &["source", "report_template", "report_status", "scheduled"]),
    ("report_latest_created_timestamp_seconds", &["source", "report_template", "report_status"]),
    ("report_earliest_expiry_timestamp_seconds", &["source", "report_template"]),
    ("registry_images", &["source", "registry", "image_state"]),
    ("policies", &["source", "policy_type", "policy_mode"]),
    ("policy_rules", &["source", "policy_type", "rule_type", "action", "enabled"]),
    ("policy_image_age_limit_seconds", &["source", "policy_name", "policy_type"]),
    ("console_info", &["source", "console_version"]),
    ("console_licence_expiry_timestamp_seconds", &["source"]),
];

/// Families about the exporter itself.
const OWN: &[(&str, Kind, &[&str])] = &[
    ("container_security_exporter_build_info", Kind::Gauge, &["version", "revision", "rustc"]),
    ("container_security_source_info", Kind::Gauge, &["source", "vendor"]),
    ("container_security_collector_up", Kind::Gauge, &["source", "collector"]),
    ("container_security_collector_complete", Kind::Gauge, &["source", "collector"]),
    ("container_security_collector_last_success_timestamp_seconds", Kind::Gauge, &["source", "collector"]),
    ("container_security_collector_last_full_walk_timestamp_seconds", Kind::Gauge, &["source", "collector"]),
    ("container_security_collector_last_duration_seconds", Kind::Gauge, &["source", "collector"]),
    ("container_security_collector_records", Kind::Gauge, &["source", "collector"]),
    ("container_security_collector_runs_total", Kind::Counter, &["source", "collector", "outcome"]),
    ("container_security_collector_rejected_records_total", Kind::Counter, &["source", "collector", "reason"]),
    ("container_security_collector_field_records", Kind::Gauge, &["source", "collector", "field", "field_state"]),
    ("container_security_api_requests_total", Kind::Counter, &["source", "api_endpoint", "code"]),
    ("container_security_api_request_duration_seconds", Kind::Histogram, &["source", "api_endpoint"]),
    ("container_security_api_retries_total", Kind::Counter, &["source", "reason"]),
    ("container_security_api_throttled_seconds_total", Kind::Counter, &["source"]),
    ("container_security_api_received_bytes_total", Kind::Counter, &["source", "api_endpoint"]),
    ("container_security_exporter_series", Kind::Gauge, &["family"]),
    ("container_security_exporter_folded_groups", Kind::Gauge, &["family"]),
    ("container_security_exporter_checkpoints_total", Kind::Counter, &["outcome"]),
    ("container_security_otlp_exports_total", Kind::Counter, &["outcome"]),
    ("container_security_otlp_last_success_timestamp_seconds", Kind::Gauge, &[]),
    ("container_security_otlp_lost_points_total", Kind::Counter, &["reason"]),
    ("container_security_config_last_reload_successful", Kind::Gauge, &[]),
    ("container_security_config_last_reload_success_timestamp_seconds", Kind::Gauge, &[]),
    ("process_cpu_seconds_total", Kind::Counter, &[]),
    ("process_resident_memory_bytes", Kind::Gauge, &[]),
    ("process_open_fds", Kind::Gauge, &[]),
    ("process_max_fds", Kind::Gauge, &[]),
    ("process_start_time_seconds", Kind::Gauge, &[]),
    ("process_threads", Kind::Gauge, &[]),
];

/// Labels that `containers.group_by` may name.
const CHOICES: &[&str] = &[
    "k8s_cluster_name",
    "k8s_namespace_name",
    "k8s_node_name",
    "k8s_workload_kind",
    "k8s_workload_name",
    "host_name",
    "container_image_name",
    "cloud_provider",
    "cloud_account_id",
    "cloud_region",
    "origin",
];

type Values = &'static [&'static [&'static str]];

const QUALYS_SEVERITIES: Values =
    &[&["critical", "5"], &["high", "4"], &["medium", "3"], &["low", "2"], &["info", "1"]];
const PRISMA_SEVERITIES: Values =
    &[&["critical", "critical"], &["high", "high"], &["medium", "medium"], &["low", "low"]];
const RISK_LEVELS: Values = &[&["severe"], &["high"], &["medium"], &["low"], &["unscored"]];
const STATUSES: Values = &[&["pass"], &["fail"], &["skip"]];
const IMAGE_CONDITIONS: Values = &[&["never_scanned"], &["scan_failed"]];
const FIXES: Values = &[&["true"], &["false"]];
const KINDS: Values = &[
    &["confirmed", "true"],
    &["confirmed", "false"],
    &["potential", "true"],
    &["potential", "false"],
    &["unknown", "true"],
    &["unknown", "false"],
];

/// Values of closed labels for Qualys and for Prisma Cloud, in any order; `None` where a vendor lacks the label.
const CLOSED: &[(&str, Option<Values>, Option<Values>)] = &[
    ("container_security_container_vulnerabilities", Some(QUALYS_SEVERITIES), Some(PRISMA_SEVERITIES)),
    (
        "container_security_containers_by_highest_severity",
        Some(&[&["critical", "5"], &["high", "4"], &["medium", "3"], &["low", "2"], &["info", "1"], &["none", ""]]),
        Some(&[&["critical", "critical"], &["high", "high"], &["medium", "medium"], &["low", "low"], &["none", ""]]),
    ),
    ("container_security_containers_by_risk_level", Some(RISK_LEVELS), None),
    ("container_security_container_findings", Some(KINDS), None),
    (
        "container_security_containers_by_qds_severity",
        Some(&[&["critical"], &["high"], &["medium"], &["low"], &["unknown"]]),
        None,
    ),
    (
        "container_security_container_compliance_checks",
        Some(&[&["pass"], &["fail"], &["error"]]),
        Some(&[&["pass"], &["fail"], &["error"]]),
    ),
    ("container_security_container_compliance_issues", None, Some(PRISMA_SEVERITIES)),
    (
        "container_security_containers_with_condition",
        Some(&[
            &["never_scanned"],
            &["privileged"],
            &["root"],
            &["drifted"],
            &["vulnerability_propagated"],
            &["exposed_to_world"],
            &["instrumented"],
            &["excepted"],
        ]),
        Some(&[
            &["never_scanned"],
            &["agentless"],
            &["infrastructure"],
            &["runtime_protected"],
            &["waas_supported"],
            &["waas_enabled"],
            &["waas_unprotected"],
        ]),
    ),
    ("container_security_containers_by_sensor_state", Some(&[&["live"], &["stale"], &["missing"]]), None),
    ("container_security_image_vulnerabilities", Some(QUALYS_SEVERITIES), Some(PRISMA_SEVERITIES)),
    ("container_security_image_findings", Some(KINDS), None),
    ("container_security_images_by_risk_level", Some(RISK_LEVELS), None),
    ("container_security_images_with_condition", Some(IMAGE_CONDITIONS), Some(IMAGE_CONDITIONS)),
    ("container_security_distinct_vulnerabilities", Some(FIXES), Some(FIXES)),
    ("container_security_posture_control_resources", Some(STATUSES), Some(STATUSES)),
    ("container_security_posture_policy_resources", Some(STATUSES), Some(STATUSES)),
    ("container_security_posture_resources", Some(STATUSES), Some(STATUSES)),
    ("container_security_collector_runs_total", Some(&OUTCOMES), Some(&OUTCOMES)),
    ("container_security_otlp_exports_total", Some(&PUSHES), Some(&PUSHES)),
    (
        "container_security_otlp_lost_points_total",
        Some(&[&["rejected"], &["too_large"]]),
        Some(&[&["rejected"], &["too_large"]]),
    ),
];

const PUSHES: [&[&str]; 15] = [
    &["success"],
    &["partial_success"],
    &["refused"],
    &["unauthorized"],
    &["forbidden"],
    &["not_found"],
    &["redirected"],
    &["too_large"],
    &["rate_limited"],
    &["unavailable"],
    &["timeout"],
    &["unreachable"],
    &["tls"],
    &["bad_response"],
    &["internal"],
];

const OUTCOMES: [&[&str]; 12] = [
    &["success"],
    &["incomplete"],
    &["unauthorized"],
    &["forbidden"],
    &["not_found"],
    &["rate_limited"],
    &["timeout"],
    &["unreachable"],
    &["tls"],
    &["bad_response"],
    &["too_large"],
    &["internal"],
];

fn metric(name: &str) -> &'static dyn Metric {
    catalog::all().find(|metric| metric.name() == name).unwrap_or_else(|| panic!("{name} is not in the catalog"))
}

fn has_labels(metric: &dyn Metric, wanted: &[&str]) {
    let labels: Vec<&str> = metric
        .labels()
        .iter()
        .map(|label| label.map_or_else(|| metric.group().unwrap_or_default(), |label| label.name))
        .collect();
    let set: BTreeSet<_> = labels.iter().copied().collect();
    assert_eq!(set, wanted.iter().copied().collect(), "labels of {}", metric.name());
    assert_eq!(labels.len(), wanted.len(), "labels of {}", metric.name());
}

#[test]
fn every_family_about_vendors_is_as_promised() {
    for (name, labels) in OF_VENDORS {
        let metric = metric(&format!("container_security_{name}"));
        assert_eq!(metric.kind(), Kind::Gauge, "{name}");
        assert!(!metric.is_live() && metric.is_limited(), "{name} must count against the series limit");
        has_labels(metric, labels);
    }
}

#[test]
fn every_family_about_the_exporter_is_as_promised() {
    for (name, kind, labels) in OWN {
        let metric = metric(name);
        assert_eq!(metric.kind(), *kind, "{name}");
        assert!(metric.is_live(), "{name} must be computed at scrape time");
        has_labels(metric, labels);
    }
}

#[test]
fn a_family_has_the_same_fixed_labels_for_every_vendor() {
    for metric in catalog::all() {
        let sets = Vendor::ALL.iter().filter_map(|vendor| metric.label_sets(Some(*vendor)));
        let labels: BTreeSet<Vec<_>> = sets.map(|sets| sets.labels.iter().map(|label| label.name).collect()).collect();
        assert!(labels.len() <= 1, "{}: {labels:?}", metric.name());
    }
}

#[test]
fn closed_labels_have_the_promised_values() {
    for (name, qualys, prisma) in CLOSED {
        for (vendor, wanted) in [(Vendor::Qualys, qualys), (Vendor::Prisma, prisma)] {
            let values = metric(name).label_sets(Some(vendor)).map(|sets| sets.values);
            let sorted = |values: Values| {
                let mut values = values.to_vec();
                values.sort_unstable();
                values
            };
            assert_eq!(values.map(sorted), wanted.map(sorted), "{name} of {vendor:?}");
        }
    }
    let failures: BTreeSet<_> = Failure::ALL.map(Failure::as_str).into();
    let pushes = PushFailure::ALL.map(PushFailure::as_str);
    assert!(PUSHES.iter().skip(1).map(|outcome| outcome[0]).eq(pushes), "{pushes:?}");
    let named: BTreeSet<_> = OUTCOMES.iter().skip(1).map(|outcome| outcome[0]).collect();
    assert_eq!(failures, named);
}

#[test]
fn containers_can_be_grouped_by_the_promised_labels() {
    let choices: Vec<_> = catalog::choices().map(|label| label.name).collect();
    for choice in CHOICES {
        assert!(choices.contains(choice), "{choice} cannot be chosen");
    }
}

#[test]
fn images_can_be_grouped_by_the_promised_labels() {
    assert!(catalog::image_choices().map(|label| label.name).eq(["registry", "image_repository"]));
}
