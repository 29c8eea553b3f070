//! Rows of the two image listings. Only what is read is named here: `softwares`, `layers` and what a scan printed are
//! skipped without being decoded, as they are most of a row.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::container::Severities;
use crate::wire::{Count, Keyed, Nested, Number, Text, Time};

/// A row of `/csapi/v1.3/images`; from the v1.x API release notes, "Fetch a list of images in your account".
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ImagePageRow<'a> {
    #[serde(borrow)]
    pub uuid: Text<'a>,
    pub updated: Time,
    pub created: Time,
    pub sha: Text<'a>,
    pub repo: Option<Vec<Nested<Repo<'a>>>>,
    pub repo_digests: Option<Vec<Nested<RepoDigest<'a>>>>,
    pub size: Number,
    pub vulnerabilities: Severities,
    pub associated_containers_count: Count,
    pub scan_status: Text<'a>,
    pub risk_score: Number,
}

impl Keyed for ImagePageRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

/// A row of `/csapi/v1.3/images/list`; from "Fetch a List of Images (Bulk API)".
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ImageBulkRow<'a> {
    #[serde(borrow)]
    pub uuid: Text<'a>,
    pub updated: Time,
    pub sha: Text<'a>,
    pub repo: Option<Vec<Nested<Repo<'a>>>>,
    pub repo_digests: Option<Vec<Nested<RepoDigest<'a>>>>,
    pub vulnerabilities: FindingRows<'a>,
}

impl Keyed for ImageBulkRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

/// Where an image can be had.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Repo<'a> {
    #[serde(borrow)]
    pub registry: Text<'a>,
    pub repository: Text<'a>,
}

/// An image's digest in a registry.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct RepoDigest<'a> {
    #[serde(borrow)]
    pub registry: Text<'a>,
    pub digest: Text<'a>,
}

/// A finding in an image.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct FindingRow<'a> {
    #[serde(borrow)]
    pub qid: Text<'a>,
    pub type_detected: Text<'a>,
    #[serde(rename = "software")]
    pub fix: Fix,
}

/// `vulnerabilities` of the bulk list: null while a scan is pending. An object of counts, which other listings have in
/// this place, names no finding, so it tells nothing.
#[derive(Debug, Default)]
pub struct FindingRows<'a>(pub Option<Vec<FindingRow<'a>>>);

impl<'de: 'a, 'a> Deserialize<'de> for FindingRows<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = FindingRows<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of findings")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(FindingRows(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(FindingRows(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
                let mut findings = Vec::new();
                while let Some(row) = rows.next_element::<Nested<FindingRow<'de>>>()? {
                    findings.extend(row.0);
                }
                Ok(FindingRows(Some(findings)))
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

/// `software` of a finding: whether there is a version of any of it in which the finding is fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fix(pub bool);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Software<'a> {
    #[serde(borrow)]
    fix_version: Text<'a>,
}

impl<'de> Deserialize<'de> for Fix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Softwares;

        impl<'de> Visitor<'de> for Softwares {
            type Value = Fix;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of software")
            }

            fn visit_unit<E>(self) -> Result<Fix, E> {
                Ok(Fix(false))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Fix, A::Error> {
                let mut fix = false;
                while let Some(row) = rows.next_element::<Nested<Software<'de>>>()? {
                    fix |= row.0.is_some_and(|software| software.fix_version.filled().is_some());
                }
                Ok(Fix(fix))
            }
        }

        deserializer.deserialize_any(Softwares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_fixable_if_any_of_its_software_is() {
        for (software, fix) in [
            ("null", Some(false)),
            ("[]", Some(false)),
            (r#"[{"name":"a","version":"1","fixVersion":null},{"fixVersion":""},null,{}]"#, Some(false)),
            (r#"[{"fixVersion":null},{"fixVersion":"1.2"},{"fixVersion":null}]"#, Some(true)),
            (r#"[{"fixVersion":7}]"#, Some(true)),
            (r#"[{"fixVersion":["1"]}]"#, None),
            (r#"{"fixVersion":"1"}"#, None),
            (r#""bash""#, None),
        ] {
            let read = serde_json::from_str::<Fix>(software).ok();
            assert_eq!(read.map(|fix| fix.0), fix, "{software}");
        }
    }

    #[test]
    fn findings_are_a_list_or_not_told() {
        for (json, findings) in [
            ("null", Some(None)),
            ("[]", Some(Some(0))),
            (r#"[{"qid":1},null,{}]"#, Some(Some(2))),
            (r#"{"severity5Count":2,"severity4Count":null}"#, Some(None)),
            ("[5]", None),
            (r#"[{"qid":[1]}]"#, None),
            (r#""many""#, None),
        ] {
            let read = serde_json::from_str::<FindingRows<'_>>(json).ok();
            assert_eq!(read.map(|rows| rows.0.map(|rows| rows.len())), findings, "{json}");
        }
    }
}
