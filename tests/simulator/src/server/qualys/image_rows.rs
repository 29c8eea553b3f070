//! Rows of images in the page list and the bulk list.
//!
//! Both lists have an image's names. As in `container_rows`, one of the two sometimes hides them: never both lists, and
//! never if the other row is unreadable.

use serde_json::{Map, Value, json};

use super::container_rows::{SEVERITIES, damaged};
use super::oddity::OddRow;
use crate::SECRET_MARKERS;
use crate::random::Random;
use crate::tenant::{Detection, Digest, Image, Repository, Row, StrayRow};

/// Which list hides the names.
#[derive(PartialEq, Eq)]
enum Nameless {
    Page,
    Bulk,
    Neither,
}

impl Nameless {
    fn of(image: &Image, seed: u64) -> Self {
        match Random::of(seed, &image.uuid, "hidden").below(8) {
            0 if image.is_detailed() => Self::Page,
            1 | 2 if image.exists() => Self::Bulk,
            _ => Self::Neither,
        }
    }
}

/// The image's row in the page list.
pub(super) fn page(image: &Image, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &image.uuid, "image page");
    identity(&mut row, image, Nameless::of(image, seed) == Nameless::Page);
    row.put_counts("vulnerabilities", &SEVERITIES, image.findings.as_ref().map(<[_; 5]>::as_slice));
    row.put_number("associatedContainersCount", image.containers);
    row.put_number("associatedHostsCount", image.hosts);
    row.put_text("scanStatus", image.scan_status.as_deref());
    row.put_score("riskScore", image.risk_score);
    row.put_time("lastVmScanDate", image.last_scanned);
    row.put("lastFoundOnHost", Value::Null);
    row.put("scanErrorCode", Value::Null);
    damaged(row.finish(), image.page_row)
}

/// The image's row in the bulk list.
pub(super) fn bulk(image: &Image, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &image.uuid, "image bulk");
    identity(&mut row, image, Nameless::of(image, seed) == Nameless::Bulk);
    row.put("users", json!(["root", "postgres"]));
    row.put("softwares", json!([{"name": "musl", "version": "1.1.20-r4", "fixVersion": "1.1.20-r6"}]));
    row.put("layers", json!([{"size": "0", "createdBy": format!("ENV DB_PASSWORD={}-layer", SECRET_MARKERS[0])}]));
    row.put_time("lastScanned", image.last_scanned);
    match &image.detections {
        Some(listed) => {
            let listed: Vec<Value> = listed.iter().map(|detection| found(detection, &mut row)).collect();
            row.put("vulnerabilities", listed);
        }
        None => row.put_none("vulnerabilities"),
    }
    damaged(row.finish(), image.bulk_row)
}

/// A row of either list without an image.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    let sound = json!({
        "uuid": stray.uuid, "created": stray.created.to_string(), "updated": stray.updated.to_string(),
        "imageId": &stray.uuid[..8], "repo": null, "associatedContainersCount": 3, "vulnerabilities": null,
    });
    damaged(sound, Row::Unreadable(stray.damage))
}

fn identity(row: &mut OddRow, image: &Image, is_nameless: bool) {
    row.put("uuid", image.uuid.as_str());
    row.put_text("sha", image.sha.as_deref());
    row.put("imageId", image.image_id.as_str());
    row.put_number("size", image.size);
    row.put_time("created", image.created);
    row.put_stamp("updated", image.updated);
    row.put("source", json!(["GENERAL"]));
    let digests: Vec<Value> = image.digests.iter().map(digest).collect();
    if digests.is_empty() {
        row.put_none("repoDigests");
    } else {
        row.put("repoDigests", digests);
    }
    match &image.repositories {
        Some(names) if !is_nameless => {
            let names: Vec<Value> = names.iter().map(|name| repository(name.as_ref(), row)).collect();
            row.put("repo", names);
        }
        Some(_) if row.percent(40) => row.put("repo", json!([])),
        Some(_) | None => row.put_none("repo"),
    }
}

fn repository(name: Option<&Repository>, row: &mut OddRow) -> Value {
    let Some(name) = name else { return Value::Null };
    let mut object = Map::new();
    for (key, part) in [("registry", &name.registry), ("repository", &name.repository), ("tag", &name.tag)] {
        // A missing part is null or omitted.
        if part.is_some() || row.percent(50) {
            object.insert(String::from(key), json!(part));
        }
    }
    Value::Object(object)
}

fn digest(digest: &Digest) -> Value {
    json!({"registry": digest.registry, "digest": digest.digest, "repository": "elsewhere"})
}

fn found(detection: &Detection, row: &mut OddRow) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(String::from(key), value);
    match detection.qid {
        Some(qid) => put("qid", row.number(qid)),
        None if row.percent(50) => put("qid", Value::Null),
        None => None,
    };
    match &detection.kind {
        Some(kind) => put("typeDetected", json!(kind)),
        None if row.percent(50) => put("typeDetected", Value::Null),
        None => None,
    };
    let software = |version: &Option<String>| json!({"name": "bash", "version": "5.1", "fixVersion": version});
    match &detection.fix_versions {
        Some(versions) => put("software", versions.iter().map(software).collect()),
        None if row.percent(50) => put("software", Value::Null),
        None => None,
    };
    put("result", json!("#table cols=\"3\"\nbash 5.1 5.2"));
    put("scanType", json!(["SCA"]));
    Value::Object(object)
}
