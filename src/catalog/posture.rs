//! Families about posture.

use super::label::{
    CATEGORY, CONTROL_ID, CONTROL_NAME, K8S_CLUSTER_NAME, K8S_RESOURCE_KIND, POLICY, SEVERITY, SOURCE, STATUS,
    VENDOR_SEVERITY,
};
use super::label_sets::{add_resources, tick};
use crate::clock::Timestamp;
use crate::metric::{Family, FixedLabels, Kind, LabelSets, Metric, Unit, Value};
use crate::record::{Control, Outcome, PostureResource};
use crate::view::PolicyShare;

static STATUSES: LabelSets = LabelSets { labels: &[&STATUS], values: &[&["pass"], &["fail"], &["skip"]] };

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Control> {
        name: "container_security_posture_control_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated for the control by result",
        by: &[
            SOURCE.keep(|row| row.source.name),
            CONTROL_ID.fold(|row| row.text(row.record.id)),
            SEVERITY.subgroup(|row| row.record.severity.as_str()),
            VENDOR_SEVERITY.subgroup(|row| row.text(row.record.vendor_severity)),
        ],
        value: Value::PerLabelSet(FixedLabels::Same(&STATUSES), |row, numbers| {
            row.record.resources.inspect(|resources| add_resources(*resources, numbers)).is_some()
        }),
    },
    &Family::<Control> {
        name: "container_security_posture_control_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Evaluated control, always 1",
        by: &[
            SOURCE.keep(|row| row.source.name),
            CONTROL_ID.keep(|row| row.text(row.record.id)),
            CONTROL_NAME.keep(|row| row.text(row.record.name)),
            CATEGORY.keep(|row| row.text(row.record.category)),
        ],
        value: Value::Each(|_| Some(1.0), |_| 0.0),
    },
    &Family::<PolicyShare> {
        name: "container_security_posture_policy_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated for the controls of the policy by result",
        by: &[SOURCE.keep(|row| row.source.name), POLICY.fold(|row| row.text(row.record.policy))],
        value: Value::PerLabelSet(FixedLabels::Same(&STATUSES), |row, numbers| {
            add_resources(row.record.resources, numbers);
            true
        }),
    },
    &Family::<PostureResource> {
        name: "container_security_posture_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated by result; each counts once per control",
        by: &[
            SOURCE.keep(|row| row.source.name),
            K8S_CLUSTER_NAME.fold(|row| row.text(row.record.cluster)),
            K8S_RESOURCE_KIND.fold(|row| row.text(row.record.kind)),
            SEVERITY.subgroup(|row| row.record.severity.as_str()),
            VENDOR_SEVERITY.subgroup(|row| row.text(row.record.vendor_severity)),
        ],
        value: Value::PerLabelSet(FixedLabels::Same(&STATUSES), |row, numbers| {
            let at = match row.record.outcome {
                Outcome::Pass => 0,
                Outcome::Fail => 1,
                Outcome::Skip => 2,
            };
            tick(numbers, at)
        }),
    },
    &Family::<PostureResource> {
        name: "container_security_posture_oldest_evaluation_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Oldest last evaluation time of resources, Unix seconds",
        by: &[SOURCE.keep(|row| row.source.name), K8S_CLUSTER_NAME.fold(|row| row.text(row.record.cluster))],
        value: Value::Min(|row| row.record.last_evaluated.map(Timestamp::seconds)),
    },
];
