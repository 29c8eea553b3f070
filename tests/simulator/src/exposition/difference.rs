//! Readable differences between expected and exposed samples.

use crate::oracle::{Families, Labels};

const MOST: usize = 20;

/// The differences between two sets of samples, at most 20 of them.
/// Values must be bit-for-bit equal, except averages and ages, whose computation order may differ.
pub fn differences(expected: &Families, actual: &Families) -> Vec<String> {
    let mut found = Vec::new();
    let families = expected.keys().chain(actual.keys().filter(|family| !expected.contains_key(*family)));
    for family in families {
        let empty = std::collections::BTreeMap::new();
        let wanted = expected.get(family).unwrap_or(&empty);
        let shown = actual.get(family).unwrap_or(&empty);
        for (labels, value) in wanted {
            match shown.get(labels) {
                None => found.push(format!("missing: {} {value}", series(family, labels))),
                Some(other) if !agree(family, *value, *other) => {
                    found.push(format!("{}: expected {value}, got {other}", series(family, labels)));
                }
                Some(_) => {}
            }
        }
        let unwanted = shown.iter().filter(|(labels, _)| !wanted.contains_key(*labels));
        found.extend(unwanted.map(|(labels, value)| format!("unexpected: {} {value}", series(family, labels))));
    }
    found.truncate(MOST);
    found
}

fn agree(family: &str, one: f64, other: f64) -> bool {
    let tolerance = if family.ends_with("_average") || family.ends_with("_age_max_seconds") { 1e-9 } else { 0.0 };
    (one - other).abs() <= tolerance * one.abs().max(other.abs())
}

fn series(family: &str, labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{family}{{{}}}", pairs.join(","))
}
