//! The metrics while a vendor fails, partly or completely.

use std::time::Duration;

use simulator::oracle::Families;
use simulator::server::{FaultKind, Options};
use simulator::tenant::{Shape, Tenant};

use crate::support::{ALL, Bench, COLLECTORS, NOW, always, first, of_vendor, runs, sum, value, wrong_without};

/// Runs collectors every second, without retries.
const EAGER: &str = "[[source.qualys]]\ninterval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 0";

const BULK: &str = "/csapi/v1.3/containers/list?";
const PAGES: &str = "/csapi/v1.3/containers?";

fn tenant() -> Tenant {
    Tenant::generate(&Shape::small(11, NOW))
}

fn up(families: &Families, collector: &str) -> f64 {
    value(families, "container_security_collector_up", &[("collector", collector)])
}

fn retries(families: &Families) -> f64 {
    sum(families, "container_security_api_retries_total", &[])
}

fn status(status: u16, body: &str) -> FaultKind {
    FaultKind::Status(status, Vec::new(), body.to_owned())
}

/// Whether there are no series about the vendor, except folded groups of zero.
fn shows_nothing(families: &Families) -> bool {
    of_vendor(families).keys().eq(["container_security_exporter_folded_groups"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_without_permission_does_not_affect_the_others() {
    let fault = always("/sensors", status(403, r#"{"errorCode":"403 FORBIDDEN","message":"user exporter lacks it"}"#));
    let bench = Bench::start_struck(tenant(), "", Options::default(), [fault]).await;
    let families = bench
        .metrics_once("failed sensors, everything else complete", |families| {
            runs(families, "sensors", "forbidden") == 1.0
                && runs(families, "containers", "success") == 1.0
                && runs(families, "posture", "success") == 1.0
                && families.contains_key("container_security_containers")
                && families.contains_key("container_security_posture_control_info")
        })
        .await;
    for (collector, expected) in [("sensors", 0.0), ("containers", 1.0), ("posture", 1.0)] {
        assert_eq!(up(&families, collector), expected, "{collector}");
    }
    // A missing list of sensors does not mean that containers lack one.
    let without = [
        "container_security_sensor",
        "container_security_containers_by_sensor_state",
        "container_security_containers_by_runtime",
    ];
    assert!(
        !families.keys().any(|name| without.iter().any(|without| name.starts_with(without))),
        "{:?}",
        families.keys()
    );
    let wrong = wrong_without(&bench.expected(), &families, &without);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = bench.landing_page().await;
    assert!(page.contains("lacks the permission for sensors") && !page.contains("lacks it"), "{page}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_down_from_the_start_is_collected_once_it_is_back() {
    let faults = [always("", FaultKind::Html(503))];
    let bench = Bench::start_struck(tenant(), EAGER, Options::default(), faults).await;
    let families = bench
        .metrics_once("failures of all collectors", |families| {
            COLLECTORS.iter().all(|name| runs(families, name, "bad_response") >= 1.0)
        })
        .await;
    assert!(shows_nothing(&families), "{:?}", families.keys());
    assert_eq!(sum(&families, "container_security_collector_up", &[]), 0.0);
    assert!(
        sum(&families, "container_security_api_requests_total", &[("api_endpoint", "auth"), ("code", "503")]) >= 1.0
    );
    assert_eq!(bench.get("/-/ready", &[]).await.status, 200);
    bench.vendor.clear_faults();
    bench.collected().await;
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_request_is_retried_when_the_vendor_allows_it() {
    let refusal = FaultKind::Status(429, vec![("retry-after".to_owned(), "1".to_owned())], String::new());
    let bench = Bench::start_struck(tenant(), "", Options::default(), [first(1, BULK, refusal)]).await;
    bench.collected().await;
    let families = bench.families().await;
    let refused = [("api_endpoint", "containers_list"), ("code", "429")];
    assert_eq!(value(&families, "container_security_api_requests_total", &refused), 1.0);
    assert_eq!(value(&families, "container_security_api_retries_total", &[("reason", "rate_limited")]), 1.0);
    assert_eq!(retries(&families), 1.0);
    let mut times = bench.vendor.requests().into_iter().filter(|request| request.path.ends_with("/containers/list"));
    let (first, second) = (times.next().expect("the first"), times.next().expect("the second"));
    assert_eq!((first.status, second.status), (429, 200));
    let pause = second.at - first.at;
    assert!(pause >= Duration::from_secs(1), "{pause:?}");
    assert!(value(&families, "container_security_api_throttled_seconds_total", &[]) > 0.0);
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_pause_requested_by_the_vendor_is_respected() {
    let refusal = FaultKind::Status(429, vec![("retry-after".to_owned(), "3600".to_owned())], String::new());
    let bench = Bench::start_struck(tenant(), EAGER, Options::default(), [always(BULK, refusal)]).await;
    let families =
        bench.metrics_once("three refused runs", |families| runs(families, "containers", "rate_limited") >= 3.0).await;
    // The first run gets the response; the others are not sent.
    assert_eq!(bench.vendor.request_count("/csapi/v1.3/containers/list"), 1);
    assert_eq!(retries(&families), 0.0);
    assert_eq!(up(&families, "containers"), 0.0);
    let page = bench.landing_page().await;
    assert!(page.contains("the vendor requested a pause of"), "{page}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_errors_are_retried_and_nothing_is_lost() {
    for (kind, path) in [
        (FaultKind::Html(502), PAGES),
        (status(500, r#"{"errorCode":"500 INTERNAL"}"#), "/k8s_postures/list"),
        (FaultKind::Garbage, PAGES),
        (FaultKind::Truncate, BULK),
        (FaultKind::Reset, "/sensors"),
        (FaultKind::Reset, "paginationQuery"),
    ] {
        let what = format!("{kind:?} at {path}");
        let bench = Bench::start_struck(tenant(), "", Options::default(), [first(1, path, kind)]).await;
        bench.collected().await;
        let families = bench.families().await;
        assert_eq!(retries(&families), 1.0, "{what}");
        let ended = sum(&families, "container_security_collector_runs_total", &[]);
        assert!(ended <= *ALL, "{what}: a run failed");
        bench.is_exact().await;
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_permanent_error_has_its_own_outcome() {
    for (kind, path, outcome, message) in [
        (FaultKind::Garbage, PAGES, "bad_response", "containers at 127.0.0.1"),
        (
            FaultKind::Redirect("http://127.0.0.1:1/csapi".to_owned()),
            PAGES,
            "bad_response",
            "redirects to another place",
        ),
        (FaultKind::BigBody(1 << 20), BULK, "too_large", "larger than 900000 bytes"),
        (FaultKind::GzipBomb(32 << 20), BULK, "too_large", "larger than 900000 bytes"),
        (FaultKind::Stall(Duration::from_hours(1)), PAGES, "timeout", "timed out reading the response"),
        (FaultKind::Reset, PAGES, "unreachable", "connection lost"),
        (FaultKind::RepeatPage, "paginationQuery", "bad_response", "holds nothing new"),
        (FaultKind::WithoutHeader("nothing".to_owned()), "/csapi/v1.3/unused", "success", ""),
    ] {
        let what = format!("{kind:?} at {path}");
        let options = format!("{EAGER}\nhttp.max_body_bytes = 900000\nhttp.read_timeout = \"3s\"");
        let bench = Bench::start_struck(tenant(), &options, Options::default(), [always(path, kind)]).await;
        let families = bench
            .metrics_once(&what, |families| {
                // The data of a run is published shortly after the run is counted.
                let is_shown = outcome != "success" || up(families, "containers") == 1.0;
                runs(families, "containers", outcome) >= 1.0 && is_shown
            })
            .await;
        let all = sum(&families, "container_security_collector_runs_total", &[("collector", "containers")]);
        assert_eq!(runs(&families, "containers", outcome), all, "{what}");
        assert_eq!(up(&families, "containers"), f64::from(u8::from(outcome == "success")), "{what}");
        let page = bench.landing_page().await;
        assert!(page.contains(message), "{what}: {page}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_and_expiring_tokens_are_replaced_once_for_all_collectors() {
    let bench = Bench::start(tenant(), EAGER).await;
    bench.collected().await;
    assert_eq!(bench.vendor.request_count("/auth"), 1);

    bench.vendor.revoke_tokens();
    let refused = |families: &Families| sum(families, "container_security_api_requests_total", &[("code", "401")]);
    let before = bench.metrics_once("the refusal", |families| refused(families) >= 1.0).await;
    let more = |families: &Families, before: &Families| {
        let names = ["containers", "sensors", "posture"];
        names.iter().all(|name| runs(families, name, "success") >= runs(before, name, "success") + 2.0)
    };
    let after = bench.metrics_once("two more runs of each collector", |families| more(families, &before)).await;
    assert_eq!(bench.vendor.request_count("/auth"), 2);
    assert_eq!(sum(&after, "container_security_collector_runs_total", &[("outcome", "unauthorized")]), 0.0);

    // The token is renewed before it expires, so nothing is refused any more.
    bench.advance(Duration::from_mins(239));
    let renewed = bench.metrics_once("a third log-in", |_| bench.vendor.request_count("/auth") >= 3).await;
    let after_renewal =
        bench.metrics_once("two more runs of each collector", |families| more(families, &renewed)).await;
    assert_eq!(bench.vendor.request_count("/auth"), 3);
    assert_eq!(refused(&after_renewal), refused(&after));
    bench.is_exact().await;

    // The vendor says that the token has expired, so it is replaced, whatever the exporter's clock says.
    bench.vendor.inject(first(1, PAGES, status(401, r#"{"message":"JWT expired at 2025-05-11T20:26:40Z"}"#)));
    let expired = bench.metrics_once("a fourth log-in", |_| bench.vendor.request_count("/auth") >= 4).await;
    bench.metrics_once("two more runs of each collector", |families| more(families, &expired)).await;
    assert_eq!(bench.vendor.request_count("/auth"), 4);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_reported_in_plain_words() {
    let vendor = Options { username: "someone-else".to_owned(), ..Options::default() };
    let password = vendor.password.clone();
    let bench = Bench::start_with(tenant(), "", vendor).await;
    let families = bench
        .metrics_once("unauthorized collectors", |families| {
            COLLECTORS.iter().all(|name| runs(families, name, "unauthorized") == 1.0)
        })
        .await;
    assert!(shows_nothing(&families), "{:?}", families.keys());
    assert_eq!(retries(&families), 0.0);
    // Each attempt brings a lock-out nearer: there is at most one per collector.
    assert!(bench.vendor.request_count("/auth") <= COLLECTORS.len());
    assert_eq!(bench.vendor.request_count("/csapi"), 0);
    let page = bench.landing_page().await;
    assert!(page.contains("wrong user name or password, a locked account"), "{page}");
    assert!(!page.contains(&password) && !page.contains("someone-else") && !page.contains("S3CR3T"), "{page}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_data_is_served_while_a_collector_fails() {
    let bench = Bench::start(tenant(), EAGER).await;
    bench.collected().await;
    bench.vendor.inject(always("", FaultKind::Html(503)));
    let families = bench
        .metrics_once("two failures of each collector", |families| {
            COLLECTORS.iter().all(|name| runs(families, name, "bad_response") >= 2.0)
        })
        .await;
    assert_eq!(sum(&families, "container_security_collector_up", &[]), 0.0);
    assert_eq!(sum(&families, "container_security_collector_complete", &[]), *ALL);
    bench.is_exact().await;
    bench.vendor.clear_faults();
    bench.metrics_once("recovery", |families| sum(families, "container_security_collector_up", &[]) == *ALL).await;
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_data_disappears_and_comes_back() {
    let options = "[[source.qualys]]\ninterval = \"1s\"\nstale_after = \"3s\"\nhttp.retries = 0";
    let bench = Bench::start(tenant(), options).await;
    bench.collected().await;
    bench.vendor.inject(always("/containers", FaultKind::Html(503)));
    let complete =
        |families: &Families| value(families, "container_security_collector_complete", &[("collector", "containers")]);
    let families = bench
        .metrics_once("the end of the containers", |families| {
            complete(families) == 0.0 && !families.keys().any(|name| name.starts_with("container_security_container"))
        })
        .await;
    assert_eq!(up(&families, "containers"), 0.0);
    assert_eq!(value(&families, "container_security_collector_records", &[("collector", "containers")]), 0.0);
    assert!(!families.contains_key("container_security_top_container_risk_score"));
    // The other collectors are not affected.
    assert_eq!((up(&families, "sensors"), up(&families, "posture")), (1.0, 1.0));
    let of_containers = ["container_security_container", "container_security_top_container"];
    let expected = bench.expected();
    bench.metrics_once("all else", |families| wrong_without(&expected, families, &of_containers).is_empty()).await;
    bench.vendor.clear_faults();
    bench.becomes("everything again", &expected).await;
    bench.stop().await;
}
