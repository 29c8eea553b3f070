//! Families about containers.

use super::label::{
    CLOUD_ACCOUNT_ID, CLOUD_PROVIDER, CLOUD_REGION, CONTAINER_ID, CONTAINER_IMAGE_NAME, CONTAINER_NAME,
    CONTAINER_RUNTIME_NAME, CRITICALITY, HOST_ARCH, HOST_NAME, K8S_CLUSTER_NAME, K8S_NAMESPACE_NAME, K8S_NODE_NAME,
    K8S_WORKLOAD_KIND, K8S_WORKLOAD_NAME, ORIGIN, SOURCE, STATE,
};
use super::label_sets::{FINDING_KINDS, RISK_LEVELS, SEVERITIES, SEVERITIES_OF_PRISMA, add_risk_level};
use super::sensors::seen;
use crate::metric::{Column, Decided, Family, FixedLabels, Kind, Label, LastSeen, Metric, Read, Unit, Value};
use crate::names::Name;
use crate::record::{Container, Vendor};
use crate::view::SourceView;

mod count;
mod read;

use count::{
    CHECK_STATUSES, CONDITIONS, HIGHEST_SEVERITIES, QDS_SEVERITIES, SENSOR_STATES, add_checks, add_compliance_issues,
    add_conditions, add_findings, add_highest_severity, add_kinds_of_findings, add_qds_severity,
};
pub(super) use read::promoted;
use read::{bulk, cluster, host_arch, id, image_name, last_scan, name, origin, prisma, qualys, risk, runtime, state};

/// The labels that `containers.group_by` may name: their readers and, for joined ones, whether their listing is known.
pub(super) static CHOICES: &[(&Label, Read<Container>, Option<Decided>)] = &[
    (&K8S_CLUSTER_NAME, cluster, None),
    (&K8S_NAMESPACE_NAME, |row| bulk(row, |bulk| bulk.namespace), None),
    (&K8S_NODE_NAME, |row| bulk(row, |bulk| bulk.node), None),
    (&K8S_WORKLOAD_KIND, |row| bulk(row, |bulk| bulk.workload_kind), None),
    (&K8S_WORKLOAD_NAME, |row| bulk(row, |bulk| bulk.workload_name), None),
    (&HOST_NAME, |row| bulk(row, |bulk| bulk.host_name), None),
    (&CONTAINER_IMAGE_NAME, image_name, Some(images_are_known)),
    (&CLOUD_PROVIDER, |row| bulk(row, |bulk| bulk.cloud_provider), None),
    (&CLOUD_ACCOUNT_ID, |row| bulk(row, |bulk| bulk.cloud_account), None),
    (&CLOUD_REGION, |row| bulk(row, |bulk| bulk.cloud_region), None),
    (&ORIGIN, origin, None),
];

const BY_CHOICE: Column<Container> = Column::Chosen("‹group›", |settings| &settings.container_labels);

static GROUP: &[Column<Container>] = &[SOURCE.keep(|row| row.source.name), STATE.keep(state), BY_CHOICE];

fn images_are_known(source: &SourceView<'_>) -> bool {
    source.knows_images()
}

/// In Qualys the runtime of a container is that of the sensor on its host.
fn runtime_is_known(source: &SourceView<'_>) -> bool {
    match source.vendor {
        Some(Vendor::Qualys) => source.knows_sensors(),
        Some(Vendor::Prisma) | None => true,
    }
}

fn sensor_seen(row: read::ContainerRow<'_>) -> Option<LastSeen> {
    row.source.knows_sensors().then(|| row.sensor().map_or(LastSeen::Missing, |(sensor, _)| seen(sensor)))
}

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Container> {
        name: "container_security_containers",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers known to the source",
        by: GROUP,
        value: Value::Count,
    },
    &Family::<Container> {
        name: "container_security_container_vulnerabilities",
        kind: Kind::Gauge,
        unit: Unit::Each("vulnerability"),
        help: "Findings in containers",
        by: GROUP,
        value: Value::PerLabelSet(SEVERITIES, add_findings),
    },
    &Family::<Container> {
        name: "container_security_containers_by_highest_severity",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Scanned containers by severity of their worst finding",
        by: GROUP,
        value: Value::PerLabelSet(HIGHEST_SEVERITIES, add_highest_severity),
    },
    &Family::<Container> {
        name: "container_security_containers_by_risk_level",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by risk level",
        by: GROUP,
        value: Value::PerLabelSet(RISK_LEVELS, |row, numbers| add_risk_level(risk(row), numbers)),
    },
    &Family::<Container> {
        name: "container_security_container_findings",
        kind: Kind::Gauge,
        unit: Unit::Each("finding"),
        help: "Findings in the images of containers by type and availability of a fix",
        by: GROUP,
        value: Value::PerLabelSet(FINDING_KINDS, add_kinds_of_findings),
    },
    &Family::<Container> {
        name: "container_security_container_risk_score_max",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Highest container risk score, 0 to 1000",
        by: GROUP,
        value: Value::Max(risk),
    },
    &Family::<Container> {
        name: "container_security_container_risk_score_average",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Mean risk score of scored containers, 0 to 1000",
        by: GROUP,
        value: Value::Average(risk),
    },
    &Family::<Container> {
        name: "container_security_containers_by_qds_severity",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by severity of their highest Qualys detection score",
        by: GROUP,
        value: Value::PerLabelSet(QDS_SEVERITIES, add_qds_severity),
    },
    &Family::<Container> {
        name: "container_security_container_qds_score_max",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Highest Qualys detection score, 0 to 100",
        by: GROUP,
        value: Value::Max(|row| qualys(row)?.qds.get()),
    },
    &Family::<Container> {
        name: "container_security_containers_by_criticality",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by asset criticality",
        by: &[
            SOURCE.keep(|row| row.source.name),
            STATE.keep(state),
            BY_CHOICE,
            CRITICALITY.subgroup(|row| row.text(qualys(row).map_or(Name::UNKNOWN, |fields| fields.criticality))),
        ],
        value: Value::Sum(|row| qualys(row).map(|_| 1.0)),
    },
    &Family::<Container> {
        name: "container_security_container_compliance_checks",
        kind: Kind::Gauge,
        unit: Unit::Each("check"),
        help: "Compliance checks of containers by result",
        by: GROUP,
        value: Value::PerLabelSet(FixedLabels::Same(&CHECK_STATUSES), add_checks),
    },
    &Family::<Container> {
        name: "container_security_container_compliance_issues",
        kind: Kind::Gauge,
        unit: Unit::Each("issue"),
        help: "Failed compliance checks of containers",
        by: GROUP,
        value: Value::PerLabelSet(SEVERITIES_OF_PRISMA, add_compliance_issues),
    },
    &Family::<Container> {
        name: "container_security_container_compliance_risk_score_max",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Highest container compliance risk score",
        by: GROUP,
        value: Value::Max(|row| prisma(row)?.compliance_risk.get()),
    },
    &Family::<Container> {
        name: "container_security_containers_without_passed_checks",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers for which the vendor keeps only failed compliance checks",
        by: GROUP,
        value: Value::Sum(|row| {
            prisma(row).map(|fields| f64::from(u8::from(fields.keeps_passed_checks != Some(true))))
        }),
    },
    &Family::<Container> {
        name: "container_security_containers_with_condition",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by condition; conditions overlap",
        by: GROUP,
        value: Value::PerLabelSet(CONDITIONS, add_conditions),
    },
    &Family::<Container> {
        name: "container_security_container_oldest_scan_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Oldest last-scan time of containers, Unix seconds",
        by: GROUP,
        value: Value::Min(last_scan),
    },
    &Family::<Container> {
        name: "container_security_containers_by_runtime",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by container runtime",
        by: &[
            SOURCE.keep(|row| row.source.name),
            STATE.keep(state),
            K8S_CLUSTER_NAME.fold(cluster),
            CONTAINER_RUNTIME_NAME.joined(runtime, runtime_is_known),
        ],
        value: Value::Count,
    },
    &Family::<Container> {
        name: "container_security_containers_by_architecture",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by the CPU architecture of their host",
        by: &[
            SOURCE.keep(|row| row.source.name),
            STATE.keep(state),
            K8S_CLUSTER_NAME.fold(cluster),
            HOST_ARCH.fold(host_arch),
        ],
        value: Value::Sum(|row| qualys(row).map(|_| 1.0)),
    },
    &Family::<Container> {
        name: "container_security_containers_by_sensor_state",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by state of the sensor on their host",
        by: &[SOURCE.keep(|row| row.source.name), STATE.keep(state), K8S_CLUSTER_NAME.fold(cluster)],
        value: Value::Freshness(SENSOR_STATES, sensor_seen),
    },
    &Family::<Container> {
        name: "container_security_top_container_risk_score",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Risk score of the riskiest containers, 0 to 1000",
        by: &[
            SOURCE.keep(|row| row.source.name),
            CONTAINER_ID.keep(id),
            CONTAINER_NAME.keep(name),
            CONTAINER_IMAGE_NAME.keep(image_name),
            K8S_CLUSTER_NAME.keep(cluster),
            K8S_NAMESPACE_NAME.keep(|row| bulk(row, |bulk| bulk.namespace)),
            STATE.keep(state),
        ],
        value: Value::Top(|row| risk(row).filter(|_| state(row) != "deleted"), id, |settings| settings.top_containers),
    },
];
