//! Rows of the image listing.

use serde_json::{Value, json};

use super::moment::moment;
use super::writing::{damaged, distribution, list, thin_out};
use crate::console::{Image, StrayRow, Tag};
use crate::random::Random;

/// The image's row, with or without the long lists.
pub(super) fn row(image: &Image, compact: bool, seed: u64) -> Value {
    let random = &mut Random::of(seed, &image.key, "image");
    let id = match &image.id {
        Some(id) => json!(id),
        None if random.percent(50) => json!(""),
        None => Value::Null,
    };
    let repo_tag = match &image.repo_tag {
        Some(repo_tag) => tag(repo_tag, random),
        None => match random.below(3) {
            0 => json!({}),
            1 => json!({"registry": "", "repo": "", "tag": ""}),
            _ => Value::Null,
        },
    };
    let mut tags: Vec<Value> = image.tags.iter().map(|one| tag(one, random)).collect();
    if random.percent(10) {
        tags.insert(0, Value::Null);
    }
    let mut row = json!({
        "_id": image.key, "id": id, "type": "image", "hostname": "ip-10-0-0-1", "repoTag": repo_tag,
        "tags": list(tags, random), "creationTime": moment(image.created, random),
        "scanTime": scan_time(image, random), "err": image.error, "vulnerabilitiesCount": image.vulnerabilities.iter().flatten().flatten().sum::<u32>(),
        "vulnerabilityDistribution": counts(image, random),
        "complianceDistribution": {"critical": 9, "high": 9, "medium": 9, "low": 9, "total": 36},
        "riskFactors": {}, "labels": ["maintainer:nobody"], "cloudMetadata": {}, "trustStatus": "untrusted",
    });
    if let (Some(row), false) = (row.as_object_mut(), compact) {
        for long in ["vulnerabilities", "complianceIssues", "packages", "binaries", "files", "history"] {
            row.insert(String::from(long), json!([{"id": 46, "name": "long and never read"}]));
        }
    }
    thin_out(&mut row, random);
    match image.damage {
        Some(damage) => damaged(row, damage, "_id"),
        None => row,
    }
}

/// The scan time; Go writes the zero time for an image that was never scanned.
fn scan_time(image: &Image, random: &mut Random) -> Value {
    image.scan_time.map_or(json!("0001-01-01T00:00:00Z"), |time| moment(Some(time), random))
}

/// Counts by severity; Go's JSON never omits them, so those of an image that was not scanned are 0.
fn counts(image: &Image, random: &mut Random) -> Value {
    if image.vulnerabilities.is_none() && random.percent(70) {
        return json!({"critical": 0, "high": 0, "medium": 0, "low": 0, "total": 0});
    }
    distribution(image.vulnerabilities, random)
}

/// A row without an image.
pub(super) fn stray(stray: &StrayRow) -> Value {
    let sound = json!({"_id": stray.id, "id": stray.id, "repoTag": {"registry": "nowhere", "repo": "stray"}});
    damaged(sound, stray.damage, "_id")
}

fn tag(tag: &Tag, random: &mut Random) -> Value {
    let registry = if tag.registry.is_none() && random.percent(50) { json!("") } else { json!(tag.registry) };
    json!({"registry": registry, "repo": tag.repo, "tag": "1.2", "digest": "", "id": ""})
}
