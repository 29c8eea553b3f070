//! Controls in the posture list and on their detail pages.

use serde_json::{Value, json};

use super::oddity::OddRow;
use crate::tenant::{Control, Damage, StrayRow, Tenant};

/// The control's row in the list.
pub(super) fn row(control: &Control, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &control.cid.to_string(), "postures");
    row.put_number("cid", Some(control.cid));
    row.put_text("controlName", control.name.as_deref());
    row.put_text("criticality", control.criticality.as_deref());
    row.put_number("passControls", control.passed);
    row.put_number("failedControls", control.failed);
    row.put_number("skippedControls", control.skipped);
    if control.policies.is_empty() {
        row.put_none("policyNames");
    } else {
        row.put("policyNames", json!(control.policies));
    }
    row.finish()
}

/// The detail page of the control with this number, if there is one.
pub(super) fn detail(tenant: &Tenant, cid: &str) -> Option<String> {
    let control = tenant.controls.iter().find(|control| control.cid.to_string() == cid && control.has_detail)?;
    let mut page = OddRow::new(tenant.seed(), cid, "control");
    page.put_number("cid", Some(control.cid));
    page.put_text("controlName", control.name.as_deref());
    page.put_text("controlCriticality", control.criticality.as_deref());
    page.put_text("category", control.category.as_deref());
    page.put("policyNames", json!(control.policies));
    page.put("services", Value::Null);
    page.put("specification", "Mounting host directory to the container can be used by attackers.");
    Some(page.finish().to_string())
}

/// A row without a control.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    match stray.damage {
        Damage::NotAnObject => json!(45_049),
        Damage::NoKey => json!({"controlName": "nameless", "passControls": 1, "failedControls": 2}),
        Damage::ObjectForKey => json!({"cid": {"id": 45_049}, "controlName": "an object for a number"}),
        Damage::ListForKey => json!({"cid": [99_999], "controlName": "an array for a number", "passControls": 3}),
    }
}
