//! Rows of the two container listings. Only what is read is named here: `environment`, `softwares` and findings are
//! skipped without being decoded, as they are large and may hold secrets.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::record::SeverityCounts;

use super::cloud::Cloud;
use crate::wire::{Count, Flag, Keyed, Nested, Number, Text, Time, known};

/// A row of `/csapi/v1.3/containers`; from release notes 1.38, "Fetch a List of Containers in your Account".
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct PageRow<'a> {
    #[serde(borrow)]
    pub uuid: Text<'a>,
    pub updated: Time,
    pub container_id: Text<'a>,
    pub name: Text<'a>,
    pub state: Text<'a>,
    pub image_uuid: Text<'a>,
    pub image_digest: Text<'a>,
    pub image_sha: Text<'a>,
    pub cluster: Nested<NamedCluster<'a>>,
    pub vulnerabilities: Severities,
    pub compliance: Nested<Compliance>,
    pub risk_score: Number,
    pub max_qds_score: Number,
    pub qds_severity: Text<'a>,
    pub criticality: Text<'a>,
    pub is_root: Flag,
    pub is_vuln_propagated: Flag,
    pub exceptions: Option<Vec<IgnoredAny>>,
    pub last_vm_scan_date: Time,
}

impl Keyed for PageRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

/// A row of `/csapi/v1.3/containers/list`: the full detail of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct BulkRow<'a> {
    #[serde(borrow)]
    pub uuid: Text<'a>,
    pub updated: Time,
    pub label: Option<Vec<Nested<Label<'a>>>>,
    pub image_digest: Text<'a>,
    pub image_sha: Text<'a>,
    pub host: Nested<Host<'a>>,
    pub sensor_uuid: Text<'a>,
    pub cluster: Nested<FullCluster<'a>>,
    pub cloud_provider: Cloud<'a>,
    pub host_architecture: Option<Vec<Text<'a>>>,
    pub source: Text<'a>,
    pub privileged: Flag,
    pub is_root: Flag,
    pub is_drift: Flag,
    pub is_vuln_propagated: Flag,
    pub is_exposed_to_world: Flag,
    pub is_instrumented: Flag,
    pub exceptions: Option<Vec<IgnoredAny>>,
    pub last_scanned: Time,
}

impl Keyed for BulkRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

/// The page list's `cluster`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct NamedCluster<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
}

/// The bulk list's `cluster`; older answers have no `name`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct FullCluster<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    pub k8s: Nested<Kubernetes<'a>>,
}

/// `cluster.k8s`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Kubernetes<'a> {
    #[serde(borrow)]
    pub pod: Nested<Pod<'a>>,
    pub node: Nested<Node<'a>>,
}

/// `cluster.k8s.pod`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Pod<'a> {
    #[serde(borrow)]
    pub namespace: Text<'a>,
    pub label: Option<Vec<Nested<Label<'a>>>>,
    pub controller: Option<Vec<Nested<Controller<'a>>>>,
}

/// What controls a pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Controller<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    pub r#type: Text<'a>,
}

/// `cluster.k8s.node`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Node<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
}

/// A label of a container or of its pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Label<'a> {
    #[serde(borrow)]
    pub key: Text<'a>,
    pub value: Text<'a>,
}

/// `host`; null for serverless containers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Host<'a> {
    #[serde(borrow)]
    pub sensor_uuid: Text<'a>,
    pub hostname: Text<'a>,
}

/// `compliance`: checks by outcome.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Compliance {
    pub pass_count: Count,
    pub fail_count: Count,
    pub error_count: Count,
}

impl Compliance {
    /// Passed, failed and erred; a missing one is 0 unless all are, which means that none were made.
    pub fn checks(self) -> Option<[u32; 3]> {
        known([self.pass_count, self.fail_count, self.error_count])
    }
}

/// `vulnerabilities` of the page list: an object of counts, and in one release note an array around that object.
/// An array of findings has no severities, so it tells nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Severities(pub Option<SeverityCounts>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct SeverityObject {
    #[serde(rename = "severity5Count")]
    critical: Count,
    #[serde(rename = "severity4Count")]
    high: Count,
    #[serde(rename = "severity3Count")]
    medium: Count,
    #[serde(rename = "severity2Count")]
    low: Count,
    #[serde(rename = "severity1Count")]
    info: Count,
}

impl SeverityObject {
    fn counts(&self) -> Option<SeverityCounts> {
        known([self.critical, self.high, self.medium, self.low, self.info])
    }
}

impl<'de> Deserialize<'de> for Severities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = Severities;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of counts")
            }

            fn visit_unit<E>(self) -> Result<Severities, E> {
                Ok(Severities(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Severities, A::Error> {
                let object = SeverityObject::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Severities(object.counts()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Severities, A::Error> {
                let mut counts = None;
                while let Some(row) = rows.next_element::<Nested<SeverityObject>>()? {
                    counts = counts.or(row.0.and_then(|object| object.counts()));
                }
                Ok(Severities(counts))
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severities(json: &str) -> Option<Severities> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn vulnerabilities_have_many_shapes() {
        let counted = Some(Severities(Some([6, 4, 2, 3, 0])));
        let object = r#"{"severity5Count":6,"severity3Count":"2","severity4Count":4.0,"severity1Count":null,"severity2Count":3}"#;
        assert_eq!(severities(object), counted);
        assert_eq!(severities(&format!("[{object}]")), counted);
        assert_eq!(severities(r#"{"severity5Count":6,"unknown":[1]}"#), Some(Severities(Some([6, 0, 0, 0, 0]))));
        for unscanned in
            ["null", "[]", "{}", r#"{"severity5Count":null}"#, r#"[{"qid":105144,"result":"x"}]"#, "[null]"]
        {
            assert_eq!(severities(unscanned), Some(Severities(None)), "{unscanned}");
        }
        assert_eq!(severities(r#"{"severity5Count":99999999999}"#), Some(Severities(Some([u32::MAX, 0, 0, 0, 0]))));
        for wrong in [r#""many""#, "5", "[5]", r#"{"severity5Count":{}}"#, r#"{"severity5Count":-1}"#] {
            assert_eq!(severities(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_in_place_of_an_object_is_refused() {
        for wrong in [r#"{"uuid":"a","host":["x","y"]}"#, r#"{"uuid":"a","cluster":"x"}"#, r#"{"uuid":"a","label":{}}"#]
        {
            assert!(serde_json::from_str::<BulkRow<'_>>(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<BulkRow<'_>>(r#"{"uuid":"a","environment":5,"vulnerabilities":"x"}"#).is_ok());
    }
}
