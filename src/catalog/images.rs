//! Families about images and their vulnerabilities.

use super::label::{CONDITION, FIXABLE, IMAGE_REPOSITORY, IN_USE, REGISTRY, SCAN_STATUS, SOURCE, VULNERABILITY_ID};
use super::label_sets::{FINDING_KINDS, FIXES, RISK_LEVELS, SEVERITIES, add_counts, add_kinds, add_risk_level, tick};
use crate::clock::Timestamp;
use crate::metric::{Column, Family, FixedLabels, Kind, Label, LabelSets, Metric, Read, Unit, Value};
use crate::names::Name;
use crate::record::{Image, ImagePageFields, Vulnerability, VulnerabilityStatistics};
use crate::view::Row;

/// Its first repository, with its registry.
pub(super) fn repository(image: &Image) -> Name {
    image.name().repository
}

fn page(row: Row<'_, Image>) -> Option<&ImagePageFields> {
    row.record.page.as_ref()
}

fn risk(row: Row<'_, Image>) -> Option<f64> {
    page(row)?.risk.get()
}

static OF_SCANS: LabelSets = LabelSets { labels: &[&CONDITION], values: &[&["never_scanned"], &["scan_failed"]] };

const CONDITIONS: FixedLabels = FixedLabels::Same(&OF_SCANS);

fn add_conditions(row: Row<'_, Image>, numbers: &mut [f64]) -> bool {
    let Some(page) = page(row) else { return false };
    for (number, holds) in numbers.iter_mut().zip([page.findings.is_none(), page.scan_failed]) {
        *number += f64::from(u8::from(holds));
    }
    true
}

fn flag(holds: bool) -> &'static str {
    if holds { "true" } else { "false" }
}

const fn of_source<T>() -> Column<T> {
    SOURCE.keep(|row| row.source.name)
}

/// The labels that `images.group_by` may name, with their readers.
pub(super) static CHOICES: &[(&Label, Read<Image>)] = &[
    (&REGISTRY, |row| row.text(row.record.name().registry)),
    (&IMAGE_REPOSITORY, |row| row.text(repository(row.record))),
];

const BY_CHOICE: Column<Image> = Column::Chosen("‹image group›", |settings| &settings.image_labels);

const OF_USE: Column<Image> = IN_USE.keep(|row| flag(page(row).is_some_and(|page| page.in_use)));

static GROUP: &[Column<Image>] = &[of_source(), BY_CHOICE, OF_USE];

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Image> {
        name: "container_security_images",
        kind: Kind::Gauge,
        unit: Unit::Each("image"),
        help: "Images known to the source",
        by: &[
            of_source(),
            BY_CHOICE,
            OF_USE,
            SCAN_STATUS.subgroup(|row| row.text(page(row).map_or(Name::UNKNOWN, |page| page.scan_status))),
        ],
        value: Value::Count,
    },
    &Family::<Image> {
        name: "container_security_image_vulnerabilities",
        kind: Kind::Gauge,
        unit: Unit::Each("vulnerability"),
        help: "Findings in images",
        by: GROUP,
        value: Value::PerLabelSet(SEVERITIES, |row, numbers| {
            add_counts(page(row).and_then(|page| page.findings.as_ref()), numbers)
        }),
    },
    &Family::<Image> {
        name: "container_security_image_findings",
        kind: Kind::Gauge,
        unit: Unit::Each("finding"),
        help: "Findings in images by type and availability of a fix",
        by: GROUP,
        value: Value::PerLabelSet(FINDING_KINDS, |row, numbers| add_kinds(row.record, numbers)),
    },
    &Family::<Vulnerability> {
        name: "container_security_distinct_vulnerabilities",
        kind: Kind::Gauge,
        unit: Unit::Each("vulnerability"),
        help: "Distinct vulnerabilities in images",
        by: &[of_source(), IN_USE.keep(|row| flag(row.record.in_use))],
        value: Value::PerLabelSet(FixedLabels::Same(&FIXES), |row, numbers| {
            tick(numbers, usize::from(!row.record.fixable))
        }),
    },
    &Family::<Image> {
        name: "container_security_images_by_risk_level",
        kind: Kind::Gauge,
        unit: Unit::Each("image"),
        help: "Images by risk level",
        by: GROUP,
        value: Value::PerLabelSet(RISK_LEVELS, |row, numbers| add_risk_level(risk(row), numbers)),
    },
    &Family::<Image> {
        name: "container_security_image_risk_score_max",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Highest image risk score, 0 to 1000",
        by: GROUP,
        value: Value::Max(risk),
    },
    &Family::<Image> {
        name: "container_security_image_size_bytes",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Total size of images, bytes",
        by: GROUP,
        value: Value::Sum(|row| page(row)?.size.get()),
    },
    &Family::<Image> {
        name: "container_security_image_oldest_created_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Oldest image build time, Unix seconds",
        by: GROUP,
        value: Value::Min(|row| page(row)?.created.map(Timestamp::seconds)),
    },
    &Family::<VulnerabilityStatistics> {
        name: "container_security_vulnerability_statistics_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Computation time of the vulnerability statistics, Unix seconds",
        by: &[of_source()],
        value: Value::Each(|row| Some(row.record.computed.seconds()), |_| 0.0),
    },
    &Family::<Image> {
        name: "container_security_images_with_condition",
        kind: Kind::Gauge,
        unit: Unit::Each("image"),
        help: "Images by condition; conditions overlap",
        by: GROUP,
        value: Value::PerLabelSet(CONDITIONS, add_conditions),
    },
    &Family::<Vulnerability> {
        name: "container_security_top_vulnerability_affected_images",
        kind: Kind::Gauge,
        unit: Unit::Each("image"),
        help: "Images affected by the most widespread vulnerabilities",
        by: &[
            of_source(),
            VULNERABILITY_ID.keep(|row| row.text(row.record.id)),
            FIXABLE.keep(|row| flag(row.record.fixable)),
        ],
        value: Value::Top(
            |row| {
                #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 images")]
                Some(row.record.images as f64)
            },
            |row| row.text(row.record.id),
            |settings| settings.top_vulnerabilities,
        ),
    },
];
