//! Checks the oracle's image families against sums that are easy to verify by hand.

use super::tests::{NOW, by_labels, folded, question, rows, total};
use super::{Question, expected};
use crate::tenant::{Detection, Image, Repository, Row, Shape, Tenant};

const DIVISION: [&str; 4] = ["registry", "in_use", "finding_type", "fixable"];

fn found(qid: u32, kind: &str, fix: Option<&str>) -> Detection {
    Detection { qid: Some(qid), kind: Some(String::from(kind)), fix_versions: Some(vec![None, fix.map(String::from)]) }
}

fn named(registry: Option<&str>, repository: Option<&str>) -> Repository {
    Repository {
        registry: registry.map(String::from),
        repository: repository.map(String::from),
        tag: Some(String::from("1")),
    }
}

fn image(uuid: &str, containers: u32, detections: Option<Vec<Detection>>) -> Image {
    Image {
        uuid: String::from(uuid),
        sha: None,
        image_id: String::from(uuid),
        repositories: Some(vec![
            None,
            Some(named(Some("docker.io"), Some("alpine"))),
            Some(named(None, Some("other"))),
        ]),
        digests: Vec::new(),
        containers: Some(containers),
        hosts: None,
        scan_status: Some(String::from("SUCCESS")),
        size: Some(5_000_000_000),
        findings: Some([None, Some(2), None, Some(4), Some(5)]),
        risk_score: Some(850),
        detections,
        last_scanned: Some(NOW),
        created: Some(NOW - 5_000),
        updated: NOW,
        page_row: Row::Readable,
        bulk_row: Row::Readable,
    }
}

/// A tenant with only these images, and no containers.
fn tenant(images: Vec<Image>) -> Tenant {
    let mut tenant = Tenant::generate(&Shape::small(2, NOW).containers(0));
    tenant.images = images;
    tenant
}

#[test]
fn every_image_is_counted_once_in_every_division() {
    let tenant = Tenant::generate(&Shape::small(3, NOW).hostile(true));
    let families = expected(&tenant, &question());
    let existing = super::answer::amount(tenant.images.iter().filter(|image| image.exists()).count());
    assert!(existing > 50.0);
    for family in ["images", "images_by_risk_level"] {
        assert_eq!(total(&families, family), existing, "{family}");
    }
    let tight = expected(&tenant, &Question { max_series_per_family: 30, images_top_k: 40, ..question() });
    for family in ["images", "image_vulnerabilities", "image_findings", "image_size_bytes"] {
        assert_eq!(total(&families, family), total(&tight, family), "{family}");
    }
    assert!(folded(&tight, "image_findings") > 0.0);
    assert_eq!(tight["container_security_top_vulnerability_affected_images"].len(), 30);
    assert_eq!(folded(&tight, "top_vulnerability_affected_images"), 10.0);
}

#[test]
fn findings_count_as_listed_and_pending_scans_add_nothing() {
    let listed = vec![
        found(7, "CONFIRMED", Some("1.2")),
        found(7, "Confirmed", None),
        found(8, "POTENTIAL", Some("")),
        found(9, "rumoured", None),
    ];
    let mut pending = image("pending", 0, None);
    pending.repositories = None;
    let mut unlisted = image("unlisted", 0, Some(listed.clone()));
    unlisted.bulk_row = Row::Absent;
    unlisted.repositories = Some(vec![Some(named(Some(""), Some("a")))]);
    let mut clean = image("clean", 0, Some(Vec::new()));
    clean.repositories = Some(vec![Some(named(Some("quay.io"), None))]);
    let mut gone = image("gone", 0, Some(listed.clone()));
    gone.page_row = Row::Absent;
    let families = expected(&tenant(vec![image("one", 1, Some(listed)), pending, unlisted, clean, gone]), &question());
    let cells = |registry, in_use, counts: [f64; 6]| {
        let names =
            ["confirmed", "potential", "unknown"].into_iter().flat_map(|kind| [[kind, "false"], [kind, "true"]]);
        names.zip(counts).map(move |([kind, fixable], count)| ([registry, in_use, kind, fixable], count))
    };
    let counted: Vec<_> =
        cells("docker.io", "true", [1.0, 1.0, 1.0, 0.0, 1.0, 0.0]).chain(cells("quay.io", "false", [0.0; 6])).collect();
    assert_eq!(by_labels(&families, "image_findings", DIVISION), rows(&counted));
    assert_eq!(
        by_labels(&families, "images", ["registry", "in_use", "scan_status"]),
        rows(&[
            (["docker.io", "true", "success"], 1.0),
            (["quay.io", "false", "success"], 1.0),
            (["unknown", "false", "success"], 2.0),
        ])
    );
}

#[test]
fn an_image_shows_only_its_known_facts() {
    let mut unscanned = image("unscanned", 2, None);
    unscanned.containers = None;
    unscanned.scan_status = None;
    unscanned.findings = None;
    unscanned.risk_score = None;
    unscanned.size = None;
    unscanned.created = None;
    let mut older = image("older", 1, None);
    older.created = Some(NOW - 9_000);
    older.risk_score = Some(849);
    let families = expected(&tenant(vec![unscanned, older, image("one", 1, None)]), &question());
    let severities = by_labels(&families, "image_vulnerabilities", ["in_use", "severity", "vendor_severity"]);
    assert_eq!(
        severities,
        rows(&[
            (["true", "critical", "5"], 10.0),
            (["true", "high", "4"], 8.0),
            (["true", "info", "1"], 0.0),
            (["true", "low", "2"], 4.0),
            (["true", "medium", "3"], 0.0),
        ])
    );
    assert_eq!(by_labels(&families, "image_size_bytes", ["in_use"]), rows(&[(["true"], 10_000_000_000.0)]));
    assert_eq!(by_labels(&families, "image_risk_score_max", ["in_use"]), rows(&[(["true"], 850.0)]));
    assert_eq!(
        by_labels(&families, "image_oldest_created_timestamp_seconds", ["in_use"]),
        rows(&[(["true"], 1_749_999_991.0)])
    );
    let level = |level| by_labels(&families, "images_by_risk_level", ["risk_level", "in_use"]).contains(&level);
    assert!(level(([String::from("severe"), String::from("true")], 1.0)));
    assert!(level(([String::from("high"), String::from("true")], 1.0)));
    assert!(level(([String::from("unscored"), String::from("false")], 1.0)));
    assert_eq!(
        by_labels(&families, "images", ["in_use", "scan_status"]),
        rows(&[(["false", "unknown"], 1.0), (["true", "success"], 2.0)])
    );
}

#[test]
fn a_vulnerability_counts_each_image_once() {
    let nameless = Detection { qid: None, ..found(0, "CONFIRMED", Some("2")) };
    let used = vec![found(9, "CONFIRMED", None), found(9, "CONFIRMED", None), found(100, "POTENTIAL", None)];
    let unused =
        vec![found(9, "CONFIRMED", Some("2")), found(9, "CONFIRMED", None), found(20, "CONFIRMED", None), nameless];
    let mut gone = image("gone", 1, Some(vec![found(20, "CONFIRMED", Some("2"))]));
    gone.page_row = Row::Absent;
    let tenant = tenant(vec![image("used", 1, Some(used)), image("unused", 0, Some(unused)), gone]);
    let families = expected(&tenant, &question());
    assert_eq!(
        by_labels(&families, "distinct_vulnerabilities", ["in_use", "fixable"]),
        rows(
            &[(["false", "false"], 1.0), (["false", "true"], 0.0), (["true", "false"], 1.0), (["true", "true"], 1.0),]
        )
    );
    let top = "top_vulnerability_affected_images";
    let shown = [(["100", "false"], 1.0), (["20", "false"], 1.0), (["9", "true"], 2.0)];
    assert_eq!(by_labels(&families, top, ["vulnerability_id", "fixable"]), rows(&shown));
    // Among equals, the first in text order wins.
    let families = expected(&tenant, &Question { images_top_k: 2, ..question() });
    let shown = [(["100", "false"], 1.0), (["9", "true"], 2.0)];
    assert_eq!(by_labels(&families, top, ["vulnerability_id", "fixable"]), rows(&shown));
    let families = expected(&tenant, &Question { images_top_k: 0, ..question() });
    assert!(!families.contains_key(&format!("container_security_{top}")));
}

#[test]
fn containers_have_the_name_and_the_findings_of_their_image() {
    let mut tenant = Tenant::generate(&Shape::small(2, NOW).containers(4));
    let mut pending = image("pending", 1, None);
    pending.repositories = Some(vec![Some(named(None, Some("bare")))]);
    let listed = vec![found(9, "POTENTIAL", Some("2"))];
    // The page list lacks one of them, so the image is unknown.
    let mut gone = image("gone", 1, Some(listed.clone()));
    gone.page_row = Row::Absent;
    tenant.images = vec![image("one", 2, Some(listed)), pending, gone];
    for (container, uuid) in tenant.containers.iter_mut().zip(["one", "one", "pending", "gone"]) {
        container.image_uuid = Some(String::from(uuid));
        container.state = Some(String::from("RUNNING"));
        container.page_row = Row::Readable;
        container.bulk_row = Row::Absent;
        container.risk_score = Some(1);
    }
    let question = Question { group_by: vec![String::from("container_image_name")], ..question() };
    let families = expected(&tenant, &question);
    let names = rows(&[([""], 1.0), (["bare"], 1.0), (["docker.io/alpine"], 2.0)]);
    assert_eq!(by_labels(&families, "containers", ["container_image_name"]), names);
    let findings = by_labels(&families, "container_findings", ["container_image_name", "finding_type", "fixable"]);
    assert_eq!(findings.len(), 6);
    assert_eq!(findings[3], rows(&[(["docker.io/alpine", "potential", "true"], 2.0)])[0]);
    let top = by_labels(&families, "top_container_risk_score", ["container_image_name"]);
    assert_eq!(
        top.iter().map(|(name, _)| name[0].as_str()).collect::<Vec<_>>(),
        ["", "bare", "docker.io/alpine", "docker.io/alpine"]
    );
}
