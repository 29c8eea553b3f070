//! The shapes of the listing behind posture.

use crate::record::Outcome;
use crate::source::qualys::wire::{Status, is_only_numbers};
use crate::wire::Read;

#[test]
fn numbers_without_rows_are_known_by_their_shape() {
    for numbers in [
        "3160",
        " 0 ",
        "\"3160\"",
        r#"{"count":3160}"#,
        r#"{"data":null,"count":"3160"}"#,
        r#"{"data":[],"count":0,"groups":{"FAIL":12}}"#,
        r#"{"data":null,"groups":[{"status":"FAIL","count":12}],"aggs":null}"#,
        r#"{"groups":{"status":{}}}"#,
    ] {
        assert!(is_only_numbers(numbers), "{numbers}");
    }
    for other in [
        r#"{"data":[{"cid":1}],"count":1,"groups":{"FAIL":12}}"#,
        r#"{"data":[],"count":0,"groups":{},"aggs":null}"#,
        // Looks like a listing that is cut short at once: it has a list, and not the rows that it counts.
        r#"{"data":[],"count":5}"#,
        r#"{"count":0}"#,
        r#"{"data":null,"groups":null}"#,
        "{}",
        "null",
        "\"\"",
        "[]",
        "[{\"count\":5}]",
        "true",
        "<html>",
        r#"{"count":"#,
        r#"{"data":5,"count":5}"#,
    ] {
        assert!(!is_only_numbers(other), "{other}");
    }
}

#[test]
fn a_status_is_one_of_three() {
    let read = |word: &str| serde_json::from_str::<Read<Status>>(word).unwrap().0.0;
    for (words, outcome) in [
        (["\"PASS\"", "\"Passed\""], Outcome::Pass),
        (["\"fail\"", "\"FAILED\""], Outcome::Fail),
        (["\"Skip\"", "\"SKIPPED\""], Outcome::Skip),
    ] {
        assert_eq!(words.map(read), [Some(outcome); 2]);
    }
    assert_eq!(["null", "\"\"", "\"ERROR\"", "\"PASSING\"", "1", "{}"].map(read), [None; 6]);
}
