//! The states that rows count of their fields.

use crate::wire::{List, Nested, Row, StateCounts, Text, Time, count, paths, row};

row! {
    /// A row with fields of every kind.
    struct Sample<'a> {
        id: Text<'a> = "id" as key,
        changed: Time = "changed" as order,
        name: Text<'a> = "name",
        inner: Nested<Inner<'a>> = "inner",
        list: List<Inner<'a>> = "list",
    }
}

row! {
    /// An object in it.
    struct Inner<'a> {
        kind: Text<'a> = "kind",
        size: Text<'a> = "size",
    }
}

fn counted(rows: &[&str]) -> Vec<StateCounts> {
    let mut counts = Vec::new();
    for row in rows {
        count(&serde_json::from_str::<Nested<Sample<'_>>>(row).unwrap().0.unwrap(), &mut counts);
    }
    counts
}

#[test]
fn every_field_but_keys_and_times_of_change_has_a_path() {
    let expected = ["name", "inner.kind", "inner.size", "list[].kind", "list[].size"];
    assert_eq!((paths::<Sample<'_>>(), Sample::PATHS), (expected.map(str::to_owned).to_vec(), 5));
}

#[test]
fn a_row_counts_each_of_its_paths_once() {
    assert_eq!(
        counted(&[
            "{}",
            r#"{"id":[],"changed":"soon","name":"a","inner":{"kind":"b","size":{}}}"#,
            r#"{"name":null,"inner":null,"list":[{"kind":"a"},{"kind":"b","size":1},{"kind":[]}]}"#,
            r#"{"name":["a"],"inner":"x","list":[{"kind":"a"},{}]}"#,
            r#"{"name":"b","name":{},"list":{"kind":"a"}}"#,
        ]),
        [[2, 1, 2], [3, 1, 1], [3, 0, 2], [2, 1, 2], [3, 1, 1]]
    );
}

#[test]
fn fields_below_an_unreadable_one_are_unreadable() {
    assert_eq!(
        counted(&[r#"{"inner":[{"kind":"a"}],"list":7}"#]),
        [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]]
    );
}
