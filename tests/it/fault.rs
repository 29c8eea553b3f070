//! Each fault alone, at both vendors, from the start and after good data. While it lasts, no sample is wrong, its
//! collector reports it and the others succeed; the first run without it brings everything.

use std::net::TcpListener;
use std::time::Duration;

use simulator::console::{self, Console};
use simulator::oracle::{Families, Labels};
use simulator::server::{FaultKind, Options, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::mixture::unflagged_wrong_samples;
use crate::support::{BOTH, Bench, NOW, Simulated, all_collectors, always, is_thorough, runs_of, sum, value, wrong};

/// More containers than a page of a console's listing.
const FEW: usize = 60;

/// More containers than a page of the cursor list.
const MANY: usize = 260;

const PAGES: &str = "/csapi/v1.3/containers?";
const BULK: &str = "/csapi/v1.3/containers/list";
const CLOUD: &str = "/containers?";

/// Prefixes of the families that the containers collector shows; at the console it also provides posture.
const SHOWN: [(&str, &[&str]); 2] = [
    ("prod", &["container_security_container", "container_security_top_container"]),
    ("cloud", &["container_security_container", "container_security_posture_"]),
];

/// A fault, its path at the Qualys account, and the resulting outcomes of both containers collectors.
struct Case {
    kind: FaultKind,
    at: &'static str,
    qualys: &'static str,
    cloud: &'static str,
}

fn at_both(kind: FaultKind, outcome: &'static str) -> Case {
    Case { kind, at: PAGES, qualys: outcome, cloud: outcome }
}

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> FaultKind {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    FaultKind::Status(status, headers.collect(), body.to_owned())
}

fn header(name: &str, value: &str) -> FaultKind {
    FaultKind::WithHeader(name.to_owned(), value.to_owned())
}

/// Short intervals, no retries, no rate limits in practice, and few series.
fn options(http: &str) -> String {
    let keys = "interval = \"3s\"\ncollectors.containers.interval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 0";
    let keys = format!("{keys}\n{http}");
    format!(
        "[containers]\ngroup_by = []\ntop_k = 3\n[images]\ntop_k = 3\n[[source.qualys]]\n{keys}\nrate_limits.pages = \"1000/1s\"\nrate_limits.bulk = \"1000/1s\"\n\
         rate_limits.other = \"1000/1s\"\n[[source.prisma]]\n{keys}\nrate_limit = \"1000/1s\""
    )
}

fn truths(containers: usize) -> (Simulated<Tenant, Options>, Simulated<Console, prisma::Options>) {
    let tenant = Tenant::generate(&Shape::small(91, NOW).containers(containers));
    let console = Console::generate(&console::Shape::small(91, NOW).containers(containers));
    (
        Simulated { options: Options::default(), ..tenant.into() },
        Simulated { options: prisma::Options::default(), ..console.into() },
    )
}

/// The expected families where the containers collectors of these sources show nothing.
fn without_containers(mut expected: Families, sources: &[&str]) -> Families {
    for (source, starts) in SHOWN.iter().filter(|(source, _)| sources.contains(source)) {
        for (name, series) in &mut expected {
            let theirs = starts.iter().any(|start| name.starts_with(start));
            series.retain(|labels: &Labels, _| !theirs || labels.get("source").is_none_or(|has| has != source));
        }
    }
    expected.retain(|_, series| !series.is_empty());
    expected
}

fn ended(families: &Families, source: &str) -> f64 {
    let labels = [("source", source), ("collector", "containers")];
    sum(families, "container_security_collector_runs_total", &labels)
}

fn inject(bench: &Bench, case: &Case) {
    bench.vendor.inject(always(case.at, case.kind.clone()));
    bench.cloud().vendor.inject(always(CLOUD, case.kind.clone()));
}

fn clear(bench: &Bench) {
    bench.vendor.clear_faults();
    bench.cloud().vendor.clear_faults();
}

async fn holds(case: Case, containers: usize, http: &str) {
    let what = format!("{:?} at {}", case.kind, case.at);
    let (mut qualys, mut cloud) = truths(containers);
    qualys.faults.push(always(case.at, case.kind.clone()));
    cloud.faults.push(always(CLOUD, case.kind.clone()));
    let bench = Bench::start_both_as(&options(http), qualys, cloud).await;
    let expected = bench.expected();
    let outcomes = [("prod", case.qualys), ("cloud", case.cloud)];

    // From the start.
    let families = bench
        .metrics_once(&what, |families| {
            let wrong = unflagged_wrong_samples(&expected, families);
            assert!(wrong.is_empty(), "{what}\n{}", wrong.join("\n"));
            all_collectors().all(|(source, name)| {
                let struck = outcomes.iter().find(|(of, _)| name == "containers" && *of == source);
                runs_of(families, source, name, struck.map_or("success", |(_, outcome)| outcome)) >= 1.0
            })
        })
        .await;
    for (source, outcome) in outcomes {
        assert_eq!(runs_of(&families, source, "containers", outcome), ended(&families, source), "{what}: {source}");
    }
    let failed: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "success").map(|(of, _)| *of).collect();
    // A console that counts too many records still returns all of them.
    let shows = |(source, outcome)| outcome == "success" || (source, outcome) == ("cloud", "incomplete");
    let absent: Vec<_> = outcomes.into_iter().filter(|of| !shows(*of)).map(|(source, _)| source).collect();
    // Where the bulk list alone fails, the page list is shown, without the placement of its containers.
    let partial: &[&str] = if case.at == BULK && case.qualys != "success" { &["prod"] } else { &[] };
    let visible = without_containers(expected.clone(), &absent);
    bench
        .metrics_once(&what, |families| {
            let containers = |families| sum(families, "container_security_containers", &[("source", "prod")]);
            (partial.is_empty() || containers(families) == containers(&expected))
                && wrong(&visible, &without_containers(families.clone(), partial)).is_empty()
        })
        .await;
    let settled = |families: &Families| {
        all_collectors().all(|(source, name)| {
            let good = f64::from(u8::from(name != "containers" || !failed.contains(&source)));
            let of_each = |family| value(families, family, &[("source", source), ("collector", name)]);
            of_each("container_security_collector_up") == good
                && of_each("container_security_collector_complete") == good
        })
    };
    bench.metrics_once(&what, settled).await;
    clear(&bench);
    bench.becomes(&what, &expected).await;

    // After good data, which stays.
    let all = |families: &Families, family: &str| sum(families, family, &[]) == *BOTH;
    let good = |families: &Families| {
        all(families, "container_security_collector_up") && all(families, "container_security_collector_complete")
    };
    let well = bench.metrics_once(&what, good).await;
    inject(&bench, &case);
    // At most one run begins before the fault.
    let before = bench.families().await;
    let families = bench
        .metrics_once(&what, |families| {
            let wrong = wrong(&expected, families);
            assert!(wrong.is_empty(), "{what}\n{}", wrong.join("\n"));
            ["prod", "cloud"].iter().all(|source| ended(families, source) >= ended(&before, source) + 2.0)
        })
        .await;
    assert!(all(&families, "container_security_collector_complete"), "{what}");
    // Where a response that takes a second is a failure, a busy machine makes some of the others fail, too.
    let others = all_collectors().filter(|(_, name)| *name != "containers" && case.qualys != "timeout");
    for (source, name) in others {
        let failed = |families| ended_badly(families, source, name);
        assert_eq!(failed(&families), failed(&well), "{what}: {source} {name}");
    }
    clear(&bench);
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    bench.cloud().console.lock().expect("no panic elsewhere").step(NOW);
    bench.becomes(&what, &bench.expected()).await;
    bench.metrics_once(&what, good).await;
    bench.stop().await;
}

/// The number of failed runs of a collector.
fn ended_badly(families: &Families, source: &str, name: &str) -> f64 {
    let all = sum(families, "container_security_collector_runs_total", &[("source", source), ("collector", name)]);
    all - runs_of(families, source, name, "success")
}

async fn all_hold(cases: impl IntoIterator<Item = Case>, http: &str) {
    for case in cases {
        holds(case, FEW, http).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_requests_a_pause() {
    let refusals: [&[(&str, &str)]; 7] = [
        &[("retry-after", "1")],
        &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("x-ratelimit-towait-sec", "1")],
        &[("x-ratelimit-window-sec", "1")],
        &[("x-ratelimit-limit", "120"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-window-sec", "1")],
        &[("retry-after", "soon"), ("x-ratelimit-towait-sec", "-1")],
        &[],
    ];
    // The client's own tests cover each form of the headers as well.
    let usual = |form: &usize| is_thorough() || [0, 4, 6].contains(form);
    let refusals = (0..refusals.len()).filter(usual).map(|form| refusals[form]);
    let refused = refusals.map(|headers| at_both(status(429, headers, ""), "rate_limited"));
    all_hold(refused.chain([at_both(status(409, &[], "{}"), "rate_limited")]), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_fails_or_refuses() {
    let bodies = [r#"{"errorCode":"500 INTERNAL"}"#, r#"{"err":"no"}"#];
    // An error page from a proxy, with any status.
    let pages: &[u16] = if is_thorough() { &[502, 503, 504] } else { &[503] };
    all_hold(pages.iter().map(|status| at_both(FaultKind::Html(*status), "bad_response")), "").await;
    all_hold(
        [
            at_both(status(500, &[], bodies[0]), "bad_response"),
            at_both(status(400, &[], bodies[1]), "bad_response"),
            at_both(status(401, &[], bodies[1]), "unauthorized"),
            at_both(status(403, &[], bodies[1]), "forbidden"),
            at_both(status(404, &[], bodies[1]), "not_found"),
        ],
        "",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_not_an_answer() {
    all_hold(
        [
            at_both(FaultKind::Reset, "unreachable"),
            at_both(FaultKind::Truncate, "bad_response"),
            at_both(FaultKind::Garbage, "bad_response"),
            at_both(FaultKind::Html(200), "bad_response"),
            at_both(status(200, &[("content-type", "application/json")], "<html>"), "bad_response"),
            at_both(status(200, &[], "{\"data\":7}"), "bad_response"),
            Case { kind: FaultKind::Empty, at: PAGES, qualys: "incomplete", cloud: "bad_response" },
        ],
        "",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_does_not_end() {
    let hour = Duration::from_hours(1);
    let stalls = [FaultKind::Stall(hour), FaultKind::StallInside(hour)].map(|kind| at_both(kind, "timeout"));
    all_hold(stalls, "http.read_timeout = \"1s\"").await;
    let floods = [FaultKind::BigBody(200 << 20), FaultKind::GzipBomb(64 << 20)].map(|kind| at_both(kind, "too_large"));
    all_hold(floods, "http.max_body_bytes = 4000000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_with_a_wrong_content_type() {
    all_hold(
        [
            // A proxy in front of the console answers like this; the Qualys API does not have one.
            Case { kind: header("content-type", "text/html"), at: PAGES, qualys: "success", cloud: "bad_response" },
            at_both(header("content-type", "application/octet-stream"), "success"),
            at_both(FaultKind::WithoutHeader("content-type".to_owned()), "success"),
        ],
        "",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_leads_nowhere() {
    let link = |kind, qualys| Case { kind, at: BULK, qualys, cloud: "success" };
    for case in [
        Case { kind: FaultKind::RepeatPage, at: BULK, qualys: "bad_response", cloud: "bad_response" },
        Case { kind: header("total-count", "9999"), at: BULK, qualys: "success", cloud: "incomplete" },
        // Without a link to the next page, the exporter builds its own cursor to check for more.
        link(FaultKind::WithoutHeader("link".to_owned()), "success"),
        link(header("link", "null"), "success"),
        link(header("link", "see the manual"), "bad_response"),
        link(header("link", "<http://127.0.0.1:1/list?limit=250>;rel=next"), "bad_response"),
        link(header("link", "<http://127.0.0.1:1/list?paginationQuery=a<;rel=next"), "bad_response"),
    ] {
        holds(case, MANY, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("a socket of this test");
    let address = elsewhere.local_addr().expect("a bound socket");
    let redirect = |status_code: u16| {
        at_both(status(status_code, &[("location", &format!("http://{address}/steal"))], ""), "bad_response")
    };
    let statuses: &[u16] = if is_thorough() { &[301, 302, 307, 308] } else { &[302, 308] };
    all_hold(statuses.iter().map(|status| redirect(*status)), "").await;
    // Nothing connected to that host, with or without credentials.
    let nobody = elsewhere.accept().expect_err("nobody");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}
