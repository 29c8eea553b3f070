//! Families about reports, registries and policies.

use super::label::{
    ACTION, ENABLED, IMAGE_STATE, POLICY_MODE, POLICY_NAME, POLICY_TYPE, REGISTRY, REPORT_STATUS, REPORT_TEMPLATE,
    RULE_TYPE, SCHEDULED, SOURCE,
};
use super::label_sets::add_resources;
use crate::clock::Timestamp;
use crate::metric::{Family, FixedLabels, Kind, LabelSets, Metric, Unit, Value};
use crate::record::{Policy, Registry, Report};
use crate::view::RuleOfPolicy;

static IMAGE_STATES: LabelSets =
    LabelSets { labels: &[&IMAGE_STATE], values: &[&["total"], &["scanned"], &["vulnerable"]] };

/// Seconds of a day.
const DAY: f64 = 86_400.0;

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Report> {
        name: "container_security_reports",
        kind: Kind::Gauge,
        unit: Unit::Each("report"),
        help: "Reports listed by the source",
        by: &[
            SOURCE.keep(|row| row.source.name),
            REPORT_TEMPLATE.fold(|row| row.text(row.record.template)),
            REPORT_STATUS.fold(|row| row.text(row.record.status)),
            SCHEDULED.subgroup(|row| row.text(row.record.scheduled)),
        ],
        value: Value::Count,
    },
    &Family::<Report> {
        name: "container_security_report_latest_created_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Newest report creation time, Unix seconds",
        by: &[
            SOURCE.keep(|row| row.source.name),
            REPORT_TEMPLATE.fold(|row| row.text(row.record.template)),
            REPORT_STATUS.fold(|row| row.text(row.record.status)),
        ],
        value: Value::Max(|row| row.record.created.map(Timestamp::seconds)),
    },
    &Family::<Report> {
        name: "container_security_report_earliest_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Earliest report expiry time, Unix seconds",
        by: &[SOURCE.keep(|row| row.source.name), REPORT_TEMPLATE.fold(|row| row.text(row.record.template))],
        value: Value::Min(|row| row.record.expires.map(Timestamp::seconds)),
    },
    &Family::<Registry> {
        name: "container_security_registry_images",
        kind: Kind::Gauge,
        unit: Unit::Each("image"),
        help: "Images in the registries: all, scanned and vulnerable",
        by: &[SOURCE.keep(|row| row.source.name), REGISTRY.fold(|row| row.text(row.record.uri))],
        value: Value::PerLabelSet(FixedLabels::Same(&IMAGE_STATES), |row, numbers| {
            row.record.images.inspect(|images| add_resources(*images, numbers)).is_some()
        }),
    },
    &Family::<Policy> {
        name: "container_security_policies",
        kind: Kind::Gauge,
        unit: Unit::Each("policy"),
        help: "Centralized policies listed by the source",
        by: &[
            SOURCE.keep(|row| row.source.name),
            POLICY_TYPE.fold(|row| row.text(row.record.kind)),
            POLICY_MODE.fold(|row| row.text(row.record.mode)),
        ],
        value: Value::Count,
    },
    &Family::<RuleOfPolicy> {
        name: "container_security_policy_rules",
        kind: Kind::Gauge,
        unit: Unit::Each("rule"),
        help: "Rules of the centralized policies, exclusion rules included",
        by: &[
            SOURCE.keep(|row| row.source.name),
            POLICY_TYPE.fold(|row| row.text(row.record.policy_kind)),
            RULE_TYPE.fold(|row| row.text(row.record.rule.kind)),
            ACTION.fold(|row| row.text(row.record.rule.action)),
            ENABLED.subgroup(|row| row.text(row.record.rule.enabled)),
        ],
        value: Value::Count,
    },
    &Family::<Policy> {
        name: "container_security_policy_image_age_limit_seconds",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Image age limit of the policy, seconds",
        by: &[
            SOURCE.keep(|row| row.source.name),
            POLICY_NAME.keep(|row| row.text(row.record.name)),
            POLICY_TYPE.keep(|row| row.text(row.record.kind)),
        ],
        value: Value::Each(|row| row.record.image_age_limit_days.map(|days| days * DAY), |_| 0.0),
    },
];
