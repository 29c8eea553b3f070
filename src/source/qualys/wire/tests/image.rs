//! The shapes of images.

use super::container::state;
use crate::source::qualys::wire::{FindingRows, Fix, ImageBulkRow};
use crate::wire::FieldState::{Absent, Present, Unreadable};
use crate::wire::{Nested, Read};

#[test]
fn a_finding_is_fixable_if_any_of_its_software_is() {
    for (software, fix, state) in [
        ("null", false, Absent),
        ("[]", false, Absent),
        (r#"[{"name":"a","version":"1","fixVersion":null},{"fixVersion":""},null,{}]"#, false, Absent),
        (r#"[{"fixVersion":null},{"fixVersion":"1.2"},{"fixVersion":null}]"#, true, Present),
        (r#"[{"fixVersion":7}]"#, true, Present),
        (r#"[{"fixVersion":["1"]}]"#, false, Unreadable),
        (r#"[{"fixVersion":"1"},"bash"]"#, true, Unreadable),
        (r#"{"fixVersion":"1"}"#, false, Unreadable),
        (r#""bash""#, false, Unreadable),
    ] {
        let Read(read, its) = serde_json::from_str::<Read<Fix>>(software).unwrap();
        assert_eq!((read, its), (Fix(fix), state), "{software}");
    }
}

#[test]
fn findings_are_a_list_or_none_at_all() {
    for (json, findings, qid) in [
        ("null", None, Absent),
        ("[]", Some(0), Absent),
        (r#"[{"qid":1},null,{}]"#, Some(2), Present),
        (r#"{"severity5Count":2,"severity4Count":null}"#, None, Absent),
        // An unreadable finding still counts.
        ("[5]", Some(1), Unreadable),
        (r#"[{"qid":[1]},{"qid":1}]"#, Some(2), Unreadable),
        (r#""many""#, None, Unreadable),
    ] {
        let row = format!(r#"{{"uuid":"a","vulnerabilities":{json}}}"#);
        let row = serde_json::from_str::<Nested<ImageBulkRow<'_>>>(&row).unwrap().0.unwrap();
        let FindingRows(rows) = &row.vulnerabilities;
        assert_eq!(rows.0.as_ref().map(Vec::len), findings, "{json}");
        assert_eq!(state(&row, "vulnerabilities[].qid"), qid, "{json}");
    }
}
