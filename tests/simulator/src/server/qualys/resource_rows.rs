//! The response of `k8s_postures/count`: the resources evaluated for controls row by row, or only their number.

use serde_json::{Value, json};

use super::super::calendar::gmt;
use super::oddity::OddRow;
use super::{Page, PostureCount};
use crate::server::answer::Answer;
use crate::tenant::{Damage, Outcome, PostureResource, StrayRow, Tenant};

/// The maximum number of records per page, whatever the request.
pub(super) const MOST: usize = 250;

/// The resource's row.
pub(super) fn row(resource: &PostureResource, index: usize, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &format!("{index}/{}", resource.cid), "resources");
    row.put_number("cid", Some(resource.cid));
    row.put_text("controlName", resource.control_name.as_deref());
    row.put("clusterUid", resource.cluster_uid.as_str());
    row.put_text("clusterName", resource.cluster_name.as_deref());
    row.put_text("controlCriticality", resource.criticality.as_deref());
    row.put("resourceName", resource.name.as_str());
    row.put_text("resourceType", resource.kind.as_deref());
    let draw = index % 20;
    row.put("status", status(resource.outcome, draw));
    put_evaluated(&mut row, "firstEvaluated", resource.first_evaluated);
    put_evaluated(&mut row, "lastEvaluated", resource.last_evaluated);
    row.put_text("accountId", resource.account_id.as_deref());
    row.put_text("resourceId", resource.resource_id.as_deref());
    row.put_text("resourceUid", resource.resource_uid.as_deref());
    row.finish()
}

/// A term for the outcome, mostly the documented one.
fn status(outcome: Option<Outcome>, draw: usize) -> &'static str {
    match (outcome, draw) {
        (Some(Outcome::Pass), 0) => "PASSED",
        (Some(Outcome::Pass), 1) => "pass",
        (Some(Outcome::Pass), _) => "PASS",
        (Some(Outcome::Fail), 0) => "FAILED",
        (Some(Outcome::Fail), 1) => "Failed",
        (Some(Outcome::Fail), _) => "FAIL",
        (Some(Outcome::Skip), 0..=9) => "SKIPPED",
        (Some(Outcome::Skip), 10) => "Skip",
        (Some(Outcome::Skip), _) => "SKIP",
        (None, 0..=9) => "UNDECIDED",
        (None, _) => "PASS\nFAIL",
    }
}

/// Writes a time, mostly in the documented format, which is Java's.
fn put_evaluated(row: &mut OddRow, key: &str, time: Option<i64>) {
    match time {
        Some(ms) if ms % 1000 == 0 && row.percent(70) => row.put(key, gmt(ms)),
        Some(_) | None => row.put_time(key, time),
    }
}

/// A row without a resource.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    let sound = |cid: Value, status: Value| {
        json!({
            "cid": cid, "clusterUid": stray.uuid, "clusterName": "nowhere", "resourceName": "default",
            "resourceType": "ServiceAccount", "status": status, "resourceUid": stray.uuid,
        })
    };
    match stray.damage {
        Damage::NotAnObject => json!("a resource"),
        Damage::NoKey if stray.updated % 2 == 0 => sound(Value::Null, json!("PASS")),
        Damage::NoKey => json!({"clusterUid": stray.uuid, "status": "PASS", "resourceUid": stray.uuid}),
        Damage::ObjectForKey => sound(json!({"id": 45_136}), json!("PASS")),
        Damage::ListForKey => sound(json!(45_136), json!(["PASS"])),
    }
}

/// The complete response in one of the shapes without rows; `None` in the shape with rows.
pub(super) fn without_rows(tenant: &Tenant, shape: PostureCount) -> Option<Answer> {
    let count = |outcome| tenant.posture_resources.iter().filter(|resource| resource.outcome == outcome).count();
    let all = tenant.posture_resources.len();
    let body = match shape {
        PostureCount::Rows => return None,
        PostureCount::Groups => {
            let [passed, failed] = [Outcome::Pass, Outcome::Fail].map(|outcome| count(Some(outcome)));
            json!({"data": [], "count": all, "groups": {"status": {"PASS": passed, "FAIL": failed}}, "aggs": null})
        }
        PostureCount::Number => json!({"count": all}),
        PostureCount::Bare => json!(all),
    };
    Some(if all == 0 { Answer::empty(204) } else { Answer::json(200, body.to_string()) })
}

/// The requested page, within the vendor's limit for its size.
pub(super) fn page(page: Page, limit: usize) -> Result<Page, String> {
    if limit == 0 || limit > MOST {
        return Err(format!("limit {limit} is not in 1..={MOST}"));
    }
    Ok(Page { size: page.size.min(limit), ..page })
}
