//! The families about images and their vulnerabilities.

use std::collections::BTreeMap;

use super::Question;
use super::answer::{Cells, FamilySet, Key, amount, pairs, single};
use super::division::{FIXABLE, by_finding, by_risk_level, by_severity, is_fixable};
use super::facts::{detections, image_name, registry, seconds, word};
use crate::tenant::{Image, Tenant};

/// Computes the samples of a group from its images.
type MakeCells = fn(&[&Image]) -> Cells;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let existing: Vec<&Image> = tenant.images.iter().filter(|image| image.exists()).collect();
    let by_group: Vec<_> = existing.iter().map(|image| (group(image, question), *image)).collect();
    let families: [(&str, MakeCells); 8] = [
        ("images", by_scan_status),
        ("image_vulnerabilities", vulnerabilities),
        ("image_findings", findings),
        ("images_by_risk_level", risk_levels),
        ("image_risk_score_max", risk_score_max),
        ("image_size_bytes", size),
        ("image_oldest_created_timestamp_seconds", oldest_created),
        ("images_with_condition", with_condition),
    ];
    for (family, cells) in families {
        set.add_grouped(family, &by_group, cells);
    }
    add_vulnerabilities(set, &existing, question);
}

/// The group of an image. Folding keeps source and use; the chosen labels are open.
fn group(image: &Image, question: &Question) -> Key {
    Key {
        kept: pairs([("source", &question.source), ("in_use", truth(is_in_use(image)))]),
        open: question.images_group_by.iter().map(|label| (label.clone(), group_label(image, label))).collect(),
    }
}

fn group_label(image: &Image, label: &str) -> String {
    match label {
        "registry" => registry(image),
        "image_repository" => image_name(image),
        other => panic!("images are not grouped by {other}"),
    }
}

fn is_in_use(image: &Image) -> bool {
    image.containers.is_some_and(|count| count > 0)
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn by_scan_status(members: &[&Image]) -> Cells {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for image in members {
        *counts.entry(word(image.scan_status.as_deref())).or_default() += 1;
    }
    counts.into_iter().map(|(status, count)| (pairs([("scan_status", &status)]), amount(count))).collect()
}

fn with_condition(members: &[&Image]) -> Cells {
    let never_scanned = members.iter().filter(|image| image.findings.is_none()).count();
    let failed =
        |image: &&&Image| image.scan_status.as_deref().is_some_and(|status| !["", "None", "SUCCESS"].contains(&status));
    [("never_scanned", never_scanned), ("scan_failed", members.iter().filter(failed).count())]
        .map(|(condition, count)| (pairs([("condition", condition)]), amount(count)))
        .into()
}

fn vulnerabilities(members: &[&Image]) -> Cells {
    let scanned: Vec<_> = members.iter().filter_map(|image| image.findings).collect();
    by_severity(&scanned)
}

fn findings(members: &[&Image]) -> Cells {
    let lists: Vec<_> = members.iter().filter_map(|image| detections(image)).collect();
    by_finding(&lists)
}

fn risk_levels(members: &[&Image]) -> Cells {
    let scores: Vec<_> = members.iter().map(|image| image.risk_score).collect();
    by_risk_level(&scores)
}

fn risk_score_max(members: &[&Image]) -> Cells {
    let highest = members.iter().filter_map(|image| image.risk_score).max();
    highest.map_or_else(Vec::new, |score| single(f64::from(score)))
}

#[expect(clippy::cast_precision_loss, reason = "a tenant's images have fewer than 2^53 bytes")]
fn size(members: &[&Image]) -> Cells {
    let sizes: Vec<u64> = members.iter().filter_map(|image| image.size).collect();
    if sizes.is_empty() { Vec::new() } else { single(sizes.iter().sum::<u64>() as f64) }
}

fn oldest_created(members: &[&Image]) -> Cells {
    let oldest = members.iter().filter_map(|image| seconds(image.created)).min_by(f64::total_cmp);
    oldest.map_or_else(Vec::new, single)
}

/// A vulnerability across all images.
#[derive(Clone, Copy, Default)]
struct Spread {
    /// The number of images that have it.
    images: usize,
    is_in_use: bool,
    is_fixable: bool,
}

/// The vulnerabilities by their QID as text.
fn spreads(existing: &[&Image]) -> BTreeMap<String, Spread> {
    let mut spreads: BTreeMap<String, Spread> = BTreeMap::new();
    for image in existing {
        let listed = detections(image).into_iter().flatten();
        // For each vulnerability of this image, whether there is a fix.
        let mut own: BTreeMap<u32, bool> = BTreeMap::new();
        for (qid, found) in listed.filter_map(|found| Some((found.qid?, found))) {
            *own.entry(qid).or_default() |= is_fixable(found);
        }
        for (qid, fixable) in own {
            let spread = spreads.entry(qid.to_string()).or_default();
            spread.images += 1;
            spread.is_in_use |= is_in_use(image);
            spread.is_fixable |= fixable;
        }
    }
    spreads
}

fn add_vulnerabilities<'a>(set: &mut FamilySet<'a>, existing: &[&'a Image], question: &'a Question) {
    let spreads = spreads(existing);
    let key = |spread: &Spread| Key {
        kept: pairs([("source", &question.source), ("in_use", truth(spread.is_in_use))]),
        open: Vec::new(),
    };
    let distinct: Vec<_> = spreads.values().map(|spread| (key(spread), *spread)).collect();
    set.add_grouped("distinct_vulnerabilities", &distinct, |members| {
        let count = |fixable| members.iter().filter(|spread| spread.is_fixable == fixable).count();
        FIXABLE.map(|(fixable, word)| (pairs([("fixable", word)]), amount(count(fixable)))).into()
    });
    let mut widest: Vec<_> = spreads.into_iter().collect();
    widest.sort_by(|(one_id, one), (other_id, other)| other.images.cmp(&one.images).then_with(|| one_id.cmp(other_id)));
    let samples = widest.into_iter().take(question.images_top_k).map(|(id, spread)| {
        let labels =
            pairs([("source", &question.source), ("vulnerability_id", &id), ("fixable", truth(spread.is_fixable))]);
        (-amount(spread.images), labels, amount(spread.images))
    });
    set.add_single("top_vulnerability_affected_images", samples.collect());
}
