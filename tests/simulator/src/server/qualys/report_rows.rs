//! Rows of the report list.

use serde_json::{Value, json};

use super::oddity::OddRow;
use crate::tenant::{Damage, Report, StrayRow};

/// The report's row.
pub(super) fn row(report: &Report, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &report.uuid, "reports");
    row.put("reportUuid", report.uuid.as_str());
    row.put_text("reportName", report.name.as_deref());
    row.put("description", "test");
    row.put("fileFormat", "csv");
    row.put_text("templateName", report.template.as_deref());
    row.put_text("status", report.status.as_deref());
    put_scheduled(&mut row, report.is_scheduled);
    row.put("filter", "containerId:edc01607bc33");
    row.put("displayColumns", json!(["containerId", "qid", "severity"]));
    row.put_time("createdAt", report.created);
    row.put_time("expireOn", report.expires);
    row.put("emailNotification", 1);
    row.put("recipient", report.recipient.as_str());
    row.put("emailSubject", format!("Qualys: for {}", report.recipient));
    row.put("expireAfter", 90);
    row.finish()
}

/// Writes a flag that is documented as a number.
fn put_scheduled(row: &mut OddRow, flag: Option<bool>) {
    match flag {
        Some(flag) if row.percent(60) => row.put("isScheduled", u8::from(flag)),
        Some(flag) if row.percent(40) => row.put("isScheduled", u8::from(flag).to_string()),
        Some(_) | None => row.put_flag("isScheduled", flag),
    }
}

/// A row without a report.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    match stray.damage {
        Damage::NotAnObject => json!(["not", "a", "report"]),
        // A report does not need a key: only a row that is not an object is unreadable.
        Damage::NoKey => json!(stray.updated),
        Damage::ObjectForKey => json!(stray.uuid),
        Damage::ListForKey => json!([{"reportUuid": stray.uuid}]),
    }
}
