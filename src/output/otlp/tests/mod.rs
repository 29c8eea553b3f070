//! What is encoded, decoded again: nothing is lost or sent twice, however requests are divided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use proptest::prelude::*;
use prost::Message as _;

use super::encode::Batch;
use super::sent_series::SentSeries;
use crate::catalog;
use crate::clock::Timestamp;
use crate::metric::{GroupingCache, Kind, Number, Series};
use crate::telemetry::{EndpointReading, Latency};
use crate::view::{FamilyReading, RequestReading, SelfReading, View};

const NOW: i64 = 1_747_000_000_123;
const STARTED: i64 = 1_746_000_000_000;

/// A point, as a test looks at it: family and labels, and what is said of it.
type Points = BTreeMap<(String, Vec<(String, String)>), Said>;

#[derive(Debug, PartialEq)]
enum Said {
    Gauge(f64),
    Counter(f64, u64),
    Histogram(Vec<u64>, f64, u64),
    Gone,
}

/// The families of requests with these codes, and of their endpoints.
fn families(codes: &[String]) -> Arc<Vec<Series>> {
    let requests = codes.iter().enumerate().map(|(count, code)| RequestReading {
        source: "prod".to_owned(),
        endpoint: "containers",
        code: code.clone(),
        count: count as u64,
    });
    let latency = Latency { buckets: [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3], sum: 200.5 };
    let endpoint = EndpointReading {
        source: "prod".to_owned(),
        endpoint: "containers",
        by_code: Vec::new(),
        latency,
        received_bytes: 7,
    };
    let sizes = vec![FamilyReading { family: "any", series: 3, folded: None }];
    let requests = requests.collect();
    let reading = SelfReading { requests, endpoints: vec![endpoint], families: sizes, ..SelfReading::default() };
    let settings = catalog::resolve(
        &catalog::Limits::default(),
        &catalog::Containers::default(),
        &catalog::Images::default(),
        &catalog::Sensors::default(),
    );
    let view = View::of_exporter(&reading);
    let live = catalog::all().filter(|metric| metric.is_live());
    Arc::new(live.map(|metric| metric.evaluate(&view, &settings, &mut GroupingCache::default())).collect())
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn batch(lists: &[Arc<Vec<Series>>], sent: &SentSeries) -> Batch {
    let resource = vec![("service.name".to_owned(), "test".to_owned())];
    Batch::new(lists, sent.gone(lists), time(NOW), time(STARTED), resource)
}

/// What one list is as points.
fn points_of(list: &[Series]) -> Points {
    let each = list.iter().flat_map(|series| {
        series.iter().map(|(values, number)| {
            let labels = series.labels.iter().map(ToString::to_string).zip(values.iter().map(ToString::to_string));
            let start = STARTED.unsigned_abs() * 1_000_000;
            let said = match (series.metric.kind(), number) {
                (Kind::Gauge, number) => Said::Gauge(number.at(time(NOW).seconds())),
                (Kind::Histogram, Number::Distribution(latency)) => {
                    Said::Histogram(latency.buckets.to_vec(), latency.sum, start)
                }
                (Kind::Counter | Kind::Histogram, number) => Said::Counter(number.at(time(NOW).seconds()), start),
            };
            ((series.metric.name().to_owned(), labels.collect()), said)
        })
    });
    each.collect()
}

/// The points of requests; fails if one is sent twice.
fn decoded(bodies: &[Vec<u8>]) -> Points {
    let mut points = Points::new();
    for body in bodies {
        let request = ExportMetricsServiceRequest::decode(body.as_slice()).unwrap();
        let metrics = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        for metric in metrics.flat_map(|scope| scope.metrics) {
            let name = metric.name.clone();
            let mut add = |attributes: Vec<KeyValue>, said: Said| {
                let labels = attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect();
                assert_eq!(points.insert((name.clone(), labels), said), None, "{name} is sent twice");
            };
            match metric.data.unwrap() {
                metric::Data::Gauge(gauge) => {
                    for point in gauge.data_points {
                        assert_eq!(point.time_unix_nano, NOW.unsigned_abs() * 1_000_000);
                        let said = value(point.value, point.flags).map_or(Said::Gone, Said::Gauge);
                        add(point.attributes, said);
                    }
                }
                metric::Data::Sum(sum) => {
                    assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
                    for point in sum.data_points {
                        let start = point.start_time_unix_nano;
                        let said = value(point.value, point.flags).map_or(Said::Gone, |is| Said::Counter(is, start));
                        add(point.attributes, said);
                    }
                }
                metric::Data::Histogram(histogram) => {
                    assert_eq!(histogram.aggregation_temporality, 2);
                    for point in histogram.data_points {
                        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                        let start = point.start_time_unix_nano;
                        let said = match point.flags {
                            0 => Said::Histogram(point.bucket_counts, point.sum.unwrap(), start),
                            _ => Said::Gone,
                        };
                        add(point.attributes, said);
                    }
                }
                other @ (metric::Data::ExponentialHistogram(_) | metric::Data::Summary(_)) => panic!("{other:?}"),
            }
        }
    }
    points
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn value(value: Option<number_data_point::Value>, flags: u32) -> Option<f64> {
    match (value, flags) {
        (Some(number_data_point::Value::AsDouble(value)), 0) => Some(value),
        (None, 1) => None,
        other => panic!("{other:?}"),
    }
}

/// All requests of a batch within a limit, and how many points were left out.
fn divided(batch: &Batch, limit: usize) -> (Vec<Vec<u8>>, usize) {
    let (mut bodies, mut oversized, mut at) = (Vec::new(), 0, 0);
    while at < batch.len() {
        let chunk = batch.chunk(at..batch.len(), limit);
        assert!(chunk.places.end > at, "no progress");
        assert!(chunk.body.len() <= limit, "{} > {limit}", chunk.body.len());
        at = chunk.places.end;
        oversized += chunk.oversized;
        bodies.extend(Some(chunk.body).filter(|body| !body.is_empty()));
    }
    (bodies, oversized)
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:06}")).collect()
}

#[test]
fn every_family_goes_out_as_it_is() {
    let list = families(&numbered("2", 3));
    let (bodies, oversized) = divided(&batch(&[Arc::clone(&list)], &SentSeries::default()), 1 << 20);
    assert_eq!((bodies.len(), oversized), (1, 0));
    let found = decoded(&bodies);
    assert_eq!(found, points_of(&list));
    assert!(found.len() > 5 && found.values().any(|said| matches!(said, Said::Histogram(..))));

    assert!(found.values().any(|said| matches!(said, Said::Gauge(_))));

    let request = ExportMetricsServiceRequest::decode(bodies[0].as_slice()).unwrap();
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    for metric in metrics {
        let known = catalog::all().find(|known| known.name() == metric.name).unwrap();
        assert_eq!((&metric.unit, metric.description.as_str()), (&known.unit().ucum(), known.help()));
    }
    let of_resource = &request.resource_metrics[0].resource.as_ref().unwrap().attributes;
    assert_eq!((of_resource.len(), of_resource[0].key.as_str()), (1, "service.name"));
}

proptest! {
    #[test]
    fn however_requests_are_divided_nothing_is_lost_or_sent_twice(
        codes in prop::collection::btree_set(".{0,40}", 1..60),
        others in prop::collection::btree_set(".{0,3}", 0..20),
        limit in 700_usize..4000,
    ) {
        let list = families(&codes.into_iter().collect::<Vec<_>>());
        let sent = SentSeries::of(vec![families(&others.into_iter().collect::<Vec<_>>())]);
        let batch = batch(&[list], &sent);
        let whole = decoded(&divided(&batch, usize::MAX).0);
        prop_assert_eq!(whole.len(), batch.len());
        let (bodies, oversized) = divided(&batch, limit);
        prop_assert_eq!(oversized, 0);
        prop_assert_eq!(decoded(&bodies), whole);
        // A request that is refused is halved, down to single points.
        let singles: Vec<_> = (0..batch.len()).map(|at| batch.chunk(at..at + 1, limit).body).collect();
        prop_assert_eq!(decoded(&singles), decoded(&bodies));
    }
}

#[test]
fn a_point_that_is_too_large_alone_is_left_out_and_counted() {
    let list = families(&["1".to_owned(), "2".repeat(5000), "3".to_owned()]);
    let (bodies, oversized) = divided(&batch(&[Arc::clone(&list)], &SentSeries::default()), 1000);
    let (found, mut all) = (decoded(&bodies), points_of(&list));
    all.retain(|(_, labels), _| !labels.iter().any(|(_, value)| value.len() > 1000));
    assert_eq!((found, oversized), (all, 1));
}

#[test]
fn what_is_gone_is_marked_once() {
    let (before, after) = (families(&numbered("a", 3)), families(&numbered("b", 2)));
    let gone = |sent: &SentSeries, list: &Arc<Vec<Series>>| {
        let batch = batch(&[Arc::clone(list)], sent);
        let found = decoded(&divided(&batch, 3000).0);
        let gone: Vec<_> = found.into_iter().filter(|(_, said)| *said == Said::Gone).collect();
        let first = batch.chunk(0..batch.marks(), usize::MAX).body;
        assert_eq!((gone.len(), decoded(&[first]).len()), (batch.marks(), batch.marks()), "marks are first");
        gone.into_iter().map(|((_, labels), _)| labels[2].1.clone()).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    assert_eq!(gone(&SentSeries::default(), &before), none);
    let sent = SentSeries::of(vec![Arc::clone(&before)]);
    assert_eq!(gone(&sent, &before), none, "nothing has changed");
    assert_eq!(gone(&sent, &families(&numbered("a", 2))), ["a000002"]);
    assert_eq!(gone(&sent, &after), numbered("a", 3));
    assert_eq!(gone(&SentSeries::of(vec![Arc::clone(&after)]), &after), none);
}

#[test]
fn a_hundred_thousand_series_that_all_change_twice_are_exact() {
    const SERIES: usize = 100_000;
    let mut sent = SentSeries::default();
    for (round, prefix) in ["a", "b", "c"].into_iter().enumerate() {
        let list = families(&numbered(prefix, SERIES));
        let started = tokio::time::Instant::now();
        let batch = batch(&[Arc::clone(&list)], &sent);
        let (bodies, oversized) = divided(&batch, 3 << 20);
        let took = started.elapsed();
        assert!(took < Duration::from_mins(1), "{took:?}");
        println!("{} points, {} bytes, {took:?}", batch.len(), bodies.iter().map(Vec::len).sum::<usize>());
        let mut found = decoded(&bodies);
        let before = found.len();
        found.retain(|_, said| *said != Said::Gone);
        assert_eq!((before - found.len(), oversized), (if round == 0 { 0 } else { SERIES }, 0));
        assert_eq!(found, points_of(&list));
        sent = SentSeries::of(vec![list]);
    }
}
