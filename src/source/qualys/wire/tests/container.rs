//! The shapes of containers.

use crate::source::qualys::wire::{BulkRow, PageRow, Severities};
use crate::wire::FieldState::{Absent, Present, Unreadable};
use crate::wire::{FieldState, Nested, Read, Row, StateCounts, count, paths};

/// The counts, and the state of the one for critical findings.
fn severities(json: &str) -> (Option<[u64; 5]>, FieldState) {
    let row = format!(r#"{{"uuid":"a","vulnerabilities":{json}}}"#);
    let Nested(row) = serde_json::from_str::<Nested<PageRow<'_>>>(&row).unwrap();
    let row = row.unwrap();
    (row.vulnerabilities.counts(), state(&row, "vulnerabilities.severity5Count"))
}

/// The state of the field with this path.
pub(super) fn state<'a, T: Row<'a>>(row: &T, path: &str) -> FieldState {
    let mut counts: Vec<StateCounts> = Vec::new();
    count(row, &mut counts);
    let at = paths::<T>().iter().position(|known| known == path).unwrap();
    [Absent, Present, Unreadable].into_iter().find(|state| counts[at][*state as usize] == 1).unwrap()
}

fn bulk(json: &str) -> BulkRow<'_> {
    serde_json::from_str::<Nested<BulkRow<'_>>>(json).unwrap().0.unwrap()
}

#[test]
fn vulnerabilities_have_many_shapes() {
    let object =
        r#"{"severity5Count":6,"severity3Count":"2","severity4Count":4.0,"severity1Count":null,"severity2Count":3}"#;
    assert_eq!(severities(object), (Some([6, 4, 2, 3, 0]), Present));
    assert_eq!(severities(&format!("[{object}]")), (Some([6, 4, 2, 3, 0]), Present));
    assert_eq!(severities(&format!("[5,{{}},{object},{{}}]")), (Some([6, 4, 2, 3, 0]), Present));
    assert_eq!(severities(r#"{"severity5Count":6,"unknown":[1]}"#), (Some([6, 0, 0, 0, 0]), Present));
    assert_eq!(severities(r#"{"severity5Count":{},"severity4Count":1}"#), (Some([0, 1, 0, 0, 0]), Unreadable));
    for unscanned in
        ["null", "[]", "{}", r#"{"severity5Count":null}"#, r#"[{"qid":105144,"result":"x"}]"#, "[null]", "\"None\""]
    {
        assert_eq!(severities(unscanned), (None, Absent), "{unscanned}");
    }
    for wrong in
        [r#""many""#, "5", "[5]", r#"{"severity5Count":{}}"#, r#"[{"severity5Count":-1}]"#, r#"{"severity5Count":-1}"#]
    {
        assert_eq!(severities(wrong), (None, Unreadable), "{wrong}");
    }
    assert_eq!(serde_json::from_str::<Read<Severities>>("[5]").unwrap().1, Unreadable);
}

#[test]
fn a_field_of_another_shape_costs_nothing_but_itself() {
    for (odd, path) in [
        (r#""host":["x","y"]"#, "host.hostname"),
        (r#""cluster":"x""#, "cluster.k8s.pod.namespace"),
        (r#""cluster":{"k8s":{"pod":[]}}"#, "cluster.k8s.pod.namespace"),
        (r#""label":{}"#, "label[].key"),
        (r#""label":[{"key":"a","value":"b"},7]"#, "label[].value"),
        (r#""isRoot":"maybe""#, "isRoot"),
        (r#""exceptions":{}"#, "exceptions"),
        (r#""lastScanned":"Fri Apr 11 05:02:48 PST 2025""#, "lastScanned"),
        (r#""cloudProvider":[]"#, "cloudProvider"),
        (r#""source":{"of":"x"}"#, "source"),
        (r#""source":["GENERAL",{}]"#, "source"),
    ] {
        let json = format!(r#"{{{odd},"uuid":"a","isDrift":true}}"#);
        let row = bulk(&json);
        assert_eq!((row.uuid.get(), row.is_drift.0), ("a", Some(true)), "{odd}");
        assert_eq!((state(&row, path), state(&row, "isDrift")), (Unreadable, Present), "{odd}");
    }
    let row = bulk(r#"{"uuid":"a","environment":5,"vulnerabilities":"x","host":null,"cluster":{}}"#);
    for path in paths::<BulkRow<'_>>() {
        assert_eq!(state(&row, &path), Absent, "{path}");
    }
}

#[test]
fn where_a_container_comes_from_is_a_text_or_a_list() {
    for (json, source) in
        [(r#""GENERAL""#, "GENERAL"), (r#"["CLUSTER","GENERAL"]"#, "CLUSTER"), ("[]", ""), ("null", "")]
    {
        assert_eq!(bulk(&format!(r#"{{"uuid":"a","source":{json}}}"#)).source.first(), source, "{json}");
    }
}

#[test]
fn the_last_of_several_fields_with_one_name_counts() {
    let row = bulk(r#"{"uuid":"a","host":{"hostname":"x"},"uuid":"b","isRoot":[],"isRoot":true,"host":null}"#);
    assert_eq!((row.uuid.get(), row.is_root.0, row.host.0.is_none()), ("b", Some(true), true));
    assert_eq!((state(&row, "isRoot"), state(&row, "host.hostname")), (Present, Absent));
}
