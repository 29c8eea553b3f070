//! What is shown of a collector belongs to the data that is shown.

use super::*;
use crate::clock::Timestamp;
use crate::inventory::{DataStatus, Inventory, SourceInventory, Tables};
use crate::record::Vendor;
use crate::telemetry::Failure;

fn status(last_good_run: u64) -> DataStatus {
    let time = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    DataStatus { records: 5, last_success: time(5), last_walk: time(3), last_good_run, ..DataStatus::default() }
}

/// What the families about a collector show that has had `successes` and then `failures`, with this status published.
fn shown(successes: u64, failures: u64, published: Option<DataStatus>) -> impl Fn(&str) -> Option<f64> {
    let clock = Clock::from_fn(|| Timestamp::from_millis(1).expect("a time"));
    let telemetry = Arc::new(Telemetry::new(clock.now()));
    let source = telemetry.source("prod", "qualys", &[], &["images"]);
    telemetry.arrange([(Arc::clone(&source), vec!["images"])]);
    for run in 1..=successes {
        assert_eq!(source.count_success("images"), run);
    }
    for _ in 0..failures {
        source.count_failure("images", Failure::Timeout, "");
    }
    let statuses = published.map(|status| ("images", status)).into_iter().collect();
    let source = SourceInventory { source: "prod".into(), vendor: Vendor::Qualys, tables: Tables::default(), statuses };
    let settings = catalog::resolve(
        &catalog::Limits::default(),
        &catalog::Containers::default(),
        &catalog::Images::default(),
        &catalog::Sensors::default(),
    );
    let snapshot = Snapshot::take(&Inventory { sources: vec![source] }, Arc::new(settings));
    let own = SelfMetrics { telemetry, store: None, clock }.evaluate(&snapshot);
    move |family| {
        let name = format!("container_security_{family}");
        let series = own.iter().find(|series| series.metric.name() == name)?;
        series.iter().next().map(|(_, number)| number.at(0.0))
    }
}

#[test]
fn what_is_said_of_data_comes_with_the_data() {
    let before = shown(1, 0, None);
    let with_data = shown(2, 0, Some(status(1)));
    for (family, without, with) in [
        ("complete", Some(0.0), 0.0),
        ("records", Some(0.0), 5.0),
        ("last_success_timestamp_seconds", None, 5.0),
        ("last_full_walk_timestamp_seconds", None, 3.0),
    ] {
        let family = format!("collector_{family}");
        assert_eq!((before(&family), with_data(&family)), (without, Some(with)), "{family}");
    }
}

#[test]
fn a_collector_is_up_once_data_of_a_run_since_the_last_failure_is_published() {
    for (successes, failures, published, up) in [
        (0, 0, None, 0.0),
        // The data of the first success is not published yet, and then it is.
        (1, 0, None, 0.0),
        (1, 0, Some(1), 1.0),
        // That of the second is not, but that of the first does not get worse.
        (2, 0, Some(1), 1.0),
        (2, 1, Some(2), 0.0),
        // Data from before a restart.
        (0, 0, Some(0), 0.0),
    ] {
        let shown = shown(successes, failures, published.map(status))("collector_up");
        assert_eq!(shown, Some(up), "{successes} successes, {failures} failures, {published:?} published");
    }
}

#[test]
fn the_sizes_of_families_include_those_that_show_sizes() {
    let clock = Clock::from_fn(|| Timestamp::from_millis(1).expect("a time"));
    let telemetry = Arc::new(Telemetry::new(clock.now()));
    let settings = catalog::resolve(
        &catalog::Limits::default(),
        &catalog::Containers::default(),
        &catalog::Images::default(),
        &catalog::Sensors::default(),
    );
    let snapshot = Snapshot::take(&Inventory::default(), Arc::new(settings));
    let own = SelfMetrics { telemetry, store: None, clock }.evaluate(&snapshot);
    let sizes = own.iter().find(|series| series.metric.name() == "container_security_exporter_series");
    let sizes = sizes.expect("the family of sizes");
    assert_eq!(sizes.len(), catalog::all().count());
    for (labels, number) in sizes.iter() {
        let series = own.iter().chain(snapshot.families.iter()).find(|series| *series.metric.name() == *labels[0]);
        let size = series.map(|series| size(series).series);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let size = size.map(|size| size as f64);
        assert_eq!(size, Some(number.at(0.0)), "{}", labels[0]);
    }
}
