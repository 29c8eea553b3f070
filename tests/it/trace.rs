//! The exporter's own traces: a run's spans are pushed to a receiver, and its trace id is logged.

use std::collections::BTreeMap;

use container_security_exporter::clock::Clock;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use simulator::SECRET_MARKERS;
use simulator::server::{Fault, FaultKind, Options, Server};
use simulator::tenant::{Shape, Tenant};

use crate::process::{Home, Running, vendor_with};
use crate::receiver::{Behaviour, Receiver};
use crate::support::COLLECTORS;

/// A span in the form that the tests use.
#[derive(Clone, Debug)]
struct Span {
    id: Vec<u8>,
    parent: Vec<u8>,
    trace: String,
    name: String,
    kind: SpanKind,
    attributes: BTreeMap<String, String>,
    failed: Option<String>,
    nanoseconds: u64,
}

impl Span {
    fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect()
}

/// The received spans, and the attributes of their resources.
fn spans(receiver: &Receiver) -> (Vec<Span>, Vec<BTreeMap<String, String>>) {
    let (mut spans, mut resources) = (Vec::new(), Vec::new());
    for resource in receiver.traced().iter().flat_map(|traced| &traced.message.resource_spans) {
        resources.push(texts(&resource.resource.as_ref().expect("a resource").attributes));
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let status = span.status.clone().unwrap_or_default();
            spans.push(Span {
                id: span.span_id.clone(),
                parent: span.parent_span_id.clone(),
                trace: hex(&span.trace_id),
                name: span.name.clone(),
                kind: span.kind(),
                attributes: texts(&span.attributes),
                failed: (status.code() == StatusCode::Error).then_some(status.message),
                nanoseconds: span.end_time_unix_nano - span.start_time_unix_nano,
            });
        }
    }
    (spans, resources)
}

/// A vendor, and a home in which the exporter reads it and pushes its traces.
struct Set {
    vendor: Server,
    home: Home,
}

impl Set {
    async fn up(shape: Shape, otlp: &str, keys: &str) -> Self {
        let vendor = vendor_with(Tenant::generate(&shape), Options::default()).await;
        let home = Home::new();
        home.configure(&format!("{otlp}\n{}", home.source("prod", &vendor, keys)));
        Self { vendor, home }
    }

    /// Runs all collectors once, pushes the traces and returns the log.
    async fn once(&self, environment: &[(&str, &str)]) -> String {
        let mut command = self.home.command(&["once", "--log.level", "debug"]);
        command.envs(environment.iter().copied());
        Running::start(command).end().await.stderr
    }
}

fn shape() -> Shape {
    Shape::small(81, Clock::system().now().millis())
}

fn runs(spans: &[Span]) -> Vec<&Span> {
    spans.iter().filter(|span| span.parent.is_empty()).collect()
}

/// Checks that every request is in the trace of a run, and that spans contain neither secrets nor addresses.
fn hold(spans: &[Span]) {
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (&span.id, span)).collect();
    assert_eq!(by_id.len(), spans.len(), "a span came twice");
    let shown = format!("{spans:?}");
    for secret in SECRET_MARKERS.iter().chain(&["eyJ", "Bearer", "http://", "?", "/csapi"]) {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    for span in spans.iter().filter(|span| !span.parent.is_empty()) {
        let parent = by_id[&span.parent];
        assert!(parent.parent.is_empty() && parent.trace == span.trace, "{span:?}");
        assert!(span.nanoseconds <= parent.nanoseconds, "{span:?} is longer than {parent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_and_each_request_is_a_span_over_both_protocols() {
    for grpc in [false, true] {
        let receiver = Receiver::start(grpc, &[Behaviour::Take]).await;
        let protocol = if grpc { "grpc" } else { "http/protobuf" };
        let otlp = format!(
            "[otlp]\nendpoint = \"http://{}\"\nprotocol = {protocol:?}\nheaders = {{ x-tenant = \"seven\" }}\n\
             [otlp.traces]\nenabled = true",
            receiver.address
        );
        let set = Set::up(shape().containers(600), &otlp, "").await;
        let said = set.once(&[]).await;
        let (spans, resources) = spans(&receiver);
        hold(&spans);
        for resource in resources {
            assert_eq!(resource["service.name"], "container-security-exporter");
            assert!(resource.contains_key("service.instance.id") && resource.contains_key("service.version"));
        }
        assert!(said.contains("OTLP push of traces succeeded"), "{said}");
        let mut names: Vec<_> = runs(&spans).iter().map(|run| run.name.clone()).collect();
        names.sort();
        let expected: Vec<_> = COLLECTORS.iter().map(|collector| format!("collect {collector}")).collect();
        assert_eq!(names, expected);
        for run in runs(&spans) {
            assert_eq!((run.kind, run.attribute("source"), run.failed.as_ref()), (SpanKind::Internal, "prod", None));
            assert_eq!(run.attribute("extent"), "whole");
            // The log leads to the trace.
            assert!(said.contains(&format!("trace_id={}", run.trace)), "{said}");
        }
        let containers = runs(&spans).into_iter().find(|run| run.name == "collect containers").expect("a run");
        assert!(containers.attribute("records").parse::<u64>().expect("records") > 500, "{containers:?}");
        let pages: Vec<_> = spans.iter().filter(|span| span.name == "GET containers_list").collect();
        assert!(pages.len() >= 3, "{} pages", pages.len());
        for page in pages {
            assert_eq!((&page.parent, page.kind), (&containers.id, SpanKind::Client));
            assert_eq!(
                (page.attribute("http.response.status_code"), page.attribute("api_endpoint")),
                ("200", "containers_list")
            );
            assert!(page.attribute("server.address").starts_with("127.0.0.1:"), "{page:?}");
            assert!(page.attribute("http.response.body.size").parse::<u64>().expect("bytes") > 0);
        }
        let headers = receiver.traced()[0].headers.clone();
        assert_eq!(headers["x-tenant"], "seven");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_show_why_a_run_was_slow_or_failed_without_secrets() {
    let receiver = Receiver::start(false, &[Behaviour::Take]).await;
    let keys = "rate_limits.other = \"10/1s\"";
    let set = Set::up(shape().containers(60).hostile(true), "[otlp.traces]\nenabled = true", keys).await;
    let secrets = SECRET_MARKERS.join(" ");
    for (path, times, status) in [("/v1.3/images?", 1, 503), ("/reports", usize::MAX, 403)] {
        let kind = FaultKind::Status(status, Vec::new(), format!("{{\"message\":\"{secrets}\"}}"));
        set.vendor.inject(Fault { path_contains: path.to_owned(), times, skip: 0, kind });
    }
    let endpoint = format!("http://{}/v1/traces", receiver.address);
    let said = set.once(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint)]).await;
    let (spans, _) = spans(&receiver);
    hold(&spans);
    // No metrics came, since the endpoint is for traces only.
    assert!(receiver.got().is_empty());
    let run = |collector: &str| {
        let name = format!("collect {collector}");
        runs(&spans).into_iter().find(|run| run.name == name).unwrap_or_else(|| panic!("no {name}: {said}"))
    };
    let asked = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();

    let images = asked("GET images");
    assert_eq!(images[0].attribute("http.response.status_code"), "503");
    assert!(images[0].failed.is_some() && images[0].attribute("http.request.resend_count").is_empty());
    assert_eq!(images[1].attribute("http.response.status_code"), "200");
    assert_eq!((images[1].attribute("http.request.resend_count"), &images[1].failed), ("1", &None));
    assert_eq!(run("images").failed, None);

    let reports = run("reports");
    assert_eq!(reports.attribute("error.type"), "forbidden");
    assert!(reports.failed.as_ref().is_some_and(|words| words.contains("permission")), "{reports:?}");
    assert!(said.contains(&format!("trace_id={}", reports.trace)), "{said}");

    let waits = asked("wait for rate limit");
    assert!(waits.iter().any(|wait| wait.nanoseconds > 200_000_000), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_trace_receiver_harms_nothing_and_is_logged_once() {
    for (behaviour, reason) in [
        (Behaviour::Answer(503, ("retry-after", "1"), ""), "unavailable"),
        (Behaviour::Answer(302, ("location", "/login"), ""), "redirected"),
        (Behaviour::Answer(200, ("content-type", "text/html"), "<html>"), "bad_response"),
        (Behaviour::Hang, "timeout"),
    ] {
        let receiver = Receiver::start(false, &[behaviour]).await;
        let otlp = format!(
            "[otlp.traces]\nenabled = true\nendpoint = \"http://{}/v1/traces\"\ntimeout = \"2s\"",
            receiver.address
        );
        let set = Set::up(shape().containers(20), &otlp, "").await;
        // A thousand times as often as by default.
        let said = set.once(&[("OTEL_BSP_SCHEDULE_DELAY", "5")]).await;
        assert_eq!(said.matches("OTLP push of traces failed").count(), 1, "{said}");
        assert!(said.contains(&format!("outcome={reason}")), "{reason}: {said}");
        assert!(!said.contains("OTLP push of traces succeeded") && !said.contains("collection failed"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traces_nothing_is_sent_or_logged() {
    let receiver = Receiver::start(false, &[Behaviour::Take]).await;
    let otlp = format!("[otlp]\nendpoint = \"http://{}\"", receiver.address);
    let set = Set::up(shape().containers(20), &otlp, "").await;
    let said = set.once(&[]).await;
    assert!(said.contains("request finished") && !said.contains("trace_id") && !said.contains("span"), "{said}");
    assert!(receiver.traced().is_empty());
}
