//! An exporter against simulated vendors: starting it, and reading its pages.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use container_security_exporter::catalog;
use container_security_exporter::metric::Metric;
use simulator::exposition::{self, Exposition, Format, differences};
use simulator::oracle::Families;
use simulator::server::{Fault, FaultKind};
use tokio::time::{interval, timeout};

use crate::http::request;

mod bench;
mod collectors;

pub(crate) use bench::{Bench, Simulated, few_retries, unlimited};
pub(crate) use collectors::{ALL, BOTH, CLOUD_ALL, CLOUD_COLLECTORS, COLLECTORS, all_collectors};

/// 11 May 2025, 21:46:40 UTC.
pub(crate) const NOW: i64 = 1_747_000_000_000;

/// How long to wait before a test fails. Only a failing test waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// The pause between two polls, which leaves the CPU to the exporter.
pub(crate) const PACE: Duration = Duration::from_millis(50);

/// Whether to run every case of a test that has many. The gate sets `THOROUGH`.
pub(crate) fn is_thorough() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the caller chooses how thorough the tests are")]
    std::env::var_os("THOROUGH").is_some()
}

/// The families with vendor data, and the number of folded groups.
pub(crate) fn of_vendor(families: &Families) -> Families {
    let vendor: Vec<&str> = catalog::all().filter(|metric| !metric.is_live()).map(Metric::name).collect();
    families
        .iter()
        .filter(|(name, _)| vendor.contains(&name.as_str()) || *name == "container_security_exporter_folded_groups")
        .map(|(name, series)| (name.clone(), series.clone()))
        .collect()
}

/// The differences between the families about the vendors and the expected ones.
pub(crate) fn wrong(expected: &Families, shown: &Families) -> Vec<String> {
    differences(expected, &of_vendor(shown))
}

const AGING: [&str; 3] = [
    "container_security_sensors_stale",
    "container_security_sensor_checkin_age_max_seconds",
    "container_security_containers_by_sensor_state",
];

/// Like [`wrong`], except for the families whose names begin with one of `without`.
pub(crate) fn wrong_without(expected: &Families, shown: &Families, without: &[&str]) -> Vec<String> {
    let rest = |mut families: Families| {
        families.retain(|name, _| !without.iter().any(|without| name.starts_with(without)));
        families
    };
    differences(&rest(expected.clone()), &rest(of_vendor(shown)))
}

/// Like [`wrong`], except for the families that change as time passes.
pub(crate) fn wrong_but_for_ages(expected: &Families, shown: &Families) -> Vec<String> {
    wrong_without(expected, shown, &AGING)
}

/// Whether a family changes as time passes.
fn ages(name: &str) -> bool {
    AGING.iter().any(|aging| name.starts_with(aging))
}

/// The value of a family's only series with these labels.
pub(crate) fn value(families: &Families, family: &str, labels: &[(&str, &str)]) -> f64 {
    let series = families.get(family).unwrap_or_else(|| panic!("no family {family}"));
    let mut found = series
        .iter()
        .filter(|(has, _)| labels.iter().all(|(name, value)| has.get(*name).is_some_and(|has| has == value)));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => *value,
        (None, _) => panic!("{family} lacks a series with {labels:?}"),
        (Some(_), Some(_)) => panic!("{family} has several series with {labels:?}"),
    }
}

/// The metrics of the exporter at `address` in one of the formats, strictly parsed.
pub(crate) async fn metrics(address: SocketAddr, format: Format) -> Exposition {
    parsed(&metrics_text(address, format).await, format)
}

fn parsed(text: &str, format: Format) -> Exposition {
    exposition::parse(text, format).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

async fn metrics_text(address: SocketAddr, format: Format) -> String {
    let accept = match format {
        Format::OpenMetrics => "application/openmetrics-text;version=1.0.0",
        Format::Text => "text/plain;version=0.0.4",
    };
    let answer = request(address, "GET", "/metrics", &[("Accept", accept), ("Accept-Encoding", "gzip")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    answer.text()
}

/// The metrics, once they have as many series of each family as expected. This is checked before parsing, which takes a
/// hundred times as long.
pub(crate) async fn metrics_as_many(address: SocketAddr, expected: &Families) -> Option<Families> {
    let text = metrics_text(address, Format::OpenMetrics).await;
    let mut counts = HashMap::<&str, usize>::new();
    for line in text.lines() {
        *counts.entry(line.split(['{', ' ']).next().unwrap_or_default()).or_default() += 1;
    }
    let mut expected = expected.iter().filter(|(name, _)| !ages(name));
    let are_as_many = expected.all(|(name, series)| counts.get(&**name).copied().unwrap_or(0) == series.len());
    are_as_many.then(|| parsed(&text, Format::OpenMetrics).into_families())
}

/// Polls the metrics of the exporter at `address` until they are as wanted.
pub(crate) async fn metrics_once(address: SocketAddr, what: &str, wanted: impl Fn(&Families) -> bool) -> Families {
    let asked = async {
        let mut pace = interval(PACE);
        loop {
            let families = metrics(address, Format::OpenMetrics).await.into_families();
            if wanted(&families) {
                return families;
            }
            pace.tick().await;
        }
    };
    if let Ok(families) = timeout(PATIENCE, asked).await {
        return families;
    }
    panic!("never came: {what}\n{}", request(address, "GET", "/metrics", &[]).await.text());
}

/// The sum of a family's series that have these labels; 0 if there are none.
pub(crate) fn sum(families: &Families, family: &str, labels: &[(&str, &str)]) -> f64 {
    let series = families.get(family).into_iter().flatten();
    let chosen =
        series.filter(|(has, _)| labels.iter().all(|(name, value)| has.get(*name).is_some_and(|has| has == value)));
    chosen.map(|(_, value)| value).sum()
}

/// How often a collector has ended with an outcome.
pub(crate) fn runs(families: &Families, collector: &str, outcome: &str) -> f64 {
    sum(families, "container_security_collector_runs_total", &[("collector", collector), ("outcome", outcome)])
}

/// How often a collector of a source has ended with an outcome.
pub(crate) fn runs_of(families: &Families, source: &str, collector: &str, outcome: &str) -> f64 {
    let labels = [("source", source), ("collector", collector), ("outcome", outcome)];
    sum(families, "container_security_collector_runs_total", &labels)
}

/// A fault for every request with this in its path and query.
pub(crate) fn always(path_contains: &str, kind: FaultKind) -> Fault {
    Fault { path_contains: path_contains.to_owned(), times: usize::MAX, skip: 0, kind }
}

/// A fault for the first `times` requests with this in their path and query.
pub(crate) fn first(times: usize, path_contains: &str, kind: FaultKind) -> Fault {
    Fault { times, ..always(path_contains, kind) }
}
