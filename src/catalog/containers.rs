//! Families about containers.

use super::label::{
    CLOUD_ACCOUNT_ID, CLOUD_PROVIDER, CLOUD_REGION, CONDITION, CONTAINER_ID, CONTAINER_IMAGE_NAME, CONTAINER_NAME,
    CONTAINER_RUNTIME_NAME, CRITICALITY, HOST_NAME, K8S_CLUSTER_NAME, K8S_NAMESPACE_NAME, K8S_NODE_NAME,
    K8S_WORKLOAD_KIND, K8S_WORKLOAD_NAME, ORIGIN, QDS_SEVERITY, RISK_LEVEL, SENSOR_STATE, SEVERITY, SOURCE, STATE,
    STATUS, VENDOR_SEVERITY,
};
use super::sensors::seen;
use crate::clock::Timestamp;
use crate::metric::{Cells, Closed, Column, Family, Kind, Label, Metric, Read, Seen, Unit, Value};
use crate::names::Name;
use crate::record::{
    Assessment, Condition, Container, Particulars, Placement, QdsSeverity, QualysParticulars, SeverityCounts,
};
use crate::view::Row;

type ContainerRow<'a> = Row<'a, Container>;

fn assessed(row: ContainerRow<'_>, field: fn(&Assessment) -> Name) -> &str {
    row.text(row.record.assessment.as_ref().map_or(Name::EMPTY, field))
}

fn placed(row: ContainerRow<'_>, field: fn(&Placement) -> Name) -> &str {
    row.text(row.record.placement.as_ref().map_or(Name::EMPTY, field))
}

/// The page list's cluster, else the bulk list's.
fn cluster(row: ContainerRow<'_>) -> &str {
    match assessed(row, |assessment| assessment.cluster) {
        "" => placed(row, |placement| placement.cluster),
        cluster => cluster,
    }
}

fn state(row: ContainerRow<'_>) -> &str {
    assessed(row, |assessment| assessment.state)
}

/// Where the vendor knows it from; a container without a placement was not told about.
fn origin(row: ContainerRow<'_>) -> &str {
    row.text(row.record.placement.as_ref().map_or(Name::UNKNOWN, |placement| placement.origin))
}

fn runtime(row: ContainerRow<'_>) -> &str {
    row.sensor().map_or_else(|| row.text(Name::UNKNOWN), |(sensor, names)| names.text(sensor.runtime))
}

fn qualys(row: ContainerRow<'_>) -> Option<&QualysParticulars> {
    match &row.record.assessment.as_ref()?.particulars {
        Particulars::Qualys(particulars) => Some(particulars),
        Particulars::Prisma(_) => None,
    }
}

fn findings(row: ContainerRow<'_>) -> Option<SeverityCounts> {
    qualys(row)?.findings
}

fn risk(row: ContainerRow<'_>) -> Option<f64> {
    qualys(row)?.risk.get()
}

fn holds(row: ContainerRow<'_>, condition: Condition) -> bool {
    let told = |conditions: Option<crate::record::Conditions>| conditions.unwrap_or_default();
    let assessed = told(row.record.assessment.as_ref().map(|assessment| assessment.conditions));
    let placed = told(row.record.placement.as_ref().map(|placement| placement.conditions));
    assessed.or(placed).hold(condition)
}

/// The value of the promoted label at a place in the configuration's list.
pub(super) fn promoted(row: ContainerRow<'_>, at: usize) -> &str {
    let labels = row.record.placement.as_ref().map(|placement| &placement.labels);
    row.text(labels.and_then(|labels| labels.get(at)).copied().unwrap_or(Name::EMPTY))
}

/// The labels that `containers.group_by` may name, with their readers.
pub(super) static CHOICES: &[(&Label, Read<Container>)] = &[
    (&K8S_CLUSTER_NAME, cluster),
    (&K8S_NAMESPACE_NAME, |row| placed(row, |placement| placement.namespace)),
    (&K8S_NODE_NAME, |row| placed(row, |placement| placement.node)),
    (&K8S_WORKLOAD_KIND, |row| placed(row, |placement| placement.workload_kind)),
    (&K8S_WORKLOAD_NAME, |row| placed(row, |placement| placement.workload_name)),
    (&HOST_NAME, |row| placed(row, |placement| placement.host_name)),
    // Stays empty until images are collected, which know their repositories.
    (&CONTAINER_IMAGE_NAME, |row| row.text(Name::EMPTY)),
    (&CLOUD_PROVIDER, |row| placed(row, |placement| placement.cloud_provider)),
    (&CLOUD_ACCOUNT_ID, |row| placed(row, |placement| placement.cloud_account)),
    (&CLOUD_REGION, |row| placed(row, |placement| placement.cloud_region)),
    (&ORIGIN, origin),
];

static GROUP: &[Column<Container>] =
    &[SOURCE.place(|row| row.source.name), STATE.place(state), Column::Chosen(|settings| &settings.chosen)];

static SEVERITIES: Cells = Cells {
    labels: &[&SEVERITY, &VENDOR_SEVERITY],
    values: &[&["critical", "5"], &["high", "4"], &["medium", "3"], &["low", "2"], &["info", "1"]],
};

static HIGHEST_SEVERITIES: Cells = Cells {
    labels: &[&SEVERITY, &VENDOR_SEVERITY],
    values: &[&["critical", "5"], &["high", "4"], &["medium", "3"], &["low", "2"], &["info", "1"], &["none", ""]],
};

static RISK_LEVELS: Cells =
    Cells { labels: &[&RISK_LEVEL], values: &[&["severe"], &["high"], &["medium"], &["low"], &["unscored"]] };

static QDS_SEVERITIES: Cells =
    Cells { labels: &[&QDS_SEVERITY], values: &[&["critical"], &["high"], &["medium"], &["low"], &["unknown"]] };

static CHECK_STATUSES: Cells = Cells { labels: &[&STATUS], values: &[&["pass"], &["fail"], &["error"]] };

static QUALYS_CONDITIONS: Cells = Cells {
    labels: &[&CONDITION],
    values: &[
        &["never_scanned"],
        &["privileged"],
        &["root"],
        &["drifted"],
        &["vulnerability_propagated"],
        &["exposed_to_world"],
        &["instrumented"],
        &["excepted"],
    ],
};

static SENSOR_STATES: Cells = Cells { labels: &[&SENSOR_STATE], values: &[&["live"], &["stale"], &["missing"]] };

/// Counts a record in one of the cells.
fn tick(cells: &mut [f64], at: usize) -> bool {
    if let Some(cell) = cells.get_mut(at) {
        *cell += 1.0;
    }
    true
}

fn add_findings(row: ContainerRow<'_>, cells: &mut [f64]) -> bool {
    let findings = findings(row);
    for (cell, findings) in cells.iter_mut().zip(findings.iter().flatten()) {
        *cell += f64::from(*findings);
    }
    findings.is_some()
}

fn add_highest_severity(row: ContainerRow<'_>, cells: &mut [f64]) -> bool {
    findings(row).is_some_and(|findings| {
        let worst = findings.iter().position(|findings| *findings > 0);
        tick(cells, worst.unwrap_or(findings.len()))
    })
}

fn add_risk_level(row: ContainerRow<'_>, cells: &mut [f64]) -> bool {
    let level = match risk(row) {
        Some(score) if score >= 850.0 => 0,
        Some(score) if score >= 700.0 => 1,
        Some(score) if score >= 500.0 => 2,
        Some(_) => 3,
        None => 4,
    };
    tick(cells, level)
}

fn add_qds_severity(row: ContainerRow<'_>, cells: &mut [f64]) -> bool {
    tick(
        cells,
        match qualys(row).map_or(QdsSeverity::Unknown, |particulars| particulars.qds_severity) {
            QdsSeverity::Critical => 0,
            QdsSeverity::High => 1,
            QdsSeverity::Medium => 2,
            QdsSeverity::Low => 3,
            QdsSeverity::Unknown => 4,
        },
    )
}

fn add_checks(row: ContainerRow<'_>, cells: &mut [f64]) -> bool {
    let checks = qualys(row).and_then(|particulars| particulars.checks);
    for (cell, checks) in cells.iter_mut().zip(checks.iter().flatten()) {
        *cell += f64::from(*checks);
    }
    checks.is_some()
}

fn add_qualys_conditions(row: ContainerRow<'_>, cells: &mut [f64]) -> bool {
    let conditions = [
        findings(row).is_none(),
        holds(row, Condition::Privileged),
        holds(row, Condition::Root),
        holds(row, Condition::Drifted),
        holds(row, Condition::VulnerabilityPropagated),
        holds(row, Condition::ExposedToWorld),
        holds(row, Condition::Instrumented),
        holds(row, Condition::Excepted),
    ];
    for (cell, holds) in cells.iter_mut().zip(conditions) {
        *cell += f64::from(u8::from(holds));
    }
    true
}

fn last_scan(row: ContainerRow<'_>) -> Option<f64> {
    let assessed = row.record.assessment.as_ref().and_then(|assessment| assessment.last_scan);
    let placed = row.record.placement.as_ref().and_then(|placement| placement.last_scan);
    assessed.or(placed).map(Timestamp::seconds)
}

fn sensor_seen(row: ContainerRow<'_>) -> Option<Seen> {
    row.source.knows_sensors().then(|| row.sensor().map_or(Seen::Missing, |(sensor, _)| seen(sensor)))
}

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Container> {
        name: "container_security_containers",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers known",
        by: GROUP,
        value: Value::Count,
    },
    &Family::<Container> {
        name: "container_security_container_vulnerabilities",
        kind: Kind::Gauge,
        unit: Unit::Each("vulnerability"),
        help: "Findings of the containers",
        by: GROUP,
        value: Value::Cells(Closed::PerVendor(SEVERITIES.labels, |_| Some(&SEVERITIES)), add_findings),
    },
    &Family::<Container> {
        name: "container_security_containers_by_highest_severity",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Scanned containers by their worst finding, none for clean ones",
        by: GROUP,
        value: Value::Cells(
            Closed::PerVendor(HIGHEST_SEVERITIES.labels, |_| Some(&HIGHEST_SEVERITIES)),
            add_highest_severity,
        ),
    },
    &Family::<Container> {
        name: "container_security_containers_by_risk_level",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by the level of their risk score",
        by: GROUP,
        value: Value::Cells(Closed::Same(&RISK_LEVELS), add_risk_level),
    },
    &Family::<Container> {
        name: "container_security_container_risk_score_max",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Highest risk score of the containers, 0 to 1000",
        by: GROUP,
        value: Value::Max(risk),
    },
    &Family::<Container> {
        name: "container_security_container_risk_score_average",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Mean risk score of the containers that have one, 0 to 1000",
        by: GROUP,
        value: Value::Average(risk),
    },
    &Family::<Container> {
        name: "container_security_containers_by_qds_severity",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by the severity of their highest Qualys detection score",
        by: GROUP,
        value: Value::Cells(Closed::Same(&QDS_SEVERITIES), add_qds_severity),
    },
    &Family::<Container> {
        name: "container_security_container_qds_score_max",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Highest Qualys detection score of the containers, 0 to 100",
        by: GROUP,
        value: Value::Max(|row| qualys(row)?.qds.get()),
    },
    &Family::<Container> {
        name: "container_security_containers_by_criticality",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by the criticality of the asset",
        by: &[
            SOURCE.place(|row| row.source.name),
            STATE.place(state),
            Column::Chosen(|settings| &settings.chosen),
            CRITICALITY.inner(|row| row.text(qualys(row).map_or(Name::UNKNOWN, |particulars| particulars.criticality))),
        ],
        value: Value::Count,
    },
    &Family::<Container> {
        name: "container_security_container_compliance_checks",
        kind: Kind::Gauge,
        unit: Unit::Each("check"),
        help: "Compliance checks made of the containers, by outcome",
        by: GROUP,
        value: Value::Cells(Closed::Same(&CHECK_STATUSES), add_checks),
    },
    &Family::<Container> {
        name: "container_security_containers_with_condition",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers for which the condition holds; conditions overlap",
        by: GROUP,
        value: Value::Cells(
            Closed::PerVendor(QUALYS_CONDITIONS.labels, |_| Some(&QUALYS_CONDITIONS)),
            add_qualys_conditions,
        ),
    },
    &Family::<Container> {
        name: "container_security_container_oldest_scan_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Last scan of the container whose last scan is the longest ago",
        by: GROUP,
        value: Value::Min(last_scan),
    },
    &Family::<Container> {
        name: "container_security_containers_by_runtime",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by the container runtime of their host",
        by: &[
            SOURCE.place(|row| row.source.name),
            STATE.place(state),
            K8S_CLUSTER_NAME.fold(cluster),
            CONTAINER_RUNTIME_NAME.fold(runtime),
        ],
        value: Value::Count,
    },
    &Family::<Container> {
        name: "container_security_containers_by_sensor_state",
        kind: Kind::Gauge,
        unit: Unit::Each("container"),
        help: "Containers by whether the sensor of their host is live, stale or missing",
        by: &[SOURCE.place(|row| row.source.name), STATE.place(state), K8S_CLUSTER_NAME.fold(cluster)],
        value: Value::Freshness(Closed::Same(&SENSOR_STATES), sensor_seen),
    },
    &Family::<Container> {
        name: "container_security_top_container_risk_score",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Risk score of the riskiest containers that are not deleted",
        by: &[
            SOURCE.place(|row| row.source.name),
            CONTAINER_ID.place(|row| row.record.assessment.as_ref().map_or("", |known| known.identity.id())),
            CONTAINER_NAME.place(|row| row.record.assessment.as_ref().map_or("", |known| known.identity.name())),
            CONTAINER_IMAGE_NAME.place(|row| row.text(Name::EMPTY)),
            K8S_CLUSTER_NAME.place(cluster),
            K8S_NAMESPACE_NAME.place(|row| placed(row, |placement| placement.namespace)),
            STATE.place(state),
        ],
        value: Value::Top(
            |row| risk(row).filter(|_| state(row) != "deleted"),
            |row| row.record.assessment.as_ref().map_or("", |known| known.identity.id()),
        ),
    },
];
