//! The metrics that an exporter must show for a Prisma Cloud Compute console.

mod containers;
mod images;
mod known;
mod posture;
mod vendor;

use super::Question;
use super::answer::{Cells, FamilySet, Pairs, pairs};
use crate::console::Console;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, console: &'a Console, question: &'a Question) {
    containers::add(set, console, question);
    images::add(set, console, question);
    posture::add(set, console, question);
    vendor::add(set, console, question);
}

/// The labels of the four severities, in the order of the records' counts.
fn severities() -> [Pairs; 4] {
    ["critical", "high", "medium", "low"].map(|word| pairs([("severity", word), ("vendor_severity", word)]))
}

/// The sums of counts by severity; empty if no member has counts.
fn summed(counts: &[[Option<u32>; 4]]) -> Cells {
    if counts.is_empty() {
        return Vec::new();
    }
    let sum = |level: usize| counts.iter().map(|counts| f64::from(counts[level].unwrap_or(0))).sum();
    severities().into_iter().enumerate().map(|(level, labels)| (labels, sum(level))).collect()
}

#[cfg(test)]
mod tests;
