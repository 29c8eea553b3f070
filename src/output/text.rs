//! Prometheus text 0.0.4, for what does not speak OpenMetrics. The same walk, the same series.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::metric::{Number, Series};
use crate::telemetry::{LATENCY_BOUNDS, Latency};

/// The content type that says what this is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the families that have series and pass `only`, with their values at `now`.
pub fn write(families: &[Series], only: fn(&Series) -> bool, now: f64) -> String {
    let mut out = String::new();
    let mut labels = String::new();
    for series in families.iter().filter(|series| !series.is_empty() && only(series)) {
        let (name, kind) = (series.metric.name(), series.metric.kind().as_str());
        // Help texts hold neither backslashes nor newlines; a test of the catalog sees to it.
        line(&mut out, &["# HELP ", name, " ", series.metric.help(), "\n# TYPE ", name, " ", kind, "\n"]);
        for (values, number) in series.iter() {
            labels.clear();
            for (label, value) in series.labels.iter().zip(values) {
                if !labels.is_empty() {
                    labels.push(',');
                }
                line(&mut labels, &[label, "=\""]);
                escape(&mut labels, value);
                labels.push('"');
            }
            if let Number::Distribution(latency) = number {
                distribution(&mut out, name, &labels, latency);
            } else {
                sample(&mut out, name, "", &labels, number.at(now));
            }
        }
    }
    out
}

fn line(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

fn sample(out: &mut String, name: &str, suffix: &str, labels: &str, value: f64) {
    line(out, &[name, suffix]);
    if !labels.is_empty() {
        line(out, &["{", labels, "}"]);
    }
    out.push(' ');
    write_value(out, value);
    out.push('\n');
}

fn distribution(out: &mut String, name: &str, labels: &str, latency: &Latency) {
    // As OpenMetrics writes them, so that a bound is the same label in both formats.
    let bounds = LATENCY_BOUNDS.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()]);
    let separator = if labels.is_empty() { "" } else { "," };
    let mut count = 0;
    for (bound, bucket) in bounds.zip(latency.buckets) {
        count += bucket;
        line(out, &[name, "_bucket{", labels, separator, "le=\"", &bound, "\"} "]);
        out.push_str(itoa::Buffer::new().format(count));
        out.push('\n');
    }
    sample(out, name, "_sum", labels, latency.sum);
    line(out, &[name, "_count"]);
    if !labels.is_empty() {
        line(out, &["{", labels, "}"]);
    }
    line(out, &[" ", itoa::Buffer::new().format(count), "\n"]);
}

/// A whole number as such: most numbers are, and they are much faster to write.
pub(super) fn whole(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with the value before it is used")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "a whole number that is not exact is written as the float")]
    let is_exact = whole as f64 == value && whole.unsigned_abs() < 1 << 53;
    is_exact.then_some(whole)
}

fn write_value(out: &mut String, value: f64) {
    if let Some(whole) = whole(value) {
        out.push_str(itoa::Buffer::new().format(whole));
    } else {
        // Writing to a string does not fail.
        _ = write!(out, "{value}");
    }
}

fn escape(out: &mut String, value: &Arc<str>) {
    let mut rest = &**value;
    // Looks at every byte, which is faster than to stop at the first special one: hardly a value has any.
    if !rest.bytes().fold(false, |special, byte| special | matches!(byte, b'\\' | b'"' | b'\n')) {
        out.push_str(rest);
        return;
    }
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        out.push_str(match characters.next() {
            Some('\\') => "\\\\",
            Some('"') => "\\\"",
            _ => "\\n",
        });
        rest = characters.as_str();
    }
    out.push_str(rest);
}
