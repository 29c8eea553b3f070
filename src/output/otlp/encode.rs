//! Series as requests of OTLP, each of a limited size. Pure: the time is an argument.
//!
//! Everything that one push sends is a row of points with fixed places; a request holds those from one place to
//! another. So however often a row is divided, no point is lost and none is sent twice.

use std::ops::Range;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::sent_series::Gone;
use crate::clock::Timestamp;
use crate::metric::{Kind, Number, Series};
use crate::self_metrics::VERSION;
use crate::telemetry::LATENCY_BOUNDS;

/// What the lengths of a request's outer parts can take beyond those of an empty one.
const ENVELOPE_SLACK: usize = 32;

/// The same of one metric.
const METRIC_SLACK: usize = 16;

/// What one push sends: series with their values at one moment, and marks on those that are gone.
pub(super) struct Batch {
    parts: Vec<Part>,
    /// How many of the points are marks.
    marks: usize,
    now: Timestamp,
    started: Timestamp,
    resource: Resource,
}

/// Series of one family.
struct Part {
    list: Arc<Vec<Series>>,
    family: usize,
    /// Places of the series that are marked as gone; if none, all series with their values.
    gone: Option<Vec<usize>>,
    /// The place of the first of them in the row.
    start: usize,
}

impl Part {
    fn series(&self) -> &Series {
        &self.list[self.family]
    }

    fn len(&self) -> usize {
        self.gone.as_ref().map_or_else(|| self.series().len(), Vec::len)
    }
}

/// One request, and the points in it.
pub(super) struct Chunk {
    /// The places that are done with it.
    pub(super) places: Range<usize>,
    /// How many of them were left out, because each alone is larger than the limit.
    pub(super) oversized: usize,
    /// The request; nothing if nothing is in it.
    pub(super) body: Vec<u8>,
}

impl Batch {
    /// All series of the lists with their values at `now`, and marks on those that are `gone`. What is counted was
    /// counted since `started`.
    pub(super) fn new(
        lists: &[Arc<Vec<Series>>],
        gone: Vec<Gone>,
        now: Timestamp,
        started: Timestamp,
        resource: Vec<(String, String)>,
    ) -> Self {
        let attributes = resource.into_iter().map(|(key, value)| attribute(key, value)).collect();
        let mut batch = Self {
            parts: Vec::new(),
            marks: 0,
            now,
            started,
            resource: Resource { attributes, ..Resource::default() },
        };
        // Marks first: they are about an earlier time.
        for Gone { list, family, series } in gone {
            batch.add(Part { list, family, gone: Some(series), start: 0 });
        }
        batch.marks = batch.len();
        for list in lists {
            for family in 0..list.len() {
                batch.add(Part { list: Arc::clone(list), family, gone: None, start: 0 });
            }
        }
        batch
    }

    fn add(&mut self, part: Part) {
        if part.len() > 0 {
            let start = self.len();
            self.parts.push(Part { start, ..part });
        }
    }

    /// How many points there are.
    pub(super) fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.start + part.len())
    }

    /// How many of them, from the first on, are marks.
    pub(super) fn marks(&self) -> usize {
        self.marks
    }

    /// The request that holds the points from the start of `places`, as many as go into `limit` bytes.
    pub(super) fn chunk(&self, places: Range<usize>, limit: usize) -> Chunk {
        let mut request = self.request();
        let mut filling = Filling { size: request.encoded_len() + ENVELOPE_SLACK, limit, metrics: Vec::new() };
        let mut oversized = 0;
        let mut at = places.start;
        let first = self.parts.partition_point(|part| part.start + part.len() <= at);
        'full: for part in &self.parts[first.min(self.parts.len())..] {
            let mut is_new = true;
            while at < places.end.min(part.start + part.len()) {
                let point = self.point(part, at - part.start);
                if filling.add(part.series(), point, is_new) {
                    is_new = false;
                } else if filling.metrics.is_empty() {
                    oversized += 1;
                } else {
                    break 'full;
                }
                at += 1;
            }
        }
        let body = if filling.metrics.is_empty() {
            Vec::new()
        } else {
            request.resource_metrics[0].scope_metrics[0].metrics = filling.metrics;
            request.encode_to_vec()
        };
        Chunk { places: places.start..at, oversized, body }
    }

    /// A request without metrics.
    fn request(&self) -> ExportMetricsServiceRequest {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: VERSION.to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope), ..ScopeMetrics::default() }];
        let resource = Some(self.resource.clone());
        let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
        ExportMetricsServiceRequest { resource_metrics }
    }

    /// The point at a place of a part.
    fn point(&self, part: &Part, at: usize) -> Point {
        let series = part.series();
        let (place, is_gone) = part.gone.as_ref().map_or((at, false), |gone| (gone[at], true));
        let (values, number) = series.get(place).unwrap_or((&[], &Number::Fixed(f64::NAN)));
        let pairs = series.labels.iter().zip(values);
        let attributes = pairs.map(|(name, value)| attribute(name.to_string(), value.to_string())).collect();
        let flags = if is_gone { DataPointFlags::NoRecordedValueMask as u32 } else { 0 };
        let time_unix_nano = nanos(self.now);
        let start_time_unix_nano = match series.metric.kind() {
            Kind::Gauge => 0,
            Kind::Counter | Kind::Histogram => nanos(self.started),
        };
        if series.metric.kind() != Kind::Histogram {
            let value = (!is_gone).then(|| number_data_point::Value::AsDouble(number.at(self.now.seconds())));
            return Point::Number(NumberDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                flags,
                value,
                exemplars: Vec::new(),
            });
        }
        let mut point = HistogramDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            flags,
            ..HistogramDataPoint::default()
        };
        if let (Number::Distribution(latency), false) = (number, is_gone) {
            point.count = latency.buckets.iter().sum();
            point.sum = Some(latency.sum);
            point.bucket_counts = latency.buckets.to_vec();
            point.explicit_bounds = LATENCY_BOUNDS.to_vec();
        }
        Point::Histogram(point)
    }
}

enum Point {
    Number(NumberDataPoint),
    Histogram(HistogramDataPoint),
}

/// Metrics that are put together, and how large they are at most.
struct Filling {
    size: usize,
    limit: usize,
    metrics: Vec<Metric>,
}

impl Filling {
    /// Adds a point, to a new metric or to the last, unless that would be too much.
    fn add(&mut self, series: &Series, point: Point, is_new: bool) -> bool {
        let length = match &point {
            Point::Number(point) => field(point.encoded_len()),
            Point::Histogram(point) => field(point.encoded_len()),
        };
        let metric = is_new.then(|| metric(series));
        let around = metric.as_ref().map_or(0, |metric| metric.encoded_len() + METRIC_SLACK);
        if self.size + around + length > self.limit {
            return false;
        }
        self.size += around + length;
        self.metrics.extend(metric);
        match (self.metrics.last_mut().and_then(|metric| metric.data.as_mut()), point) {
            (Some(metric::Data::Gauge(gauge)), Point::Number(point)) => gauge.data_points.push(point),
            (Some(metric::Data::Sum(sum)), Point::Number(point)) => sum.data_points.push(point),
            (Some(metric::Data::Histogram(histogram)), Point::Histogram(point)) => histogram.data_points.push(point),
            // A metric is made with the data that its points are of.
            _ => {}
        }
        true
    }
}

/// A family without points.
fn metric(series: &Series) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match series.metric.kind() {
        Kind::Gauge => metric::Data::Gauge(Gauge::default()),
        Kind::Counter => {
            metric::Data::Sum(Sum { data_points: Vec::new(), aggregation_temporality: cumulative, is_monotonic: true })
        }
        Kind::Histogram => {
            metric::Data::Histogram(Histogram { data_points: Vec::new(), aggregation_temporality: cumulative })
        }
    };
    Metric {
        name: series.metric.name().to_owned(),
        description: series.metric.help().to_owned(),
        unit: series.metric.unit().ucum(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

/// The length of a field that holds a message of such a length: its tag, the length, and the message.
fn field(length: usize) -> usize {
    1 + prost::length_delimiter_len(length) + length
}

fn attribute(key: String, value: String) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(Value::StringValue(value)) }), ..KeyValue::default() }
}

fn nanos(time: Timestamp) -> u64 {
    time.millis().unsigned_abs().saturating_mul(1_000_000)
}
