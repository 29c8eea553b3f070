//! Families about posture.

use super::cells::{add_resources, tick};
use super::label::{
    CATEGORY, CONTROL_ID, CONTROL_NAME, K8S_CLUSTER_NAME, K8S_RESOURCE_KIND, POLICY, SEVERITY, SOURCE, STATUS,
    VENDOR_SEVERITY,
};
use crate::clock::Timestamp;
use crate::metric::{Cells, Closed, Family, Kind, Metric, Unit, Value};
use crate::record::{Control, Outcome, PostureResource};
use crate::view::PolicyShare;

static STATUSES: Cells = Cells { labels: &[&STATUS], values: &[&["pass"], &["fail"], &["skip"]] };

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Control> {
        name: "container_security_posture_control_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated for the control, by outcome",
        by: &[
            SOURCE.place(|row| row.source.name),
            CONTROL_ID.fold(|row| row.text(row.record.id)),
            SEVERITY.inner(|row| row.record.severity.as_str()),
            VENDOR_SEVERITY.inner(|row| row.text(row.record.vendor_severity)),
        ],
        value: Value::Cells(Closed::Same(&STATUSES), |row, cells| {
            row.record.resources.inspect(|resources| add_resources(*resources, cells)).is_some()
        }),
    },
    &Family::<Control> {
        name: "container_security_posture_control_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "A control that is evaluated, always 1",
        by: &[
            SOURCE.place(|row| row.source.name),
            CONTROL_ID.place(|row| row.text(row.record.id)),
            CONTROL_NAME.place(|row| row.text(row.record.name)),
            CATEGORY.place(|row| row.text(row.record.category)),
        ],
        value: Value::Each(|_| Some(1.0), |_| 0.0),
    },
    &Family::<PolicyShare> {
        name: "container_security_posture_policy_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated for the policy's controls, by outcome; a control in several policies counts in each",
        by: &[SOURCE.place(|row| row.source.name), POLICY.fold(|row| row.text(row.record.policy))],
        value: Value::Cells(Closed::Same(&STATUSES), |row, cells| {
            add_resources(row.record.resources, cells);
            true
        }),
    },
    &Family::<PostureResource> {
        name: "container_security_posture_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated, by outcome; a resource counts once for each control",
        by: &[
            SOURCE.place(|row| row.source.name),
            K8S_CLUSTER_NAME.fold(|row| row.text(row.record.cluster)),
            K8S_RESOURCE_KIND.fold(|row| row.text(row.record.kind)),
            SEVERITY.inner(|row| row.record.severity.as_str()),
            VENDOR_SEVERITY.inner(|row| row.text(row.record.vendor_severity)),
        ],
        value: Value::Cells(Closed::Same(&STATUSES), |row, cells| {
            let at = match row.record.outcome {
                Outcome::Pass => 0,
                Outcome::Fail => 1,
                Outcome::Skip => 2,
            };
            tick(cells, at)
        }),
    },
    &Family::<PostureResource> {
        name: "container_security_posture_oldest_evaluation_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "When the resource was evaluated whose last evaluation is the longest ago",
        by: &[SOURCE.place(|row| row.source.name), K8S_CLUSTER_NAME.fold(|row| row.text(row.record.cluster))],
        value: Value::Min(|row| row.record.last_evaluated.map(Timestamp::seconds)),
    },
];
