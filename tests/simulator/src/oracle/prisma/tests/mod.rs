//! Checks the oracle against sums that are easy to verify by hand.

use super::super::answer::{amount, pairs};
use super::super::{Families, Labels, Question, Truth, expected, expected_of};
use crate::console::{
    Check, Console, Container, Defenders, Firewall, Image, Installed, Passed, Shape, Tag, Vulnerability,
};
use crate::tenant;

const NOW: i64 = 1_750_000_000_000;

fn question() -> Question {
    Question { group_by: vec![String::from("k8s_cluster_name")], ..Question::usual("acme", 1_750_000_000.0) }
}

fn of(console: &Console) -> Families {
    expected_of(&[(Truth::Prisma(console), &question())])
}

fn total(families: &Families, family: &str) -> f64 {
    families[&format!("container_security_{family}")].values().sum()
}

/// The values of the samples that have all of these labels.
fn values<const N: usize>(families: &Families, family: &str, labels: [(&str, &str); N]) -> Vec<f64> {
    let wanted = pairs(labels);
    let has = |labels: &Labels| wanted.iter().all(|(name, value)| labels.get(name) == Some(value));
    let samples = families.get(&format!("container_security_{family}")).into_iter().flatten();
    samples.filter(|(labels, _)| has(labels)).map(|(_, value)| *value).collect()
}

fn check(id: u32, severity: &str, templates: &[&str]) -> Check {
    Check {
        id: Some(id),
        title: Some(format!("Check {id}")),
        kind: Some(String::from("container")),
        severity: Some(String::from(severity)),
        templates: templates.iter().map(|template| String::from(*template)).collect(),
    }
}

/// A console with two containers of one image and nothing else.
fn bare() -> Console {
    let mut console = Console::generate(&Shape::small(1, NOW).containers(2));
    for container in &mut console.containers {
        *container = Container {
            cluster: Some(String::from("prod")),
            cloud: None,
            image_id: Some(String::from("sha256:1")),
            agentless: None,
            infra: None,
            runtime_enabled: None,
            firewall: None,
            issues: None,
            risk_score: None,
            failed: None,
            passed: None,
            installed: None,
            scan_time: None,
            labels: Vec::new(),
            ..container.clone()
        };
    }
    console.images = vec![image("b", [Some(1), None, Some(3), Some(0)]), image("c", [Some(100); 4])];
    console
}

fn image(key: &str, counts: [Option<u32>; 4]) -> Image {
    Image {
        key: String::from(key),
        id: Some(String::from("sha256:1")),
        repo_tag: Some(Tag { registry: Some(String::from("quay.io")), repo: Some(String::from("team/app")) }),
        tags: Vec::new(),
        vulnerabilities: Some(counts),
        created: Some(NOW - 5_000),
        scan_time: Some(NOW - 1_000),
        error: String::new(),
        damage: None,
    }
}

#[test]
fn every_container_is_counted_once_in_every_division() {
    let console = Console::generate(&Shape::small(3, NOW).hostile(true));
    let families = of(&console);
    let existing: Vec<_> = console.containers.iter().filter(|container| container.damage.is_none()).collect();
    for family in ["containers", "containers_by_runtime"] {
        assert_eq!(total(&families, family), amount(existing.len()), "{family}");
    }
    let never_scanned: f64 =
        values(&families, "containers_with_condition", [("condition", "never_scanned")]).iter().sum();
    assert!(never_scanned > 0.0);
    assert_eq!(total(&families, "containers_by_highest_severity"), amount(existing.len()) - never_scanned);
    let existing = console.images.iter().filter(|image| image.damage.is_none()).count();
    assert_eq!(total(&families, "images"), amount(existing));
    assert_eq!(families["container_security_top_vulnerability_affected_images"].len(), 20);
}

#[test]
fn containers_take_their_image_by_id_and_the_first_of_several() {
    let mut console = bare();
    let families = of(&console);
    let found = |families: &Families, severity| {
        let labels = [("severity", severity), ("state", "running"), ("k8s_cluster_name", "prod")];
        values(families, "container_vulnerabilities", labels)
    };
    assert_eq!(["critical", "high", "medium", "low"].map(|word| found(&families, word)[0]), [2.0, 0.0, 6.0, 0.0]);
    assert_eq!(values(&families, "containers_by_highest_severity", [("vendor_severity", "critical")]), [2.0]);
    assert_eq!(values(&families, "containers_by_highest_severity", [("severity", "none")]), [0.0]);
    assert_eq!(values(&families, "image_vulnerabilities", [("severity", "low"), ("registry", "quay.io")]), [100.0]);
    assert_eq!(total(&families, "image_oldest_created_timestamp_seconds"), 1_749_999_995.0);
    let by_image = Question { group_by: vec![String::from("container_image_name")], ..question() };
    let by_image = expected_of(&[(Truth::Prisma(&console), &by_image)]);
    assert_eq!(values(&by_image, "containers", [("container_image_name", "quay.io/team/app")]), [2.0]);
    console.containers[0].image_id = Some(String::from("sha256:unknown"));
    console.containers[1].image_id = None;
    let families = of(&console);
    assert!(found(&families, "critical").is_empty(), "a missing count is not zero");
    assert_eq!(values(&families, "containers_with_condition", [("condition", "never_scanned")]), [2.0]);
}

#[test]
fn families_of_containers_alone_are_computed() {
    let mut console = bare();
    let [one, other] = &mut console.containers[..] else { unreachable!("two containers") };
    one.issues = Some([None, Some(2), None, Some(5)]);
    one.risk_score = Some(70);
    one.scan_time = Some(NOW - 10_000);
    one.agentless = Some(true);
    one.firewall = Some(Firewall { supported: Some(true), enabled: Some(false), unprotected: Some(2) });
    one.installed = Some(Installed { crio: Some(true), docker: Some(String::from("24.0")) });
    one.passed = Some(Passed { enabled: Some(true), checks: None });
    other.risk_score = Some(30);
    other.scan_time = Some(NOW - 20_000);
    other.installed = Some(Installed { crio: Some(false), docker: Some(String::new()) });
    other.labels = vec![String::from("team:web:eu"), String::from("bare")];
    let families = of(&console);
    assert_eq!(values(&families, "container_compliance_issues", [("severity", "low")]), [5.0]);
    assert_eq!(total(&families, "container_compliance_issues"), 7.0);
    assert_eq!(total(&families, "container_compliance_risk_score_max"), 70.0);
    assert_eq!(total(&families, "container_oldest_scan_timestamp_seconds"), 1_749_999_980.0);
    assert_eq!(total(&families, "containers_without_passed_checks"), 1.0);
    let holds = |condition| values(&families, "containers_with_condition", [("condition", condition)])[0];
    let held = ["agentless", "infrastructure", "waas_supported", "waas_enabled", "waas_unprotected"].map(holds);
    assert_eq!(held, [1.0, 0.0, 1.0, 0.0, 1.0]);
    let runs = |runtime| values(&families, "containers_by_runtime", [("container_runtime_name", runtime)]);
    assert_eq!((runs("cri-o"), runs("docker"), runs("unknown")), (vec![1.0], vec![], vec![1.0]));
    let promoted = Question { promote_labels: vec![String::from("team"), String::from("bare")], ..question() };
    let promoted = expected_of(&[(Truth::Prisma(&console), &promoted)]);
    assert_eq!(values(&promoted, "containers", [("label_team", "web:eu"), ("label_bare", "")]), [1.0]);
}

#[test]
fn a_check_that_fails_and_passes_fails_and_counts_once() {
    let mut console = bare();
    let shared = check(41, "High", &["PCI", "PCI", "HIPAA"]);
    let nameless = Check { id: None, ..shared.clone() };
    let [one, other] = &mut console.containers[..] else { unreachable!("two containers") };
    one.failed = Some(vec![shared.clone(), shared.clone(), nameless]);
    one.passed = Some(Passed { enabled: Some(true), checks: Some(vec![shared.clone(), check(42, "low", &["PCI"])]) });
    let dissenting = Check { title: Some(String::from("A")), severity: Some(String::from("low")), ..shared };
    other.passed = Some(Passed { enabled: Some(true), checks: Some(vec![dissenting]) });
    let families = of(&console);
    let control = |severity, status| {
        let labels = [("control_id", "41"), ("severity", severity), ("status", status)];
        values(&families, "posture_control_resources", labels)
    };
    assert_eq!((control("high", "fail"), control("high", "pass")), (vec![1.0], vec![0.0]));
    assert_eq!(
        (control("low", "fail"), control("low", "pass"), control("low", "skip")),
        (vec![0.0], vec![1.0], vec![0.0])
    );
    let policy =
        |policy, status| values(&families, "posture_policy_resources", [("policy", policy), ("status", status)]);
    assert_eq!((policy("PCI", "fail"), policy("PCI", "pass")), (vec![1.0], vec![2.0]));
    assert_eq!((policy("HIPAA", "fail"), policy("HIPAA", "pass")), (vec![1.0], vec![1.0]));
    assert_eq!(values(&families, "posture_control_info", [("control_id", "41"), ("control_name", "A")]), [1.0]);
    assert_eq!(total(&families, "posture_control_info"), 2.0);
}

#[test]
fn console_wide_families_are_computed() {
    let mut console = bare();
    let row = |cve: &str, images, status: &str, factor: &str| Vulnerability {
        cve: String::from(cve),
        images,
        status: Some(String::from(status)),
        risk_factors: Some(vec![String::from(factor)]),
    };
    console.vulnerabilities = vec![
        row("CVE-2", Some(7), "affected", "DoS"),
        row("CVE-1", Some(7), "FIXED in 2", "DoS"),
        row("CVE-1", Some(3), "FIXED in 2", "DoS"),
        row("CVE-3", Some(9), "needed", "Has fix"),
        row("CVE-4", Some(0), "affected", "DoS"),
        row("CVE-5", None, "affected", "DoS"),
    ];
    let counts =
        |category: &str, connected, deployed| Defenders { category: String::from(category), connected, deployed };
    console.defenders = vec![counts("Host X", Some(3), Some(5)), counts("docker", Some(4), None)];
    console.licence_expiry = None;
    let two = Question { images_top_k: 2, ..question() };
    let families = expected_of(&[(Truth::Prisma(&console), &two)]);
    let distinct = |fixable| values(&families, "distinct_vulnerabilities", [("in_use", "true"), ("fixable", fixable)]);
    assert_eq!((distinct("true"), distinct("false")), (vec![2.0], vec![1.0]));
    let top = |cve| values(&families, "top_vulnerability_affected_images", [("vulnerability_id", cve)]);
    assert_eq!((top("CVE-3"), top("CVE-1"), top("CVE-2")), (vec![9.0], vec![7.0], vec![]));
    let sensors = |kind, status| values(&families, "sensors", [("sensor_type", kind), ("sensor_status", status)]);
    assert_eq!((sensors("host_x", "connected"), sensors("host_x", "disconnected")), (vec![3.0], vec![2.0]));
    assert_eq!((sensors("docker", "connected"), sensors("docker", "disconnected")), (vec![4.0], vec![0.0]));
    assert_eq!(values(&families, "console_info", [("console_version", "30.00.140")]), [1.0]);
    assert!(!families.contains_key("container_security_console_licence_expiry_timestamp_seconds"));
    console.licence_expiry = Some(NOW);
    assert_eq!(total(&of(&console), "console_licence_expiry_timestamp_seconds"), 1_750_000_000.0);
}

#[test]
fn both_vendors_share_one_budget() {
    let tenant = tenant::Tenant::generate(&tenant::Shape::small(3, NOW));
    let console = Console::generate(&Shape::small(3, NOW));
    let ask = |source: &str, most| Question { max_series_per_family: most, ..Question::usual(source, 1_750_000_000.0) };
    let both = |most| {
        let (qualys, prisma) = (ask("qualys", most), ask("prisma", most));
        expected_of(&[(Truth::Qualys(&tenant), &qualys), (Truth::Prisma(&console), &prisma)])
    };
    let (whole, tight) = (both(10_000), both(60));
    let alone = expected(&tenant, &ask("qualys", 10_000));
    for (family, samples) in &alone {
        let kept = samples.iter().all(|(labels, value)| whole[family].get(labels) == Some(value));
        assert!(kept, "{family}: the other vendor must not change anything within the budget");
    }
    for (family, samples) in &tight {
        let is_about_the_exporter = family == "container_security_exporter_folded_groups";
        assert!(is_about_the_exporter || samples.len() <= 60, "{family}: {}", samples.len());
    }
    for family in ["containers", "container_vulnerabilities", "posture_control_resources", "posture_policy_resources"] {
        assert_eq!(total(&whole, family), total(&tight, family), "{family}");
    }
    let folded = |source| values(&tight, "containers", [("source", source), ("k8s_cluster_name", "_other")]);
    assert!(folded("qualys")[0] > 0.0 && folded("prisma")[0] > 0.0);
    assert!(expected_of(&[]).is_empty());
}
