//! More containers than the vendor returns by page number, and more of them changed in one millisecond.

use simulator::oracle::Families;
use simulator::server::Options;
use simulator::tenant::{Row, Shape, Tenant};

use crate::support::{Bench, NOW, is_thorough, runs, sum, value};

const CONTAINERS: [(&str, &str); 1] = [("collector", "containers")];

/// No rate limits in practice.
const FAST: &str = "[containers]\ngroup_by = [\"k8s_cluster_name\"]\n[[source.qualys]]\nrate_limits.pages = \"1000/1s\"\n\
                    rate_limits.bulk = \"1000/1s\"\nrate_limits.other = \"1000/1s\"\nhttp.read_timeout = \"60s\"";

/// As [`FAST`], and containers only.
const ALONE: &str = "collectors.images.enabled = false\ncollectors.sensors.enabled = false\n\
                     collectors.posture.enabled = false\ncollectors.reports.enabled = false\n\
                     collectors.policies.enabled = false\ncollectors.registries.enabled = false";

/// `containers` that exist, sorted by their last change; after the first `before`, `burst` of them changed at once.
fn tenant(containers: usize, before: usize, burst: usize) -> Tenant {
    let shape = Shape { clusters: 3, namespaces: 10, ..Shape::small(94, NOW).containers(containers + containers / 20) };
    let mut tenant = Tenant::generate(&shape);
    tenant.containers.retain(|container| container.exists() && container.page_row == Row::Readable);
    assert!(tenant.containers.len() >= containers, "{}", tenant.containers.len());
    tenant.containers.truncate(containers);
    tenant.containers.sort_by_key(|container| container.updated);
    if let Some(first) = tenant.containers.get(before).map(|container| container.updated) {
        tenant.containers[before..].iter_mut().take(burst).for_each(|container| container.updated = first);
    }
    tenant.touch();
    tenant
}

async fn start(tenant: Tenant, options: &str, longest_query: usize) -> Bench {
    let vendor = Options { gzip: false, longest_query, ..Options::default() };
    Bench::start_with(tenant, &format!("{FAST}\n{options}"), vendor).await
}

/// The data of the first run, and its outcome.
async fn first_run(bench: &Bench, records: usize) -> Families {
    let records = f64::from(u32::try_from(records).expect("some records"));
    bench
        .metrics_once("the first run's data", |families| {
            let counted = sum(families, "container_security_collector_records", &CONTAINERS);
            let shown = sum(families, "container_security_containers", &[]);
            sum(families, "container_security_collector_runs_total", &CONTAINERS) >= 1.0
                && counted == records
                && shown == records
        })
        .await
}

/// The number of successful runs, and whether the data is complete.
fn outcome(families: &Families) -> (f64, f64) {
    (runs(families, "containers", "success"), value(families, "container_security_collector_complete", &CONTAINERS))
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_at_and_beyond_the_page_window_are_all_found() {
    for containers in [10_000, if is_thorough() { 25_000 } else { 11_000 }] {
        let bench = start(tenant(containers, 0, 0), "", usize::MAX).await;
        bench.collected().await;
        let families = bench.becomes("all of them", &bench.expected()).await;
        assert_eq!(outcome(&families), (1.0, 1.0), "{containers}: {}", bench.landing_page().await);
        let shown = sum(&families, "container_security_containers", &[]);
        assert_eq!(shown, f64::from(u32::try_from(containers).expect("some containers")));
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_times_the_window_is_walked() {
    let containers = if is_thorough() { 100_000 } else { 32_000 };
    let bench = start(tenant(containers, 0, 0), ALONE, usize::MAX).await;
    let families = first_run(&bench, containers).await;
    assert_eq!(outcome(&families), (1.0, 1.0), "{}", bench.landing_page().await);
    let expected = bench.expected();
    for family in ["container_security_containers", "container_security_container_risk_score_max"] {
        assert_eq!(families[family], expected[family], "{family}");
    }
    // About as many requests as there are pages.
    let (pages, bulk) = ("/csapi/v1.3/containers", "/csapi/v1.3/containers/list");
    let asked = bench.vendor.request_count(pages) - bench.vendor.request_count(bulk);
    let full = containers / 1000;
    assert!((full..full + full.div_ceil(4)).contains(&asked), "{asked} requests");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_records_of_one_millisecond_are_reported() {
    // Page numbers do not reach all of them, so the rest are missing. With exactly as many as page numbers reach, the
    // exporter cannot know that there are no more.
    for (burst, missing) in [(10_400, 400), (10_000, 0)] {
        let bench = start(tenant(12_500, 1_000, burst), ALONE, usize::MAX).await;
        let families = first_run(&bench, 12_500 - missing).await;
        assert_eq!(outcome(&families), (0.0, 0.0), "{burst}");
        assert_eq!(runs(&families, "containers", "incomplete"), 1.0, "{burst}");
        assert_eq!(value(&families, "container_security_collector_up", &CONTAINERS), 0.0, "{burst}");
        let page = bench.landing_page().await;
        assert!(page.contains("10,000 records or more changed in the same millisecond"), "{burst}: {page}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_too_long_is_reported_and_loses_only_bulk_fields() {
    // The longest URL possible, and the longest query that a server accepts.
    for (burst, longest_query) in [(2_500_u16, usize::MAX), (400, 8_000)] {
        let bench = start(tenant(4_000, 1_000, burst.into()), ALONE, longest_query).await;
        let families = first_run(&bench, 4_000).await;
        assert_eq!(outcome(&families), (0.0, 0.0), "{burst}");
        assert_eq!(runs(&families, "containers", "incomplete"), 1.0, "{burst}");
        let page = bench.landing_page().await;
        assert!(page.contains("changed in the same millisecond than the bulk list"), "{burst}: {page}");
        // Containers after the burst are known, like those before it.
        let placed = |families: &Families| {
            let series = families["container_security_containers"].iter();
            series.filter(|(labels, _)| !labels["k8s_cluster_name"].is_empty()).map(|(_, containers)| containers).sum()
        };
        let (all, known): (f64, f64) = (placed(&bench.expected()), placed(&families));
        assert!(known < all && known >= all - f64::from(burst), "{burst}: {known} of {all}");
        bench.stop().await;
    }
}
