//! Pages whole and broken.

use super::*;
use std::borrow::Cow;

use crate::telemetry::Rejection;
use crate::wire::{Rejected, Text, text};

const UNIDENTIFIED: usize = Rejection::Unidentified as usize;
const UNREADABLE: usize = Rejection::Unreadable as usize;

fn uuids(text: &str) -> (Vec<String>, Rejected) {
    let rows = rows::<BulkRow<'_>>(text).unwrap();
    let mut rejected = Rejected::default();
    rows.rejected.iter().for_each(|reject| rejected[reject.why as usize] += 1);
    (rows.into_keyed().map(|row| row.uuid.get().to_owned()).collect(), rejected)
}

#[test]
fn a_bad_row_costs_no_other() {
    let page = r#"{"data":[{"uuid":"a"},{"uuid":"b","host":"x"},"row",null,5,[],["c"],{"host":null},{"uuid":""},
        {"uuid":null},{"uuid":{}},{"uuid":"d","updated":"soon"},{"uuid":"e","environment":{"any":["thing"]}}],"count":"13"}"#;
    let (uuids, rejected) = uuids(page);
    assert_eq!(uuids, ["a", "e"]);
    assert_eq!((rejected[UNIDENTIFIED], rejected[UNREADABLE]), (8, 3));
    let rows = rows::<BulkRow<'_>>(page).unwrap();
    assert_eq!((rows.sent, rows.count), (13, Some(13)));
}

#[test]
fn rows_without_a_key_are_found_without_a_bad_one_too() {
    let (uuids, rejected) = uuids(r#"{"data":[{"uuid":"a"},{},{"uuid":null},null]}"#);
    assert_eq!(uuids, ["a"]);
    assert_eq!((rejected[UNIDENTIFIED], rejected[UNREADABLE]), (3, 0));
}

#[test]
fn a_row_that_cannot_be_taken_is_known_again_by_its_text() {
    let page = r#"{"data":[{"uuid":"a"},{"uuid":null,"x":1},null,{"uuid":"b","host":5}]}"#;
    let turned = r#"{"data":[{"uuid":"b","host":5},{"uuid":null,"x":2},null]}"#;
    let texts = |page| rows::<BulkRow<'_>>(page).unwrap().rejected.iter().map(|row| row.text).collect::<Vec<_>>();
    let (first, second) = (texts(page), texts(turned));
    assert_eq!((first[2], first[1], second[2]), (second[0], None, None));
    assert!(first[0].is_some() && first[0] != second[1]);
}

#[test]
fn what_is_no_page_is_asked_for_again() {
    for (body, words) in [
        ("<html>", "is not JSON"),
        ("[]", "no list of records"),
        ("{}", "has no records"),
        ("null", "has no records"),
        (r#"{"count":5}"#, "has no records"),
        (r#"{"data":null,"count":5}"#, "has no records"),
        (r#"{"data":{"uuid":"a"}}"#, "no list of records"),
        (r#"{"data":[{"uuid":"a"}"#, "breaks off"),
        (r#"{"data":[]} trailing"#, "is not JSON"),
        (r#"[[{"uuid":"a"}],5]"#, "no list of records"),
    ] {
        let Unreadable(reason) = rows::<BulkRow<'_>>(body).unwrap_err();
        assert!(reason.contains(words), "{body}: {reason}");
    }
    for body in ["", " \r\n", r#"{"data":[]}"#, r#"{"count":0}"#, r#"{"data":null,"count":0}"#] {
        assert_eq!(rows::<BulkRow<'_>>(body).unwrap().sent, 0, "{body}");
    }
}

#[test]
fn a_page_with_bytes_that_are_no_text_is_read() {
    let text = text(b"\xef\xbb\xbf{\"data\":[{\"uuid\":\"a\",\"source\":\"\xff\"}]}");
    let row = rows::<BulkRow<'_>>(&text).unwrap().into_keyed().next().unwrap();
    assert_eq!(row.source.get(), "\u{fffd}");
}

#[test]
fn a_row_borrows_from_the_page() {
    let page = r#"{"data":[{"uuid":"a","host":{"hostname":"h"},"cloudProvider":{"aws.x":null}}]}"#;
    let row = rows::<BulkRow<'_>>(page).unwrap().into_keyed().next().unwrap();
    let borrowed = |text: &Text<'_>| matches!(text.0, Some(Cow::Borrowed(_)));
    assert!(borrowed(&row.uuid) && borrowed(&row.host.0.unwrap().hostname));
}

proptest::proptest! {
    #[test]
    fn any_body_is_survived(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let text = text(&body);
        drop(rows::<PageRow<'_>>(&text));
    }
}
