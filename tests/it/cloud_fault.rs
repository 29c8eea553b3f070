//! A Prisma Cloud console whose listings are short, shift between pages, repeat, or fail for a while.

use std::time::Duration;

use simulator::console::{self, Console};
use simulator::server::{FaultKind, prisma};

use crate::cloud::{EAGER, console, of_cloud, start, succeeded};
use crate::support::{Bench, CLOUD_ALL, NOW, always, first, runs_of, sum, value};

const CONTAINERS: [(&str, &str); 2] = [("source", "cloud"), ("collector", "containers")];
const COMPLETE: &str = "container_security_collector_complete";
const UP: &str = "container_security_collector_up";

/// A total that is larger than the number of rows.
fn more_than_there_are() -> FaultKind {
    FaultKind::WithHeader("total-count".to_owned(), "9999".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_listing_is_shown_as_incomplete_without_earlier_data() {
    let bench =
        start(console(120), EAGER, prisma::Options::default(), [always("/containers?", more_than_there_are())]).await;
    let families = bench
        .metrics_once("two short runs", |families| runs_of(families, "cloud", "containers", "incomplete") >= 2.0)
        .await;
    assert_eq!(runs_of(&families, "cloud", "containers", "success"), 0.0);
    // The received rows are shown, and marked as incomplete.
    let families = bench.becomes("what came", &bench.expected()).await;
    assert_eq!((value(&families, COMPLETE, &CONTAINERS), value(&families, UP, &CONTAINERS)), (0.0, 0.0));
    assert_eq!(value(&families, "container_security_collector_records", &CONTAINERS), 120.0);
    assert_eq!(of_cloud(&families, COMPLETE), *CLOUD_ALL - 1.0);
    let page = bench.landing_page().await;
    assert!(page.contains("the vendor counts 9999 records, but gave 120 of them"), "{page}");
    bench.cloud().vendor.clear_faults();
    bench.metrics_once("a complete run", |families| value(families, COMPLETE, &CONTAINERS) == 1.0).await;
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_listing_does_not_replace_complete_data() {
    let bench = start(console(120), EAGER, prisma::Options::default(), []).await;
    bench.collected().await;
    let before = bench.expected();
    let cloud = bench.cloud();
    cloud.vendor.inject(always("/containers?", more_than_there_are()));
    // From now on every listing is short.
    bench.metrics_once("a short run", |families| runs_of(families, "cloud", "containers", "incomplete") >= 1.0).await;
    {
        let mut console = cloud.console.lock().expect("no panic elsewhere");
        console.containers.truncate(20);
        console.touch();
    }
    let short = runs_of(&bench.families().await, "cloud", "containers", "incomplete");
    let families = bench
        .metrics_once("two more short runs", |families| {
            runs_of(families, "cloud", "containers", "incomplete") >= short + 2.0
        })
        .await;
    assert_eq!((value(&families, COMPLETE, &CONTAINERS), value(&families, UP, &CONTAINERS)), (1.0, 0.0));
    assert_eq!(value(&families, "container_security_collector_records", &CONTAINERS), 120.0);
    bench.becomes("the last complete data", &before).await;
    cloud.vendor.clear_faults();
    bench.metrics_once("a complete run", |families| of_cloud(families, "container_security_containers") == 20.0).await;
    bench.becomes("all remaining records", &bench.expected()).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_shift_between_pages_are_complete_after_the_next_run() {
    for total_count in [true, false] {
        let options = prisma::Options { page_limit: 20, total_count, ..prisma::Options::default() };
        // One change before each page of a walk, and of part of the next one.
        let faults = [(16, "/containers?"), (3, "/images?")];
        let faults = faults.map(|(times, path)| first(times, path, FaultKind::Step(NOW)));
        let bench = start(console(200), EAGER, options, faults).await;
        bench
            .metrics_once("the last change", |_| {
                bench.cloud().console.lock().expect("no panic elsewhere").generation() == 19
            })
            .await;
        bench.becomes("the records after the changes", &bench.expected()).await;
        let families = bench
            .metrics_once("success of all collectors", |families| {
                of_cloud(families, UP) == *CLOUD_ALL && of_cloud(families, COMPLETE) == *CLOUD_ALL
            })
            .await;
        assert_eq!(runs_of(&families, "cloud", "containers", "bad_response"), 0.0);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_console_is_asked_again_later() {
    // More than 30 pages are needed. The console's clock stands still, so its limit of 30 requests in 30 seconds does
    // not reset.
    let options = prisma::Options { page_limit: 9, enforce_limits: true, ..prisma::Options::default() };
    let bench = start(console(270), "[[source.prisma]]\nrate_limit = \"1000/1s\"", options, []).await;
    let refused = [("source", "cloud"), ("api_endpoint", "containers"), ("code", "429")];
    bench
        .metrics_once("a refusal", |families| sum(families, "container_security_api_requests_total", &refused) >= 1.0)
        .await;
    assert_eq!(of_cloud(&bench.families().await, "container_security_containers"), 0.0);
    bench.advance(Duration::from_secs(30));
    bench.collected().await;
    let families = bench.becomes("all containers", &bench.expected()).await;
    assert_eq!(runs_of(&families, "cloud", "containers", "success"), 1.0);
    let limited = [("source", "cloud"), ("reason", "rate_limited")];
    assert!(value(&families, "container_security_api_retries_total", &limited) >= 1.0);
    assert!(of_cloud(&families, "container_security_api_throttled_seconds_total") > 0.0);
    assert_eq!(value(&families, UP, &CONTAINERS), 1.0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_rate_limit_is_respected() {
    let options = prisma::Options { page_limit: 10, ..prisma::Options::default() };
    let mut bench = start(console(80), "[[source.prisma]]\nrate_limit = \"5/1h\"", options, []).await;
    let asked = |bench: &Bench| {
        let requests = bench.cloud().vendor.requests();
        requests.iter().filter(|request| request.path.ends_with("/containers")).count()
    };
    bench.metrics_once("five requests", |_| asked(&bench) == 5).await;
    // There is never a sixth request.
    for _ in 0..20 {
        bench.families().await;
        assert_eq!(asked(&bench), 5);
    }
    let config = bench.load("[[source.prisma]]\nrate_limit = \"1000/1s\"");
    bench.app.reload(config).await.expect("a good configuration");
    bench.collected().await;
    bench.becomes("all containers", &bench.expected()).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_errors_are_retried_and_nothing_is_lost() {
    for (kind, path) in [
        (FaultKind::Html(502), "/images?"),
        (FaultKind::Truncate, "/containers?"),
        (FaultKind::Reset, "/stats/vulnerabilities"),
        (FaultKind::Garbage, "/defenders/summary"),
        (FaultKind::Status(503, Vec::new(), String::new()), "/authenticate"),
        (FaultKind::Empty, "/settings/license"),
    ] {
        let what = format!("{kind:?} at {path}");
        let bench = start(console(60), "", prisma::Options::default(), [first(1, path, kind)]).await;
        bench.collected().await;
        let families = bench.becomes(&what, &bench.expected()).await;
        assert_eq!(of_cloud(&families, "container_security_api_retries_total"), 1.0, "{what}");
        assert!(succeeded(&families, 1.0), "{what}");
        assert_eq!(of_cloud(&families, "container_security_collector_runs_total"), *CLOUD_ALL, "{what}: a run failed");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_repeats_forever_ends_the_run() {
    for total_count in [true, false] {
        let options = prisma::Options { total_count, ..prisma::Options::default() };
        let repeat = always("/containers?", FaultKind::RepeatPage);
        let bench = start(console(120), EAGER, options, [repeat]).await;
        let families = bench
            .metrics_once("a failed run", |families| runs_of(families, "cloud", "containers", "bad_response") >= 1.0)
            .await;
        assert_eq!((value(&families, UP, &CONTAINERS), value(&families, COMPLETE, &CONTAINERS)), (0.0, 0.0));
        // A partial listing of containers is not shown.
        assert_eq!(of_cloud(&families, "container_security_containers"), 0.0);
        let page = bench.landing_page().await;
        assert!(page.contains("a page repeats"), "{page}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_rows_are_counted_and_the_rest_of_the_page_is_kept() {
    let console = Console::generate(&console::Shape::small(65, NOW).hostile(true));
    let expected = [
        ("containers", console.unreadable_container_rows()),
        ("images", console.unreadable_image_rows()),
        ("sensors", console.stray_defender_rows.len()),
        ("vulnerabilities", console.stray_vulnerability_rows.len()),
        ("console", 0),
    ];
    // Pages overlap, more so when they are short; rows that come twice count once.
    for page_limit in [50, 7] {
        let options = prisma::Options { page_limit, ..prisma::Options::default() };
        let keys = "[[source.prisma]]\nrate_limit = \"1000/1s\"";
        let bench = start(console.clone(), keys, options, []).await;
        bench.collected().await;
        let families = bench.becomes("hostile rows", &bench.expected()).await;
        for (collector, rows) in expected {
            let labels = [("source", "cloud"), ("collector", collector)];
            let rejected = sum(&families, "container_security_collector_rejected_records_total", &labels);
            assert!(rows > 0 || collector == "console", "{collector}: the console is not hostile");
            assert_eq!(rejected, f64::from(u32::try_from(rows).expect("few rows")), "{collector}");
        }
        bench.stop().await;
    }
}
