//! Rows of containers in the page list and the bulk list.
//!
//! Some facts are in both lists. To test the fallback, one of the two sometimes hides them: never both lists, and
//! never if the other row is unreadable.

use serde_json::{Map, Value, json};

use super::oddity::OddRow;
use crate::random::Random;
use crate::tenant::{Container, Controller, Damage, Label, Row, StrayRow};

/// The names of the counts, from severity 1.
pub(super) const SEVERITIES: [&str; 5] =
    ["severity1Count", "severity2Count", "severity3Count", "severity4Count", "severity5Count"];
const CHECKS: [&str; 3] = ["passCount", "failCount", "errorCount"];

/// The fields that one of the lists hides.
struct Hidden {
    cluster_in_page: bool,
    cluster_in_bulk: bool,
    flags_in_page: bool,
}

impl Hidden {
    fn of(container: &Container, seed: u64) -> Self {
        let mut random = Random::of(seed, &container.uuid, "hidden");
        let cluster_in_page = container.is_placed() && random.percent(8);
        Self {
            cluster_in_page,
            cluster_in_bulk: !cluster_in_page && container.exists() && random.percent(20),
            flags_in_page: container.is_placed() && random.percent(12),
        }
    }
}

/// The container's row in the page list.
pub(super) fn page(container: &Container, seed: u64) -> Value {
    let hidden = Hidden::of(container, seed);
    let mut row = OddRow::new(seed, &container.uuid, "page");
    identity(&mut row, container);
    match &container.cluster {
        Some(cluster) if !hidden.cluster_in_page => {
            row.put("cluster", json!({"name": cluster.name, "uid": cluster.uid}));
        }
        Some(_) | None => row.put_none("cluster"),
    }
    row.put_counts("vulnerabilities", &SEVERITIES, container.findings.as_ref().map(<[_; 5]>::as_slice));
    scores(&mut row, container);
    row.put_counts("compliance", &CHECKS, container.compliance.as_ref().map(<[_; 3]>::as_slice));
    row.put_time("lastVmScanDate", container.last_vm_scan);
    if hidden.flags_in_page {
        for key in ["isRoot", "isVulnPropagated", "exceptions"] {
            row.put_none(key);
        }
    } else {
        propagated(&mut row, container);
    }
    host(&mut row, container);
    damaged(odd(row.finish(), container), container.page_row)
}

/// The container's row in the bulk list.
pub(super) fn bulk(container: &Container, seed: u64) -> Value {
    let hidden = Hidden::of(container, seed);
    let mut row = OddRow::new(seed, &container.uuid, "bulk");
    identity(&mut row, container);
    let labels = label_list(&mut row, &container.labels);
    row.put("label", labels);
    row.put("environment", json!(container.environment));
    row.put("arguments", json!(container.arguments));
    row.put("portMapping", Value::Null);
    cluster(&mut row, container, hidden.cluster_in_bulk);
    let cloud: Map<String, Value> = container.cloud.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    if cloud.is_empty() {
        row.put_none("cloudProvider");
    } else {
        row.put("cloudProvider", cloud);
    }
    findings(&mut row, container);
    scores(&mut row, container);
    propagated(&mut row, container);
    match &container.architectures {
        Some(listed) => row.put("hostArchitecture", json!(listed)),
        None => row.put_none("hostArchitecture"),
    }
    row.put_time("lastScanned", container.last_scanned);
    row.put_flag("isDrift", container.is_drift);
    row.put_flag("privileged", container.privileged);
    row.put_flag("isExposedToWorld", container.is_exposed);
    row.put_flag("isInstrumented", container.is_instrumented);
    row.put_text("source", container.origin.as_deref());
    row.put_text("sensorUuid", container.sensor_uuid.as_deref());
    host(&mut row, container);
    damaged(odd(row.finish(), container), container.bulk_row)
}

/// A row of either list without a container.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    let sound = json!({
        "uuid": stray.uuid, "created": stray.created.to_string(), "updated": stray.updated.to_string(), "state": "RUNNING",
        "name": "stray", "containerId": &stray.uuid[..8],
    });
    damaged(sound, Row::Unreadable(stray.damage))
}

/// The row; for an odd container, values of other types replace nulls, and readers must treat them as missing.
fn odd(mut row: Value, container: &Container) -> Value {
    const STRUCTURES: [&str; 5] = ["cluster", "vulnerabilities", "compliance", "host", "cloudProvider"];
    let fields = row.as_object_mut().filter(|_| container.is_odd).into_iter().flatten();
    for (name, value) in fields.filter(|(_, value)| value.is_null()) {
        *value = if STRUCTURES.contains(&name.as_str()) { json!("many") } else { json!({"value": 258}) };
    }
    row
}

/// The row, or what is left of an unreadable one.
pub(super) fn damaged(mut row: Value, what: Row) -> Value {
    let Row::Unreadable(damage) = what else { return row };
    let Some(fields) = row.as_object_mut() else { return row };
    match damage {
        Damage::NotAnObject => return json!("this is not the record that you are looking for"),
        Damage::NoKey => {
            fields.remove("uuid");
        }
        Damage::ObjectForKey => {
            fields.insert(String::from("uuid"), json!({"value": fields["uuid"]}));
        }
        Damage::ListForKey => {
            fields.insert(String::from("uuid"), json!([fields["uuid"]]));
        }
    }
    row
}

fn identity(row: &mut OddRow, container: &Container) {
    row.put("uuid", container.uuid.as_str());
    row.put("containerId", container.container_id.as_str());
    row.put_text("sha", container.sha.as_deref());
    row.put("name", container.name.as_str());
    row.put_text("imageUuid", container.image_uuid.as_deref());
    row.put_text("imageDigest", container.image_digest.as_deref());
    row.put_text("imageSha", container.image_sha.as_deref());
    row.put_text("state", container.state.as_deref());
    row.put_time("created", Some(container.created));
    row.put_stamp("updated", container.updated);
}

fn scores(row: &mut OddRow, container: &Container) {
    for (key, score) in [("riskScore", container.risk_score), ("maxQdsScore", container.max_qds_score)] {
        row.put_score(key, score);
    }
    row.put_text("qdsSeverity", container.qds_severity.as_deref());
    match container.criticality.as_deref().map(str::parse::<u32>) {
        Some(Ok(number)) => row.put_number("criticality", Some(number)),
        Some(Err(_)) | None => row.put_text("criticality", container.criticality.as_deref()),
    }
}

/// The fields that both lists have.
fn propagated(row: &mut OddRow, container: &Container) {
    row.put_flag("isRoot", container.is_root);
    row.put_flag("isVulnPropagated", container.is_vuln_propagated);
    let kinds = ["CASCADE", "MANUAL"].iter().cycle();
    let exceptions: Vec<Value> = kinds
        .take(container.exceptions)
        .enumerate()
        .map(|(index, kind)| json!({"uuid": format!("624efd86-6172-4851-beb1-{index:012}"), "assignmentType": kind}))
        .collect();
    if exceptions.is_empty() && row.percent(60) {
        row.put_none("exceptions");
    } else {
        row.put("exceptions", exceptions);
    }
}

fn host(row: &mut OddRow, container: &Container) {
    let Some(host) = &container.host else { return row.put_none("host") };
    row.put(
        "host",
        json!({"sensorUuid": host.sensor_uuid, "hostname": host.hostname, "ipAddress": "10.0.0.1", "uuid": null, "lastUpdated": "2023-05-09T08:47:15.854Z"}),
    );
}

fn cluster(row: &mut OddRow, container: &Container, is_nameless: bool) {
    let mut cluster = Map::new();
    if let Some(known) = &container.cluster
        && !is_nameless
    {
        cluster.insert(String::from("name"), json!(known.name));
        cluster.insert(String::from("uid"), json!(known.uid));
    }
    if let Some(pod) = &container.pod {
        let labels = label_list(row, &pod.labels);
        let controllers: Vec<Value> = pod
            .controllers
            .iter()
            .map(|Controller { kind, name }| json!({"uuid": null, "name": name, "type": kind}))
            .collect();
        let node = pod.node.as_ref().map(|node| json!({"name": node, "isMaster": false}));
        let metadata = json!({"labels": ["kubernetes.io/metadata.name:x"], "annotations": null});
        cluster.insert(
            String::from("k8s"),
            json!({
                "project": null, "node": node,
                "pod": {
                    "name": pod.name, "uuid": null, "namespace": pod.namespace, "namespaceMetadata": metadata, "label": labels,
                    "controller": if controllers.is_empty() && row.percent(50) { Value::Null } else { json!(controllers) },
                },
            }),
        );
        cluster.insert(String::from("type"), json!("KUBERNETES"));
    }
    if cluster.is_empty() {
        row.put_none("cluster");
    } else {
        row.put("cluster", cluster);
    }
}

fn label_list(row: &mut OddRow, labels: &[Label]) -> Value {
    if labels.is_empty() && row.percent(50) {
        return Value::Null;
    }
    labels.iter().map(|Label { key, value }| json!({"key": key, "value": value})).collect()
}

/// Findings without severities or, as in one of the vendor's releases, their counts.
fn findings(row: &mut OddRow, container: &Container) {
    if row.percent(15) {
        return row.put_counts("vulnerabilities", &SEVERITIES, container.findings.as_ref().map(<[_; 5]>::as_slice));
    }
    let total: u32 = container.findings.iter().flatten().flatten().sum();
    let listed: Vec<Value> = (0..total.min(3))
        .map(|index| json!({"qid": 105_144 + index, "result": "#table cols=\"3\"\nbash 5.1 5.2", "software": null}))
        .collect();
    row.put("vulnerabilities", listed);
}
