//! Walks of the simulated vendor's listings that are cut short on the way.

use simulator::server::FaultKind;

use super::live::{Bench, refusal};
use crate::source::CollectOutput;
use crate::telemetry::Failure;

const BULK: &str = "/csapi/v1.3/containers/list";
const SENSORS: [&str; 2] = ["/csapi/v1.3/sensors", "/csapi/v1.1/sensors"];

/// Containers and how many of them the bulk list lacks.
fn placed(output: &CollectOutput) -> (usize, usize) {
    let table = output.tables.containers.as_ref().unwrap();
    (table.len(), table.iter().filter(|(_, container)| container.bulk.is_none()).count())
}

#[tokio::test]
async fn a_bulk_walk_that_was_cut_short_is_completed_or_reported() {
    let bench = Bench::new(1_100, |_, _| {}).await;
    let whole = bench.run("containers").await.unwrap();
    assert_eq!(whole.missing, None);
    let pages = bench.server.request_count(BULK);
    assert!(pages > 3, "{pages}");
    for (path, times, kind, more) in [
        (BULK, 1, FaultKind::WithoutHeader("link".to_owned()), 0),
        (BULK, usize::MAX, FaultKind::WithoutHeader("link".to_owned()), 1),
        (BULK, 1, FaultKind::Status(204, vec![], String::new()), 1),
        ("paginationQuery", 1, FaultKind::Status(204, vec![], String::new()), 1),
        ("paginationQuery", 1, FaultKind::Empty, 1),
    ] {
        bench.server.forget_requests();
        bench.fault(path, times, kind.clone());
        let output = bench.run("containers").await.unwrap();
        bench.server.clear_faults();
        assert_eq!((output.missing.as_deref(), placed(&output)), (None, placed(&whole)), "{path} {kind:?}");
        assert!(bench.server.request_count(BULK) <= pages + more, "{path} {kind:?}");
    }

    bench.fault("paginationQuery", usize::MAX, FaultKind::Status(204, vec![], String::new()));
    let output = bench.run("containers").await.unwrap();
    bench.server.clear_faults();
    assert!(output.missing.as_deref().unwrap().contains("with an empty page"), "{:?}", output.missing);
    assert_eq!((placed(&output).0, placed(&output).1 > 800), (placed(&whole).0, true));

    // A vendor that accepts only its own cursors cannot be asked what follows a page.
    bench.fault(BULK, 1, FaultKind::WithoutHeader("link".to_owned()));
    bench.fault("paginationQuery", usize::MAX, FaultKind::Status(400, vec![], "{}".to_owned()));
    let output = bench.run("containers").await.unwrap();
    assert!(output.missing.as_deref().unwrap().contains("refuses the request"), "{:?}", output.missing);
    assert!(placed(&output).1 > 800);
}

#[tokio::test]
async fn a_page_walk_that_was_cut_short_is_reported() {
    let bench = Bench::new(1_300, |_, _| {}).await;
    let whole = bench.run("containers").await.unwrap();
    for (times, reported) in [(1, false), (usize::MAX, true)] {
        bench.fault("filter=updated", times, FaultKind::Empty);
        let output = bench.run("containers").await.unwrap();
        bench.server.clear_faults();
        assert_eq!(output.missing.is_some_and(|words| words.contains("but gave 1000 of them")), reported);
        assert_eq!(output.records < whole.records, reported);
    }
    bench.fault("/containers?", 1, FaultKind::Status(204, vec![], String::new()));
    let output = bench.run("containers").await.unwrap();
    assert_eq!(output.records, 0);
    assert!(output.missing.unwrap().starts_with("the page list has no containers, but the bulk list has 1"));
}

#[tokio::test]
async fn a_list_that_answered_does_not_vanish() {
    let bench = Bench::new(20, |_, _| {}).await;
    for (collector, path) in [("posture", "/k8s_postures/list"), ("sensors", SENSORS[0])] {
        let known = bench.run(collector).await.unwrap().records;
        bench.fault(path, 1, FaultKind::Html(404));
        assert_eq!(refusal(bench.run(collector).await).0, Failure::NotFound);
        assert_eq!(bench.run(collector).await.unwrap().records, known);
    }
    assert_eq!(bench.server.request_count(SENSORS[1]), 0);

    // What is known about the old list holds as long as it answers.
    let bench = Bench::new(20, |options, _| options.sensors_v13 = false).await;
    bench.run("sensors").await.unwrap();
    bench.fault(SENSORS[1], 1, FaultKind::Html(404));
    assert_eq!(refusal(bench.run("sensors").await).0, Failure::NotFound);
    bench.run("sensors").await.unwrap();
    assert_eq!(bench.server.request_count(SENSORS[0]), 2, "retried once the old one is gone");
}

#[tokio::test]
async fn the_next_run_halves_a_bulk_page_that_is_too_large() {
    let bench = Bench::new(240, |_, config| config.http.max_body_bytes = 250_000).await;
    let (failure, words) = refusal(bench.run("containers").await);
    assert_eq!(failure, Failure::TooLarge, "{words}");
    let output = bench.run("containers").await.unwrap();
    assert!(output.records > 200 && output.missing.is_none(), "{output:?}");
    let asked = |limit: &str| bench.server.requests().iter().filter(|request| request.query.contains(limit)).count();
    assert!(asked("limit=250") == 1 && asked("limit=125") >= 2);
}
