//! Reloads, signals and shutdown.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use simulator::oracle::Families;
use simulator::server::{FaultKind, Server};
use simulator::tenant::{Shape, Tenant};

use crate::http::request;
use crate::process::{Ended, Home, Serving, vendor};
use crate::support::{ALL, Bench, NOW, always, metrics_once, of_vendor, sum, value};

const SUCCESSFUL: &str = "container_security_config_last_reload_successful";
const LAST_SUCCESS: &str = "container_security_config_last_reload_success_timestamp_seconds";

fn tenant(seed: u64) -> Tenant {
    Tenant::generate(&Shape::small(seed, NOW))
}

/// The number of a source's successful runs.
fn successes(families: &Families, source: &str) -> f64 {
    sum(families, "container_security_collector_runs_total", &[("source", source), ("outcome", "success")])
}

/// Waits until a source's collectors have this many successes in total and its data is served.
async fn succeeded(serving: &Serving, source: &str, times: f64) -> Families {
    metrics_once(serving.address, &format!("{times} successes of {source}"), |families| {
        let served = sum(families, "container_security_containers", &[("source", source)]) > 0.0
            && sum(families, "container_security_sensors", &[("source", source)]) > 0.0
            && sum(families, "container_security_posture_control_info", &[("source", source)]) > 0.0;
        served && successes(families, source) == times
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_touches_only_the_sources_that_changed() {
    let (one, two) = (vendor(tenant(41)).await, vendor(tenant(42)).await);
    let home = Home::new();
    let write = |one_keys: &str, two_keys: &str| {
        home.configure(&(home.source("one", &one, one_keys) + &home.source("two", &two, two_keys)));
    };
    write("", "");
    let serving = home.serve(&[]).await;
    succeeded(&serving, "one", *ALL).await;
    let before = succeeded(&serving, "two", *ALL).await;
    let asked = |vendor: &Server| vendor.requests().len();
    let (asked_of_one, asked_of_two) = (asked(&one), asked(&two));

    write("", "interval = \"3h\"");
    assert_eq!(serving.reload().await, (200, "reloaded\n".to_owned()));
    let after = succeeded(&serving, "two", 2.0 * *ALL).await;
    assert_eq!(asked(&one), asked_of_one, "the unchanged source was collected again");
    assert!(asked(&two) > asked_of_two);
    assert_eq!(of_vendor(&after)["container_security_containers"], of_vendor(&before)["container_security_containers"]);
    assert_eq!(value(&after, SUCCESSFUL, &[]), 1.0);

    // Reload by a signal, which removes one of them.
    home.configure(&home.source("one", &one, ""));
    serving.process.signal("HUP");
    let families = metrics_once(serving.address, "the end of source two", |families| {
        !families["container_security_containers"].keys().any(|labels| labels["source"] == "two")
    })
    .await;
    let named = families.values().flat_map(|series| series.keys()).filter_map(|labels| labels.get("source"));
    assert!(named.into_iter().all(|source| source == "one"), "series of source two are left");
    assert_eq!(asked(&one), asked_of_one);

    // It comes back, and its counters start over.
    write("", "");
    assert_eq!(serving.reload().await.0, 200);
    succeeded(&serving, "two", *ALL).await;
    assert_eq!(asked(&one), asked_of_one);
    assert_eq!(serving.end("TERM").await.code, Some(0));
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_is_refused_and_the_old_one_stays_in_force() {
    let vendor = vendor(tenant(43)).await;
    let home = Home::new();
    home.configure(&home.source("prod", &vendor, "interval = \"1s\""));
    let mut serving = home.serve(&[]).await;
    let start =
        metrics_once(serving.address, "data", |families| families.contains_key("container_security_containers")).await;
    assert_eq!(value(&start, SUCCESSFUL, &[]), 1.0);

    home.configure(&home.source("prod", &vendor, "interval = \"often\"\nchunks = 3"));
    let (status, answer) = serving.reload().await;
    assert_eq!(status, 500, "{answer}");
    assert!(answer.starts_with("not reloaded, the old configuration stays:\n"), "{answer}");
    for line in ["config.toml: source.qualys[0].interval: ", "config.toml: source.qualys[0].chunks: unknown key"] {
        assert!(answer.contains(line), "no {line:?} in {answer}");
    }
    let before = successes(&start, "prod");
    let families = metrics_once(serving.address, "runs with the old configuration", |families| {
        successes(families, "prod") > before + *ALL
    })
    .await;
    assert_eq!(value(&families, SUCCESSFUL, &[]), 0.0);
    assert_eq!(value(&families, LAST_SUCCESS, &[]), value(&start, LAST_SUCCESS, &[]));
    assert!(families.contains_key("container_security_containers"));

    home.configure(&home.source("prod", &vendor, "interval = \"1s\""));
    assert_eq!(serving.reload().await.0, 200);
    let families =
        metrics_once(serving.address, "a successful reload", |families| value(families, SUCCESSFUL, &[]) == 1.0).await;
    assert!(value(&families, LAST_SUCCESS, &[]) >= value(&start, LAST_SUCCESS, &[]));

    // A signal does the same, with the errors in the log.
    home.write("config.toml", "[server");
    serving.process.signal("HUP");
    let line = serving.process.said("config.toml: line 1: ").await;
    assert!(line.contains("configuration reload failed"), "{line}");
    metrics_once(serving.address, "a failed reload", |families| value(families, SUCCESSFUL, &[]) == 0.0).await;
    home.configure(&home.source("prod", &vendor, ""));
    serving.process.signal("HUP");
    metrics_once(serving.address, "a successful reload", |families| value(families, SUCCESSFUL, &[]) == 1.0).await;
    assert_eq!(serving.end("INT").await.code, Some(0));
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_grouping_is_shown_without_asking_the_vendor() {
    let mut bench = Bench::start(tenant(44), "").await;
    bench.collected().await;
    bench.metrics_once("success", |families| successes(families, "prod") == *ALL).await;
    let asked = bench.vendor.requests();
    let grouped = "[containers]\ngroup_by = [\"host_name\"]\ntop_k = 2\n[sensors]\nstale_after = \"1h\"\n[limits]\nmax_series_per_family = 50";
    for options in [grouped, ""] {
        let config = bench.load(options);
        bench.app.reload(config).await.expect("a good configuration");
        bench.becomes(options, &bench.expected()).await;
    }
    assert_eq!(bench.vendor.requests(), asked);
    // Container labels are only stored when they are promoted, so these must be collected again.
    let config = bench.load("[containers]\npromote_labels = [\"tier\"]\ngroup_by = [\"label_tier\"]");
    bench.app.reload(config).await.expect("a good configuration");
    bench.becomes("promoted labels", &bench.expected()).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_whatever_the_vendor_does() {
    for (signal, stalled) in
        [("TERM", "paginationQuery"), ("INT", "paginationQuery"), ("TERM", "/auth"), ("TERM", "none")]
    {
        let vendor = vendor(tenant(45)).await;
        vendor.inject(always(stalled, FaultKind::Stall(Duration::from_hours(1))));
        let home = Home::new();
        home.configure(&home.source("prod", &vendor, "http.read_timeout = \"2h\"\nhttp.timeout = \"2h\""));
        let serving = home.serve(&[]).await;
        let address = serving.address;
        if stalled != "/auth" {
            metrics_once(address, "sensors", |families| families.contains_key("container_security_sensors")).await;
        }
        // An idle client that keeps its connection open does not delay the end.
        let idle = TcpStream::connect(address).expect("a connection");
        assert_eq!(request(address, "GET", "/-/healthy", &[]).await.status, 200);
        let Ended { code, stdout, stderr } = serving.end(signal).await;
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{signal}, {stalled}: {stderr}");
        assert!(stderr.contains("message=stopping"), "{stderr}");
        assert!(TcpStream::connect(address).is_err(), "the port is still open");
        drop(idle);
        vendor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_reported_in_plain_words() {
    let vendor = vendor(tenant(46)).await;
    let home = Home::new();
    home.configure(&home.source("prod", &vendor, ""));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let ended = home.run(&["--web.listen-address", &address]).await;
    assert_eq!(ended.code, Some(1));
    let words = format!("cannot listen on {address}: the address is already in use");
    assert!(ended.stderr.contains(&words), "{}", ended.stderr);
    // No request was sent.
    assert!(vendor.requests().is_empty());
    vendor.stop().await;
}
