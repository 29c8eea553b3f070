//! Policies in the policy list and on their detail pages.

use serde_json::{Map, Value, json};

use super::oddity::OddRow;
use crate::tenant::{AGE_RULE, Damage, Policy, PolicyRule, StrayRow, Tenant};

/// The policy's row in the list. Most rows omit the rules.
pub(super) fn row(policy: &Policy, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &policy.uuid, "policies");
    identity(&mut row, policy);
    match row.percent(25) {
        true => put_rules(&mut row, policy),
        false if row.percent(40) => row.put("centralizedPolicyRules", Value::Null),
        false => {}
    }
    row.finish()
}

/// The detail page of the policy with this key, if there is one.
pub(super) fn detail(tenant: &Tenant, uuid: &str) -> Option<String> {
    let policy = tenant.policies.iter().find(|policy| policy.uuid == uuid)?;
    let mut page = OddRow::new(tenant.seed(), uuid, "policy");
    identity(&mut page, policy);
    put_rules(&mut page, policy);
    page.put("version", 3);
    page.put("tagIds", Value::Null);
    page.put("k8sFilters", json!([{"cluster": null, "namespace": {"namespaceUuid": null, "namespaceValue": "web"}}]));
    Some(page.finish().to_string())
}

fn identity(row: &mut OddRow, policy: &Policy) {
    row.put("uuid", policy.uuid.as_str());
    row.put_text("policyName", policy.name.as_deref());
    row.put_text("policyType", policy.kind.as_deref());
    row.put_text("policyMode", policy.mode.as_deref());
    row.put("description", "CPM Block older image demo");
    row.put("createdBy", "john_doe");
    row.put_time("created", Some(policy.created));
    row.put_stamp("updated", policy.updated);
    row.put("isDefault", false);
}

fn put_rules(row: &mut OddRow, policy: &Policy) {
    let rules: Vec<Value> = policy.rules.iter().enumerate().map(|(index, one)| rule(row, one, index)).collect();
    row.put("centralizedPolicyRules", rules);
    if policy.exclusions.is_empty() && row.percent(50) {
        row.put_none("exclusionPolicyRules");
    } else {
        let rules: Vec<Value> =
            policy.exclusions.iter().enumerate().map(|(index, one)| rule(row, one, index)).collect();
        row.put("exclusionPolicyRules", rules);
    }
}

fn rule(row: &mut OddRow, rule: &PolicyRule, index: usize) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(String::from(key), value);
    let name = if rule.kind.as_deref() == Some(AGE_RULE) { "Block Older Images" } else { "A rule" };
    put("name", json!(name));
    for (key, word) in [("type", &rule.kind), ("action", &rule.action)] {
        // A missing term is null or omitted.
        if word.is_some() || row.percent(50) {
            put(key, json!(word));
        }
    }
    match rule.is_enabled {
        Some(flag) if row.percent(20) => put("isEnabled", json!(flag.to_string())),
        Some(flag) => put("isEnabled", json!(flag)),
        None if row.percent(50) => put("isEnabled", Value::Null),
        None => None,
    };
    put("stopProcessing", json!(false));
    put("sortOrder", json!(index));
    put("metaData", meta_data(row, rule.value));
    put("kind", json!("IMAGE_SECURITY"));
    Value::Object(object)
}

/// Metadata as an object or as JSON in a string, with a number or a string in it.
fn meta_data(row: &mut OddRow, value: Option<u32>) -> Value {
    let Some(value) = value else {
        return if row.percent(50) { Value::Null } else { json!("{}") };
    };
    let object = json!({"value": row.number(value)});
    if row.percent(60) { json!(object.to_string()) } else { object }
}

/// A row without a policy.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    let time = json!(stray.updated);
    match stray.damage {
        Damage::NotAnObject => json!("policy"),
        Damage::NoKey => json!({"policyName": "nameless", "policyType": "CICD", "updated": time}),
        Damage::ObjectForKey => json!({"uuid": {"of": stray.uuid}, "policyName": "an object", "updated": time}),
        Damage::ListForKey => json!({"uuid": [stray.uuid], "policyName": "an array for a text", "updated": time}),
    }
}
