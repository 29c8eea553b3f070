//! Rows of the report, registry and policy listings, and a policy's detail. A report's `recipient` and all else that people wrote
//! into it is skipped without being decoded: it names them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{Count, Flag, Keyed, Nested, Number, Text, Time};

/// A row of `/csapi/v1.3/reports`; from release notes 1.38, "Fetch a List of Reports".
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ReportRow<'a> {
    #[serde(borrow)]
    pub report_uuid: Text<'a>,
    pub template_name: Text<'a>,
    pub status: Text<'a>,
    pub is_scheduled: Flag,
    pub created_at: Time,
    pub expire_on: Time,
}

impl Keyed for ReportRow<'_> {
    fn key(&self) -> &str {
        self.report_uuid.get()
    }
}

/// A row of `/csapi/v1.3/registry`; its shape is that of the vendor's interface description.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct RegistryRow<'a> {
    #[serde(borrow)]
    pub registry_uuid: Text<'a>,
    pub registry_uri: Text<'a>,
    pub total_images: Count,
    pub total_scanned_images: Count,
    pub total_vulnerable_images: Count,
}

impl Keyed for RegistryRow<'_> {
    fn key(&self) -> &str {
        self.registry_uuid.filled().unwrap_or_else(|| self.registry_uri.get())
    }
}

/// A row of `/csapi/v1.3/centralizedPolicy`, and the answer of `/csapi/v1.3/centralizedPolicy/{policyId}`; from release
/// notes 1.38, "Show Details of a Centralized Policy". A row may lack its rules.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct PolicyRow<'a> {
    #[serde(borrow)]
    pub uuid: Text<'a>,
    pub policy_name: Text<'a>,
    pub policy_type: Text<'a>,
    pub policy_mode: Text<'a>,
    pub updated: Time,
    pub centralized_policy_rules: Option<Vec<Nested<RuleRow<'a>>>>,
    pub exclusion_policy_rules: Option<Vec<Nested<RuleRow<'a>>>>,
}

impl Keyed for PolicyRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

/// A rule of a policy.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct RuleRow<'a> {
    #[serde(borrow)]
    pub r#type: Text<'a>,
    pub action: Text<'a>,
    pub is_enabled: Flag,
    /// What it means is up to `type`, so it is not looked into before that is known.
    #[serde(borrow)]
    pub meta_data: Option<&'a RawValue>,
}

/// `metaData` of a rule with one number.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Value {
    value: Number,
}

impl RuleRow<'_> {
    /// The number in `metaData`; none where there is none, or none from 0. It is an object with a `value`, such an object
    /// written into a text, or, as the vendor's table of parameters has it, just the number.
    pub fn value(&self) -> Option<f64> {
        let raw = self.meta_data?.get();
        let written = raw.starts_with('"').then(|| serde_json::from_str::<Text<'_>>(raw).ok()).flatten();
        let json = written.as_ref().map_or(raw, Text::get);
        let number = match serde_json::from_str::<Nested<Value>>(json) {
            Ok(object) => object.0?.value,
            Err(_) => serde_json::from_str(json).ok()?,
        };
        number.0.filter(|number| *number >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rules_number_has_many_forms() {
        let value = |meta_data: &str| {
            let json = format!(r#"{{"type":"X","metaData":{meta_data}}}"#);
            serde_json::from_str::<RuleRow<'_>>(&json).unwrap().value()
        };
        for (meta_data, number) in [
            (r#""{\"value\":1000}""#, Some(1000.0)),
            (r#""{\"value\":\"1000\"}""#, Some(1000.0)),
            (r#"" {\"other\":[1], \"value\" : 30.5} ""#, Some(30.5)),
            (r#"{"value":180}"#, Some(180.0)),
            (r#"{"value":"180","unit":{"of":"days"}}"#, Some(180.0)),
            (r#"{"value":0}"#, Some(0.0)),
            ("180", Some(180.0)),
            ("\"180\"", Some(180.0)),
            ("null", None),
            ("\"\"", None),
            ("\"null\"", None),
            (r#"{"value":null}"#, None),
            (r#"{"value":-1}"#, None),
            (r#"{"value":["nginx"]}"#, None),
            (r#"{"value":"soon"}"#, None),
            ("{}", None),
            ("[7]", None),
            ("true", None),
            ("\"{\"", None),
        ] {
            assert_eq!(value(meta_data), number, "{meta_data}");
        }
        assert_eq!(serde_json::from_str::<RuleRow<'_>>("{}").unwrap().value(), None);
    }
}
