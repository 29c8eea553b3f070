//! Qualys listings that a tenant lacks, may not read or only counts: each is reported, and nothing else is missing.

use simulator::oracle::Families;
use simulator::server::qualys::PostureCount;
use simulator::server::{Fault, FaultKind, Options};
use simulator::tenant::{Shape, Tenant};

use crate::process::{Home, vendor};
use crate::support::{ALL, Bench, COLLECTORS, NOW, always, metrics_once, runs, sum};

/// The listings that a tenant may lack: path, collector, what they list, and the prefix of their families.
const LISTS: [(&str, &str, &str, &str); 4] = [
    ("/k8s_postures/list", "posture", "Kubernetes posture", "container_security_posture_"),
    ("/csapi/v1.3/reports", "reports", "reports", "container_security_report"),
    ("/csapi/v1.3/registry", "registries", "registries", "container_security_registry_"),
    ("/csapi/v1.3/centralizedPolicy", "policies", "centralized policies", "container_security_polic"),
];

/// The families that are read from rows of resources alone.
const OF_RESOURCES: [&str; 2] =
    ["container_security_posture_resources", "container_security_posture_oldest_evaluation_timestamp_seconds"];

fn tenant() -> Tenant {
    Tenant::generate(&Shape::small(63, NOW).containers(60))
}

fn refused(path: &str, status: u16) -> Fault {
    let body = format!("{{\"errorCode\":\"{status} NO\",\"message\":\"not for user exporter\"}}");
    always(path, FaultKind::Status(status, Vec::new(), body))
}

/// The expected families without those that begin with one of `starts`.
fn without(bench: &Bench, starts: &[&str]) -> Families {
    let mut expected = bench.expected();
    let whole = expected.len();
    expected.retain(|name, _| !starts.iter().any(|start| name.starts_with(start)));
    assert!(starts.is_empty() || expected.len() < whole, "the oracle has no family that begins with {starts:?}");
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_that_a_tenant_lacks_are_not_failures() {
    let faults = LISTS.map(|(path, ..)| refused(path, 404));
    let bench = Bench::start_struck(tenant(), "", Options::default(), faults).await;
    let complete = |families: &Families| sum(families, "container_security_collector_complete", &[]) == *ALL;
    bench.metrics_once("complete data from all collectors", complete).await;
    let starts = LISTS.map(|(.., start)| start);
    let families = bench.becomes("all else", &without(&bench, &starts)).await;
    assert_eq!(sum(&families, "container_security_collector_up", &[]), *ALL);
    let page = bench.landing_page().await;
    for (_, collector, what, _) in LISTS {
        assert_eq!(sum(&families, "container_security_collector_records", &[("collector", collector)]), 0.0);
        let note = format!("this tenant has no listing of {what}; nothing is shown of it");
        assert_eq!(page.matches(&note).count(), 1, "{collector}: {page}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_listing_is_logged_once() {
    let vendor = vendor(tenant()).await;
    for (path, ..) in LISTS {
        vendor.inject(refused(path, 404));
    }
    let home = Home::new();
    home.configure(&home.source("prod", &vendor, "interval = \"1s\""));
    let serving = home.serve(&[]).await;
    metrics_once(serving.address, "two runs of each collector", |families| {
        COLLECTORS.iter().all(|name| runs(families, name, "success") >= 2.0)
    })
    .await;
    let ended = serving.end("TERM").await;
    for (_, _, what, _) in LISTS {
        let line =
            format!("level=warn message=\"this tenant has no listing of {what}; nothing is shown of it\" source=prod");
        assert_eq!(ended.stderr.matches(&line).count(), 1, "{what}: {}", ended.stderr);
    }
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_report_listing_fails_only_its_collector() {
    let fault = refused("/csapi/v1.3/reports", 403);
    let bench = Bench::start_struck(tenant(), "", Options::default(), [fault]).await;
    let families = bench
        .metrics_once("one refused collector, all others successful", |families| {
            runs(families, "reports", "forbidden") == 1.0
                && sum(families, "container_security_collector_up", &[]) == *ALL - 1.0
        })
        .await;
    assert_eq!(sum(&families, "container_security_collector_up", &[("collector", "reports")]), 0.0);
    bench.becomes("everything else", &without(&bench, &["container_security_report"])).await;
    let page = bench.landing_page().await;
    assert!(page.contains("lacks the permission for reports (to view reports)"), "{page}");
    assert!(!page.contains("not for user"), "{page}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_are_shown_whatever_the_resource_listing_returns() {
    let note = "the vendor reports how many resources were evaluated, but not which";
    for (form, hidden) in [
        (PostureCount::Rows, &[][..]),
        (PostureCount::Groups, &OF_RESOURCES[..]),
        (PostureCount::Number, &OF_RESOURCES[..]),
        (PostureCount::Bare, &OF_RESOURCES[..]),
    ] {
        let vendor = Options { posture_count: form, ..Options::default() };
        let bench = Bench::start_with(tenant(), "", vendor).await;
        bench
            .metrics_once("complete data from all collectors", |families| {
                sum(families, "container_security_collector_complete", &[]) == *ALL
            })
            .await;
        let families = bench.becomes(&format!("{form:?}"), &without(&bench, hidden)).await;
        assert_eq!(sum(&families, "container_security_collector_up", &[]), *ALL, "{form:?}");
        assert!(families.contains_key("container_security_posture_control_resources"), "{form:?}");
        let page = bench.landing_page().await;
        assert_eq!(page.contains(note), !hidden.is_empty(), "{form:?}: {page}");
        bench.stop().await;
    }
    // Controls are shown even where the listing does not exist.
    let fault = refused("/k8s_postures/count", 404);
    let bench = Bench::start_struck(tenant(), "", Options::default(), [fault]).await;
    bench
        .metrics_once("success of all collectors", |families| {
            sum(families, "container_security_collector_up", &[]) == *ALL
        })
        .await;
    bench.becomes("a missing listing", &without(&bench, &OF_RESOURCES)).await;
    let page = bench.landing_page().await;
    assert!(page.contains("no listing of the resources behind Kubernetes posture"), "{page}");
    bench.stop().await;
}
