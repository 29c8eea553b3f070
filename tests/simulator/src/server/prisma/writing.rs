//! The vendor's representations of missing values, and unreadable rows.

use serde_json::{Value, json};

use crate::random::Random;
use crate::tenant::Damage;

/// Removes half of the null fields, at any depth.
pub(super) fn thin_out(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !(value.is_null() && random.percent(50)));
            fields.values_mut().for_each(|value| thin_out(value, random));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| thin_out(value, random)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Counts by severity; a missing one is null, an object of nulls or an empty object.
pub(super) fn distribution(counts: Option<[Option<u32>; 4]>, random: &mut Random) -> Value {
    let Some([critical, high, medium, low]) = counts else {
        return match random.below(3) {
            0 => json!({"critical": null, "high": null, "medium": null, "low": null, "total": null}),
            1 => json!({}),
            _ => Value::Null,
        };
    };
    let total: u32 = counts.iter().flatten().flatten().sum();
    json!({"critical": critical, "high": high, "medium": medium, "low": low, "total": total})
}

/// A list; an empty one may be null.
pub(super) fn list(values: Vec<Value>, random: &mut Random) -> Value {
    if values.is_empty() && random.percent(50) { Value::Null } else { Value::Array(values) }
}

/// The row, damaged: its key is missing, or cannot be a key.
pub(super) fn damaged(mut row: Value, damage: Damage, key: &str) -> Value {
    let Some(fields) = row.as_object_mut() else { return row };
    match damage {
        Damage::NotAnObject => return json!("this is not the row that you are looking for"),
        Damage::NoKey => {
            fields.remove(key);
        }
        Damage::ObjectForKey => {
            fields.insert(String::from(key), json!({"value": 258}));
        }
        Damage::ListForKey => {
            fields.insert(String::from(key), json!(["many"]));
        }
    }
    row
}
