//! Divides groups by severity, risk and kind of finding; containers and images share the rules.

use super::answer::{Cells, amount, pairs};
use crate::tenant::Detection;

/// The vendor's levels 1 to 5, worst first, and their names.
pub(super) const SEVERITIES: [(usize, &str, &str); 5] =
    [(5, "critical", "5"), (4, "high", "4"), (3, "medium", "3"), (2, "low", "2"), (1, "info", "1")];

/// Whether there is a fix, as a label value.
pub(super) const FIXABLE: [(bool, &str); 2] = [(true, "true"), (false, "false")];

/// The number of findings of severity 1 to 5.
pub(super) type Counts = [Option<u32>; 5];

/// Sums the counts of the scanned members; empty if none was scanned.
pub(super) fn by_severity(scanned: &[Counts]) -> Cells {
    if scanned.is_empty() {
        return Vec::new();
    }
    let cell = |(level, severity, vendor): (usize, &str, &str)| {
        let sum: f64 = scanned.iter().map(|counts| f64::from(counts[level - 1].unwrap_or(0))).sum();
        (pairs([("severity", severity), ("vendor_severity", vendor)]), sum)
    };
    SEVERITIES.into_iter().map(cell).collect()
}

/// The number of members with a risk score of each level.
pub(super) fn by_risk_level(scores: &[Option<u32>]) -> Cells {
    let level = |score: Option<u32>| match score {
        Some(850..) => "severe",
        Some(700..=849) => "high",
        Some(500..=699) => "medium",
        Some(0..=499) => "low",
        None => "unscored",
    };
    let count = |value| amount(scores.iter().filter(|score| level(**score) == value).count());
    ["severe", "high", "medium", "low", "unscored"].map(|value| (pairs([("risk_level", value)]), count(value))).into()
}

/// Counts the findings in some images' lists, each as often as it is listed; empty if no image has a list.
pub(super) fn by_finding(lists: &[&Vec<Detection>]) -> Cells {
    if lists.is_empty() {
        return Vec::new();
    }
    let kind_of = |found: &Detection| (finding_type(found), is_fixable(found));
    let listed: Vec<_> = lists.iter().flat_map(|list| list.iter().map(kind_of)).collect();
    let mut cells = Cells::new();
    for kind in ["confirmed", "potential", "unknown"] {
        for (fixable, word) in FIXABLE {
            let count = listed.iter().filter(|found| **found == (kind, fixable)).count();
            let labels = pairs([("finding_type", kind), ("fixable", word)]);
            cells.push((labels, amount(count)));
        }
    }
    cells
}

fn finding_type(found: &Detection) -> &'static str {
    match found.kind.as_deref().unwrap_or_default().to_lowercase().as_str() {
        "confirmed" => "confirmed",
        "potential" => "potential",
        _ => "unknown",
    }
}

/// Whether any of its software has a fixed version.
pub(super) fn is_fixable(found: &Detection) -> bool {
    let versions = found.fix_versions.iter().flatten();
    versions.flatten().any(|version| !version.is_empty())
}
