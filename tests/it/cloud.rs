//! A healthy Prisma Cloud console: log-in, listings, and features that it may lack.

use std::time::Duration;

use simulator::console::{self, Console};
use simulator::oracle::Families;
use simulator::server::{Fault, FaultKind, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::process::{self, Home};
use crate::support::{
    Bench, CLOUD_ALL, CLOUD_COLLECTORS, NOW, Simulated, always, metrics_once, of_vendor, runs_of, sum, value,
};

/// Runs collectors every second, without a rate limit in practice.
pub(crate) const EAGER: &str =
    "[[source.prisma]]\ninterval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 0\nrate_limit = \"1000/1s\"";

const AUTHENTICATE: &str = "/api/v1/authenticate";

pub(crate) fn console(containers: usize) -> Console {
    Console::generate(&console::Shape::small(64, NOW).containers(containers))
}

/// Starts a bench with a console and a nearly empty account of the other vendor.
pub(crate) async fn start(
    console: Console,
    keys: &str,
    options: prisma::Options,
    faults: impl IntoIterator<Item = Fault>,
) -> Bench {
    let tenant = Tenant::generate(&Shape::small(64, NOW).containers(5));
    let cloud = Simulated { options, faults: faults.into_iter().collect(), ..console.into() };
    Bench::start_both_as(keys, tenant.into(), cloud).await
}

/// Whether each collector of the console has succeeded at least this many times.
pub(crate) fn succeeded(families: &Families, times: f64) -> bool {
    CLOUD_COLLECTORS.iter().all(|name| runs_of(families, "cloud", name, "success") >= times)
}

pub(crate) fn of_cloud(families: &Families, family: &str) -> f64 {
    sum(families, family, &[("source", "cloud")])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_console_is_read_completely() {
    let text = String::from;
    let defaults = prisma::Options::default;
    for (options, keys, log_ins) in [
        (prisma::Options { gzip: false, ..defaults() }, "login = \"basic\"", 0),
        (prisma::Options { prefix: text("/us-2-158286553"), ..defaults() }, "", 1),
        (
            prisma::Options { api_version: text("32.07"), total_count: false, ..defaults() },
            "api_version = \"32.07\"",
            1,
        ),
        (
            prisma::Options {
                project: Some(text("Über & all")),
                collections: vec![text("team a"), text("b=c&d")],
                ..defaults()
            },
            "project = \"Über & all\"\ncollections = [\"b=c&d\", \"team a\"]",
            1,
        ),
        (prisma::Options { page_limit: 17, ..defaults() }, "page_limit = 250", 1),
        // TLS itself is covered by the client's tests.
        (
            prisma::Options { username: text("nobody"), ..defaults() },
            "client_certificate_file = \"tests/fixtures/tls/client.pem\"\nclient_key_file = \"tests/fixtures/tls/client-key.pem\"",
            1,
        ),
        (prisma::Options { page_limit: 250, ..defaults() }, "page_limit = 100\nlogin = \"basic\"", 0),
    ] {
        let what = format!("{keys}, page_limit {}", options.page_limit);
        let prefix = options.prefix.clone();
        let bench = start(console(120), &format!("[[source.prisma]]\n{keys}"), options, []).await;
        bench.collected().await;
        let families = bench.becomes(&what, &bench.expected()).await;
        assert_eq!(
            value(
                &families,
                "container_security_collector_records",
                &[("source", "cloud"), ("collector", "containers")]
            ),
            120.0
        );
        let requests = bench.cloud().vendor.requests();
        assert_eq!(requests.iter().filter(|request| request.method == "POST").count(), log_ins, "{what}");
        assert!(
            requests.iter().all(|request| request.status == 200 && request.path.starts_with(&prefix)),
            "{what}: {requests:?}"
        );
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_and_expiring_tokens_are_replaced_once_for_all_collectors() {
    let bench = start(console(60), EAGER, prisma::Options::default(), []).await;
    bench.collected().await;
    let cloud = &bench.cloud().vendor;
    assert_eq!(cloud.request_count(AUTHENTICATE), 1);

    cloud.revoke_tokens();
    let refused = |families: &Families| {
        sum(families, "container_security_api_requests_total", &[("source", "cloud"), ("code", "401")])
    };
    let more = |families: &Families, before: &Families| {
        let times = |families, name| runs_of(families, "cloud", name, "success");
        CLOUD_COLLECTORS.iter().all(|name| times(families, name) >= times(before, name) + 2.0)
    };
    let before = bench.metrics_once("the refusal", |families| refused(families) >= 1.0).await;
    let after = bench.metrics_once("two more runs of each collector", |families| more(families, &before)).await;
    assert_eq!(cloud.request_count(AUTHENTICATE), 2);

    // The token is renewed before it expires after half an hour, so nothing is refused any more.
    bench.advance(Duration::from_mins(29));
    let renewed = bench.metrics_once("two more runs of each collector", |families| more(families, &after)).await;
    assert_eq!(cloud.request_count(AUTHENTICATE), 3);
    assert_eq!(refused(&renewed), refused(&after));
    let ended = of_cloud(&renewed, "container_security_collector_runs_total");
    let succeeded =
        sum(&renewed, "container_security_collector_runs_total", &[("source", "cloud"), ("outcome", "success")]);
    assert_eq!(ended, succeeded, "a run failed");
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_reported_in_plain_words_and_not_retried_at_every_run() {
    for (keys, runs, log_ins) in [(EAGER, 4.0, 1..=5), ("[[source.prisma]]\nlogin = \"basic\"", 1.0, 0..=0)] {
        let options = prisma::Options { username: "someone-else".to_owned(), ..prisma::Options::default() };
        let password = options.password.clone();
        let bench = start(console(5), keys, options, []).await;
        let families = bench
            .metrics_once("unauthorized collectors", |families| {
                CLOUD_COLLECTORS.iter().all(|name| runs_of(families, "cloud", name, "unauthorized") >= runs)
            })
            .await;
        let asked = bench.cloud().vendor.requests();
        assert!(asked.iter().all(|request| request.status == 401), "{asked:?}");
        // All collectors share one attempt, and attempts are further apart than runs. Where each request carries the
        // password, each collector makes one attempt.
        assert!(log_ins.contains(&bench.cloud().vendor.request_count(AUTHENTICATE)), "{asked:?}");
        assert!(asked.len() <= CLOUD_COLLECTORS.len(), "{asked:?}");
        assert_eq!(of_cloud(&families, "container_security_api_retries_total"), 0.0);
        let page = bench.landing_page().await;
        assert!(page.contains("wrong user name or password"), "{page}");
        assert!(!page.contains(&password) && !page.contains("someone-else") && !page.contains("S3CR3T"), "{page}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_version_unknown_to_the_console_is_reported_as_such() {
    for (login, outcome, message) in [
        ("token", "bad_response", "no log-in endpoint found; does the console know API version v30.00?"),
        ("basic", "not_found", "this console does not know API version v30.00, or base_url lacks the tenant's path"),
    ] {
        let options =
            prisma::Options { api_version: "29.01".to_owned(), first_version: false, ..prisma::Options::default() };
        let bench =
            start(console(5), &format!("[[source.prisma]]\nlogin = {login:?}\napi_version = \"30.00\""), options, [])
                .await;
        bench
            .metrics_once(login, |families| {
                let listings = ["containers", "images", "sensors", "vulnerabilities"];
                listings.iter().all(|name| runs_of(families, "cloud", name, outcome) == 1.0)
            })
            .await;
        let page = bench.landing_page().await;
        assert!(page.contains(message) && page.contains("Path to Console"), "{login}: {page}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_console_reports_no_licence() {
    let mut console = console(5);
    console.licence_expiry = None;
    let options = prisma::Options { absent: vec!["settings/license".to_owned()], ..prisma::Options::default() };
    let bench = start(console, "", options, []).await;
    bench.collected().await;
    let families = bench.becomes("a console without a licence", &bench.expected()).await;
    assert_eq!(of_cloud(&families, "container_security_console_info"), 1.0);
    assert!(!families.contains_key("container_security_console_licence_expiry_timestamp_seconds"));
    assert_eq!(of_cloud(&families, "container_security_collector_up"), *CLOUD_ALL);
    let page = bench.landing_page().await;
    assert!(page.contains("the console does not show this account when its licence expires"), "{page}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_console_is_not_a_failure() {
    let mut console = console(0);
    console.images.clear();
    console.defenders.clear();
    console.vulnerabilities.clear();
    console.licence_expiry = None;
    console.touch();
    for total_count in [true, false] {
        let options = prisma::Options { total_count, ..prisma::Options::default() };
        let bench = start(console.clone(), "", options, []).await;
        let complete = |families: &Families| of_cloud(families, "container_security_collector_complete") == *CLOUD_ALL;
        let families = bench.metrics_once("complete data of all collectors", complete).await;
        assert_eq!(of_cloud(&families, "container_security_collector_up"), *CLOUD_ALL);
        // The console itself is the one record.
        assert_eq!(of_cloud(&families, "container_security_collector_records"), 1.0);
        let families = bench.becomes("an empty console", &bench.expected()).await;
        let shown: Vec<_> = of_vendor(&families)
            .into_iter()
            .filter(|(_, series)| {
                series.keys().any(|labels| labels.get("source").is_some_and(|source| source == "cloud"))
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(shown, ["container_security_console_info"]);
        let page = bench.landing_page().await;
        assert!(page.contains("the console reports no vulnerabilities in any image"), "{page}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_certificate_verification_is_logged_as_a_warning() {
    for (keys, warnings) in [("insecure_skip_verify = true", 1), ("insecure_skip_verify = false", 0), ("", 0)] {
        let cloud = process::cloud(console(5)).await;
        let home = Home::new();
        home.configure(&home.cloud("cloud", &cloud, keys));
        let serving = home.serve(&[]).await;
        metrics_once(serving.address, "success", |families| succeeded(families, 1.0)).await;
        let metrics = serving.get("/metrics").await;
        assert!(!metrics.contains("insecure") && !metrics.contains("skip_verify"), "{metrics}");
        let ended = serving.end("TERM").await;
        let warned = ended.stderr.lines().filter(|line| {
            line.contains("level=warn")
                && line.contains("source=cloud")
                && line.contains("TLS verification is disabled; credentials can be intercepted")
        });
        assert_eq!(warned.count(), warnings, "{keys}: {}", ended.stderr);
        cloud.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_listing_is_reported_with_the_missing_permission() {
    for (path, message) in [
        ("/containers?", "lacks the permission for containers (monitorImages"),
        ("/images?", "lacks the permission for images (monitorImages"),
        ("/defenders/summary", "lacks the permission for defenders (manageDefenders"),
        ("/stats/vulnerabilities", "lacks the permission for vulnerabilities (monitorVuln"),
        ("/version", "lacks the permission for the console's version (any role)"),
    ] {
        let refusal = FaultKind::Status(403, Vec::new(), r#"{"err":"exporter lacks it"}"#.to_owned());
        let bench = start(console(5), "", prisma::Options::default(), [always(path, refusal)]).await;
        bench
            .metrics_once(path, |families| {
                let ended = |outcome| {
                    sum(
                        families,
                        "container_security_collector_runs_total",
                        &[("source", "cloud"), ("outcome", outcome)],
                    )
                };
                ended("forbidden") == 1.0 && ended("success") == *CLOUD_ALL - 1.0
            })
            .await;
        let page = bench.landing_page().await;
        assert!(page.contains(message) && !page.contains("exporter lacks"), "{path}: {page}");
        bench.stop().await;
    }
}
