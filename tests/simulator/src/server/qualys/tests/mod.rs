//! The API's lists, without a network.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::Value;

use super::super::answer::{Answer, Call, form_encoded, form_pairs};
use super::super::lock;
use super::{Options, PostureCount, Qualys};
use crate::SECRET_MARKERS;
use crate::tenant::{Row, Shape, Tenant};

const NOW: i64 = 1_750_000_000_000;
const COUNT: &str = "/csapi/v1.3/k8s_postures/count";

fn qualys(posture_count: PostureCount) -> Qualys {
    let tenant = Tenant::generate(&Shape::small(11, NOW).hostile(true));
    let static_token = Some(String::from("static"));
    let options = Options { static_token, posture_count, clock: Arc::new(|| NOW), ..Options::default() };
    Qualys::new(Arc::new(Mutex::new(tenant)), options)
}

fn ask(qualys: &Qualys, method: &str, target: &str) -> Answer {
    let request = hyper::Request::builder().method(method).uri(target).header("authorization", "Bearer static");
    let (head, ()) = request.body(()).unwrap().into_parts();
    qualys.answer(&Call::new(&head, Bytes::new()))
}

fn get(qualys: &Qualys, target: &str) -> Answer {
    ask(qualys, "GET", target)
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

fn rows(answer: &Answer) -> Vec<Value> {
    body(answer)["data"].as_array().unwrap().clone()
}

/// All rows of a paged list. Checks that each page has the total count.
fn walk(qualys: &Qualys, path: &str, query: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut counts = BTreeSet::new();
    for page in 1.. {
        let answer = get(qualys, &format!("{path}?{query}&pageNumber={page}"));
        if answer.status == 204 {
            break;
        }
        counts.insert(body(&answer)["count"].as_u64().unwrap());
        all.extend(rows(&answer));
    }
    assert_eq!(counts, BTreeSet::from([u64::try_from(all.len()).unwrap()]));
    all
}

/// All rows of a bulk list, following the links.
fn follow(qualys: &Qualys, path: &str, limit: usize) -> Vec<Value> {
    let start = format!("{path}?limit={limit}");
    let mut all = Vec::new();
    let mut target = start.clone();
    loop {
        let answer = get(qualys, &target);
        all.extend(rows(&answer));
        let link = answer.headers.iter().find(|(name, _)| name == "link").map(|(_, link)| link.clone());
        let link = link.unwrap_or_default();
        let Some((address, query)) = link.split_once('?') else { return all };
        assert!(address.ends_with(path), "{address}");
        let query = form_pairs(query.split(['>', '<']).next().unwrap());
        target = format!("{start}&paginationQuery={}", form_encoded(&query.last().unwrap().1));
    }
}

fn keys(rows: &[Value], key: &str) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row.get(key)?.as_str().map(String::from)).collect()
}

#[test]
fn both_lists_show_every_image() {
    let qualys = qualys(PostureCount::Rows);
    let pages = walk(&qualys, "/csapi/v1.3/images", "sort=updated:asc&pageSize=20");
    let bulk = follow(&qualys, "/csapi/v1.3/images/list", 9);
    let tenant = lock(&qualys.tenant);
    let listed =
        |row: fn(&crate::tenant::Image) -> Row| tenant.images.iter().filter(|image| row(image) != Row::Absent).count();
    assert_eq!(pages.len(), listed(|image| image.page_row) + tenant.stray_image_page_rows.len());
    assert_eq!(bulk.len(), listed(|image| image.bulk_row) + tenant.stray_image_bulk_rows.len());
    let [in_pages, in_bulk] = [&pages, &bulk].map(|rows| keys(rows, "uuid"));
    for image in &tenant.images {
        assert!(!image.exists() || in_pages.contains(&image.uuid));
        assert!(!image.is_detailed() || in_bulk.contains(&image.uuid));
    }
    let named_in =
        |rows: &[Value], uuid: &str| rows.iter().any(|row| row["uuid"] == *uuid && row["repo"][0].is_object());
    let named = tenant.images.iter().filter(|image| image.exists() && image.is_detailed());
    let named: Vec<_> = named.filter(|image| matches!(image.repositories.as_deref(), Some([Some(_), ..]))).collect();
    assert!(named.iter().all(|image| named_in(&pages, &image.uuid) || named_in(&bulk, &image.uuid)));
    assert!(
        named.iter().any(|image| !named_in(&pages, &image.uuid))
            && named.iter().any(|image| !named_in(&bulk, &image.uuid))
    );
    assert!(Value::from(bulk).to_string().contains(SECRET_MARKERS[0]));
}

#[test]
fn images_are_filtered_as_containers_are() {
    let qualys = qualys(PostureCount::Rows);
    for path in ["/csapi/v1.3/images", "/csapi/v1.3/images/list"] {
        assert_eq!(get(&qualys, &format!("{path}?filter=updated%3E{NOW}")).status, 204);
        assert_eq!(get(&qualys, &format!("{path}?filter=state:RUNNING")).status, 400);
    }
    assert_eq!(get(&qualys, "/csapi/v1.3/images?pageSize=1001").status, 400);
    assert_eq!(get(&qualys, "/csapi/v1.3/images/list?limit=251").status, 400);
    lock(&qualys.tenant).step(NOW + 60_000);
    let changed = rows(&get(&qualys, &format!("/csapi/v1.3/images?filter=updated%3E{NOW}")));
    assert!((1..12).contains(&changed.len()), "{}", changed.len());
}

#[test]
fn resources_come_in_pages_of_250_or_as_a_mere_number() {
    let rows_of = qualys(PostureCount::Rows);
    let listed = walk(&rows_of, COUNT, "pageSize=1000&limit=250");
    let (all, unreadable) = {
        let tenant = lock(&rows_of.tenant);
        (tenant.posture_resources.len(), tenant.unreadable_resource_rows())
    };
    assert!(all > 500 && unreadable > 6);
    assert_eq!(listed.len(), all + 6);
    assert_eq!(rows(&get(&rows_of, &format!("{COUNT}?pageSize=1000"))).len(), 250);
    assert_eq!(get(&rows_of, &format!("{COUNT}?limit=251")).status, 400);
    let javas = listed.iter().filter(|row| row["lastEvaluated"].as_str().is_some_and(|time| time.contains(" GMT ")));
    assert!(javas.count() > all / 2);
    let sent = |shape| body(&get(&qualys(shape), &format!("{COUNT}?pageNumber=1&pageSize=250")));
    let grouped = sent(PostureCount::Groups);
    assert_eq!((grouped["data"].as_array().unwrap().len(), grouped["count"].as_u64()), (0, Some(all as u64)));
    assert!(grouped["groups"]["status"]["PASS"].as_u64() > Some(0) && grouped["aggs"].is_null());
    assert_eq!(sent(PostureCount::Number), serde_json::json!({"count": all}));
    assert_eq!(sent(PostureCount::Bare), serde_json::json!(all));
}

#[test]
fn reports_and_policies_are_listed() {
    let qualys = qualys(PostureCount::Rows);
    let reports = walk(&qualys, "/csapi/v1.3/reports", "pageSize=5");
    let policies = walk(&qualys, "/csapi/v1.3/centralizedPolicy", "pageSize=5");
    let tenant = lock(&qualys.tenant).clone();
    assert_eq!(reports.len(), tenant.reports.len() + tenant.unreadable_report_rows());
    assert_eq!(policies.len(), tenant.policies.len() + tenant.unreadable_policy_rows());
    assert!(Value::from(reports).to_string().contains(SECRET_MARKERS[2]));
    let inline = policies.iter().filter(|row| row["centralizedPolicyRules"].is_array()).count();
    assert!(inline > 0 && inline < tenant.policies.len() / 2);
    for policy in &tenant.policies {
        let detail = body(&get(&qualys, &format!("/csapi/v1.3/centralizedPolicy/{}", policy.uuid)));
        assert_eq!(detail["centralizedPolicyRules"].as_array().unwrap().len(), policy.rules.len());
        let exclusions = detail["exclusionPolicyRules"].as_array().map_or(0, Vec::len);
        assert_eq!(exclusions, policy.exclusions.len());
    }
}

#[test]
fn nothing_listed_is_204_and_nothing_there_is_404() {
    let qualys = qualys(PostureCount::Rows);
    {
        let mut tenant = lock(&qualys.tenant);
        let now = tenant.now_ms();
        *tenant = Tenant::generate(&Shape { clusters: 0, ..Shape::small(1, now).containers(0) });
        tenant.images.clear();
        tenant.reports.clear();
        tenant.policies.clear();
    }
    for path in ["images", "images/list", "k8s_postures/count", "reports", "centralizedPolicy"] {
        assert_eq!(get(&qualys, &format!("/csapi/v1.3/{path}")).status, 204, "{path}");
        assert_eq!(ask(&qualys, "POST", &format!("/csapi/v1.3/{path}")).status, 405, "{path}");
    }
    for path in ["centralizedPolicy/05feab62", "centralizedPolicy/", "reports/schedule", "image"] {
        assert_eq!(get(&qualys, &format!("/csapi/v1.3/{path}")).status, 404, "{path}");
    }
}
