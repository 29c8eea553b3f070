//! The vendor's own samples and odd shapes, through the readers of the collectors.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::containers::StagedContainers;
use super::sensors::DefendersRead;
use super::{console, images, sensors, vulnerabilities};
use crate::client::Answer;
use crate::inventory::Table;
use crate::names::Name;
use crate::record::{Condition, Container, Control, PrismaFields, Severity, VendorFields};
use crate::source::tests::errors;

mod live;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prisma/", $name))
    };
}

fn answer(body: &str) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_owned().into() }
}

fn staged(promote: &[&str], bodies: &[&str]) -> (Table<Container>, Table<Control>) {
    let staging = Arc::new(StagedContainers::new(promote.iter().map(|key| (*key).to_owned()).collect()));
    for body in bodies {
        staging.read(&answer(body)).unwrap().store();
    }
    staging.finish()
}

fn fields(container: &Container) -> &PrismaFields {
    let VendorFields::Prisma(fields) = &container.page.as_ref().unwrap().vendor else { panic!("of another vendor") };
    fields
}

/// Controls as `id severity/word name/category [templates] counts`, sorted.
fn controls(table: &Table<Control>) -> Vec<String> {
    let text = |name| table.names.text(name);
    let mut shown: Vec<_> = table
        .iter()
        .map(|(_, control)| {
            let mut policies: Vec<_> = control.policies.iter().map(|name| text(*name)).collect();
            policies.sort_unstable();
            format!(
                "{} {}/{} {}/{} {policies:?} {:?}",
                text(control.id),
                control.severity.as_str(),
                text(control.vendor_severity),
                text(control.name),
                text(control.category),
                control.resources.unwrap()
            )
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn the_containers_samples() {
    let (table, posture) = staged(&["team", "standalone", "none"], &[fixture!("containers.json")]);
    assert_eq!(table.len(), 2);
    let text = |name| table.names.text(name);
    let container = table.get("8f3b2c61d0a94e7c8b5d2f1e6a7c9d0b3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b").unwrap();
    let (known, placed) = (container.page.as_ref().unwrap(), container.bulk.as_ref().unwrap());
    assert_eq!((text(known.state), text(known.cluster)), ("running", "prod-eks"));
    assert!(text(known.image).starts_with("5b0b") && known.identity.name().starts_with("k8s_checkout"));
    assert_eq!(known.last_scan.unwrap().millis(), 1_749_998_412_345);
    for (condition, holds) in [
        (Condition::Agentless, false),
        (Condition::Infrastructure, false),
        (Condition::RuntimeProtected, true),
        (Condition::WaasSupported, true),
        (Condition::WaasEnabled, false),
        (Condition::WaasUnprotected, true),
    ] {
        assert_eq!(known.conditions.hold(condition), holds, "{condition:?}");
    }
    let read = fields(container);
    assert_eq!((text(read.runtime), read.compliance_issues.clone()), ("cri-o", Some([0, 2, 0, 0].into())));
    assert_eq!((read.compliance_risk.get(), read.keeps_passed_checks), (Some(210.0), Some(true)));
    assert_eq!((text(placed.namespace), text(placed.host_name)), ("payments", "ip-10-0-3-17.ec2.internal"));
    let cloud = [placed.cloud_provider, placed.cloud_account, placed.cloud_region];
    assert_eq!(cloud.map(text), ["aws", "123456789012", "us-east-1"]);
    assert_eq!((placed.origin, placed.sensor, placed.node), (Name::UNKNOWN, Name::EMPTY, Name::EMPTY));
    assert_eq!(placed.labels.iter().map(|name| text(*name)).collect::<Vec<_>>(), ["payments:eu", "", ""]);
    // The sample of the documentation has 0 for the id of its checks.
    let of_docs = fields(table.get("string").unwrap());
    assert_eq!((text(of_docs.runtime), of_docs.compliance_issues.clone()), ("cri-o", Some([0; 4].into())));
    let container = "(CIS_Docker_v1.2.0 - 5";
    assert_eq!(
        controls(&posture),
        [
            format!(
                "5041 high/high {container}.4) Do not run privileged containers/container [\"HIPAA\", \"PCI\"] [0, 1, 0]"
            ),
            format!(
                "5054 medium/medium {container}.25) Restrict container from acquiring additional privileges/container [\"PCI\"] [1, 0, 0]"
            ),
            "5059 low/low Mount propagation mode is not set to shared/container [] [1, 0, 0]".to_owned(),
            "599 high/high Container is running as root/container [\"DISA STIG\"] [0, 1, 0]".to_owned(),
        ]
    );
    for names in [&table.names, &posture.names] {
        assert!(names.iter().all(|(_, text)| !text.contains("never-decoded")));
    }
}

#[test]
fn odd_containers_are_read_as_far_as_possible() {
    let bare = r#"[{"_id":"a"},{"_id":"b","info":null,"firewallProtection":null},null,{"_id":""},{"_id":"c","info":7},
        {"_id":"d","scanTime":"0001-01-01T00:00:00Z","firewallProtection":{"unprotectedProcesses":null},
         "info":{"installedProducts":{"crio":false,"docker":"20.10.7"},"complianceRiskScore":-1,"labels":[null,"x:1","x:2"],
          "complianceDistribution":{"critical":null,"total":0},"allCompliance":{"enabled":false,"compliance":null},
          "complianceIssues":null,"cloudMetadata":{"provider":"AWS"}}}]"#;
    let staging = Arc::new(StagedContainers::new(["x".to_owned()].into()));
    let seen = staging.read(&answer(bare)).unwrap().store();
    assert_eq!((seen.sent, seen.taken, seen.rejected.len(), &*seen.nameless), (6, 4, 2, &[2][..]));
    let (table, posture) = staging.finish();
    assert!(posture.is_empty());
    let text = |name| table.names.text(name);
    for key in ["a", "b", "c"] {
        let container = table.get(key).unwrap();
        let read = fields(container);
        assert_eq!(
            (read.runtime, read.compliance_issues.clone(), read.keeps_passed_checks),
            (Name::UNKNOWN, None, None)
        );
        assert_eq!(text(container.page.as_ref().unwrap().state), "running");
    }
    let container = table.get("d").unwrap();
    let read = fields(container);
    assert_eq!((text(read.runtime), read.compliance_issues.clone()), ("docker", None));
    assert_eq!((read.compliance_risk.get(), read.keeps_passed_checks), (None, Some(false)));
    assert!(container.page.as_ref().unwrap().last_scan.is_none());
    assert!(!container.page.as_ref().unwrap().conditions.hold(Condition::WaasUnprotected));
    let placed = container.bulk.as_ref().unwrap();
    assert_eq!((text(placed.cloud_provider), text(placed.labels[0])), ("aws", "1"));
}

#[test]
fn posture_counts_each_container_once_and_a_failure_wins() {
    let container = |key: &str, failed: &str, passed: &str| {
        format!(
            r#"[{{"_id":"{key}","info":{{"complianceIssues":[{failed}],"allCompliance":{{"compliance":[{passed}]}}}}}}]"#
        )
    };
    let check = |id: u32, severity: &str, templates: &str, title: &str| {
        format!(r#"{{"id":{id},"severity":"{severity}","templates":[{templates}],"title":"{title}","type":"image"}}"#)
    };
    let one = check(1, "High", r#""PCI","PCI",null"#, "b");
    let (_, posture) = staged(
        &[],
        &[
            // In both lists, and twice in one.
            &container("a", &format!("{one},{one},null"), &check(1, "low", r#""HIPAA""#, "c")),
            &container("b", "", &one),
            &container("c", "", &check(1, "very bad", "", "a")),
            &container("d", &check(0, "high", "", "no id"), r#"{"severity":"high"}"#),
            // Its earlier version does not count: neither its checks nor their names.
            &container("e", &check(2, "critical", "", "before"), &check(1, "High", r#""PCI""#, "AAA")),
            &container("e", &check(2, "critical", "", "now"), ""),
        ],
    );
    assert_eq!(
        controls(&posture),
        [
            r#"1 high/high a/image ["HIPAA", "PCI"] [0, 1, 0]"#,
            r#"1 high/high a/image ["PCI"] [1, 0, 0]"#,
            "1 unknown/very_bad a/image [] [1, 0, 0]",
            "2 critical/critical now/image [] [0, 1, 0]",
        ]
    );
    assert!(posture.iter().any(|(_, control)| control.severity == Severity::Unknown));
}

#[test]
fn the_images_samples() {
    let staged = Arc::default();
    let seen = images::read(&staged, &answer(fixture!("images.json"))).unwrap().store();
    assert_eq!((seen.sent, seen.fresh), (3, 3));
    let table = staged.take();
    let known = |key: &str| table.get(key).unwrap().page.as_ref().unwrap();
    let named = |key| known(key).name.map(|name| [name.registry, name.repository].map(|part| table.names.text(part)));
    let checkout = known("registry.example.com/shop/checkout:1.42.0");
    assert!(table.names.text(checkout.ids[0]).starts_with("5b0b"));
    assert_eq!((checkout.findings.clone(), checkout.in_use), (Some([1, 4, 9, 2, 0].into()), true));
    assert_eq!(checkout.created.unwrap().millis(), 1_747_735_200_500);
    assert_eq!((checkout.scan_status, checkout.risk.get(), checkout.size.get()), (Name::UNKNOWN, None, None));
    let registry = "registry.example.com";
    assert_eq!(
        named("registry.example.com/shop/checkout:1.42.0"),
        Some([registry, "registry.example.com/shop/checkout"])
    );
    let nginx = "sha256:aa0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270";
    assert_eq!(named(nginx), Some(["unknown", "library/nginx"]));
    assert!(known(nginx).findings.is_none() && known(nginx).created.is_none());
    assert_eq!(named("localhost/none"), None);
    let nameless = known("localhost/none");
    assert_eq!((nameless.findings.clone(), table.names.text(nameless.ids[0])), (Some([0; 5].into()), "localhost/none"));
    let staged = Arc::default();
    let odd = r#"[{"_id":"a","repoTag":{},"tags":[null,{"registry":"r"},{"repo":"x"}]}]"#;
    images::read(&staged, &answer(odd)).unwrap().store();
    let table = staged.take();
    let name = table.get("a").unwrap().page.as_ref().unwrap().name.unwrap();
    assert_eq!((table.names.text(name.registry), name.repository), ("r", Name::EMPTY));
}

#[test]
fn an_image_without_a_scan_has_no_counts() {
    let scanned = |fields: &str| {
        let staged = Arc::default();
        let row = format!(r#"[{{"_id":"a",{fields}}}]"#);
        images::read(&staged, &answer(&row)).unwrap().store();
        staged.take().get("a").unwrap().page.as_ref().unwrap().findings.is_some()
    };
    let zeros = r#""vulnerabilityDistribution":{"critical":0,"high":0,"medium":0,"low":0,"total":0}"#;
    let some = r#""vulnerabilityDistribution":{"critical":0,"high":2,"medium":0,"low":0,"total":2}"#;
    let at = r#""scanTime":"2026-01-01T00:00:00Z""#;
    for (fields, is_scanned) in [
        (format!(r#"{at},"err":"",{zeros}"#), true),
        (format!(r#""err":null,{zeros}"#), true),
        (format!(r#"{at},"err":"failed to pull",{zeros}"#), false),
        (format!(r#"{at},"err":"failed to pull",{some}"#), true),
        (format!(r#""scanTime":"0001-01-01T00:00:00Z",{zeros}"#), false),
        (format!(r#""scanTime":"0001-01-01T00:00:00Z",{some}"#), false),
    ] {
        assert_eq!(scanned(&fields), is_scanned, "{fields}");
    }
}

#[test]
fn the_samples_of_defenders() {
    let DefendersRead { table, rejected, .. } = sensors::read(&answer(fixture!("defenders_summary.json"))).unwrap();
    let shown: Vec<_> =
        table.iter().map(|(_, row)| (table.names.text(row.kind), row.connected, row.deployed)).collect();
    assert_eq!(shown, [("docker", 12, 15), ("daemonset_linux", 40, 40), ("serverless", 0, 0)]);
    assert_eq!(rejected, ([0, 0], 3));
    let odd = r#"[{"category":null},{"category":"x","connected":null},{"category":"y","connected":[],"deployed":3}]"#;
    let DefendersRead { table, rejected, fields } = sensors::read(&answer(odd)).unwrap();
    assert_eq!(fields.unreadable().collect::<Vec<_>>(), [("connected", 1)]);
    assert_eq!(fields.iter().collect::<Vec<_>>(), [("connected", &[1, 0, 1]), ("deployed", &[1, 1, 0])]);
    assert_eq!((table.len(), rejected), (1, ([1, 0], 3)));
    assert_eq!(sensors::read(&answer("null")).unwrap().table.len(), 0);
}

#[test]
fn the_samples_of_vulnerabilities() {
    let staged = Arc::default();
    let [page, again] = [(); 2]
        .map(|()| vulnerabilities::read(&staged, &answer(fixture!("stats_vulnerabilities.json"))).unwrap().0.store());
    assert_eq!((page.taken, page.new, again.new, page.rejected.len()), (5, 4, 0, 1));
    let table = staged.take();
    let shown: Vec<_> =
        table.iter().map(|(_, row)| (table.names.text(row.id), row.images, row.fixable, row.in_use)).collect();
    assert_eq!(
        shown,
        [
            ("CVE-2025-0001", 17, true, true),
            ("CVE-2025-0002", 5, true, true),
            ("CVE-2025-0003", 11, false, true),
            ("CVE-2025-0004", 0, true, true)
        ]
    );
    for none in ["null", "[]", "[null]", r#"[{"images":null}]"#, r#"[{"images":{"vulnerabilities":null}}]"#, "[{}]"] {
        assert_eq!(vulnerabilities::read(&Arc::default(), &answer(none)).unwrap().0.summary.sent, 0, "{none}");
    }
}

#[test]
fn the_samples_of_the_console() {
    assert_eq!(super::version::read_version(&answer(fixture!("version.json"))).unwrap(), "30.00.140");
    let (expiry, _) = console::read_license(&answer(fixture!("license.json"))).unwrap();
    assert_eq!(expiry.unwrap().millis(), 1_767_225_600_000);
    for none in ["null", "{}", r#"{"expiration_date":"0001-01-01T00:00:00Z"}"#, r#"{"expiration_date":null}"#] {
        assert_eq!(console::read_license(&answer(none)).unwrap().0, None, "{none}");
    }
    assert!(console::read_license(&answer("[]")).is_err());
}

#[test]
fn a_body_that_is_not_a_listing_is_reported_without_its_text() {
    let staging = Arc::new(StagedContainers::new([].into()));
    for (body, words) in
        [(r#"{"err":"jdoe may not"}"#, "an error message"), ("<html>jdoe", "is not JSON"), ("[{", "breaks off")]
    {
        let message = staging.read(&answer(body)).unwrap_err().0;
        assert!(message.contains(words) && !message.contains("jdoe"), "{message}");
    }
    let mut page = answer("<html>jdoe");
    page.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    assert!(staging.read(&page).unwrap_err().0.contains("web page"));
    let mut none = answer("null");
    none.headers.insert("total-count", HeaderValue::from_static("7"));
    let seen = staging.read(&none).unwrap().store();
    assert_eq!((seen.sent, seen.count), (0, Some(7)));
}

#[test]
fn all_config_errors_are_reported_at_once() {
    const CERTIFICATE: &str = "client_certificate_file = \"tests/fixtures/tls/client.pem\"\n";
    const KEY: &str = "client_key_file = \"tests/fixtures/tls/client-key.pem\"\n";
    let password = "password_file = \"tests/config/password\"\n";
    let console = "[[prisma]]\nname = \"a\"\nbase_url = \"https://console:8083\"\n";
    let good = format!("{console}username = \"u\"\n{password}");
    assert_eq!(errors(&good), "");
    assert_eq!(errors(&format!("{good}login = \"basic\"\ninsecure_skip_verify = true\nproject = \"p\"\n")), "");
    assert_eq!(errors(&format!("{console}{CERTIFICATE}{KEY}")), "");
    for (toml, message) in [
        ("[[prisma]]".to_owned(), "source.prisma[0].name: must be set"),
        ("[[prisma]]".to_owned(), "source.prisma[0].base_url: must be set"),
        ("[[prisma]]".to_owned(), "source.prisma[0].username: no credentials are configured"),
        (format!("{good}{good}"), "source.prisma[1].name: another source has this name"),
        (format!("[[qualys]]\nname = \"a\"\n{good}"), "source.prisma[0].name: another source has this name"),
        (format!("{good}api_version = \"v30.00\""), "source.prisma[0].api_version: must be \"auto\", or two numbers"),
        (format!("{good}api_version = \"30\""), "source.prisma[0].api_version: must be \"auto\", or two numbers"),
        (format!("{good}page_limit = 251"), "source.prisma[0].page_limit: must be 1 to 250"),
        (format!("{good}page_limit = 0"), "source.prisma[0].page_limit: must be 1 to 250"),
        (format!("{good}collections = [\"a,b\"]"), "source.prisma[0].collections: must be names"),
        (format!("{good}project = \"\""), "source.prisma[0].project: must not be empty"),
        (format!("{good}{CERTIFICATE}"), "source.prisma[0].client_key_file: must be set"),
        (format!("{good}{KEY}"), "source.prisma[0].client_certificate_file: must be set"),
        (format!("{good}{CERTIFICATE}{KEY}"), "there is more than one way to log in"),
        (format!("{console}{CERTIFICATE}{KEY}login = \"basic\""), "source.prisma[0].login: must be \"token\""),
        (
            format!("{console}{CERTIFICATE}client_key_file = \"tests/fixtures/tls/other-key.pem\""),
            "source.prisma[0].client_key_file: tests/fixtures/tls/other-key.pem cannot be used",
        ),
        (format!("{console}{password}"), "source.prisma[0].username: must be set"),
        (format!("{console}username = \"u\""), "source.prisma[0].password_file: must be set"),
        (good.replace("console:8083", "console:8083/api/v1"), "base_url: must end before \"/api\""),
        (good.replace("console:8083", "app3.prismacloud.io"), "base_url: is the address of Prisma Cloud's web"),
        (good.replace("console:8083", "eu.cloud.twistlock.com"), "base_url: lacks the tenant's path"),
        (good.replace("https://console", "http://console"), "base_url: must start with https://"),
        (
            format!("{good}[prisma.collectors.console]\ninterval = \"0s\""),
            "source.prisma[0].collectors.console.interval: must be at least 1s",
        ),
        (format!("{good}[prisma.http]\ntimeout = \"0s\""), "source.prisma[0].http.timeout: "),
    ] {
        let found = errors(&toml);
        assert!(found.contains(message), "{toml}\n{found}");
    }
}

#[test]
fn the_way_it_is_read_does_not_change_an_account() {
    let config = super::Config { name: "a".to_owned(), project: Some("p".to_owned()), ..super::Config::default() };
    let otherwise = super::Config {
        api_version: "32.00".to_owned(),
        login: super::Method::Basic,
        page_limit: 250,
        insecure_skip_verify: true,
        ..config.clone()
    };
    assert_eq!(config.account(), otherwise.account());
    for other in [
        super::Config { project: None, ..config.clone() },
        super::Config { collections: vec!["c".to_owned()], ..config.clone() },
        super::Config { username: Some("u".to_owned()), ..config.clone() },
    ] {
        assert_ne!(config.account(), other.account());
    }
}
