//! The cases of Qualys: a few rows, and the numbers that they must show.

use serde_json::{Value, json};

use super::gateway::{Gateway, container, placed};
use super::scripted::{Reply, token};

fn file(name: &str) -> Value {
    let path = format!("{}/tests/cases/qualys/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Six containers in both listings.
fn six() -> Gateway {
    Gateway::new().rows("containers", (0..6).map(container)).rows("containers/list", (0..6).map(placed))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_another_type_is_absent_and_counted() {
    let rows = (0..6).map(|number| {
        let mut row = container(number);
        if number < 5 {
            row["criticality"] = json!({"value": 3});
        }
        row
    });
    let gateway = Gateway::new().rows("containers", rows).rows("containers/list", (0..6).map(placed));
    let (shown, _) = gateway.collect().await;
    shown.is("containers", &[], 6.0);
    shown.is("containers_by_criticality", &[("criticality", "unknown")], 5.0);
    shown.is("containers_by_criticality", &[("criticality", "3")], 1.0);
    let field = [("collector", "containers"), ("field", "criticality")];
    shown.is("collector_field_records", &[field[0], field[1], ("field_state", "unreadable")], 5.0);
    shown.is("collector_field_records", &[field[0], field[1], ("field_state", "present")], 1.0);
    shown.is("collector_complete", &[("collector", "containers")], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_replaced_once_whatever_the_refusal_looks_like() {
    let refusals: [fn() -> Reply; 4] = [
        || Reply::json(500, &json!({"message": "JWT parsing failed"})),
        || Reply::json(403, &json!({"errorCode": "403 FORBIDDEN", "message": "Access is denied"})),
        || Reply::json(401, &json!({"message": "JWT expired"})),
        || Reply::raw(200, "text/html", "<html><form action=\"/login\">Log in</form></html>"),
    ];
    for refusal in refusals {
        let first = token(0);
        let gateway = six().instead(move |asked, _| {
            let is_revoked = asked.path != "/auth" && asked.token.as_ref() == Some(&first);
            is_revoked.then(refusal)
        });
        let (shown, vendor) = gateway.collect().await;
        shown.is("containers", &[], 6.0);
        shown.is("collector_up", &[("collector", "containers")], 1.0);
        assert_eq!(vendor.requests("/auth"), 2, "{:?}\n{}", refusal(), shown.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_token_is_an_error_of_the_log_in() {
    for (body, words) in [
        ("OK".to_owned(), "2 bytes that are not a token"),
        ("null".to_owned(), "4 bytes that are not a token"),
        ("<html></html>".to_owned(), "a web page"),
        ("a".repeat(1 << 20), "1048576 bytes that are not a token"),
        ("eyJhbGciOiJub25lIn0.e30".to_owned(), "a token that is cut off"),
    ] {
        let gateway =
            six().instead(move |asked, _| (asked.path == "/auth").then(|| Reply::raw(201, "text/plain", body.clone())));
        let (shown, _) = gateway.collect().await;
        assert!(shown.sum("containers", &[]).is_none());
        shown.is("collector_up", &[("collector", "containers")], 0.0);
        assert!(shown.log.contains(words), "{words}\n{}", shown.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_too_many_rows_is_a_bad_response() {
    let gateway = six().instead(|asked, _| {
        let body = || format!("{{\"data\":[{}{{}}],\"count\":6}}", "{},".repeat(1_000_000));
        asked.path.ends_with("/containers").then(|| Reply::raw(200, "application/json", body()))
    });
    let (shown, _) = gateway.collect().await;
    assert!(shown.sum("containers", &[]).is_none());
    shown.is("collector_runs_total", &[("collector", "containers"), ("outcome", "bad_response")], 1.0);
    assert!(shown.log.contains("more than 100000 rows"), "{}", shown.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_without_an_end_is_stopped_and_incomplete() {
    // Sorted by page number: each page has new rows, and the count stays.
    let gateway = six().instead(|asked, _| {
        let (number, size) = (asked.number("pageNumber")?, asked.number("pageSize")?);
        let rows = || (0..size).map(|row| json!({"uuid": format!("{number}-{row}"), "status": "Active"}));
        asked
            .path
            .ends_with("/sensors")
            .then(|| Reply::json(200, &json!({"data": rows().collect::<Vec<_>>(), "count": 60})))
    });
    let (shown, vendor) = gateway.collect().await;
    shown.is("collector_complete", &[("collector", "sensors")], 0.0);
    assert!(shown.log.contains("the vendor counts 60 records, but this one received"), "{}", shown.log);
    assert!(vendor.requests("/csapi/v1.3/sensors") <= 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_beyond_32_bits_are_exact() {
    let mut row = container(1);
    row["vulnerabilities"] = json!({"severity5Count": 5_000_000_000_u64, "severity1Count": "9007199254740992"});
    let gateway = Gateway::new().rows("containers", [row]).rows("containers/list", [placed(1)]);
    let (shown, _) = gateway.collect().await;
    shown.is("container_vulnerabilities", &[("vendor_severity", "5")], 5_000_000_000.0);
    shown.is("container_vulnerabilities", &[("vendor_severity", "1")], 9_007_199_254_740_992.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_none_is_null() {
    let mut row = container(1);
    row["lastVmScanDate"] = json!("None");
    row["riskScore"] = json!("None");
    let image = json!({
        "uuid": "i1", "updated": "1747000000000", "associatedContainersCount": 1, "scanStatus": "SUCCESS",
        "repo": [{"registry": "None", "repository": "app", "tag": "1"}],
    });
    let gateway = Gateway::new()
        .rows("containers", [row])
        .rows("containers/list", [placed(1)])
        .rows("images", [image.clone()])
        .rows("images/list", [image]);
    let (shown, _) = gateway.collect().await;
    shown.is("containers", &[], 1.0);
    shown.is("containers_by_risk_level", &[("risk_level", "unscored")], 1.0);
    assert_eq!(shown.sum("container_oldest_scan_timestamp_seconds", &[]), None);
    shown.is("images", &[("registry", "unknown")], 1.0);
    assert_eq!(shown.sum("images", &[("registry", "None")]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_bulk_list_the_page_list_is_shown_as_incomplete() {
    for status in [404, 403, 400] {
        let gateway = six().instead(move |asked, _| {
            asked.path.ends_with("/containers/list").then(|| Reply::json(status, &json!({"message": "no"})))
        });
        let (shown, _) = gateway.collect().await;
        shown.is("containers", &[], 6.0);
        shown.is("collector_complete", &[("collector", "containers")], 0.0);
        shown.is("collector_up", &[("collector", "containers")], 0.0);
        assert!(shown.log.contains("containers_list"), "the bulk list is not named:\n{}", shown.log);
        assert!(!shown.log.contains("this tenant has no"), "{}", shown.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_cluster_sensor_are_joined() {
    let row = file("R1_container_2026_cluster_sensor");
    let image = json!({
        "uuid": "i1", "sha": "0a", "updated": "1770681638944", "associatedContainersCount": 1, "scanStatus": "SUCCESS",
        "repo": [{"registry": "docker.io", "repository": "nginx", "tag": "1"}],
        "repoDigests": [{"registry": "docker.io", "repository": "nginx", "digest": row["imageDigest"]}],
        "vulnerabilities": [{"qid": 1, "typeDetected": "CONFIRMED", "software": [{"fixVersion": "2"}]}],
    });
    let mut page = image.clone();
    page["vulnerabilities"] = json!({"severity5Count": 1});
    let sensor = json!({
        "uuid": row["sensorUuid"], "sensorId": "s1", "hostname": "h", "containerRuntime": "CRI-O", "sensorType": "CLUSTER",
        "status": "Running", "lastCheckedIn": "1770681638944",
    });
    for host in [Value::Null, row["host"].clone()] {
        let mut row = row.clone();
        row["host"] = host;
        let gateway = Gateway::new()
            .rows("containers", [row.clone()])
            .rows("containers/list", [row])
            .rows("images", [page.clone()])
            .rows("images/list", [image.clone()])
            .rows("sensors", [sensor.clone()]);
        let (shown, _) = gateway.collect().await;
        shown.is("containers_by_runtime", &[("container_runtime_name", "cri-o")], 1.0);
        assert_eq!(shown.sum("containers_by_sensor_state", &[("sensor_state", "missing")]).unwrap_or_default(), 0.0);
        shown.is("container_findings", &[("finding_type", "confirmed"), ("fixable", "true")], 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_inside_an_array_are_read() {
    let row = file("R2_container_2025_counts_in_array");
    let gateway = Gateway::new().rows("containers", [row.clone()]).rows("containers/list", [row]);
    let (shown, _) = gateway.collect().await;
    for (severity, count) in [("critical", 6.0), ("high", 4.0), ("medium", 2.0), ("low", 3.0), ("info", 0.0)] {
        shown.is("container_vulnerabilities", &[("severity", severity)], count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_out_of_order_are_complete_if_the_count_is_met() {
    let mut rows: Vec<_> = (0..6).map(container).collect();
    rows.swap(2, 3);
    let gateway = Gateway::new().rows("containers", rows).rows("containers/list", (0..6).map(placed));
    let (shown, _) = gateway.collect().await;
    shown.is("containers", &[], 6.0);
    shown.is("collector_complete", &[("collector", "containers")], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_ignores_paging_is_complete() {
    let policies: Vec<_> = (0..60)
        .map(|number| json!({"uuid": format!("p{number}"), "policyType": "K8S", "policyMode": "ACTIVE"}))
        .collect();
    let gateway =
        Gateway::new().instead(move |asked, _| match asked.path.strip_prefix("/csapi/v1.3/centralizedPolicy") {
            Some("") => Some(Reply::json(200, &json!({"data": policies, "count": policies.len()}))),
            Some(id) => Some(Reply::json(200, &json!({"uuid": &id[1..], "policyType": "K8S", "rules": []}))),
            None => None,
        });
    let (shown, _) = gateway.collect().await;
    shown.is("policies", &[], 60.0);
    shown.is("collector_complete", &[("collector", "policies")], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_disappears_before_its_detail_is_skipped() {
    let policies =
        (0..3).map(|number| json!({"uuid": format!("p{number}"), "policyType": "K8S", "policyMode": "ACTIVE"}));
    let gateway = Gateway::new().rows("centralizedPolicy", policies).instead(|asked, _| {
        let (_, id) = asked.path.split_once("/centralizedPolicy/")?;
        Some(if id == "p1" {
            Reply::json(404, &json!({"message": "not found"}))
        } else {
            Reply::json(200, &json!({"uuid": id, "policyType": "K8S", "rules": []}))
        })
    });
    let (shown, _) = gateway.collect().await;
    shown.is("policies", &[], 2.0);
    shown.is("collector_complete", &[("collector", "policies")], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_in_the_future_has_age_0() {
    let sensor = json!({
        "uuid": "s1", "sensorId": "s1", "hostname": "h", "containerRuntime": "CRI-O", "sensorType": "GENERAL",
        "status": "Running", "lastCheckedIn": "4000000000000",
    });
    let (shown, _) = Gateway::new().rows("sensors", [sensor]).collect().await;
    shown.is("sensor_checkin_age_max_seconds", &[], 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_counted_and_sent_twice_is_complete() {
    let rows = [container(0), container(1), container(1)];
    let gateway = Gateway::new().rows("containers", rows).rows("containers/list", [placed(0), placed(1)]);
    let (shown, _) = gateway.collect().await;
    shown.is("containers", &[], 2.0);
    shown.is("collector_complete", &[("collector", "containers")], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rejected_records_make_a_run_incomplete() {
    let rows = |unusable: usize, all: usize| {
        (0..all).map(move |number| {
            let mut row = container(number);
            if number < unusable {
                row["uuid"] = Value::Null;
            }
            row
        })
    };
    // One record is never too many, and two of forty are no more than five percent.
    for (unusable, all, complete) in [(1, 2, 1.0), (2, 40, 1.0), (2, 39, 0.0), (3, 4, 0.0)] {
        let gateway =
            Gateway::new().rows("containers", rows(unusable, all)).rows("containers/list", (unusable..all).map(placed));
        let (shown, _) = gateway.collect().await;
        shown.is("collector_complete", &[("collector", "containers")], complete);
        assert_eq!(
            shown.log.contains("Too many rejected records"),
            complete == 0.0,
            "{unusable} of {all}: {}",
            shown.log
        );
    }
}
