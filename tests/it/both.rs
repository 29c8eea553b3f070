//! Both vendors side by side: an outage of one, or of part of one, hides nothing else.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use simulator::console::{self, Console};
use simulator::oracle::{Families, Labels};
use simulator::server::{FaultKind, Options, Server, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::support::{Bench, CLOUD_COLLECTORS, COLLECTORS, NOW, Simulated, always, of_vendor, runs_of, sum};

const UP: &str = "container_security_collector_up";

fn tenant() -> Tenant {
    Tenant::generate(&Shape::small(61, NOW).containers(80))
}

fn console() -> Console {
    Console::generate(&console::Shape::small(61, NOW).containers(80))
}

/// Why a source fails from the start.
#[derive(Clone, Copy, Debug)]
enum Down {
    /// Nothing listens at its address.
    Nobody,
    /// Its name does not resolve.
    Nameless,
    /// The server does not speak TLS.
    Plain,
    /// Its password is wrong.
    WrongPassword,
}

/// Checks that the failing source is shown as down and shows nothing else, while the other one is exact.
async fn is_down_alone(down: Down, source: &str) {
    let what = format!("{down:?}, {source}");
    let (collectors, others): (&[&str], &[&str]) =
        if source == "prod" { (&**COLLECTORS, &**CLOUD_COLLECTORS) } else { (&**CLOUD_COLLECTORS, &**COLLECTORS) };
    let plain = Server::start_prisma(Arc::new(Mutex::new(console())), prisma::Options::default()).await;
    let plain = plain.expect("a console on loopback");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let (keys, outcome, message) = match down {
        Down::Nobody => (format!("base_url = \"http://{free}\""), "unreachable", "refused"),
        // This message is the same behind a proxy, which then resolves the name.
        Down::Nameless => {
            ("base_url = \"https://nothing.invalid\"".to_owned(), "unreachable", "check base_url, http.proxy and the")
        }
        Down::Plain => {
            (format!("base_url = {:?}", plain.base_url().replace("http:", "https:")), "tls", "TLS handshake failed")
        }
        Down::WrongPassword => (String::new(), "unauthorized", "wrong user name or password"),
    };
    let mut qualys: Simulated<_, Options> = tenant().into();
    let mut cloud: Simulated<_, prisma::Options> = console().into();
    let kind = if source == "prod" { "qualys" } else { "prisma" };
    if let Down::WrongPassword = down {
        let username = if source == "prod" { &mut qualys.options.username } else { &mut cloud.options.username };
        "someone-else".clone_into(username);
    }
    let options = format!("[[source.{kind}]]\n{keys}\nhttp.retries = 0");
    let bench = Bench::start_both_as(&options, qualys, cloud).await;
    let other = if source == "prod" { "cloud" } else { "prod" };
    bench
        .metrics_once(&what, |families| {
            collectors.iter().all(|name| runs_of(families, source, name, outcome) == 1.0)
                && others.iter().all(|name| runs_of(families, other, name, "success") == 1.0)
        })
        .await;
    let families = bench.becomes(&what, &bench.expected_of(&[other])).await;
    for (name, of, up) in
        collectors.iter().map(|name| (name, source, 0.0)).chain(others.iter().map(|name| (name, other, 1.0)))
    {
        let series: Labels =
            [("source", of), ("collector", name)].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(families[UP].get(&series), Some(&up), "{what}: {of}, {name}");
    }
    assert!(names(&families, other) && !names(&families, source), "{what}");
    let page = bench.landing_page().await;
    assert!(page.contains(message) && !page.contains("S3CR3T"), "{what}: {page}");
    bench.stop().await;
    plain.stop().await;
}

/// Whether a family about a vendor has a series from the source.
fn names(families: &Families, source: &str) -> bool {
    let has = |labels: &Labels| labels.get("source").is_some_and(|has| has == source);
    of_vendor(families).values().any(|series| series.keys().any(has))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_connections_does_not_affect_the_other() {
    for source in ["prod", "cloud"] {
        is_down_alone(Down::Nobody, source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_name_does_not_resolve_does_not_affect_the_other() {
    for source in ["prod", "cloud"] {
        is_down_alone(Down::Nameless, source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_tls_does_not_affect_the_other() {
    for source in ["prod", "cloud"] {
        is_down_alone(Down::Plain, source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_a_wrong_password_does_not_affect_the_other() {
    for source in ["prod", "cloud"] {
        is_down_alone(Down::WrongPassword, source).await;
    }
}

/// Removes the console's series for which `holds` returns true.
fn take_out(families: &mut Families, holds: impl Fn(&str, &Labels) -> bool) {
    for (name, series) in families.iter_mut() {
        series.retain(|labels, _| labels.get("source").is_none_or(|source| source != "cloud") || !holds(name, labels));
    }
    families.retain(|_, series| !series.is_empty());
}

/// A collector of the console, how it fails, its outcome, the message shown, and the series that are hidden.
type Failing = (&'static str, &'static str, FaultKind, &'static str, &'static str, fn(&str, &Labels) -> bool);

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_console_collector_does_not_affect_the_others() {
    let status = |status, body: &str| FaultKind::Status(status, Vec::new(), body.to_owned());
    let failing: [Failing; 5] = [
        (
            "images",
            "/images?",
            status(403, r#"{"err":"exporter lacks it"}"#),
            "forbidden",
            "lacks the permission for images (monitorImages",
            // Conditions of containers that depend on images are hidden as well.
            |name, labels| {
                name.starts_with("container_security_image")
                    || name == "container_security_container_vulnerabilities"
                    || name == "container_security_containers_by_highest_severity"
                    || labels.get("condition").is_some_and(|condition| condition == "never_scanned")
            },
        ),
        (
            "vulnerabilities",
            "/stats/vulnerabilities",
            status(500, r#"{"err":"exporter broke it"}"#),
            "bad_response",
            "a fault on the vendor's side",
            |name, _| {
                let ends = [
                    "distinct_vulnerabilities",
                    "top_vulnerability_affected_images",
                    "vulnerability_statistics_timestamp_seconds",
                ];
                ends.iter().any(|end| name.ends_with(end))
            },
        ),
        (
            "containers",
            "/containers?",
            FaultKind::Html(200),
            "bad_response",
            "the response is a web page",
            |name, _| {
                name.starts_with("container_security_container") || name.starts_with("container_security_posture_")
            },
        ),
        (
            "sensors",
            "/defenders/summary",
            status(403, ""),
            "forbidden",
            "lacks the permission for defenders (manageDefenders",
            |name, _| name.starts_with("container_security_sensor"),
        ),
        ("console", "/version", FaultKind::Html(502), "bad_response", "answered 502", |name, _| {
            name.starts_with("container_security_console_")
        }),
    ];
    for (collector, path, kind, outcome, message, hidden) in failing {
        let cloud = Simulated { faults: vec![always(path, kind)], ..console().into() };
        let bench = Bench::start_both_as("[[source.prisma]]\nhttp.retries = 0", tenant().into(), cloud).await;
        bench
            .metrics_once(collector, |families| {
                CLOUD_COLLECTORS.iter().all(|name| {
                    runs_of(families, "cloud", name, if *name == collector { outcome } else { "success" }) == 1.0
                }) && COLLECTORS.iter().all(|name| runs_of(families, "prod", name, "success") == 1.0)
            })
            .await;
        let mut expected = bench.expected();
        let series = |families: &Families| families.values().flatten().count();
        let whole = series(&expected);
        take_out(&mut expected, hidden);
        assert!(series(&expected) < whole, "{collector} does not hide any series");
        let families = bench.becomes(collector, &expected).await;
        for name in CLOUD_COLLECTORS.iter().copied() {
            let up = sum(&families, UP, &[("source", "cloud"), ("collector", name)]);
            assert_eq!(up, if name == collector { 0.0 } else { 1.0 }, "{collector}: {name}");
        }
        let agentless = [("source", "cloud"), ("condition", "agentless")];
        let agentless = sum(&families, "container_security_containers_with_condition", &agentless);
        assert_eq!(agentless > 0.0, collector != "containers", "{collector}");
        let page = bench.landing_page().await;
        assert!(page.contains(message), "{collector}: {page}");
        assert!(!page.contains("lacks it") && !page.contains("broke it"), "{collector}: {page}");
        bench.stop().await;
    }
}
