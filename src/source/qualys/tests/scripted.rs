//! Collectors against scripted responses, over the simulated vendor's connection and log-in.

use simulator::server::FaultKind;

use super::live::{Bench, refusal, store};
use crate::checkpoint::Store;
use crate::record::Vendor;
use crate::source::CollectOutput;
use crate::telemetry::Failure;

const COUNT: &str = "/csapi/v1.3/k8s_postures/count";
const POLICIES: &str = "/csapi/v1.3/centralizedPolicy?";
const POLICY: &str = "/csapi/v1.3/centralizedPolicy/";

fn body(body: &str) -> FaultKind {
    FaultKind::Status(200, vec![], body.to_owned())
}

fn status(status: u16) -> FaultKind {
    FaultKind::Status(status, vec![], "{}".to_owned())
}

fn resources(output: &CollectOutput) -> Option<usize> {
    output.tables.posture_resources.as_ref().map(|table| table.len())
}

fn resource_rows(ids: std::ops::Range<usize>, count: usize) -> FaultKind {
    let rows = ids.map(|id| format!(r#"{{"cid":{id},"resourceUid":"u","status":"PASS"}}"#));
    body(&format!(r#"{{"data":[{}],"count":{count}}}"#, rows.collect::<Vec<_>>().join(",")))
}

#[tokio::test]
async fn resources_are_walked_completely() {
    let bench = Bench::new(20, |_, _| {}).await;
    bench.fault("count?pageNumber=1&", usize::MAX, resource_rows(0..250, 300));
    bench.fault("count?pageNumber=2&", usize::MAX, resource_rows(250..300, 300));
    let output = bench.run("posture").await.unwrap();
    let controls = output.tables.controls.as_ref().unwrap().len();
    assert_eq!((resources(&output), output.missing, output.note), (Some(300), None, None));
    assert_eq!((output.records, controls > 0), (300 + controls as u64, true));
    let asked: Vec<_> = bench.server.requests().into_iter().filter(|request| request.path == COUNT).collect();
    assert_eq!(asked[1].query, "pageNumber=2&pageNo=2&pageSize=250&limit=250");
    bench.server.clear_faults();

    bench.fault(COUNT, 1, resource_rows(0..10, 300));
    bench.fault(COUNT, 1, resource_rows(0..0, 300));
    let output = bench.run("posture").await.unwrap();
    assert_eq!(resources(&output), Some(10));
    assert!(output.missing.unwrap().contains("counts 300 records, but gave 10"));
}

#[tokio::test]
async fn controls_are_served_whatever_happens_to_their_resources() {
    let bench = Bench::new(20, |_, _| {}).await;
    let controls = bench.server.tenant().lock().unwrap().controls.len();
    for numbers in [r#"{"data":[],"count":0,"groups":{"FAIL":12}}"#, r#"{"count":3160}"#, "3160"] {
        bench.fault(COUNT, 1, body(numbers));
        let output = bench.run("posture").await.unwrap();
        assert_eq!((resources(&output), output.missing.as_deref()), (None, None), "{numbers}");
        assert!(
            output.note.unwrap().starts_with("the vendor reports how many resources were evaluated, but not which")
        );
    }
    bench.fault(COUNT, 1, body(r#"{"data":[],"count":0,"groups":{}}"#));
    let output = bench.run("posture").await.unwrap();
    assert_eq!((resources(&output), output.missing, output.note), (Some(0), None, None));

    for (kind, words) in [
        (status(403), "lacks the permission for the resources behind Kubernetes posture"),
        (FaultKind::Html(503), "k8s_postures_count"),
        (FaultKind::Reset, "k8s_postures_count"),
        (FaultKind::Garbage, "is not JSON"),
        (status(404), "the listing of the resources behind Kubernetes posture was not found"),
    ] {
        bench.fault(COUNT, 2, kind);
        let output = bench.run("posture").await.unwrap();
        bench.server.clear_faults();
        let missing = output.missing.as_deref().unwrap();
        assert!(
            missing.starts_with("controls are known, but not the resources") && missing.contains(words),
            "{missing}"
        );
        let known = output.tables.controls.as_ref().unwrap();
        assert!(known.len() == controls && known.iter().any(|(_, control)| control.category.index() != 0));
        assert_eq!((resources(&output), output.records, output.note), (None, controls as u64, None));
    }

    bench.fault("count?pageNumber=1&", 1, resource_rows(0..250, 300));
    bench.fault("count?pageNumber=2&", 1, body("3160"));
    let output = bench.run("posture").await.unwrap();
    assert_eq!(resources(&output), None);
    assert!(output.missing.unwrap().contains("though the page before it had"));
}

#[tokio::test]
async fn a_listing_that_a_tenant_lacks_is_reported_and_fails_nothing() {
    for (collector, path, what) in [
        ("reports", "/csapi/v1.3/reports", "reports"),
        ("policies", "/csapi/v1.3/centralizedPolicy", "centralized policies"),
        ("posture", "/csapi/v1.3/k8s_postures/list", "Kubernetes posture"),
        ("posture", COUNT, "the resources behind Kubernetes posture"),
    ] {
        let bench = Bench::new(20, |_, _| {}).await;
        bench.fault(path, 1, FaultKind::Html(404));
        let output = bench.run(collector).await.unwrap();
        let note = format!("this tenant has no listing of {what}; nothing is shown of it");
        assert_eq!((output.note, output.missing), (Some(note), None));
        let tables = output.tables;
        let known = [
            tables.reports.map(|table| table.len()),
            tables.policies.map(|table| table.len()),
            tables.controls.filter(|_| path != COUNT).map(|table| table.len()),
        ];
        assert!(known.iter().all(|known| known.is_none_or(|records| records == 0)), "{known:?}");
        assert_eq!(known.iter().flatten().count(), usize::from(path != COUNT));
        // A listing that answered once does not vanish.
        bench.fault(path, 1, body(r#"{"data":[],"count":0}"#));
        assert_eq!(bench.run(collector).await.unwrap().missing, None);
        bench.fault(path, 1, FaultKind::Html(404));
        match bench.run(collector).await {
            Err(error) => assert_eq!(error.failure, Failure::NotFound),
            Ok(output) => assert!(path == COUNT && output.missing.is_some()),
        }
        // Nor does one that another process kept records of.
        let before = Bench::new(20, |_, _| {}).await.run(collector).await.unwrap();
        assert!(before.records > 0);
        let dir = tempfile::tempdir().unwrap();
        let slot = Store::open(dir.path()).unwrap().slot("account", Vendor::Qualys, bench.collector(collector).name, 1);
        store(&slot, &before, 0);
        let bench = Bench::new(20, |_, _| {}).await;
        bench.collector(collector).listing.resume(slot.clone(), slot.load());
        bench.fault(path, 1, FaultKind::Html(404));
        match bench.run(collector).await {
            Err(error) => assert_eq!(error.failure, Failure::NotFound),
            Ok(output) => assert!(path == COUNT && output.missing.is_some()),
        }
    }
    let bench = Bench::new(20, |_, _| {}).await;
    for (collector, path, words) in [
        ("reports", "/reports", "the permission for reports (to view reports)"),
        ("policies", "/centralizedPolicy", "the permission for centralized policies (to view centralized policies)"),
        ("images", "/images", "the permission for images (such as CS.IMAGE.VIEW)"),
    ] {
        bench.fault(path, 4, status(403));
        let (failure, message) = refusal(bench.run(collector).await);
        bench.server.clear_faults();
        assert!(failure == Failure::Forbidden && message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn images_are_walked_by_both_of_their_listings() {
    let bench = Bench::new(20, |_, _| {}).await;
    let full = |first: usize, rows: usize, count: &str| {
        let rows =
            (first..first + rows).map(|at| format!(r#"{{"uuid":"{at}","updated":{},"vulnerabilities":[]}}"#, at + 1));
        format!(r#"{{"data":[{}]{count}}}"#, rows.collect::<Vec<_>>().join(","))
    };
    let page_rows = |first, rows| full(first, rows, &format!(",\"count\":{}", 1300 - first)).replace("[]", "{}");
    bench.fault(
        "/images?pageNumber=1&pageSize=1000&sort=updated%3Aasc&filter=updated%3E%3D1000",
        1,
        body(&page_rows(999, 301)),
    );
    bench.fault("/images?pageNumber=1&pageSize=1000&sort=updated%3Aasc", 1, body(&page_rows(0, 1000)));
    let link = "<http://other/csapi/v1.3/images/list?limit=250&paginationQuery=updated%3E%3D250<;rel=next";
    let headers = vec![("link".to_owned(), link.to_owned())];
    bench.fault("/images/list?limit=250&paginationQuery=updated%3E%3D250", 1, body(&full(250, 100, "")));
    bench.fault("/images/list?limit=250", 1, FaultKind::Status(200, headers, full(0, 250, "")));
    let output = bench.run("images").await.unwrap();
    let table = output.tables.images.unwrap();
    assert_eq!((output.records, output.missing, output.note), (1300, None, None));
    let [page, bulk] = [
        table.iter().filter(|(_, image)| image.page.is_some()).count(),
        table.iter().filter(|(_, image)| image.bulk.is_some()).count(),
    ];
    assert_eq!((table.len(), page, bulk), (1300, 1300, 350));
}

#[tokio::test]
async fn reports_are_collected() {
    let bench = Bench::new(20, |_, _| {}).await;
    bench.fault("/reports?pageNumber=1&pageSize=50", 1, body(r#"{"data":[{"reportUuid":"a"},{},5],"count":3}"#));
    let output = bench.run("reports").await.unwrap();
    assert_eq!((output.records, output.missing, output.note), (2, None, None));
    assert_eq!(bench.rejected("reports").iter().sum::<u64>(), 1);
}

/// Rules of each policy, by the policy's id.
fn rules(output: &CollectOutput) -> Vec<(String, usize)> {
    let table = output.tables.policies.as_ref().unwrap();
    table.iter().map(|(id, policy)| (id.to_string(), policy.rules.len())).collect()
}

fn detail(id: &str, rules: usize) -> FaultKind {
    let rules = vec![r#"{"type":"X"}"#; rules].join(",");
    body(&format!(r#"{{"uuid":"{id}","centralizedPolicyRules":[{rules}]}}"#))
}

#[tokio::test]
async fn missing_rules_are_requested_and_kept_while_the_policy_stays() {
    let bench = Bench::new(20, |_, _| {}).await;
    let list = |updated: &str| {
        let rows = format!(
            r#"{{"uuid":"full","centralizedPolicyRules":[{{}}]}},{{"uuid":"timed","updated":{updated}}},{{"uuid":"untimed"}}"#
        );
        body(&format!(r#"{{"data":[{rows}],"count":3}}"#))
    };
    let run = async |updated: &str| {
        bench.server.forget_requests();
        bench.fault(POLICIES, 1, list(updated));
        let output = bench.run("policies").await.unwrap();
        (output, bench.server.request_count(POLICY))
    };
    let expected = |full: usize, timed: usize, untimed: usize| {
        vec![("full".to_owned(), full), ("timed".to_owned(), timed), ("untimed".to_owned(), untimed)]
    };
    bench.fault("/centralizedPolicy/timed", 1, detail("timed", 2));
    bench.fault("/centralizedPolicy/untimed", 3, detail("untimed", 3));
    let (output, asked) = run("5").await;
    assert_eq!((rules(&output), output.missing, asked), (expected(1, 2, 3), None, 2));
    assert_eq!((output.records, output.note), (3, None));
    let (output, asked) = run("5").await;
    assert_eq!((rules(&output), output.missing, asked), (expected(1, 2, 3), None, 1));
    // Once it has changed, its known rules are not shown any more.
    bench.fault("/centralizedPolicy/timed", 2, status(403));
    let (output, asked) = run("6").await;
    assert_eq!((rules(&output), asked), (expected(1, 0, 3), 3));
    let missing = output.missing.unwrap();
    assert!(missing.starts_with("the rules of 1 policies were not readable: "), "{missing}");
    assert!(missing.contains("the permission for centralized policies"), "{missing}");
    bench.fault("/centralizedPolicy/timed", 1, detail("timed", 1));
    bench.fault("/centralizedPolicy/untimed", 1, detail("another", 1));
    let (output, _) = run("6").await;
    assert_eq!(rules(&output), expected(1, 1, 0));
    assert!(output.missing.unwrap().contains("not the requested policy"));
}

#[tokio::test]
async fn an_id_that_would_lead_elsewhere_is_not_requested() {
    let bench = Bench::new(20, |_, _| {}).await;
    bench.fault(POLICIES, 1, body(r#"{"data":[{"uuid":".."},{"uuid":"a/b"}],"count":2}"#));
    let output = bench.run("policies").await.unwrap();
    let reason = "the rules of 2 policies were not readable: their ids cannot be requested";
    assert_eq!((output.records, output.missing.as_deref()), (2, Some(reason)));
    assert_eq!(bench.server.request_count("/csapi/v1.3/"), 1);
}
