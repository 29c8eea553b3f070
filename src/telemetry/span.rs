//! Spans: what the exporter's own traces are made of. One for each run of a collector, with one for each of its requests
//! and of its waits for a rate limit in it.
//!
//! Owns their names and attributes, which hold no URL, no query, no header and no body. Where no traces are pushed,
//! nobody listens to [`TARGET`] and [`RUN`], and nothing here costs anything.

use tracing::Span;
use tracing::field::Empty;

use self::attach::{fail, name, record_trace_id, set};
use super::Failure;

/// The target of all spans, or what it begins with.
pub const TARGET: &str = concat!(env!("CARGO_CRATE_NAME"), "::span");

/// The target of spans of whole runs, which the log shows too.
pub const RUN: &str = concat!(env!("CARGO_CRATE_NAME"), "::span::run");

/// A span for one run of a collector. Its `trace_id` is in each line that is logged within it.
pub fn of_run(source: &str, collector: &'static str) -> Span {
    let span = tracing::error_span!(target: RUN, parent: None, "collect", trace_id = Empty);
    name(&span, || format!("collect {collector}"));
    set(&span, "source", || source.to_owned());
    set(&span, "collector", || collector);
    record_trace_id(&span);
    span
}

/// A span for one request to `endpoint`, after `before` attempts in the same call.
pub fn of_request(method: &str, endpoint: &'static str, host: &str, before: u32) -> Span {
    let span = tracing::error_span!(target: TARGET, "request", otel.kind = "client");
    name(&span, || format!("{method} {endpoint}"));
    set(&span, "http.request.method", || method.to_owned());
    set(&span, "api_endpoint", || endpoint);
    set(&span, "server.address", || host.to_owned());
    if before > 0 {
        set(&span, "http.request.resend_count", || i64::from(before));
    }
    span
}

/// A span for the time that a request waits for a rate limit.
pub fn of_wait(endpoint: &'static str) -> Span {
    let span = tracing::error_span!(target: TARGET, "wait for rate limit");
    set(&span, "api_endpoint", || endpoint);
    span
}

/// Adds to a request's span, which this is called in, what came back.
pub fn answered(status: Option<u16>, bytes: u64) {
    let span = Span::current();
    if let Some(status) = status {
        set(&span, "http.response.status_code", || i64::from(status));
    }
    set(&span, "http.response.body.size", || i64::try_from(bytes).unwrap_or(i64::MAX));
}

/// Adds to a run's span, which this is called in, what it asked for, and of how many records it knows at its end.
pub fn brought(extent: &'static str, records: u64) {
    let span = Span::current();
    set(&span, "extent", || extent);
    set(&span, "records", || i64::try_from(records).unwrap_or(i64::MAX));
}

/// Says that what a span stands for failed, and why, in words for people.
pub fn failed(span: &Span, failure: Failure, words: &str) {
    set(span, "error.type", || failure.as_str());
    fail(span, words);
}

/// Puts into a span what `tracing` has no field for, if anybody listens.
#[cfg(feature = "traces")]
mod attach {
    use opentelemetry::trace::{Status, TraceContextExt as _};
    use opentelemetry::{KeyValue, Value};
    use tracing::Span;
    use tracing::field::display;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    /// Adds an attribute.
    pub(super) fn set<V: Into<Value>>(span: &Span, key: &'static str, value: impl FnOnce() -> V) {
        if !span.is_disabled() {
            span.context().span().set_attribute(KeyValue::new(key, value()));
        }
    }

    /// Names it for what it stands for; `tracing` wants a name that is known when the program is built.
    pub(super) fn name(span: &Span, name: impl FnOnce() -> String) {
        if !span.is_disabled() {
            span.context().span().update_name(name());
        }
    }

    /// Marks it as failed.
    pub(super) fn fail(span: &Span, words: &str) {
        if !span.is_disabled() {
            span.set_status(Status::error(words.to_owned()));
        }
    }

    /// Records the id of its trace in its field of that name.
    pub(super) fn record_trace_id(span: &Span) {
        if !span.is_disabled() {
            let context = span.context();
            span.record("trace_id", display(context.span().span_context().trace_id()));
        }
    }
}

/// Nobody listens to spans in a build without traces.
#[cfg(not(feature = "traces"))]
mod attach {
    use tracing::Span;

    pub(super) fn set<V>(_: &Span, _: &'static str, _: impl FnOnce() -> V) {}

    pub(super) fn name(_: &Span, _: impl FnOnce() -> String) {}

    pub(super) fn fail(_: &Span, _: &str) {}

    pub(super) fn record_trace_id(_: &Span) {}
}
