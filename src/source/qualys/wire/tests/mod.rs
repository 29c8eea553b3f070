//! Complete and broken pages.

mod cloud;
mod container;
mod governance;
mod image;
mod resource;

use super::*;
use std::borrow::Cow;

use crate::telemetry::Rejection;
use crate::wire::{Rejected, Text, text};

const UNIDENTIFIED: usize = Rejection::Unidentified as usize;
const UNREADABLE: usize = Rejection::Unreadable as usize;

fn uuids(body: &str) -> (Vec<String>, Rejected) {
    let text = text(body.as_bytes());
    let rows = rows::<BulkRow<'_>>(&text).unwrap();
    let mut rejected = Rejected::default();
    rows.rejected.iter().for_each(|reject| rejected[reject.why as usize] += 1);
    (rows.into_keyed().map(|row| row.uuid.get().to_owned()).collect(), rejected)
}

#[test]
fn only_a_row_without_a_key_is_left_out() {
    let page = r#"{"data":[{"uuid":"a"},{"uuid":"b","host":"x"},"row",null,5,[],["c"],{"host":null},{"uuid":""},
        {"uuid":null},{"uuid":{}},{"uuid":"d","updated":"soon"},{"uuid":"e","environment":{"any":["thing"]}}],"count":"13"}"#;
    let (uuids, rejected) = uuids(page);
    assert_eq!(uuids, ["a", "b", "d", "e"]);
    assert_eq!((rejected[UNIDENTIFIED], rejected[UNREADABLE]), (9, 0));
    let text = text(page.as_bytes());
    let rows = rows::<BulkRow<'_>>(&text).unwrap();
    assert_eq!((rows.sent, rows.count, rows.nameless), (13, Some(13), vec![2, 3, 4, 5, 6]));
}

#[test]
fn a_row_of_nearly_json_is_kept() {
    let (uuids, rejected) =
        uuids(r#"{"data":[{"uuid":"a\ud800"},{"uuid":"b","size":1e999,"x\udc00":1},{},{"uuid":"c"}]}"#);
    assert_eq!(uuids, ["a\u{fffd}", "b", "c"]);
    assert_eq!((rejected[UNIDENTIFIED], rejected[UNREADABLE]), (1, 0));
}

#[test]
fn the_last_of_several_fields_around_rows_counts() {
    let text = text(br#"{"count":7,"data":[{"uuid":"a"}],"count":1,"data":[{"uuid":"b"}],"x":1,"x":2}"#);
    let rows = rows::<BulkRow<'_>>(&text).unwrap();
    assert_eq!((rows.count, rows.into_keyed().next().unwrap().uuid.get()), (Some(1), "b"));
}

#[test]
fn rows_without_a_key_are_found_among_good_ones() {
    let (uuids, rejected) = uuids(r#"{"data":[{"uuid":"a"},{},{"uuid":null},null]}"#);
    assert_eq!(uuids, ["a"]);
    assert_eq!((rejected[UNIDENTIFIED], rejected[UNREADABLE]), (3, 0));
}

#[test]
fn a_rejected_row_is_recognised_by_its_text() {
    let page = r#"{"data":[{"uuid":"a"},{"uuid":null,"x":1},null,{"uuid":[],"host":5}]}"#;
    let turned = r#"{"data":[{"uuid":[],"host":5},{"uuid":null,"x":2},null]}"#;
    let texts = |page: &str| {
        rows::<BulkRow<'_>>(&text(page.as_bytes())).unwrap().rejected.iter().map(|row| row.text).collect::<Vec<_>>()
    };
    let (first, second) = (texts(page), texts(turned));
    assert_eq!((first[2], first[1], second[2]), (second[0], None, None));
    assert!(first[0].is_some() && first[0] != second[1]);
}

#[test]
fn a_body_that_is_not_a_page_is_unreadable() {
    for (body, words) in [
        ("<html>", "is not JSON"),
        ("[]", "no list of records"),
        (r#"{"data":[],"count":"many"}"#, "a count that is not a number"),
        ("{}", "has no records"),
        ("null", "has no records"),
        (r#"{"count":5}"#, "has no records"),
        (r#"{"data":null,"count":5}"#, "has no records"),
        (r#"{"data":{"uuid":"a"}}"#, "no list of records"),
        (r#"{"data":[{"uuid":"a"}"#, "breaks off"),
        (r#"{"data":[]} trailing"#, "is not JSON"),
        (r#"[[{"uuid":"a"}],5]"#, "no list of records"),
    ] {
        let Unreadable(reason) = rows::<BulkRow<'_>>(&text(body.as_bytes())).unwrap_err();
        assert!(reason.contains(words), "{body}: {reason}");
    }
    for body in ["", " \r\n", r#"{"data":[]}"#, r#"{"count":0}"#, r#"{"data":null,"count":0}"#] {
        assert_eq!(rows::<BulkRow<'_>>(&text(body.as_bytes())).unwrap().sent, 0, "{body}");
    }
}

#[test]
fn a_page_with_invalid_utf8_is_read() {
    let text = text(b"\xef\xbb\xbf{\"data\":[{\"uuid\":\"a\",\"source\":\"\xff\"}]}");
    let row = rows::<BulkRow<'_>>(&text).unwrap().into_keyed().next().unwrap();
    assert_eq!(row.source.first(), "\u{fffd}");
}

#[test]
fn a_row_borrows_from_the_page() {
    let page = r#"{"data":[{"uuid":"a","host":{"hostname":"h"},"cloudProvider":{"aws.x":null}}]}"#;
    let text = text(page.as_bytes());
    let row = rows::<BulkRow<'_>>(&text).unwrap().into_keyed().next().unwrap();
    let borrowed = |text: &Text<'_>| matches!(text.0, Some(Cow::Borrowed(_)));
    assert!(borrowed(&row.uuid) && borrowed(&row.host.0.unwrap().hostname));
}

proptest::proptest! {
    #[test]
    fn any_body_is_tolerated(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let text = text(&body);
        drop(rows::<PageRow<'_>>(&text));
    }
}

#[test]
fn a_body_that_is_not_text_is_not_an_empty_listing() {
    assert_eq!(rows::<BulkRow<'_>>(&text(b"")).unwrap().sent, 0);
    for bytes in [1, 5_000_000] {
        assert!(rows::<BulkRow<'_>>(&text(&vec![0xff; bytes])).is_err(), "{bytes}");
    }
}
