//! OpenMetrics 1.0.0 text, written by `prometheus-client` from series exposed through its `Collector`.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::text::whole;
use crate::metric::{Kind, Number, Series};
use crate::telemetry::{LATENCY_BOUNDS, Latency};

/// The content type that says what this is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What an exposition ends with.
pub fn end() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    _ = encode_eof(&mut text);
    text
}

/// Writes the families that have series and pass `only`, with their values at `now`, without the end mark.
pub fn write(families: &Arc<Vec<Series>>, only: fn(&Series) -> bool, now: f64) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposed { families: Arc::clone(families), only, now }));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exposed {
    families: Arc<Vec<Series>>,
    only: fn(&Series) -> bool,
    now: f64,
}

impl Collector for Exposed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for series in self.families.iter().filter(|series| !series.is_empty() && (self.only)(series)) {
            let metric = series.metric;
            let (kind, suffix) = match metric.kind() {
                Kind::Gauge => (MetricType::Gauge, ""),
                Kind::Counter => (MetricType::Counter, "_total"),
                Kind::Histogram => (MetricType::Histogram, ""),
            };
            // The encoder adds `_total` and the unit by itself.
            let name = metric.name().strip_suffix(suffix).unwrap_or(metric.name());
            let unit = metric.unit().base();
            let name = unit.and_then(|unit| name.strip_suffix(unit)?.strip_suffix('_')).unwrap_or(name);
            let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
            let mut encoder = encoder.encode_descriptor(name, metric.help(), unit.as_ref(), kind)?;
            for (values, number) in series.iter() {
                let labels = Labels { names: &series.labels, values };
                if values.is_empty() {
                    encode(&mut encoder, metric.kind(), number, self.now)?;
                } else {
                    encode(&mut encoder.encode_family(&labels)?, metric.kind(), number, self.now)?;
                }
            }
        }
        Ok(())
    }
}

fn encode(encoder: &mut MetricEncoder<'_>, kind: Kind, number: &Number, now: f64) -> fmt::Result {
    match (number, kind) {
        (Number::Distribution(latency), _) => encode_latency(encoder, latency),
        (_, Kind::Counter) => encoder.encode_counter::<NoLabelSet, _, f64>(&number.at(now), None),
        (_, Kind::Gauge | Kind::Histogram) => {
            let value = number.at(now);
            match whole(value) {
                Some(whole) => encoder.encode_gauge(&whole),
                None => encoder.encode_gauge(&value),
            }
        }
    }
}

fn encode_latency(encoder: &mut MetricEncoder<'_>, latency: &Latency) -> fmt::Result {
    let bounds = LATENCY_BOUNDS.into_iter().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(latency.buckets).collect();
    let count = latency.buckets.iter().sum();
    encoder.encode_histogram::<NoLabelSet>(latency.sum, count, &buckets, None)
}

#[derive(Debug)]
struct Labels<'a> {
    names: &'a [Arc<str>],
    values: &'a [Arc<str>],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        for (name, value) in self.names.iter().zip(self.values) {
            (&**name, &**value).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}
