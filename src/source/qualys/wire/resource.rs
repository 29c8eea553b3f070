//! `/csapi/v1.3/k8s_postures/count`: one row for each control and resource, or only how many of them there are.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::record::Outcome;
use crate::wire::{Count, Keyed, Nested, Text, Time};

/// A row of it; from release notes 1.38, "Show Control Postures Count".
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ResourceRow<'a> {
    #[serde(borrow, default)]
    pub cid: Text<'a>,
    #[serde(default)]
    pub cluster_uid: Text<'a>,
    #[serde(default)]
    pub cluster_name: Text<'a>,
    #[serde(default)]
    pub control_criticality: Text<'a>,
    #[serde(default)]
    pub resource_uid: Text<'a>,
    #[serde(default)]
    pub resource_id: Text<'a>,
    #[serde(default)]
    pub resource_type: Text<'a>,
    #[serde(default)]
    pub resource_name: Text<'a>,
    #[serde(default)]
    pub last_evaluated: Time,
    pub status: Status,
}

impl ResourceRow<'_> {
    /// What tells the resource from the others of its cluster: its uid, else its id, else its type and name.
    fn resource(&self) -> Option<[&str; 3]> {
        let uid = self.resource_uid.filled().map(|uid| ["uid", uid, ""]);
        let id = || self.resource_id.filled().map(|id| ["id", id, ""]);
        let name = || self.resource_name.filled().map(|name| ["name", self.resource_type.get(), name]);
        uid.or_else(id).or_else(name)
    }

    /// The row's key in a table: no two rows of one control, cluster and resource.
    pub fn place(&self) -> Option<String> {
        let [form, first, second] = self.resource()?;
        Some([self.cid.get(), self.cluster_uid.get(), form, first, second].join("\n"))
    }
}

impl Keyed for ResourceRow<'_> {
    fn key(&self) -> &str {
        // A row about nothing has no key, whatever control it names.
        if self.resource().is_some() { self.cid.get() } else { "" }
    }
}

/// `status`, which has to be one of three words: what none of them says could not be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub Outcome);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const WORDS: [(&str, Outcome); 6] = [
            ("pass", Outcome::Pass),
            ("passed", Outcome::Pass),
            ("fail", Outcome::Fail),
            ("failed", Outcome::Fail),
            ("skip", Outcome::Skip),
            ("skipped", Outcome::Skip),
        ];
        let word = Text::deserialize(deserializer)?;
        let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word.get()));
        known.map(|(_, outcome)| Self(*outcome)).ok_or_else(|| D::Error::custom("this is not an outcome"))
    }
}

/// An answer, as far as it tells whether it holds rows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shape {
    data: Option<Elements>,
    groups: Option<Elements>,
    count: Count,
}

/// Whether an answer of this listing tells numbers without the rows behind them: a number by itself, an object with
/// nothing but one, or groups in place of rows.
pub fn is_only_numbers(text: &str) -> bool {
    if let Ok(Nested(shape)) = serde_json::from_str::<Nested<Shape>>(text) {
        let Shape { data, groups, count } = shape.unwrap_or_default();
        let has = |elements: Option<Elements>| elements.is_some_and(|elements| elements.0 > 0);
        // That there are none is no number without rows.
        let counts = data.is_none() && count.0.is_some_and(|count| count > 0);
        return !has(data) && (has(groups) || counts);
    }
    serde_json::from_str::<Count>(text).is_ok_and(|count| count.0.is_some())
}

/// How many elements or fields something has.
#[derive(Clone, Copy, Debug)]
struct Elements(usize);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Elements;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Elements, A::Error> {
                let mut fields = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    fields += 1;
                }
                Ok(Elements(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements, A::Error> {
                let mut elements = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    elements += 1;
                }
                Ok(Elements(elements))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            // A listing that breaks off at once, as it seems: it gives a list, and not what it counts.
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
        let read = |word: &str| serde_json::from_str::<Status>(word).ok().map(|status| status.0);
        for (words, outcome) in [
            (["\"PASS\"", "\"Passed\""], Outcome::Pass),
            (["\"fail\"", "\"FAILED\""], Outcome::Fail),
            (["\"Skip\"", "\"SKIPPED\""], Outcome::Skip),
        ] {
            assert_eq!(words.map(read), [Some(outcome); 2]);
        }
        assert_eq!(["null", "\"\"", "\"ERROR\"", "\"PASSING\"", "1", "{}"].map(read), [None; 6]);
    }
}
