//! OTLP pushes carry what `/metrics` shows, and a receiver cannot do harm.

use container_security_exporter::app::App;
use container_security_exporter::clock::{Clock, Timestamp};
use container_security_exporter::lock::lock;
use container_security_exporter::telemetry::PushFailure;
use simulator::exposition::{Format, differences};
use simulator::oracle::{Families, Labels};
use simulator::tenant::{Shape, Tenant};
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};

use crate::receiver::{Behaviour, Got, Receiver, families};
use crate::support::{Bench, NOW, PACE, PATIENCE, of_vendor, sum, value};

const EXPORTS: &str = "container_security_otlp_exports_total";

fn tenant() -> Tenant {
    Tenant::generate(&Shape::small(71, NOW).containers(40))
}

/// Lines of configuration that push to a receiver.
fn pushed(receiver: &Receiver, keys: &str) -> String {
    format!("[otlp]\nendpoint = \"http://{}\"\n{keys}\n", receiver.address)
}

/// Waits until the receiver has received what is wanted.
async fn once<T>(receiver: &Receiver, what: &str, wanted: impl Fn(&[Got]) -> Option<T>) -> T {
    let asked = async {
        let mut pace = interval(PACE);
        loop {
            if let Some(found) = receiver.look(&wanted) {
                return found;
            }
            pace.tick().await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// Removes the families that change with each push or over time.
fn lasting(mut families: Families) -> Families {
    families.retain(|name, _| !name.starts_with("process_") && !name.starts_with("container_security_otlp_"));
    families
}

fn names(families: &Families) -> Vec<&str> {
    families.keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_outputs_show_the_same_series_and_values() {
    let receiver = Receiver::start(false, &[Behaviour::Take]).await;
    let keys = "interval = \"1s\"\ntimeout = \"60s\"\nheaders = { X-Scope-OrgID = \"7\" }\n\
                resource_attributes = { \"service.name\" = \"own\" }";
    let bench = Bench::start(tenant(), &pushed(&receiver, keys)).await;
    bench.collected().await;
    let open_metrics = bench.metrics(Format::OpenMetrics).await.families();
    let text = bench.metrics(Format::Text).await.families();
    assert_eq!(lasting(open_metrics.clone()), lasting(text));
    let wanted = lasting(open_metrics);
    let last = |got: &[Got]| got.last().cloned();
    let settled = |got: &[Got]| {
        let found = lasting(families(&got.last()?.message).0);
        differences(&wanted, &found).is_empty().then_some(found)
    };
    let found = once(&receiver, "the same series as on the page", settled).await;
    assert_eq!(found, wanted);

    // Families that change over time have the same series nevertheless.
    let got = once(&receiver, "a push", last).await;
    let (page, pushed) = (bench.families().await, families(&got.message).0);
    assert_eq!(names(&page), names(&pushed));
    assert_eq!((got.path.as_str(), got.headers["content-type"].as_str()), ("/v1/metrics", "application/x-protobuf"));
    assert_eq!((got.headers["content-encoding"].as_str(), got.headers["x-scope-orgid"].as_str()), ("gzip", "7"));
    let resource = got.message.resource_metrics[0].resource.clone().expect("a resource");
    let keys: Vec<_> = resource.attributes.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["service.instance.id", "service.name", "service.version"]);
    assert!(value(&page, EXPORTS, &[("outcome", "success")]) > 0.0);
    // A push that takes longer than the short interval of this test is given up, as on a busy machine.
    let of = |outcome| value(&page, EXPORTS, &[("outcome", outcome)]);
    assert_eq!(sum(&page, EXPORTS, &[]), of("success") + of("timeout"));
    assert_eq!(page[EXPORTS].len(), PushFailure::ALL.len() + 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_failure_has_its_own_outcome_and_is_recovered_from() {
    let receiver = Receiver::start(false, &[Behaviour::Take]).await;
    let keys = "interval = \"1s\"\ntimeout = \"1s\"\nmax_request_bytes = 65536";
    let bench = Bench::start(tenant(), &pushed(&receiver, keys)).await;
    bench.collected().await;
    let html = ("content-type", "text/html");
    let none = ("x-none", "");
    for (behaviour, outcome) in [
        (Behaviour::Answer(302, ("location", "/login"), ""), "redirected"),
        (Behaviour::Answer(200, html, "<html>log in</html>"), "bad_response"),
        (Behaviour::Answer(200, ("content-type", "application/x-protobuf"), "<html>"), "bad_response"),
        (Behaviour::TakeWithout(3), "partial_success"),
        (Behaviour::Answer(400, none, ""), "refused"),
        (Behaviour::Answer(401, none, ""), "unauthorized"),
        (Behaviour::Answer(403, none, ""), "forbidden"),
        (Behaviour::Answer(404, none, ""), "not_found"),
        (Behaviour::Answer(429, ("retry-after", "60"), ""), "rate_limited"),
        (Behaviour::Answer(503, none, ""), "unavailable"),
        (Behaviour::Answer(500, none, ""), "unavailable"),
        (Behaviour::Hang, "timeout"),
        // As Prometheus answers.
        (Behaviour::Answer(200, none, ""), "success"),
        (Behaviour::TakeUpTo(20_000), "success"),
    ] {
        let count = |families: &Families| sum(families, EXPORTS, &[("outcome", outcome)]);
        receiver.behave(behaviour.clone());
        let before = bench.families().await;
        // One push may have begun before.
        let after =
            bench.metrics_once(&format!("{behaviour:?}"), |families| count(families) >= count(&before) + 2.0).await;
        let lost = sum(&after, "container_security_otlp_lost_points_total", &[("reason", "rejected")]);
        assert_eq!(lost > 0.0, sum(&after, EXPORTS, &[("outcome", "partial_success")]) > 0.0);
        // Collecting and serving continue.
        assert_eq!(bench.get("/-/ready", &[]).await.status, 200, "{behaviour:?}");
    }
    assert_eq!(
        sum(&bench.families().await, "container_security_otlp_lost_points_total", &[("reason", "too_large")]),
        0.0
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_split_and_nothing_is_lost() {
    for grpc in [false, true] {
        let receiver = Receiver::start(grpc, &[Behaviour::TakeUpTo(15_000)]).await;
        let keys = format!("interval = \"1h\"\nprotocol = {:?}", if grpc { "grpc" } else { "http/protobuf" });
        let bench = Bench::start(tenant(), &pushed(&receiver, &keys)).await;
        let after =
            bench.metrics_once("a push", |families| sum(families, EXPORTS, &[("outcome", "success")]) > 0.0).await;
        let got = receiver.got();
        let mut pushed = Families::new();
        for got in got.iter().filter(|got| got.taken) {
            for (name, series) in families(&got.message).0 {
                let known = pushed.entry(name).or_default();
                for (labels, value) in series {
                    assert_eq!(known.insert(labels, value), None, "pushed twice");
                }
            }
        }
        assert!(got.iter().any(|got| !got.taken), "nothing was refused");
        // The families about success do not exist before the first one.
        let mut wanted = names(&after);
        wanted.retain(|name| !name.starts_with("container_security_otlp_last"));
        let mut found = names(&pushed);
        found.retain(|name| wanted.contains(name));
        assert!(found.len() > 10 && pushed.contains_key("container_security_collector_runs_total"), "{found:?}");
        assert_eq!(pushed[EXPORTS].len(), PushFailure::ALL.len() + 1);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn splitting_ends_when_a_receiver_refuses_every_size() {
    for (grpc, status) in [(false, 413), (true, 8), (true, 11)] {
        let receiver = Receiver::start(grpc, &[Behaviour::Answer(status, ("x-none", ""), "too much")]).await;
        let keys = format!("interval = \"1h\"\nprotocol = {:?}", if grpc { "grpc" } else { "http/protobuf" });
        let bench = Bench::start(tenant(), &pushed(&receiver, &keys)).await;
        let after = bench.metrics_once("a push", |families| sum(families, EXPORTS, &[]) > 0.0).await;
        assert_eq!(value(&after, EXPORTS, &[("outcome", "too_large")]), 1.0);
        assert_eq!(receiver.got().len(), 32);
        bench.stop().await;
    }
}

async fn stale_series_are_marked_once(before: Behaviour, after: Behaviour) {
    let receiver = Receiver::start(false, std::slice::from_ref(&before)).await;
    // A push may take until the next one is due: long enough that only a receiver that does not answer times out.
    let timeout = if let Behaviour::Hang = before { "10s" } else { "60s" };
    let keys = format!("interval = \"5s\"\ntimeout = {timeout:?}\n[[source.qualys]]\ninterval = \"1s\"");
    let bench = Bench::start(tenant(), &pushed(&receiver, &keys)).await;
    bench.collected().await;
    let shown = of_vendor(&bench.families().await);
    let all = |got: &[Got]| (of_vendor(&families(&got.last()?.message).0) == shown).then_some(());
    once(&receiver, "all series", all).await;
    receiver.behave(after.clone());
    let earlier = receiver.got().len();
    lock(&bench.tenant).containers.clear();
    lock(&bench.tenant).touch();
    let left = of_vendor(&bench.becomes("without containers", &bench.expected()).await);
    let is_left = |name: &String, labels: &Labels| left.get(name).is_some_and(|series| series.contains_key(labels));
    let each = shown.iter().flat_map(|(name, series)| series.keys().map(move |labels| (name, labels)));
    let gone = each.filter(|(name, labels)| !is_left(name, labels)).count();
    assert!(gone > 100, "{gone}");
    let settled = |got: &[Got]| {
        let marks: Vec<_> = got[earlier..].iter().map(|got| families(&got.message).1).collect();
        let first = marks.iter().position(|marks| *marks > 0)?;
        (marks.len() > first + 2).then(|| marks.iter().sum::<usize>())
    };
    let case = format!("{before:?}, {after:?}");
    assert_eq!(once(&receiver, &case, settled).await, gone, "{case}");
    let last = receiver.got().pop().expect("a push");
    assert_eq!((of_vendor(&families(&last.message).0), last.taken), (left, true), "{case}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_series_are_marked_once_whatever_the_receiver_does() {
    // A receiver that accepts a request but does not answer in time, one that rejects points of each request, and one
    // that rejects stale markers. They run concurrently, since they mostly wait.
    tokio::join!(
        stale_series_are_marked_once(Behaviour::Take, Behaviour::Take),
        stale_series_are_marked_once(Behaviour::Hang, Behaviour::Take),
        stale_series_are_marked_once(Behaviour::TakeWithout(1), Behaviour::TakeWithout(1)),
        stale_series_are_marked_once(Behaviour::Take, Behaviour::RefuseMarks),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_failures_are_retried_at_once() {
    for (grpc, first) in [
        (false, Behaviour::Answer(503, ("retry-after", "0"), "")),
        (false, Behaviour::Answer(429, ("x-none", ""), "")),
        (true, Behaviour::Answer(14, ("", ""), "going down")),
    ] {
        let receiver = Receiver::start(grpc, &[first, Behaviour::Take]).await;
        let keys = format!("interval = \"1h\"\nprotocol = {:?}", if grpc { "grpc" } else { "http/protobuf" });
        let bench = Bench::start(tenant(), &pushed(&receiver, &keys)).await;
        let after = bench.metrics_once("a push", |families| sum(families, EXPORTS, &[]) > 0.0).await;
        assert_eq!(value(&after, EXPORTS, &[("outcome", "success")]), 1.0);
        assert_eq!(receiver.got().len(), 2);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_receiver_is_unreachable_over_either_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for protocol in ["grpc", "http/protobuf"] {
        let keys = format!("[otlp]\nendpoint = \"http://{address}\"\ninterval = \"1s\"\nprotocol = {protocol:?}\n");
        let bench = Bench::start(tenant(), &keys).await;
        bench.metrics_once(protocol, |families| sum(families, EXPORTS, &[("outcome", "unreachable")]) > 0.0).await;
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_must_be_trusted_over_either_protocol() {
    for grpc in [false, true] {
        let receiver = Receiver::start_tls(grpc, false).await;
        for (ca_file, outcome) in [("", "tls"), ("ca_file = \"tests/fixtures/tls/ca.pem\"", "success")] {
            let protocol = if grpc { "grpc" } else { "http/protobuf" };
            let endpoint = format!("endpoint = \"https://{}\"", receiver.address);
            let keys = format!("[otlp]\n{endpoint}\ninterval = \"1s\"\nprotocol = {protocol:?}\n{ca_file}\n");
            let bench = Bench::start(tenant(), &keys).await;
            bench.metrics_once(&keys, |families| sum(families, EXPORTS, &[("outcome", outcome)]) > 0.0).await;
            assert_eq!(receiver.got().is_empty(), outcome == "tls");
            bench.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_presented_over_either_protocol() {
    const CERTIFICATE: &str = "client_certificate_file = \"tests/fixtures/tls/client.pem\"\n\
                               client_key_file = \"tests/fixtures/tls/client-key.pem\"";
    for grpc in [false, true] {
        let receiver = Receiver::start_tls(grpc, true).await;
        for (certificate, arrives) in [("", false), (CERTIFICATE, true)] {
            let protocol = if grpc { "grpc" } else { "http/protobuf" };
            let endpoint = format!("endpoint = \"https://{}\"", receiver.address);
            let ca_file = "ca_file = \"tests/fixtures/tls/ca.pem\"";
            let keys =
                format!("[otlp]\n{endpoint}\ninterval = \"1s\"\nprotocol = {protocol:?}\n{ca_file}\n{certificate}\n");
            let bench = Bench::start(tenant(), &keys).await;
            let is_success = |labels: &Labels| labels["outcome"] == "success";
            let ended = |families: &Families| {
                let pushes = families.get(EXPORTS).into_iter().flatten();
                pushes.filter(|(_, count)| **count > 0.0).map(|(labels, _)| is_success(labels)).next()
            };
            let families = bench.metrics_once(&keys, |families| ended(families).is_some()).await;
            assert_eq!(ended(&families), Some(arrives), "{keys}");
            assert_eq!(receiver.got().is_empty(), !arrives);
            bench.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_over_grpc_and_refusals_are_reported() {
    let receiver = Receiver::start(true, &[Behaviour::Take]).await;
    let keys = "interval = \"1s\"\ntimeout = \"3s\"\nprotocol = \"grpc\"\nheaders = { X-Scope-OrgID = \"7\" }";
    let bench = Bench::start(tenant(), &pushed(&receiver, keys)).await;
    bench.collected().await;
    let wanted = lasting(bench.families().await);
    let settled = |got: &[Got]| (lasting(families(&got.last()?.message).0) == wanted).then(|| got.last().cloned())?;
    let got = once(&receiver, "the same series as on the page", settled).await;
    assert_eq!(got.headers["x-scope-orgid"], "7");
    for (code, outcome) in
        [(3, "refused"), (7, "forbidden"), (12, "not_found"), (16, "unauthorized"), (2, "bad_response")]
    {
        receiver.behave(Behaviour::Answer(code, ("", ""), "no"));
        bench.metrics_once(outcome, |families| sum(families, EXPORTS, &[("outcome", outcome)]) > 0.0).await;
    }
    let before = bench.families().await;
    receiver.behave(Behaviour::Hang);
    let after = bench.metrics_once("timeout", |families| sum(families, EXPORTS, &[("outcome", "timeout")]) > 0.0).await;
    for outcome in ["unreachable", "unavailable"] {
        let count = |families: &Families| sum(families, EXPORTS, &[("outcome", outcome)]);
        assert_eq!(count(&before), count(&after), "{outcome}");
    }
    receiver.behave(Behaviour::TakeWithout(1));
    bench.metrics_once("partial", |families| sum(families, EXPORTS, &[("outcome", "partial_success")]) > 0.0).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_pushed_without_a_listener() {
    let receiver = Receiver::start(false, &[Behaviour::Take]).await;
    let options = pushed(&receiver, "interval = \"1s\"");
    let mut served = Bench::start(tenant(), "").await;
    let mut config = served.load(&options).expect("a good configuration");
    config.server.listen.clear();
    let clock = Clock::from_fn(|| Timestamp::from_millis(NOW).expect("a time after 1970"));
    let silent = App::start(config, clock).await.expect("an exporter without a listener");
    assert_eq!(silent.address(), None);
    served.collected().await;
    let wanted = of_vendor(&served.families().await);
    let settled = |got: &[Got]| (of_vendor(&families(&got.last()?.message).0) == wanted).then_some(());
    once(&receiver, "the series that another exporter shows", settled).await;
    silent.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_pushes_once_more_within_a_time_limit() {
    let receiver = Receiver::start(false, &[Behaviour::Take]).await;
    let bench = Bench::start(tenant(), &pushed(&receiver, "interval = \"1h\"")).await;
    bench.collected().await;
    once(&receiver, "the first push", |got| (got.len() == 1).then_some(())).await;
    let wanted = lasting(bench.families().await);
    bench.stop().await;
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(lasting(families(&got[1].message).0), wanted);

    let receiver = Receiver::start(false, &[Behaviour::Hang]).await;
    let bench = Bench::start(tenant(), &pushed(&receiver, "interval = \"1h\"\ntimeout = \"1h\"")).await;
    once(&receiver, "a push", |got| (!got.is_empty()).then_some(())).await;
    timeout(PATIENCE, bench.stop()).await.expect("the last push has a time limit");
}
