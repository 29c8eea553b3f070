//! Deltas of containers and images, against the simulated vendor.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use simulator::server::FaultKind;
use simulator::tenant::{Container, DAMAGES, Row, Tenant};

use tokio::time::Instant;

use super::live::{Bench, NOW, refusal};
use crate::clock::Timestamp;
use crate::setting::HumanDuration;
use crate::source::qualys::containers::{BulkHalf, PageHalf, Staging};
use crate::source::qualys::two_listings::delta::{DeltaBase, FullWalk, compare};
use crate::source::{CollectOutput, WalkKind};
use crate::telemetry::Failure;

const PAGES: &str = "/csapi/v1.3/containers?";
const BULK: &str = "/csapi/v1.3/containers/list?";

/// An account whose collectors read only changes after a full walk.
pub(crate) async fn bench(containers: usize) -> Bench {
    Bench::new(containers, |_, config| config.full_resync = HumanDuration::seconds(86_400)).await
}

/// Changes some containers by hand, when `after` milliseconds have passed since the start.
pub(crate) fn change(
    bench: &Bench,
    which: impl IntoIterator<Item = usize>,
    after: i64,
    change: impl Fn(&mut Container),
) {
    bench.set_clock(NOW + after);
    touch(bench, which, after, change);
}

/// Changes some containers by hand, `after` milliseconds after the start by the vendor's clock.
fn touch(bench: &Bench, which: impl IntoIterator<Item = usize>, after: i64, change: impl Fn(&mut Container)) {
    edit(bench, |tenant| {
        for at in which {
            change(&mut tenant.containers[at]);
            tenant.containers[at].updated = NOW + after;
        }
    });
}

pub(crate) fn edit(bench: &Bench, edit: impl FnOnce(&mut Tenant)) {
    let tenant = bench.server.tenant();
    let mut tenant = tenant.lock().unwrap();
    edit(&mut tenant);
    tenant.touch();
}

/// Runs the collector of containers; returns whether it was a full walk, how many requests it sent, and its output.
pub(crate) async fn run(bench: &Bench) -> (bool, usize, CollectOutput) {
    bench.server.forget_requests();
    let output = bench.run("containers").await.unwrap();
    assert_eq!(output.missing, None);
    (output.walk_kind == WalkKind::Full, bench.server.requests().len(), output)
}

/// The risk and the namespace of every container that was collected.
pub(crate) fn collected(output: &CollectOutput) -> BTreeMap<String, (Option<f64>, String)> {
    let table = output.tables.containers.as_ref().unwrap();
    let rows = table.iter().map(|(key, container)| {
        let crate::record::VendorFields::Qualys(fields) = &container.page.as_ref().unwrap().vendor else {
            panic!("of another vendor");
        };
        let namespace = container.bulk.as_ref().map(|bulk| table.names.text(bulk.namespace));
        (key.to_string(), (fields.risk.get(), namespace.unwrap_or_default().to_owned()))
    });
    rows.collect()
}

/// The same, from the tenant itself.
pub(crate) fn truth(bench: &Bench) -> BTreeMap<String, (Option<f64>, String)> {
    let tenant = bench.server.tenant();
    let tenant = tenant.lock().unwrap();
    let containers = tenant.containers.iter().filter(|container| container.page_row == Row::Readable);
    let rows = containers.map(|container| {
        let is_placed = container.bulk_row == Row::Readable;
        let of_pod = container.pod.as_ref().map(|pod| pod.namespace.clone()).filter(|namespace| !namespace.is_empty());
        let mut labels = container.labels.iter().filter(|label| label.key == "io.kubernetes.pod.namespace");
        let named = of_pod.or_else(|| labels.find_map(|label| label.value.clone()));
        let namespace = named.filter(|_| is_placed).unwrap_or_default();
        (container.uuid.clone(), (container.risk_score.map(f64::from), namespace))
    });
    rows.collect()
}

#[tokio::test]
async fn changes_are_found_at_a_fraction_of_the_cost() {
    let bench = bench(25_000).await;
    let (whole, all, output) = run(&bench).await;
    assert!(whole && all > 100, "{all}");
    assert_eq!(collected(&output), truth(&bench));
    for (cycle, after) in (1..=5).zip((300_000..).step_by(300_000)) {
        change(&bench, (cycle..25_000).step_by(100), after, |container| {
            container.risk_score = Some(container.risk_score.map_or(7, |risk| risk / 2));
            if let Some(pod) = &mut container.pod {
                pod.namespace = format!("moved-{cycle}");
            }
        });
        let (whole, some, output) = run(&bench).await;
        assert!(!whole && some * 20 <= all, "{some} of {all} requests in cycle {cycle}");
        assert_eq!(collected(&output), truth(&bench), "cycle {cycle}");
    }
    let (whole, none, _) = run(&bench).await;
    assert!(!whole && none <= 4, "{none} requests for nothing new");
}

#[tokio::test]
async fn changes_that_a_delta_misses_cause_a_full_walk() {
    let bench = bench(600).await;
    let (whole, all, _) = run(&bench).await;
    assert!(whole);

    // Purged: the vendor counts fewer.
    edit(&bench, |tenant| drop(tenant.containers.remove(17)));
    let (whole, _, output) = run(&bench).await;
    assert!(whole);
    assert_eq!(collected(&output), truth(&bench));

    // Listed long after its own time: the vendor counts more.
    edit(&bench, |tenant| {
        let mut late = tenant.containers[0].clone();
        late.uuid = "00000000-0000-4000-8000-000000000001".to_owned();
        tenant.containers.push(late);
    });
    let (whole, _, output) = run(&bench).await;
    assert!(whole);
    assert_eq!(collected(&output), truth(&bench));

    // An empty page where the last change must be: something did change.
    bench.fault("pageSize=1000", 2, FaultKind::Status(200, vec![], r#"{"data":[],"count":0}"#.to_owned()));
    assert!(run(&bench).await.0);

    // A changed record becomes unreadable: its known version is not shown any more.
    change(&bench, [40], 1000, |container| container.page_row = Row::Unreadable(DAMAGES[2]));
    let (whole, _, output) = run(&bench).await;
    assert!(whole);
    assert_eq!(collected(&output), truth(&bench));
    // The unreadable row is known now, and it is still among the latest.
    let rejected = bench.rejected("containers");
    let (whole, _, output) = run(&bench).await;
    assert_eq!((whole, collected(&output)), (false, truth(&bench)));
    assert_eq!(bench.rejected("containers")[0], rejected[0] + 1);

    // Once it is readable, it is one record more than expected.
    change(&bench, [40], 300_000, |container| container.page_row = Row::Readable);
    let (whole, _, output) = run(&bench).await;
    assert_eq!(collected(&output), truth(&bench));
    assert!(whole, "the vendor counted it before, too");

    // A vendor that does not accept the filter.
    bench.fault("list?limit=250&filter=", 1, FaultKind::Status(400, vec![], "{}".to_owned()));
    let (whole, requests, output) = run(&bench).await;
    assert!(whole && requests <= all + 4);
    assert_eq!(collected(&output), truth(&bench));
    assert!(!run(&bench).await.0);
}

#[tokio::test]
async fn disagreeing_clocks_hide_no_changes() {
    let bench = bench(600).await;
    // A record with a time in the future, which must not hide others until then.
    touch(&bench, [3], 86_400_000, |_| {});
    assert!(run(&bench).await.0);
    for (cycle, after) in [(1, 1_000), (2, 2_000), (3, -20_000), (4, -59_000)] {
        touch(&bench, [cycle * 10], after, |container| container.risk_score = Some(900));
        let (whole, _, output) = run(&bench).await;
        assert_eq!((whole, collected(&output)), (false, truth(&bench)), "cycle {cycle}");
    }
    // The same record again, with a correct time.
    touch(&bench, [3], 3_000, |container| container.risk_score = Some(901));
    let (whole, _, output) = run(&bench).await;
    assert_eq!((whole, collected(&output)), (false, truth(&bench)));
}

#[tokio::test]
async fn changes_are_requested_by_the_vendors_clock() {
    let bench = bench(600).await;
    let date = |now: i64| {
        let now = UNIX_EPOCH + Duration::from_millis(now.unsigned_abs());
        FaultKind::WithHeader("date".to_owned(), httpdate::fmt_http_date(now))
    };
    // Our own clock is three minutes ahead, as is that of one of the vendor's servers.
    bench.fault("/csapi/", usize::MAX, date(NOW));
    change(&bench, [3], 180_000, |_| {});
    assert!(run(&bench).await.0);
    touch(&bench, [4], 60_000, |container| container.risk_score = Some(902));
    let (whole, _, output) = run(&bench).await;
    assert_eq!((whole, collected(&output)), (false, truth(&bench)));
}

#[test]
fn records_without_a_time_rule_out_a_delta() {
    let (began, resync) = (Timestamp::from_millis(NOW).unwrap(), Instant::now());
    let known = |pages: &str, bulk: &str| {
        let staging = Staging::new([].into());
        staging.read::<PageHalf>(format!(r#"{{"data":[{pages}]}}"#).as_bytes()).unwrap().store();
        staging.read::<BulkHalf>(format!(r#"{{"data":[{bulk}]}}"#).as_bytes()).unwrap().store();
        let known = DeltaBase::new(
            Arc::new(staging.finish().0),
            began,
            FullWalk {
                unread: 0,
                unreadable: Arc::default(),
                walked: began,
                resync,
                fields: crate::record::FieldCounts::default(),
            },
        )?;
        Some((known.pages.millis(), known.bulk.millis()))
    };
    let (dated, later) = (r#"{"uuid":"a","updated":"70000"}"#, r#"{"uuid":"b","updated":"90000"}"#);
    let undated = r#"{"uuid":"c"}"#;
    assert_eq!(known(&format!("{dated},{later}"), dated), Some((30_000, 10_000)));
    assert_eq!(known(&format!("{dated},{undated}"), dated), None);
    assert_eq!(known(&format!("{dated},{undated}"), &format!("{dated},{undated}")), None);
    assert_eq!(known(&format!("{dated},{later}"), r#"{"uuid":"b"}"#), None);
    assert_eq!(known(dated, ""), None);
}

#[test]
fn a_count_of_ten_thousand_means_any_number_above() {
    for (counted, known, order) in [
        (5, 5, Equal),
        (4, 5, Less),
        (6, 5, Greater),
        (10_000, 9_999, Greater),
        (10_000, 25_000, Equal),
        (9_999, 25_000, Less),
    ] {
        assert_eq!(compare(counted, known), order, "{counted} {known}");
    }
}

#[tokio::test]
async fn a_failed_delta_loses_nothing_known() {
    let bench = bench(600).await;
    run(&bench).await;
    change(&bench, 0..6, 1_000, |container| container.risk_score = Some(1));
    for path in [PAGES, "filter=updated", BULK] {
        bench.fault(path, 4, FaultKind::Status(403, vec![], "{}".to_owned()));
        assert_eq!(refusal(bench.run("containers").await).0, Failure::Forbidden);
        bench.server.clear_faults();
    }
    let (whole, _, output) = run(&bench).await;
    assert_eq!((whole, collected(&output)), (false, truth(&bench)));
}

#[tokio::test]
async fn a_container_that_is_only_in_the_page_list_is_accepted() {
    let bench = bench(600).await;
    change(&bench, [5], 1_000, |container| container.bulk_row = Row::Absent);
    assert!(run(&bench).await.0);
    // Only this container changes: the bulk list has nothing new.
    change(&bench, [5], 700_000, |container| container.risk_score = Some(2));
    let (whole, _, output) = run(&bench).await;
    assert_eq!((whole, collected(&output)), (false, truth(&bench)));
}
