//! Reads the values of a container, from whichever listing has them.

use crate::catalog::images;
use crate::clock::Timestamp;
use crate::names::Name;
use crate::record::{
    BulkListFields, Condition, Conditions, Container, PageListFields, PrismaFields, QualysFields, SeverityCounts,
    VendorFields,
};
use crate::view::Row;

pub(super) type ContainerRow<'a> = Row<'a, Container>;

pub(super) fn page(row: ContainerRow<'_>, field: fn(&PageListFields) -> Name) -> &str {
    row.text(row.record.page.as_ref().map_or(Name::EMPTY, field))
}

pub(super) fn bulk(row: ContainerRow<'_>, field: fn(&BulkListFields) -> Name) -> &str {
    row.text(row.record.bulk.as_ref().map_or(Name::EMPTY, field))
}

/// The page list's cluster, else the bulk list's.
pub(super) fn cluster(row: ContainerRow<'_>) -> &str {
    match page(row, |page| page.cluster) {
        "" => bulk(row, |bulk| bulk.cluster),
        cluster => cluster,
    }
}

pub(super) fn state(row: ContainerRow<'_>) -> &str {
    page(row, |page| page.state)
}

/// The vendor's short id.
pub(super) fn id(row: ContainerRow<'_>) -> &str {
    row.record.page.as_ref().map_or("", |page| page.identity.id())
}

pub(super) fn name(row: ContainerRow<'_>) -> &str {
    row.record.page.as_ref().map_or("", |page| page.identity.name())
}

/// The first repository of its image.
pub(super) fn image_name(row: ContainerRow<'_>) -> &str {
    row.image().map_or("", |(image, names)| names.text(images::repository(image)))
}

/// How the vendor knows the container; unknown without a placement.
pub(super) fn origin(row: ContainerRow<'_>) -> &str {
    row.text(row.record.bulk.as_ref().map_or(Name::UNKNOWN, |bulk| bulk.origin))
}

/// The CPU architecture of its host.
pub(super) fn host_arch(row: ContainerRow<'_>) -> &str {
    row.text(row.record.bulk.as_ref().map_or(Name::UNKNOWN, |bulk| bulk.host_arch))
}

/// The container runtime: its own, or that of its host's sensor.
pub(super) fn runtime(row: ContainerRow<'_>) -> &str {
    match (prisma(row), row.sensor()) {
        (Some(fields), _) => row.text(fields.runtime),
        (None, Some((sensor, names))) => names.text(sensor.runtime),
        (None, None) => row.text(Name::UNKNOWN),
    }
}

pub(super) fn qualys(row: ContainerRow<'_>) -> Option<&QualysFields> {
    match &row.record.page.as_ref()?.vendor {
        VendorFields::Qualys(fields) => Some(fields),
        VendorFields::Prisma(_) => None,
    }
}

pub(super) fn prisma(row: ContainerRow<'_>) -> Option<&PrismaFields> {
    match &row.record.page.as_ref()?.vendor {
        VendorFields::Qualys(_) => None,
        VendorFields::Prisma(fields) => Some(fields),
    }
}

/// Its findings by severity, which in Prisma Cloud are its image's; `None` if it was never scanned.
pub(super) fn findings(row: ContainerRow<'_>) -> Option<&SeverityCounts> {
    match &row.record.page.as_ref()?.vendor {
        VendorFields::Qualys(fields) => fields.findings.as_ref(),
        VendorFields::Prisma(_) => row.image()?.0.page.as_ref()?.findings.as_ref(),
    }
}

/// Whether it was never scanned; `None` if that is unknown, because its image may be among those that are missing.
pub(super) fn never_scanned(row: ContainerRow<'_>) -> Option<bool> {
    let is_listed = row.image().is_some() && row.source.knows_images();
    let is_known = prisma(row).is_none() || is_listed || row.source.knows_all_images();
    is_known.then(|| findings(row).is_none())
}

pub(super) fn risk(row: ContainerRow<'_>) -> Option<f64> {
    qualys(row)?.risk.get()
}

pub(super) fn holds(row: ContainerRow<'_>, condition: Condition) -> bool {
    let known = |conditions: Option<Conditions>| conditions.unwrap_or_default();
    let page = known(row.record.page.as_ref().map(|page| page.conditions));
    let bulk = known(row.record.bulk.as_ref().map(|bulk| bulk.conditions));
    page.or(bulk).hold(condition)
}

pub(super) fn last_scan(row: ContainerRow<'_>) -> Option<f64> {
    let page = row.record.page.as_ref().and_then(|page| page.last_scan);
    let bulk = row.record.bulk.as_ref().and_then(|bulk| bulk.last_scan);
    page.or(bulk).map(Timestamp::seconds)
}

/// The value of the promoted label at a position in the configuration's list.
pub(in crate::catalog) fn promoted(row: ContainerRow<'_>, at: usize) -> &str {
    let labels = row.record.bulk.as_ref().map(|bulk| &bulk.labels);
    row.text(labels.and_then(|labels| labels.get(at)).copied().unwrap_or(Name::EMPTY))
}
