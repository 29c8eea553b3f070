//! The vendor's ways to write that there is nothing, and rows that nobody can read.

use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::tenant::Damage;

/// Leaves out half of what is null, however deep.
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

/// Counts by severity; where there is none, null, an object of nulls or one of nothing.
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

/// What a damaged row lacks, or has in a wrong place: facts that no reader can do without.
pub(super) struct Victims {
    pub(super) key: &'static str,
    /// The object that holds the next two; none for the row itself.
    pub(super) within: Option<&'static str>,
    pub(super) number: &'static str,
    pub(super) structure: &'static str,
}

/// The row, spoilt.
pub(super) fn damaged(mut row: Value, damage: Damage, victims: &Victims) -> Value {
    let spoil = |row: &mut Value, name: &str, junk: Value| {
        let place = match victims.within {
            Some(within) => row.get_mut(within),
            None => Some(row),
        };
        if let Some(fields) = place.and_then(Value::as_object_mut) {
            fields.insert(String::from(name), junk);
        }
    };
    match damage {
        Damage::NotAnObject => return json!("this is not the row that you are looking for"),
        Damage::NoKey => {
            row.as_object_mut().and_then(|fields: &mut Map<String, Value>| fields.remove(victims.key));
        }
        Damage::ObjectForNumber => spoil(&mut row, victims.number, json!({"value": 258})),
        Damage::WrongStructure => spoil(&mut row, victims.structure, json!("many")),
    }
    row
}
