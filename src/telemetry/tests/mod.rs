//! Requests are counted for the endpoints of their source, and for no other.

use std::time::Duration;

use super::SourceTelemetry;

#[test]
fn a_request_is_counted_for_its_endpoint() {
    let telemetry = SourceTelemetry::new("prod", "qualys", &["sensors"], &["sensors"]);
    telemetry.count_request("sensors", Some(200), Duration::from_secs(1), 10);
    let counted: Vec<_> = telemetry.read().endpoints.into_iter().map(|read| (read.endpoint, read.by_code)).collect();
    assert_eq!(counted, [("sensors", vec![("200".to_owned(), 1)])]);
}

#[test]
#[should_panic(expected = "images is not among the endpoints that its source counts")]
fn counting_a_request_to_an_unknown_endpoint_is_a_bug() {
    let telemetry = SourceTelemetry::new("prod", "qualys", &["sensors"], &["sensors"]);
    telemetry.count_request("images", Some(200), Duration::from_secs(1), 10);
}
