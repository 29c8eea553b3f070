//! Rows of the two container listings. Only fields that are read are named here: `environment`, `softwares` and
//! findings are skipped without being decoded, as they are large and may hold secrets.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::cloud::Cloud;
use crate::wire::{
    Count, Field, FieldState, Flag, Keyed, Length, List, Nested, Number, Read, Row, Text, Time, Words, known,
    other_scalars, row,
};

row! {
    /// A row of `/csapi/v1.3/containers`; from release notes 1.38, "Fetch a List of Containers in your Account".
    pub struct PageRow<'a> {
        uuid: Text<'a> = "uuid" as key,
        updated: Time = "updated" as order,
        container_id: Text<'a> = "containerId",
        name: Text<'a> = "name",
        state: Text<'a> = "state",
        image_uuid: Text<'a> = "imageUuid",
        image_digest: Text<'a> = "imageDigest",
        image_sha: Text<'a> = "imageSha",
        cluster: Nested<NamedCluster<'a>> = "cluster",
        vulnerabilities: Severities = "vulnerabilities",
        compliance: Nested<Compliance> = "compliance",
        risk_score: Number = "riskScore",
        max_qds_score: Number = "maxQdsScore",
        qds_severity: Text<'a> = "qdsSeverity",
        criticality: Text<'a> = "criticality",
        is_root: Flag = "isRoot",
        is_vuln_propagated: Flag = "isVulnPropagated",
        exceptions: Length = "exceptions",
        last_vm_scan_date: Time = "lastVmScanDate",
    }
}

impl Keyed for PageRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

row! {
    /// A row of `/csapi/v1.3/containers/list`: the full detail of a container.
    pub struct BulkRow<'a> {
        uuid: Text<'a> = "uuid" as key,
        updated: Time = "updated" as order,
        label: List<Label<'a>> = "label",
        image_digest: Text<'a> = "imageDigest",
        image_sha: Text<'a> = "imageSha",
        host: Nested<Host<'a>> = "host",
        sensor_uuid: Text<'a> = "sensorUuid",
        cluster: Nested<FullCluster<'a>> = "cluster",
        cloud_provider: Cloud<'a> = "cloudProvider",
        host_architecture: Words<'a> = "hostArchitecture",
        source: Words<'a> = "source",
        privileged: Flag = "privileged",
        is_root: Flag = "isRoot",
        is_drift: Flag = "isDrift",
        is_vuln_propagated: Flag = "isVulnPropagated",
        is_exposed_to_world: Flag = "isExposedToWorld",
        is_instrumented: Flag = "isInstrumented",
        exceptions: Length = "exceptions",
        last_scanned: Time = "lastScanned",
    }
}

impl Keyed for BulkRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

row! {
    /// The page list's `cluster`.
    pub struct NamedCluster<'a> {
        name: Text<'a> = "name",
    }
}

row! {
    /// The bulk list's `cluster`; older answers have no `name`.
    pub struct FullCluster<'a> {
        name: Text<'a> = "name",
        k8s: Nested<Kubernetes<'a>> = "k8s",
    }
}

row! {
    /// `cluster.k8s`.
    pub struct Kubernetes<'a> {
        pod: Nested<Pod<'a>> = "pod",
        node: Nested<Node<'a>> = "node",
    }
}

row! {
    /// `cluster.k8s.pod`.
    pub struct Pod<'a> {
        namespace: Text<'a> = "namespace",
        label: List<Label<'a>> = "label",
        controller: List<Controller<'a>> = "controller",
    }
}

row! {
    /// The controller of a pod.
    pub struct Controller<'a> {
        name: Text<'a> = "name",
        r#type: Text<'a> = "type",
    }
}

row! {
    /// `cluster.k8s.node`.
    pub struct Node<'a> {
        name: Text<'a> = "name",
    }
}

row! {
    /// A label of a container or of its pod.
    pub struct Label<'a> {
        key: Text<'a> = "key",
        value: Text<'a> = "value",
    }
}

row! {
    /// `host`; null for serverless containers.
    pub struct Host<'a> {
        sensor_uuid: Text<'a> = "sensorUuid",
        hostname: Text<'a> = "hostname",
    }
}

row! {
    /// `compliance`: checks by outcome.
    pub struct Compliance {
        pass_count: Count = "passCount",
        fail_count: Count = "failCount",
        error_count: Count = "errorCount",
    }
}

impl Compliance {
    /// Passed, failed and erred; a missing one is 0 unless all are missing, which means that no checks were made.
    pub fn checks(&self) -> Option<[u64; 3]> {
        known([self.pass_count, self.fail_count, self.error_count])
    }
}

row! {
    /// Findings by severity.
    struct SeverityObject {
        critical: Count = "severity5Count",
        high: Count = "severity4Count",
        medium: Count = "severity3Count",
        low: Count = "severity2Count",
        info: Count = "severity1Count",
    }
}

/// `vulnerabilities` of the page list: an object of counts, and in one release note an array around that object.
/// An array of findings has no severities, so it has no counts.
#[derive(Debug, Default)]
pub struct Severities(Option<SeverityObject>);

impl Severities {
    /// The counts, missing ones as 0; `None` if all are missing, because then nothing was counted.
    pub fn counts(&self) -> Option<[u64; 5]> {
        self.0.as_ref().and_then(SeverityObject::counts)
    }
}

impl SeverityObject {
    fn counts(&self) -> Option<[u64; 5]> {
        known([self.critical, self.high, self.medium, self.low, self.info])
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = (Severities, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok((Severities(Some(SeverityObject::read(map)?)), FieldState::Present))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut state): (Option<SeverityObject>, _) = (None, FieldState::Absent);
        while let Some(Read(row, its)) = rows.next_element::<Read<Nested<SeverityObject>>>()? {
            state = state.max(its);
            // The first one with counts; one without may still show that it is unreadable.
            if found.as_ref().is_none_or(|found| found.counts().is_none()) {
                found = row.0.or(found);
            }
        }
        Ok((Severities(found), state))
    }

    other_scalars!();
}

impl<'de> Field<'de> for Severities {
    const PATHS: usize = SeverityObject::PATHS;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Shapes)
    }

    fn paths(path: &str, paths: &mut Vec<String>) {
        SeverityObject::paths(path, paths);
    }

    fn raise(&self, state: FieldState, states: &mut [FieldState]) {
        match &self.0 {
            Some(object) => object.raise(states),
            None => states.fill(state),
        }
    }
}
