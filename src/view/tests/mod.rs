//! Joins that depend on a name, or on its absence.

use std::sync::Arc;

use super::*;
use crate::inventory::DataStatus;
use crate::record::{
    Finding, FindingCounts, Findings, ImageBulkFields, ImagePageFields, PageListFields, PrismaFields, VendorFields,
};

fn image(names: &mut Names, id: &str, findings: Option<&[(&str, bool)]>, in_use: bool) -> Image {
    let findings = findings.map(|findings| Findings {
        counts: FindingCounts::default(),
        distinct: findings
            .iter()
            .map(|(vulnerability, fixable)| Finding { vulnerability: names.intern(vulnerability), fixable: *fixable })
            .collect(),
    });
    let ids = if id.is_empty() { Box::default() } else { [names.intern(id)].into() };
    Image {
        page: Some(ImagePageFields { ids, in_use, ..ImagePageFields::default() }),
        bulk: Some(ImageBulkFields { findings, ..ImageBulkFields::default() }),
    }
}

fn container(names: &mut Names, image: &str) -> Container {
    let page = PageListFields {
        state: names.intern("running"),
        image: names.intern(image),
        vendor: VendorFields::Prisma(PrismaFields::default()),
        ..PageListFields::default()
    };
    Container { page: Some(page), bulk: None }
}

fn inventory(images: Option<Table<Image>>, containers: Table<Container>) -> Inventory {
    let tables = Tables { containers: Some(Arc::new(containers)), images: images.map(Arc::new), ..Tables::default() };
    Inventory {
        sources: vec![SourceInventory { source: "cloud".into(), vendor: Vendor::Prisma, tables, statuses: Vec::new() }],
    }
}

#[test]
fn a_container_finds_its_image_by_id_or_by_key() {
    let mut images: Table<Image> = Table::default();
    for (key, id) in [("row-b", "shared"), ("row-a", "shared"), ("key", ""), ("other", "key-of-none")] {
        let record = image(&mut images.names, id, None, true);
        images.put(key, record);
    }
    let mut containers: Table<Container> = Table::default();
    let wanted = [
        ("shared", Some("row-a")),
        ("key", Some("key")),
        ("other", None),
        ("row-a", None),
        ("", None),
        ("gone key", Some("key")),
    ];
    for (image, _) in wanted {
        let record = container(&mut containers.names, image);
        containers.put(image, record);
    }
    let inventory = inventory(Some(images), containers);
    let images = inventory.sources[0].tables.images.as_deref().unwrap();
    let view = View::of_inventory(&inventory);
    let mut found = Vec::new();
    Container::visit(&view, &mut |row| {
        found.push(row.image().map(|(image, _)| std::ptr::from_ref(image)));
    });
    let expected = wanted.map(|(_, key)| key.map(|key| std::ptr::from_ref(images.get(key).unwrap())));
    assert_eq!(found, expected);
}

#[test]
fn a_vulnerability_counts_once_however_many_images_have_it() {
    let mut images: Table<Image> = Table::default();
    for (key, findings, in_use) in [
        ("a", Some(&[("1", false), ("2", false)][..]), false),
        ("b", Some(&[("1", true)][..]), false),
        ("c", Some(&[("2", false)][..]), true),
        ("pending", None, true),
    ] {
        let record = image(&mut images.names, "", findings, in_use);
        images.put(key, record);
    }
    let unlisted = Image { page: None, ..image(&mut images.names, "", Some(&[("1", true), ("3", true)]), true) };
    images.put("unlisted", unlisted);
    let inventory = inventory(Some(images), Table::default());
    let view = View::of_inventory(&inventory);
    let mut found = Vec::new();
    Vulnerability::visit(&view, &mut |row| {
        found.push((row.text(row.record.id), row.record.images, row.record.in_use, row.record.fixable));
    });
    found.sort_unstable();
    assert_eq!(found, [("1", 2, false, true), ("2", 2, true, false)]);
}

#[test]
fn uncollected_images_are_not_unknown_images() {
    for (images, known) in [(None, false), (Some(Table::default()), true)] {
        let inventory = inventory(images, Table::default());
        assert_eq!(View::of_inventory(&inventory).sources[0].knows_images(), known);
    }
}

#[test]
fn an_image_that_is_not_listed_may_be_among_those_that_are_missing() {
    for (images, complete, all) in
        [(None, true, false), (Some(Table::default()), false, false), (Some(Table::default()), true, true)]
    {
        let mut inventory = inventory(images, Table::default());
        inventory.sources[0].statuses = vec![("images", DataStatus { complete, ..DataStatus::default() })];
        assert_eq!(View::of_inventory(&inventory).sources[0].knows_all_images(), all);
    }
}
