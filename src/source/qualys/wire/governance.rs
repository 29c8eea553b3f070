//! Rows of the report, registry and policy listings, and a policy's detail. A report's `recipient` and everything else
//! that people wrote into it is skipped without being decoded, because it names them.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::telemetry::Rejection;
use crate::wire::{Count, Field, FieldState, Flag, Keyed, List, Nested, Number, Read, Text, Time, row};

row! {
    /// A row of `/csapi/v1.3/reports`; from release notes 1.38, "Fetch a List of Reports".
    pub struct ReportRow<'a> {
        report_uuid: Text<'a> = "reportUuid" as key,
        template_name: Text<'a> = "templateName",
        status: Text<'a> = "status",
        is_scheduled: Flag = "isScheduled",
        created_at: Time = "createdAt",
        expire_on: Time = "expireOn",
    }
}

impl Keyed for ReportRow<'_> {
    fn key(&self) -> &str {
        self.report_uuid.get()
    }

    /// A report without its id still counts.
    fn rejection(&self) -> Option<Rejection> {
        None
    }
}

row! {
    /// A row of `/csapi/v1.3/registry`; its shape is that of the vendor's API description.
    pub struct RegistryRow<'a> {
        registry_uuid: Text<'a> = "registryUuid" as key,
        registry_uri: Text<'a> = "registryUri",
        total_images: Count = "totalImages",
        total_scanned_images: Count = "totalScannedImages",
        total_vulnerable_images: Count = "totalVulnerableImages",
    }
}

impl Keyed for RegistryRow<'_> {
    fn key(&self) -> &str {
        self.registry_uuid.filled().unwrap_or_else(|| self.registry_uri.get())
    }
}

row! {
    /// A row of `/csapi/v1.3/centralizedPolicy`, and the answer of `/csapi/v1.3/centralizedPolicy/{policyId}`; from release
    /// notes 1.38, "Show Details of a Centralized Policy". A row may lack its rules.
    pub struct PolicyRow<'a> {
        uuid: Text<'a> = "uuid" as key,
        policy_name: Text<'a> = "policyName",
        policy_type: Text<'a> = "policyType",
        policy_mode: Text<'a> = "policyMode",
        updated: Time = "updated" as order,
        centralized_policy_rules: List<RuleRow<'a>> = "centralizedPolicyRules",
        exclusion_policy_rules: List<RuleRow<'a>> = "exclusionPolicyRules",
    }
}

impl Keyed for PolicyRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

row! {
    /// A rule of a policy.
    pub struct RuleRow<'a> {
        r#type: Text<'a> = "type",
        action: Text<'a> = "action",
        is_enabled: Flag = "isEnabled",
        meta_data: MetaData<'a> = "metaData",
    }
}

/// `metaData` of a rule. Its meaning depends on the rule's `type`, so it is not decoded before that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetaData<'a>(Option<&'a RawValue>);

impl<'de> Field<'de> for MetaData<'de> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let data = Some(raw).filter(|raw| raw.get() != "null");
        Ok((Self(data), if data.is_some() { FieldState::Present } else { FieldState::Absent }))
    }
}

row! {
    /// `metaData` of a rule with one number.
    struct Value {
        value: Number = "value",
    }
}

impl RuleRow<'_> {
    /// The number in `metaData`; `None` if it has none, or none from 0. It is an object with a `value`, such an object
    /// encoded as text, or, as in the vendor's table of parameters, just the number.
    pub fn value(&self) -> Option<f64> {
        let raw = self.meta_data.0?.get();
        let written = raw.starts_with('"').then(|| serde_json::from_str::<Read<Text<'_>>>(raw).ok()).flatten();
        let json = written.as_ref().map_or(raw, |Read(text, _)| text.get());
        let number = match serde_json::from_str::<Nested<Value>>(json).ok()?.0 {
            Some(object) => object.value,
            None => serde_json::from_str::<Read<Number>>(json).ok()?.0,
        };
        number.0.filter(|number| *number >= 0.0)
    }
}
