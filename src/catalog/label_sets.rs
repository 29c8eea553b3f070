//! Fixed label sets that several families share, and how a record is counted in them.

use super::label::{FINDING_TYPE, FIXABLE, RISK_LEVEL, SEVERITY, VENDOR_SEVERITY};
use crate::metric::{FixedLabels, LabelSets};
use crate::record::{Counts, Image, Vendor};

static QUALYS_SEVERITIES: LabelSets = LabelSets {
    labels: &[&SEVERITY, &VENDOR_SEVERITY],
    values: &[&["critical", "5"], &["high", "4"], &["medium", "3"], &["low", "2"], &["info", "1"]],
};

static PRISMA_SEVERITIES: LabelSets = LabelSets {
    labels: &[&SEVERITY, &VENDOR_SEVERITY],
    values: &[&["critical", "critical"], &["high", "high"], &["medium", "medium"], &["low", "low"]],
};

/// Severities of findings.
pub(super) const SEVERITIES: FixedLabels =
    FixedLabels::PerVendor(&[(Vendor::Qualys, &QUALYS_SEVERITIES), (Vendor::Prisma, &PRISMA_SEVERITIES)]);

/// Severities of findings that only Prisma Cloud has.
pub(super) const SEVERITIES_OF_PRISMA: FixedLabels = FixedLabels::PerVendor(&[(Vendor::Prisma, &PRISMA_SEVERITIES)]);

static LEVELS: LabelSets =
    LabelSets { labels: &[&RISK_LEVEL], values: &[&["severe"], &["high"], &["medium"], &["low"], &["unscored"]] };

/// Levels of the risk score.
pub(super) const RISK_LEVELS: FixedLabels = FixedLabels::PerVendor(&[(Vendor::Qualys, &LEVELS)]);

static KINDS: LabelSets = LabelSets {
    labels: &[&FINDING_TYPE, &FIXABLE],
    values: &[
        &["confirmed", "true"],
        &["confirmed", "false"],
        &["potential", "true"],
        &["potential", "false"],
        &["unknown", "true"],
        &["unknown", "false"],
    ],
};

/// Kinds of findings, in the order of [`crate::record::FindingCounts`].
pub(super) const FINDING_KINDS: FixedLabels = FixedLabels::PerVendor(&[(Vendor::Qualys, &KINDS)]);

/// Whether there is a fix.
pub(super) static FIXES: LabelSets = LabelSets { labels: &[&FIXABLE], values: &[&["true"], &["false"]] };

/// Counts a record under one label set.
pub(super) fn tick(numbers: &mut [f64], at: usize) -> bool {
    if let Some(number) = numbers.get_mut(at) {
        *number += 1.0;
    }
    true
}

/// Adds counts, one per label set; returns whether there are any.
pub(super) fn add_counts<const N: usize>(counts: Option<&Counts<N>>, numbers: &mut [f64]) -> bool {
    counts.map(|counts| add_resources(counts.get(), numbers)).is_some()
}

/// Adds numbers of resources, images or findings.
pub(super) fn add_resources<const N: usize>(counts: [u64; N], numbers: &mut [f64]) {
    for (number, count) in numbers.iter_mut().zip(counts) {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 of them")]
        let count = count as f64;
        *number += count;
    }
}

/// Counts a record by its risk score.
pub(super) fn add_risk_level(score: Option<f64>, numbers: &mut [f64]) -> bool {
    let level = match score {
        Some(score) if score >= 850.0 => 0,
        Some(score) if score >= 700.0 => 1,
        Some(score) if score >= 500.0 => 2,
        Some(_) => 3,
        None => 4,
    };
    tick(numbers, level)
}

/// Adds the findings of an image by kind; returns whether they are known.
pub(super) fn add_kinds(image: &Image, numbers: &mut [f64]) -> bool {
    let bulk = image.page.as_ref().and(image.bulk.as_ref());
    let findings = bulk.and_then(|bulk| bulk.findings.as_ref());
    let counts = findings.iter().flat_map(|findings| findings.counts.as_flattened());
    for (number, count) in numbers.iter_mut().zip(counts) {
        *number += f64::from(*count);
    }
    findings.is_some()
}
