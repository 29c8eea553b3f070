//! The server's pages, as a scraper or a person sees them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use container_security_exporter::catalog;
use container_security_exporter::metric::{Kind, Metric};
use container_security_exporter::telemetry::{Failure, LATENCY_BOUNDS, Rejection};
use simulator::exposition::{Exposition, Format};
use simulator::oracle::Families;
use simulator::server::{FaultKind, Options};
use simulator::tenant::{Shape, Tenant};
use tokio::time::timeout;

use crate::http::request;
use crate::support::{ALL, Bench, COLLECTORS, NOW, PATIENCE, always, first, runs, sum, value};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn tenant() -> Tenant {
    Tenant::generate(&Shape::small(21, NOW))
}

/// A vendor that accepts every request and never answers.
async fn silent(options: &str) -> Bench {
    let faults = [always("", FaultKind::Stall(Duration::from_hours(1)))];
    Bench::start_struck(tenant(), options, Options::default(), faults).await
}

/// A bench on which every collector has finished a run.
async fn settled() -> Bench {
    let bench = Bench::start(tenant(), "").await;
    bench.collected().await;
    bench
        .metrics_once("success of all collectors", |families| {
            sum(families, "container_security_collector_runs_total", &[("outcome", "success")]) == *ALL
        })
        .await;
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_the_format_it_prefers() {
    let bench = settled().await;
    let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                      application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                      text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    for (accept, encoding, content_type, gzip) in [
        (Some(prometheus), Some("gzip"), OPEN_METRICS, true),
        (Some(prometheus), None, OPEN_METRICS, false),
        (Some("text/plain;version=0.0.4"), Some("gzip, deflate"), TEXT, true),
        (Some("text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4"), Some("gzip;q=0"), TEXT, false),
        (
            Some("text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.6"),
            Some("br, *;q=0.1"),
            OPEN_METRICS,
            true,
        ),
        (Some("*/*"), Some("identity"), TEXT, false),
        (Some("image/png"), Some("zstd"), TEXT, false),
        (Some("nonsense;;q=,"), Some(";;,"), TEXT, false),
        (None, None, TEXT, false),
    ] {
        let asked = format!("{accept:?}, {encoding:?}");
        let headers: Vec<_> = [("Accept", accept), ("Accept-Encoding", encoding)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let answer = bench.get("/metrics", &headers).await;
        assert_eq!(answer.status, 200, "{asked}");
        assert_eq!(answer.header("content-type"), Some(content_type), "{asked}");
        assert_eq!(answer.header("content-encoding"), gzip.then_some("gzip"), "{asked}");
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()), "{asked}");
        let vary = answer.header("vary").unwrap_or_default().to_ascii_lowercase();
        assert!(vary.contains("accept") && vary.contains("accept-encoding"), "{asked}: Vary: {vary}");
        assert_eq!(answer.text().ends_with("# EOF\n"), content_type == OPEN_METRICS, "{asked}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_page_is_a_single_gzip_member() {
    let bench = settled().await;
    for accept in [OPEN_METRICS, TEXT] {
        let answer = bench.get("/metrics", &[("Accept", accept), ("Accept-Encoding", "gzip")]).await;
        let mut decoder = flate2::bufread::GzDecoder::new(&answer.body[..]);
        let mut text = String::new();
        decoder.read_to_string(&mut text).expect("whole gzip with a good checksum");
        assert!(decoder.into_inner().is_empty(), "something follows the first member");
        let plain = bench.get("/metrics", &[("Accept", accept)]).await.text();
        // Between the two, only the exporter's own families change.
        let still =
            |text: &str| text.lines().filter(|line| !line.contains("process_")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(still(&text), still(&plain), "{accept}");
        assert!(answer.body.len() * 3 < plain.len(), "the compressed page is not much smaller");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_like_get_without_a_body() {
    let bench = settled().await;
    let address = bench.address();
    for (path, headers) in [
        ("/metrics", &[][..]),
        ("/metrics", &[("Accept", OPEN_METRICS), ("Accept-Encoding", "gzip")][..]),
        ("/", &[][..]),
        ("/-/healthy", &[][..]),
        ("/-/ready", &[][..]),
        ("/none", &[][..]),
    ] {
        let same = async {
            // The length of the metrics changes now and then with the CPU time used.
            loop {
                let get = request(address, "GET", path, headers).await;
                let head = request(address, "HEAD", path, headers).await;
                assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
                assert_eq!(head.status, get.status, "{path}");
                for name in ["content-type", "content-encoding", "vary", "allow"] {
                    assert_eq!(head.header(name), get.header(name), "{path}: {name}");
                }
                assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
                if head.header("content-length") == get.header("content-length") {
                    break;
                }
            }
        };
        timeout(PATIENCE, same).await.unwrap_or_else(|_| panic!("{path}: HEAD never has the length of GET"));
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_refused() {
    let bench = Bench::start(tenant(), "").await;
    for (method, path, status, allow) in [
        ("GET", "/metrics", 200, None),
        ("GET", "/metrics?collect[]=x", 200, None),
        ("GET", "/metrics/", 404, None),
        ("GET", "/-/unknown", 404, None),
        ("POST", "/unknown", 404, None),
        ("POST", "/metrics", 405, Some("GET, HEAD")),
        ("DELETE", "/", 405, Some("GET, HEAD")),
        ("PUT", "/-/healthy", 405, Some("GET, HEAD")),
        ("OPTIONS", "/-/ready", 405, Some("GET, HEAD")),
        ("GET", "/-/reload", 405, Some("POST, PUT")),
        ("HEAD", "/-/reload", 405, Some("POST, PUT")),
    ] {
        let answer = request(bench.address(), method, path, &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_landing_page_shows_pages_and_collectors() {
    let bench = settled().await;
    let answer = bench.get("/", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let page = answer.text();
    for shown in [
        "href=\"/metrics\"",
        "href=\"/-/healthy\"",
        "href=\"/-/ready\"",
        env!("CARGO_PKG_VERSION"),
        "<td>prod</td>",
        "<td>qualys</td>",
    ] {
        assert!(page.contains(shown), "no {shown} in {page}");
    }
    for collector in COLLECTORS.iter() {
        assert!(page.contains(&format!("<td>{collector}</td><td>yes</td><td>yes</td>")), "{collector}: {page}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_where_the_configuration_says() {
    let bench = Bench::start(tenant(), "telemetry_path = \"/own/path\"").await;
    assert_eq!(bench.get("/own/path", &[]).await.status, 200);
    assert_eq!(bench.get("/metrics", &[]).await.status, 404);
    assert!(bench.landing_page().await.contains("href=\"/own/path\""));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_once_every_collector_has_an_answer_or_has_failed() {
    let mut bench = silent("").await;
    assert_eq!(bench.get("/-/healthy", &[]).await.status, 200);
    let answer = bench.get("/-/ready", &[]).await;
    assert_eq!((answer.status, answer.text().as_str()), (503, "waiting for the vendors' first answers\n"));

    // One collector fails and the others get answers; containers get the first pages, and then nothing for hours.
    bench.vendor.clear_faults();
    bench.vendor.inject(always("/sensors", FaultKind::Html(404)));
    bench.vendor.inject(always("paginationQuery", FaultKind::Stall(Duration::from_hours(1))));
    let config = bench.load("[[source.qualys]]\ninterval = \"2h\"");
    bench.app.reload(config).await.expect("a good configuration");
    let families = bench
        .metrics_once("all but containers", |families| {
            runs(families, "sensors", "not_found") >= 1.0 && runs(families, "posture", "success") >= 1.0
        })
        .await;
    let ready = async { while bench.get("/-/ready", &[]).await.status != 200 {} };
    timeout(PATIENCE, ready).await.expect("it becomes ready");
    let of_containers = sum(&families, "container_security_collector_runs_total", &[("collector", "containers")]);
    assert_eq!(of_containers, 0.0, "the long walk has not finished");
    bench.stop().await;
}

/// The families and their values, without those that change over time.
fn lasting(exposition: &Exposition) -> Families {
    let mut families = exposition.families();
    families.retain(|name, _| !name.starts_with("process_"));
    families
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_show_the_same() {
    let bench = settled().await;
    let open_metrics = bench.metrics(Format::OpenMetrics).await;
    let text = bench.metrics(Format::Text).await;
    assert_eq!(lasting(&open_metrics), lasting(&text));
    let names = |exposition: &Exposition| exposition.families().into_keys().collect::<Vec<_>>();
    assert_eq!(names(&open_metrics), names(&text));

    let duration = "container_security_api_request_duration_seconds";
    let buckets = &text.families()[&format!("{duration}_bucket")];
    let bounds: Vec<_> =
        buckets.keys().filter(|labels| labels["api_endpoint"] == "auth").map(|labels| labels["le"].as_str()).collect();
    assert_eq!(bounds.len(), LATENCY_BOUNDS.len() + 1, "{bounds:?}");
    assert_eq!(value(&text.families(), &format!("{duration}_count"), &[("api_endpoint", "auth")]), 1.0);

    // Each family has the HELP text of the catalog.
    for metric in catalog::all() {
        let counter = metric.kind() == Kind::Counter;
        let stem = if counter { metric.name().trim_end_matches("_total") } else { metric.name() };
        let Some(in_text) = text.family(metric.name()) else { continue };
        let in_open_metrics = open_metrics.family(stem).unwrap_or_else(|| panic!("{stem} is in text only"));
        for family in [in_text, in_open_metrics] {
            assert_eq!(family.kind, metric.kind().as_str(), "{stem}");
            assert_eq!(family.help.as_deref().map(|help| help.trim_end_matches('.')), Some(metric.help()), "{stem}");
        }
        assert_eq!(in_open_metrics.unit.as_deref(), metric.unit().base(), "{stem}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn self_metrics_have_initial_values_before_the_first_answer() {
    let bench = silent("").await;
    let families = bench.metrics(Format::Text).await.families();
    let count = |family: &str| families.get(family).map_or(0, BTreeMap::len);
    let collectors = COLLECTORS.len();
    let endpoints = count("container_security_api_received_bytes_total");
    assert!(endpoints > collectors, "{endpoints} endpoints");
    for (family, series) in [
        ("container_security_collector_up", collectors),
        ("container_security_collector_complete", collectors),
        ("container_security_collector_records", collectors),
        // Success, and each kind of failure.
        ("container_security_collector_runs_total", collectors * (1 + Failure::ALL.len())),
        ("container_security_collector_rejected_records_total", collectors * Rejection::ALL.len()),
        ("container_security_api_retries_total", 5),
        ("container_security_api_throttled_seconds_total", 1),
        ("container_security_api_received_bytes_total", endpoints),
        ("container_security_api_request_duration_seconds_count", endpoints),
        // Each bound, and infinity.
        ("container_security_api_request_duration_seconds_bucket", endpoints * (LATENCY_BOUNDS.len() + 1)),
    ] {
        assert_eq!(count(family), series, "{family}");
        assert!(families[family].values().all(|value| *value == 0.0), "{family}: {:?}", families[family]);
    }
    for family in [
        "container_security_collector_last_success_timestamp_seconds",
        "container_security_collector_last_full_walk_timestamp_seconds",
        "container_security_collector_last_duration_seconds",
        "container_security_api_requests_total",
    ] {
        assert_eq!(count(family), 0, "{family}");
    }
    assert_eq!(
        value(&families, "container_security_exporter_build_info", &[("version", env!("CARGO_PKG_VERSION"))]),
        1.0
    );
    assert_eq!(value(&families, "container_security_source_info", &[("source", "prod"), ("vendor", "qualys")]), 1.0);
    assert_eq!(value(&families, "container_security_config_last_reload_successful", &[]), 1.0);
    let now = 1_747_000_000.0;
    assert_eq!(value(&families, "container_security_config_last_reload_success_timestamp_seconds", &[]), now);
    for (family, least) in [
        ("process_cpu_seconds_total", 0.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 3.0),
        ("process_max_fds", 3.0),
        ("process_start_time_seconds", 1.7e9),
        ("process_threads", 1.0),
    ] {
        assert!(value(&families, family, &[]) >= least, "{family}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_vendor_are_counted() {
    let fault = first(1, "/containers/list", FaultKind::Html(500));
    let bench = Bench::start_struck(tenant(), "", Options::default(), [fault]).await;
    bench.collected().await;
    let families = bench.metrics_once("success", |families| runs(families, "containers", "success") == 1.0).await;
    let paths =
        [("auth", "/auth"), ("containers_list", "/csapi/v1.3/containers/list"), ("sensors", "/csapi/v1.3/sensors")];
    for (endpoint, path) in paths {
        let labels = [("api_endpoint", endpoint)];
        let sent = f64::from(u32::try_from(bench.vendor.request_count(path)).expect("few requests"));
        assert_eq!(sum(&families, "container_security_api_requests_total", &labels), sent, "{endpoint}");
        assert_eq!(
            sum(&families, "container_security_api_request_duration_seconds_count", &labels),
            sent,
            "{endpoint}"
        );
        assert!(value(&families, "container_security_api_received_bytes_total", &labels) > 100.0, "{endpoint}");
    }
    let failed = [("api_endpoint", "containers_list"), ("code", "500")];
    assert_eq!(value(&families, "container_security_api_requests_total", &failed), 1.0);
    let known = bench.tenant.lock().expect("no panic elsewhere").containers.len();
    let records = value(&families, "container_security_collector_records", &[("collector", "containers")]);
    assert!(records > 0.0 && records <= f64::from(u32::try_from(known).expect("few containers")));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn series_counts_match_the_page_they_are_on() {
    for (bench, filled) in [(silent("").await, false), (settled().await, true)] {
        for format in [Format::OpenMetrics, Format::Text] {
            let exposition = bench.metrics(format).await;
            let mut lines: BTreeMap<&str, f64> = catalog::all().map(|metric| (metric.name(), 0.0)).collect();
            for sample in &exposition.samples {
                let family = catalog::all().map(Metric::name).find(|name| {
                    let rest = sample.name.strip_prefix(name);
                    rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
                });
                let family = family.unwrap_or_else(|| panic!("{} is in no family", sample.name));
                *lines.entry(family).or_default() += 1.0;
            }
            let families = exposition.families();
            let counted: BTreeMap<&str, f64> = families["container_security_exporter_series"]
                .iter()
                .map(|(labels, series)| (labels["family"].as_str(), *series))
                .collect();
            assert_eq!(counted, lines, "{format:?}, filled {filled}");
            assert_eq!(lines["container_security_containers"] > 0.0, filled);
        }
        bench.stop().await;
    }
}
