//! The families about images and their vulnerabilities.

use std::collections::BTreeMap;

use super::super::Question;
use super::super::answer::{FamilySet, Key, Pairs, amount, pairs, single};
use super::super::facts::seconds;
use super::known::{image_name, images, registry};
use super::summed;
use crate::console::{Console, Image, Vulnerability};

pub(super) fn add<'a>(set: &mut FamilySet<'a>, console: &'a Console, question: &'a Question) {
    let in_use = || pairs([("source", &question.source), ("in_use", "true")]);
    let key = |image: &Image| Key { kept: in_use(), open: group_labels(image, question) };
    let records: Vec<_> = images(console).into_iter().map(|image| (key(image), image)).collect();
    set.add_grouped("images", &records, |members| vec![(pairs([("scan_status", "unknown")]), amount(members.len()))]);
    set.add_grouped("image_vulnerabilities", &records, |members| {
        let scanned: Vec<_> = members.iter().filter_map(|image| image.vulnerabilities).collect();
        summed(&scanned)
    });
    set.add_grouped("image_oldest_created_timestamp_seconds", &records, |members| {
        let oldest = members.iter().filter_map(|image| seconds(image.created)).min_by(f64::total_cmp);
        oldest.map_or_else(Vec::new, single)
    });
    set.add_grouped("images_with_condition", &records, |members| {
        let never_scanned = members.iter().filter(|image| image.vulnerabilities.is_none()).count();
        let failed = members.iter().filter(|image| !image.error.is_empty()).count();
        let cells = [("never_scanned", never_scanned), ("scan_failed", failed)];
        cells.map(|(condition, count)| (pairs([("condition", condition)]), amount(count))).into()
    });
    let found = vulnerabilities(console);
    let distinct: Vec<_> =
        found.iter().map(|found| (Key { kept: in_use(), open: Vec::new() }, found.fixable)).collect();
    set.add_grouped("distinct_vulnerabilities", &distinct, |members| {
        let count = |fixable: bool| amount(members.iter().filter(|member| **member == fixable).count());
        [("true", true), ("false", false)].map(|(word, value)| (pairs([("fixable", word)]), count(value))).into()
    });
    add_most_widespread(set, found, question);
}

fn group_labels(image: &Image, question: &Question) -> Pairs {
    let value = |label: &str| match label {
        "registry" => registry(image),
        "image_repository" => image_name(image),
        other => panic!("images are not grouped by {other}"),
    };
    question.images_group_by.iter().map(|label| (label.clone(), value(label))).collect()
}

/// A vulnerability that is in at least one image.
struct Found<'a> {
    cve: &'a str,
    images: u32,
    fixable: bool,
}

fn vulnerabilities(console: &Console) -> Vec<Found<'_>> {
    let mut by_cve: BTreeMap<&str, Vec<&Vulnerability>> = BTreeMap::new();
    for row in &console.vulnerabilities {
        by_cve.entry(&row.cve).or_default().push(row);
    }
    let merged = by_cve.into_iter().map(|(cve, rows)| Found {
        cve,
        images: rows.iter().map(|row| row.images.unwrap_or(0)).max().unwrap_or(0),
        fixable: rows.iter().any(|row| is_fixable(row)),
    });
    merged.filter(|found| found.images > 0).collect()
}

fn is_fixable(row: &Vulnerability) -> bool {
    let is_fixed = row.status.as_ref().is_some_and(|status| status.to_lowercase().starts_with("fixed"));
    is_fixed || row.risk_factors.iter().flatten().any(|factor| factor == "Has fix")
}

fn add_most_widespread(set: &mut FamilySet<'_>, mut found: Vec<Found<'_>>, question: &Question) {
    found.sort_by(|one, other| other.images.cmp(&one.images).then(one.cve.cmp(other.cve)));
    let samples = found.into_iter().take(question.images_top_k).map(|found| {
        let fixable = if found.fixable { "true" } else { "false" };
        let labels = pairs([("source", &question.source), ("vulnerability_id", found.cve), ("fixable", fixable)]);
        (-f64::from(found.images), labels, f64::from(found.images))
    });
    set.add_single("top_vulnerability_affected_images", samples.collect());
}
