//! Maps a container's rows to its record.

use crate::names::{Name, Names};
use crate::record::{
    BulkListFields, Condition, Conditions, Counts, Identity, PageListFields, QdsSeverity, QualysFields, Score,
    VendorFields,
};

use crate::labels::{bare, lower, word};
use crate::source::qualys::wire::{BulkRow, Compliance, Label, PageRow};
use crate::wire::Text;

/// The container label that names the namespace if the pod does not.
const NAMESPACE: &str = "io.kubernetes.pod.namespace";

/// Fields of a container from its row of the page list.
pub(crate) fn page_fields(names: &mut Names, row: &PageRow<'_>) -> PageListFields {
    let cluster = row.cluster.0.as_ref().map_or("", |cluster| cluster.name.get());
    PageListFields {
        updated: row.updated.0,
        identity: Identity::new(row.container_id.get(), row.name.get()),
        state: word(names, row.state.get()),
        image: image_ids(names, [&row.image_uuid, &row.image_digest, &row.image_sha]),
        cluster: names.intern(cluster),
        conditions: Conditions::default()
            .with(Condition::Root, row.is_root.0)
            .with(Condition::VulnerabilityPropagated, row.is_vuln_propagated.0)
            .with(Condition::Excepted, row.exceptions.0.map(|exceptions| exceptions > 0)),
        last_scan: row.last_vm_scan_date.0,
        vendor: VendorFields::Qualys(QualysFields {
            criticality: word(names, row.criticality.get()),
            findings: row.vulnerabilities.counts().map(Counts::from),
            checks: row.compliance.0.as_ref().and_then(Compliance::checks).map(Counts::from),
            risk: Score::new(row.risk_score.0),
            qds: Score::new(row.max_qds_score.0),
            qds_severity: qds_severity(row.qds_severity.get()),
        }),
    }
}

/// Fields of a container from its row of the bulk list. `promote` lists the keys of the labels whose values are kept.
pub(crate) fn bulk_fields(names: &mut Names, row: &BulkRow<'_>, promote: &[String]) -> BulkListFields {
    let host = row.host.0.as_ref();
    let cluster = row.cluster.0.as_ref();
    let k8s = cluster.and_then(|cluster| cluster.k8s.0.as_ref());
    let pod = k8s.and_then(|k8s| k8s.pod.0.as_ref());
    let controller = pod.and_then(|pod| pod.controller.get().first());
    let sensor = host.and_then(|host| host.sensor_uuid.filled()).or_else(|| row.sensor_uuid.filled());
    let architecture = row.host_architecture.first();
    let own = row.label.get();
    let of_pod = pod.map(|pod| pod.label.get()).unwrap_or_default();
    let namespace = pod.and_then(|pod| pod.namespace.filled()).or_else(|| value(own, NAMESPACE));
    BulkListFields {
        updated: row.updated.0,
        cluster: names.intern(cluster.map_or("", |cluster| cluster.name.get())),
        namespace: names.intern(namespace.unwrap_or_default()),
        node: names.intern(k8s.and_then(|k8s| k8s.node.0.as_ref()).map_or("", |node| node.name.get())),
        workload_kind: names.intern(controller.map_or("", |controller| controller.r#type.get())),
        workload_name: names.intern(controller.map_or("", |controller| controller.name.get())),
        host_name: names.intern(host.map_or("", |host| host.hostname.get())),
        host_arch: word(names, architecture),
        image: image_ids(names, [&row.image_digest, &row.image_sha]),
        sensor: names.intern(sensor.unwrap_or_default()),
        cloud_provider: lower(names, row.cloud_provider.provider()),
        cloud_account: names.intern(row.cloud_provider.account()),
        cloud_region: names.intern(row.cloud_provider.region()),
        origin: word(names, row.source.first()),
        labels: promote
            .iter()
            .map(|key| value(own, key).or_else(|| value(of_pod, key)).map_or(Name::EMPTY, |value| names.intern(value)))
            .collect(),
        conditions: Conditions::default()
            .with(Condition::Privileged, row.privileged.0)
            .with(Condition::Root, row.is_root.0)
            .with(Condition::Drifted, row.is_drift.0)
            .with(Condition::VulnerabilityPropagated, row.is_vuln_propagated.0)
            .with(Condition::ExposedToWorld, row.is_exposed_to_world.0)
            .with(Condition::Instrumented, row.is_instrumented.0)
            .with(Condition::Excepted, row.exceptions.0.map(|exceptions| exceptions > 0)),
        last_scan: row.last_scanned.0,
    }
}

/// Ids of the container's image, best first. Containers of one image share the text.
fn image_ids<const N: usize>(names: &mut Names, ids: [&Text<'_>; N]) -> Name {
    let mut given = ids.into_iter().filter_map(Text::filled).map(bare);
    match (given.next(), given.next()) {
        (None, _) => Name::EMPTY,
        (Some(only), None) => names.intern(only),
        (Some(first), Some(second)) => {
            let all: Vec<_> = [first, second].into_iter().chain(given).collect();
            names.intern(&all.join(" "))
        }
    }
}

/// The value of the first label with this key; `None` if it is null.
fn value<'a>(labels: &'a [Label<'_>], key: &str) -> Option<&'a str> {
    labels.iter().find(|label| label.key.get() == key)?.value.0.as_deref()
}

fn qds_severity(word: &str) -> QdsSeverity {
    const WORDS: [(&str, QdsSeverity); 4] = [
        ("critical", QdsSeverity::Critical),
        ("high", QdsSeverity::High),
        ("medium", QdsSeverity::Medium),
        ("low", QdsSeverity::Low),
    ];
    let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map_or(QdsSeverity::Unknown, |(_, severity)| *severity)
}
