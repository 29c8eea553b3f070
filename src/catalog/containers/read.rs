//! What is read of a container, whichever listing tells it.

use crate::catalog::images;
use crate::clock::Timestamp;
use crate::names::Name;
use crate::record::{
    Assessment, Condition, Conditions, Container, Particulars, Placement, PrismaParticulars, QualysParticulars,
    SeverityCounts,
};
use crate::view::Row;

pub(super) type ContainerRow<'a> = Row<'a, Container>;

pub(super) fn assessed(row: ContainerRow<'_>, field: fn(&Assessment) -> Name) -> &str {
    row.text(row.record.assessment.as_ref().map_or(Name::EMPTY, field))
}

pub(super) fn placed(row: ContainerRow<'_>, field: fn(&Placement) -> Name) -> &str {
    row.text(row.record.placement.as_ref().map_or(Name::EMPTY, field))
}

/// The page list's cluster, else the bulk list's.
pub(super) fn cluster(row: ContainerRow<'_>) -> &str {
    match assessed(row, |assessment| assessment.cluster) {
        "" => placed(row, |placement| placement.cluster),
        cluster => cluster,
    }
}

pub(super) fn state(row: ContainerRow<'_>) -> &str {
    assessed(row, |assessment| assessment.state)
}

/// The vendor's short id.
pub(super) fn id(row: ContainerRow<'_>) -> &str {
    row.record.assessment.as_ref().map_or("", |assessment| assessment.identity.id())
}

pub(super) fn name(row: ContainerRow<'_>) -> &str {
    row.record.assessment.as_ref().map_or("", |assessment| assessment.identity.name())
}

/// The first repository of its image.
pub(super) fn image_name(row: ContainerRow<'_>) -> &str {
    row.image().map_or("", |(image, names)| names.text(images::repository(image)))
}

/// Where the vendor knows it from; a container without a placement was not told about.
pub(super) fn origin(row: ContainerRow<'_>) -> &str {
    row.text(row.record.placement.as_ref().map_or(Name::UNKNOWN, |placement| placement.origin))
}

/// The container runtime: its own, or that of its host's sensor.
pub(super) fn runtime(row: ContainerRow<'_>) -> &str {
    match (prisma(row), row.sensor()) {
        (Some(particulars), _) => row.text(particulars.runtime),
        (None, Some((sensor, names))) => names.text(sensor.runtime),
        (None, None) => row.text(Name::UNKNOWN),
    }
}

pub(super) fn qualys(row: ContainerRow<'_>) -> Option<&QualysParticulars> {
    match &row.record.assessment.as_ref()?.particulars {
        Particulars::Qualys(particulars) => Some(particulars),
        Particulars::Prisma(_) => None,
    }
}

pub(super) fn prisma(row: ContainerRow<'_>) -> Option<&PrismaParticulars> {
    match &row.record.assessment.as_ref()?.particulars {
        Particulars::Qualys(_) => None,
        Particulars::Prisma(particulars) => Some(particulars),
    }
}

/// Its findings by severity, which in Prisma Cloud are its image's; none where it was never scanned.
pub(super) fn findings(row: ContainerRow<'_>) -> Option<SeverityCounts> {
    match &row.record.assessment.as_ref()?.particulars {
        Particulars::Qualys(particulars) => particulars.findings,
        Particulars::Prisma(_) => row.image()?.0.assessment.as_ref()?.findings,
    }
}

/// Whether it was never scanned; none where that cannot be told, since its image's findings are not collected yet.
pub(super) fn never_scanned(row: ContainerRow<'_>) -> Option<bool> {
    let cannot_tell = prisma(row).is_some() && !row.source.knows_images();
    (!cannot_tell).then(|| findings(row).is_none())
}

pub(super) fn risk(row: ContainerRow<'_>) -> Option<f64> {
    qualys(row)?.risk.get()
}

pub(super) fn holds(row: ContainerRow<'_>, condition: Condition) -> bool {
    let told = |conditions: Option<Conditions>| conditions.unwrap_or_default();
    let assessed = told(row.record.assessment.as_ref().map(|assessment| assessment.conditions));
    let placed = told(row.record.placement.as_ref().map(|placement| placement.conditions));
    assessed.or(placed).hold(condition)
}

pub(super) fn last_scan(row: ContainerRow<'_>) -> Option<f64> {
    let assessed = row.record.assessment.as_ref().and_then(|assessment| assessment.last_scan);
    let placed = row.record.placement.as_ref().and_then(|placement| placement.last_scan);
    assessed.or(placed).map(Timestamp::seconds)
}

/// The value of the promoted label at a place in the configuration's list.
pub(in crate::catalog) fn promoted(row: ContainerRow<'_>, at: usize) -> &str {
    let labels = row.record.placement.as_ref().map(|placement| &placement.labels);
    row.text(labels.and_then(|labels| labels.get(at)).copied().unwrap_or(Name::EMPTY))
}
