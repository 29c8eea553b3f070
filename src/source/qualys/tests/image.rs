//! Images: the vendor's own samples, and odd ones, through the readers of the collector.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fixture;
use crate::clock::Timestamp;
use crate::inventory::Table;
use crate::record::{FindingCounts, Findings, Image, ImageBulkFields, ImageName, ImagePageFields};
use crate::source::qualys::images::{BulkHalf, PageHalf, Staging};

/// The images of these pages; the page list has a row for each row of the bulk list.
fn staged(page: &[u8], bulk: &[u8]) -> Table<Image> {
    let staging = Staging::new(());
    staging.read::<PageHalf>(page).unwrap().store();
    staging.read::<BulkHalf>(bulk).unwrap().store();
    staging.finish().0
}

fn page(rows: &str) -> String {
    format!(r#"{{"data":[{rows}]}}"#)
}

fn page_fields(row: &str) -> (Table<Image>, ImagePageFields) {
    let mut table = staged(page(row).as_bytes(), b"");
    let page = table.get_mut("a").unwrap().page.take().unwrap();
    (table, page)
}

/// The bulk list's part of an image with this field.
fn bulk_fields(field: &str) -> (Table<Image>, ImageBulkFields) {
    let mut table = staged(page(r#"{"uuid":"a"}"#).as_bytes(), page(&format!(r#"{{"uuid":"a",{field}}}"#)).as_bytes());
    let bulk = table.get_mut("a").unwrap().bulk.take().unwrap();
    (table, bulk)
}

fn words(table: &Table<Image>, name: Option<ImageName>) -> Option<[&str; 2]> {
    name.map(|name| [name.registry, name.repository].map(|name| table.names.text(name)))
}

/// Vulnerabilities by their id, and whether there is a fix.
fn distinct(table: &Table<Image>, findings: &Findings) -> BTreeMap<String, bool> {
    let found: BTreeMap<_, _> = findings
        .distinct
        .iter()
        .map(|finding| (table.names.text(finding.vulnerability).to_owned(), finding.fixable))
        .collect();
    assert_eq!(found.len(), findings.distinct.len(), "each once");
    found
}

#[test]
fn the_page_lists_sample() {
    let table = staged(fixture!("images.json"), b"");
    let image = table.get("00000000-0000-3000-8000-00000000a002").unwrap();
    let known = image.page.as_ref().unwrap();
    assert_eq!(known.findings, Some([0; 5].into()), "scanned and clean");
    assert_eq!((known.risk.get(), known.size.get(), known.in_use), (None, Some(882_602_171.0), false));
    assert_eq!(words(&table, known.name), Some(["docker.io", "docker.io/example/checkoutapp"]));
    assert_eq!(table.names.text(known.scan_status), "success");
    assert_eq!(known.updated.map(Timestamp::millis), Some(1_594_119_117_240));
    assert_eq!(known.created.map(Timestamp::millis), Some(1_594_092_270_000));
    assert!(image.bulk.is_none());
}

#[test]
fn the_bulk_lists_samples() {
    let uuids = ["a101", "a102", "a103"].map(|end| format!("00000000-0000-3000-8000-00000000{end}"));
    let rows = uuids.clone().map(|uuid| format!(r#"{{"uuid":"{uuid}"}}"#)).join(",");
    let table = staged(page(&rows).as_bytes(), fixture!("images_list.json"));
    let expected: [(_, FindingCounts, _, _); 3] = [
        ("docker.io/alpine", [[0, 0], [0, 0], [0, 1]], "105144", false),
        ("docker.io/hello_world_ps", [[0, 0], [0, 0], [1, 0]], "256906", true),
        ("docker.io/vault", [[1, 0], [0, 0], [0, 0]], "980408", true),
    ];
    for (uuid, (name, counts, qid, fixable)) in uuids.iter().zip(expected) {
        let known = table.get(uuid).unwrap().bulk.as_ref().unwrap();
        let findings = known.findings.as_ref().unwrap();
        assert_eq!(words(&table, known.name), Some(["docker.io", name]));
        assert_eq!((findings.counts, distinct(&table, findings)), (counts, [(qid.to_owned(), fixable)].into()));
    }
    assert!(table.names.iter().all(|(_, text)| !text.contains("shadow") && !text.contains("musl")));
}

#[test]
fn an_image_is_called_by_its_first_repository() {
    for (repo, expected) in [
        ("null", None),
        ("[]", None),
        ("[null]", None),
        ("[{}]", Some(["unknown", ""])),
        (r#"[{"registry":null,"repository":null,"tag":null}]"#, Some(["unknown", ""])),
        (r#"[{"registry":"","repository":"nginx","tag":null}]"#, Some(["unknown", "nginx"])),
        (r#"[{"registry":"docker.io","repository":""}]"#, Some(["docker.io", ""])),
        (
            r#"[null,{"registry":"Quay.io:443","repository":"team/App"},{"registry":"b","repository":"c"}]"#,
            Some(["Quay.io:443", "Quay.io:443/team/App"]),
        ),
    ] {
        let (table, known) = page_fields(&format!(r#"{{"uuid":"a","repo":{repo}}}"#));
        assert_eq!(words(&table, known.name), expected, "{repo}");
        let (table, known) = bulk_fields(&format!(r#""repo":{repo}"#));
        assert_eq!(words(&table, known.name), expected, "{repo}");
    }
    assert_eq!(page_fields(r#"{"uuid":"a"}"#).1.name.map(|name| name.registry), None);
}

#[test]
fn a_digest_has_the_registry_that_the_first_repository_lacks() {
    let digests = r#""repoDigests":[null,{"registry":null,"digest":"sha256:1"},{"registry":"ghcr.io","digest":"2"}]"#;
    for (repo, expected) in [
        (r#"[{"registry":null,"repository":"app"}]"#, ["ghcr.io", "ghcr.io/app"]),
        (r#"[{"registry":"None","repository":"app"}]"#, ["ghcr.io", "ghcr.io/app"]),
        (r#"[{"registry":"quay.io","repository":"app"}]"#, ["quay.io", "quay.io/app"]),
        ("null", ["ghcr.io", ""]),
    ] {
        let mut table = staged(page(&format!(r#"{{"uuid":"a","sha":"s","repo":{repo},{digests}}}"#)).as_bytes(), b"");
        let image = table.get_mut("a").unwrap().clone();
        assert_eq!(words(&table, Some(image.name())), Some(expected), "{repo}");
        let ids: Vec<_> = image.page.unwrap().ids.iter().map(|id| table.names.text(*id)).collect();
        assert_eq!(ids, ["1", "2", "s", "a"]);
    }
}

#[test]
fn odd_page_rows() {
    let (table, known) = page_fields(
        r#"{"uuid":"a","size":"882602171","associatedContainersCount":"3","scanStatus":"SCAN Failed","riskScore":"-1",
            "created":"2020-07-07T03:24:30Z","vulnerabilities":{"severity5Count":null,"severity3Count":"2"}}"#,
    );
    assert_eq!((known.size.get(), known.in_use, known.risk.get()), (Some(882_602_171.0), true, None));
    assert_eq!(
        (known.findings.clone(), table.names.text(known.scan_status)),
        (Some([0, 0, 2, 0, 0].into()), "scan_failed")
    );
    assert_eq!(known.created.map(Timestamp::millis), Some(1_594_092_270_000));

    let (table, known) = page_fields(
        r#"{"uuid":"a","size":null,"associatedContainersCount":null,"riskScore":850,"vulnerabilities":{"severity5Count":null}}"#,
    );
    assert_eq!((known.size.get(), known.in_use, known.risk.get()), (None, false, Some(850.0)));
    assert_eq!((known.findings.clone(), table.names.text(known.scan_status)), (None, "unknown"));

    let staging = Staging::new(());
    let seen = staging.read::<PageHalf>(page(r#"{"uuid":"a","size":"large"},{"size":5},{"uuid":"b"}"#).as_bytes());
    let seen = seen.unwrap().store();
    assert_eq!((seen.taken, seen.rejected.len()), (2, 1));
}

#[test]
fn findings_are_distinguished_from_a_pending_scan() {
    for (field, known) in [
        (r#""vulnerabilities":null"#, false),
        (r#""x":1"#, false),
        (r#""vulnerabilities":{"severity5Count":2}"#, false),
    ] {
        assert_eq!(bulk_fields(field).1.findings.is_some(), known, "{field}");
    }
    let clean = bulk_fields(r#""vulnerabilities":[]"#).1.findings.unwrap();
    assert_eq!((clean.counts, clean.distinct.len()), (FindingCounts::default(), 0));
}

#[test]
fn a_repeated_finding_counts_again_but_is_not_another_one() {
    let (table, known) = bulk_fields(
        r#""vulnerabilities":[
            {"qid":7,"typeDetected":"Potential","software":null},
            {"qid":"8","typeDetected":"CONFIRMED","software":[{"fixVersion":"2"}]},
            {"qid":7,"typeDetected":"potential","software":[{"fixVersion":null},{"fixVersion":"1"}]},
            {"qid":null,"typeDetected":"confirmed"},
            {"qid":"","typeDetected":"GUESSED","software":[{"fixVersion":"1"}]},
            {"qid":9,"typeDetected":null,"software":[{"fixVersion":""}]}]"#,
    );
    let findings = known.findings.unwrap();
    assert_eq!(findings.counts, [[1, 1], [1, 1], [1, 1]]);
    let expected = [("7", true), ("8", true), ("9", false)].map(|(qid, fixable)| (qid.to_owned(), fixable));
    assert_eq!(distinct(&table, &findings), expected.into());
}

#[test]
fn the_page_list_decides_which_images_exist() {
    let staging = Staging::new(());
    staging
        .read::<BulkHalf>(page(r#"{"uuid":"a","updated":5},{"uuid":"only here","updated":7}"#).as_bytes())
        .unwrap()
        .store();
    let (_, missing) = staging.finish();
    assert_eq!(missing.as_deref(), Some("the page list has no images, but the bulk list has 2"));
    let table = staged(page(r#"{"uuid":"a"},{"uuid":"b"}"#).as_bytes(), page(r#"{"uuid":"c"}"#).as_bytes());
    assert_eq!((table.len(), table.get("c").is_none()), (2, true));
}

#[test]
fn records_that_the_bulk_list_may_still_return() {
    let staging = Staging::new(());
    staging.read::<PageHalf>(page(r#"{"uuid":"a","updated":5},{"uuid":"b","updated":7}"#).as_bytes()).unwrap().store();
    let bulk = |rows: &str| drop(staging.read::<BulkHalf>(page(rows).as_bytes()).unwrap().store());
    bulk(r#"{"uuid":"before","updated":4},{"uuid":"a","updated":5}"#);
    assert!(staging.lacks_bulk());
    assert_eq!(staging.cursor_behind(Timestamp::from_millis(5).unwrap()), "updated>=5 AND not uuid: [a]");
    bulk(r#"{"uuid":"c","updated":8}"#);
    assert!(!staging.lacks_bulk(), "it passed over b");
}

proptest! {
    /// Compared with a computation with sets and maps.
    #[test]
    fn findings_are_counted_as_listed(
        rows in prop::collection::vec((prop::option::of(0_u8..6), 0_usize..3, any::<bool>()), 0..40),
    ) {
        const TYPES: [&str; 3] = ["CONFIRMED", "POTENTIAL", "OTHER"];
        let row = |(qid, kind, fixable): &(Option<u8>, usize, bool)| {
            let qid = qid.map_or("null".to_owned(), |qid| qid.to_string());
            let fix = if *fixable { "\"1\"" } else { "null" };
            format!(r#"{{"qid":{qid},"typeDetected":"{}","software":[{{"fixVersion":{fix}}}]}}"#, TYPES[*kind])
        };
        let json: Vec<_> = rows.iter().map(row).collect();
        let (table, known) = bulk_fields(&format!(r#""vulnerabilities":[{}]"#, json.join(",")));
        let findings = known.findings.unwrap();
        let mut counts = FindingCounts::default();
        let mut expected = BTreeMap::new();
        for (qid, kind, fixable) in rows {
            counts[kind][usize::from(!fixable)] += 1;
            if let Some(qid) = qid {
                *expected.entry(qid.to_string()).or_insert(false) |= fixable;
            }
        }
        prop_assert_eq!(findings.counts, counts);
        prop_assert_eq!(distinct(&table, &findings), expected);
    }
}
