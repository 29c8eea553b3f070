//! Fields of another type: whatever a vendor sends, no record is lost.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::source::prisma::wire as prisma;
use crate::source::qualys::wire as qualys;
use crate::wire::{FieldState, Keyed, Nested, Read, Row, StateCounts, count, paths, text};

/// Values of every type, none of which many fields expect.
fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "(None||soon|Fri Apr 11 05:02:48 PST 2025|\\PC{0,8})".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

/// Replaces the value at the path.
fn put(row: &mut Value, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    let Some(fields) = row.as_object_mut() else { return };
    let Some(rest) = rest else {
        fields.insert(name.to_owned(), value);
        return;
    };
    let inner = fields.entry(name).or_insert_with(|| if is_list { json!([{}]) } else { json!({}) });
    match inner {
        Value::Array(list) => list.iter_mut().for_each(|element| put(element, rest, value.clone())),
        inner @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            put(inner, rest, value);
        }
    }
}

/// Whether the row with this key and these values at its paths is read, and counts each of its paths once.
fn is_kept<'a, T: Row<'a> + Keyed>(json: &'a str) -> bool {
    let Read(Nested(row), state) = serde_json::from_str::<Read<Nested<T>>>(json).expect("it is JSON");
    let row = row.expect("it is an object");
    let mut counts: Vec<StateCounts> = Vec::new();
    count(&row, &mut counts);
    let counted = counts.iter().all(|states| states.iter().sum::<u64>() == 1);
    state == FieldState::Present && counted && counts.len() == paths::<T>().len() && row.rejection().is_none()
}

fn check<'a, T: Row<'a> + Keyed>(key: &Value, values: &[(usize, Value)], place: &'a mut String) -> bool {
    let paths = paths::<T>();
    let mut row = Value::Object(Map::new());
    for (at, value) in values {
        put(&mut row, &paths[at % paths.len()], value.clone());
    }
    let fields = row.as_object_mut().expect("it is one");
    fields.extend(key.as_object().expect("keys").clone());
    *place = row.to_string();
    is_kept::<T>(place)
}

proptest! {
    #[test]
    fn no_type_of_a_field_costs_a_record(values in prop::collection::vec((any::<usize>(), odd_value()), 1..6)) {
        let uuid = || json!({"uuid": "a"});
        let id = || json!({"_id": "a"});
        let place = &mut String::new();
        prop_assert!(check::<qualys::PageRow<'_>>(&uuid(), &values, place));
        let kept = check::<qualys::BulkRow<'_>>(&uuid(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::ImagePageRow<'_>>(&uuid(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::ImageBulkRow<'_>>(&uuid(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::SensorRow<'_>>(&uuid(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::PolicyRow<'_>>(&uuid(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::ReportRow<'_>>(&json!({}), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::RegistryRow<'_>>(&json!({"registryUuid": "a"}), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::ControlRow<'_>>(&json!({"cid": 1}), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<qualys::ResourceRow<'_>>(&json!({"cid": 1, "status": "PASS"}), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<prisma::ContainerRow<'_>>(&id(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<prisma::ImageRow<'_>>(&id(), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<prisma::DefenderRow<'_>>(&json!({"category": "a"}), &values, &mut String::new());
        prop_assert!(kept);
        let kept = check::<prisma::CveRow<'_>>(&json!({"cve": "a"}), &values, &mut String::new());
        prop_assert!(kept);
    }
}

#[test]
fn one_odd_field_leaves_every_container_of_the_page() {
    let rows: Vec<_> = (0..6)
        .map(|at| match at {
            0 => json!({"uuid": "0", "criticality": 3}),
            at => json!({"uuid": at.to_string(), "criticality": {"value": 3}}),
        })
        .collect();
    let body = json!({"data": rows, "count": 6}).to_string();
    let page = text(body.as_bytes());
    let rows = qualys::rows::<qualys::PageRow<'_>>(&page).unwrap();
    assert!(rows.rejected.is_empty());
    let mut counts: Vec<StateCounts> = Vec::new();
    let read: Vec<_> = rows.into_keyed().inspect(|row| count(row, &mut counts)).collect();
    let at = paths::<qualys::PageRow<'_>>().iter().position(|path| path == "criticality").unwrap();
    assert_eq!((read.len(), counts[at]), (6, [0, 1, 5]));
}
