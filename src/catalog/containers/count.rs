//! Fixed label sets of containers: the values that each vendor reports, and how a container is counted in them.

use super::read::{ContainerRow, findings, holds, never_scanned, prisma, qualys};
use crate::catalog::label::{CONDITION, QDS_SEVERITY, SENSOR_STATE, SEVERITY, STATUS, VENDOR_SEVERITY};
use crate::catalog::label_sets::{add_counts, add_kinds, tick};
use crate::metric::{FixedLabels, LabelSets};
use crate::record::{Condition, QdsSeverity, Vendor};

static QUALYS_HIGHEST: LabelSets = LabelSets {
    labels: &[&SEVERITY, &VENDOR_SEVERITY],
    values: &[&["critical", "5"], &["high", "4"], &["medium", "3"], &["low", "2"], &["info", "1"], &["none", ""]],
};

static PRISMA_HIGHEST: LabelSets = LabelSets {
    labels: &[&SEVERITY, &VENDOR_SEVERITY],
    values: &[&["critical", "critical"], &["high", "high"], &["medium", "medium"], &["low", "low"], &["none", ""]],
};

pub(super) const HIGHEST_SEVERITIES: FixedLabels =
    FixedLabels::PerVendor(&[(Vendor::Qualys, &QUALYS_HIGHEST), (Vendor::Prisma, &PRISMA_HIGHEST)]);

static QDS: LabelSets =
    LabelSets { labels: &[&QDS_SEVERITY], values: &[&["critical"], &["high"], &["medium"], &["low"], &["unknown"]] };

pub(super) const QDS_SEVERITIES: FixedLabels = FixedLabels::PerVendor(&[(Vendor::Qualys, &QDS)]);

pub(super) static CHECK_STATUSES: LabelSets =
    LabelSets { labels: &[&STATUS], values: &[&["pass"], &["fail"], &["error"]] };

static SENSORS: LabelSets = LabelSets { labels: &[&SENSOR_STATE], values: &[&["live"], &["stale"], &["missing"]] };

pub(super) const SENSOR_STATES: FixedLabels = FixedLabels::PerVendor(&[(Vendor::Qualys, &SENSORS)]);

/// Declares the conditions that each vendor reports: their label values, and the condition behind each.
macro_rules! conditions {
    ($($vendor:ident: $($condition:ident),*;)*) => {
        pub(super) const CONDITIONS: FixedLabels = FixedLabels::PerVendor(&[$((Vendor::$vendor, &LabelSets {
            labels: &[&CONDITION],
            values: &[&["never_scanned"], $(&[Condition::$condition.as_str()]),*],
        })),*]);
        const CONDITION_ORDER: &[(Vendor, &[Condition])] = &[$((Vendor::$vendor, &[$(Condition::$condition),*])),*];
    };
}

conditions! {
    Qualys: Privileged, Root, Drifted, VulnerabilityPropagated, ExposedToWorld, Instrumented, Excepted;
    Prisma: Agentless, Infrastructure, RuntimeProtected, WaasSupported, WaasEnabled, WaasUnprotected;
}

pub(super) fn add_conditions(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    let of_vendor = CONDITION_ORDER.iter().find(|(vendor, _)| row.source.vendor == Some(*vendor));
    let order = of_vendor.map_or(&[][..], |(_, order)| *order);
    let [unscanned, others @ ..] = numbers else {
        return false;
    };
    *unscanned += never_scanned(row).map_or(f64::NAN, |never| f64::from(u8::from(never)));
    for (number, condition) in others.iter_mut().zip(order) {
        *number += f64::from(u8::from(holds(row, *condition)));
    }
    true
}

pub(super) fn add_findings(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    add_counts(findings(row), numbers)
}

pub(super) fn add_highest_severity(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    findings(row).is_some_and(|findings| {
        let clean = numbers.len().saturating_sub(1);
        let worst = findings.get().iter().take(clean).position(|findings| *findings > 0);
        tick(numbers, worst.unwrap_or(clean))
    })
}

pub(super) fn add_qds_severity(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    tick(
        numbers,
        match qualys(row).map_or(QdsSeverity::Unknown, |fields| fields.qds_severity) {
            QdsSeverity::Critical => 0,
            QdsSeverity::High => 1,
            QdsSeverity::Medium => 2,
            QdsSeverity::Low => 3,
            QdsSeverity::Unknown => 4,
        },
    )
}

pub(super) fn add_checks(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    add_counts(qualys(row).and_then(|fields| fields.checks.as_ref()), numbers)
}

pub(super) fn add_compliance_issues(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    add_counts(prisma(row).and_then(|fields| fields.compliance_issues.as_ref()), numbers)
}

/// The findings of the container's image, by kind.
pub(super) fn add_kinds_of_findings(row: ContainerRow<'_>, numbers: &mut [f64]) -> bool {
    row.image().is_some_and(|(image, _)| add_kinds(image, numbers))
}
