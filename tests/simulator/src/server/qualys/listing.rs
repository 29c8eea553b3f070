//! A listing: its records in order, and their rendered rows, which are cached unless there are too many.

use std::sync::Arc;

use serde_json::Value;

use super::cursor::{Filter, Order, link};
use super::{
    LinkForm, Page, container_rows, image_rows, policy_rows, posture_rows, registry_rows, report_rows, resource_rows,
    sensor_rows,
};
use crate::server::answer::Answer;
use crate::tenant::{Container, Image, Row, StrayRow, Tenant};

/// The kind of listing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Page,
    Bulk,
    Sensors,
    Postures,
    ImagePage,
    ImageBulk,
    Resources,
    Reports,
    Registries,
    Policies,
}

impl Kind {
    /// Whether the vendor sorts the list by the last change; the others are in the tenant's order.
    fn is_sorted(self) -> bool {
        matches!(self, Self::Page | Self::Bulk | Self::Sensors | Self::ImagePage | Self::ImageBulk)
    }
}

#[derive(Clone, Copy)]
enum Origin {
    Record(usize),
    Stray(usize),
}

struct Entry {
    uuid: String,
    created: i64,
    updated: i64,
    origin: Origin,
    text: Option<Arc<str>>,
}

/// The number of rows up to which their text is cached, to limit memory.
const MOST_KEPT: usize = 200_000;

/// A listing, sorted by last change where records have one.
pub(super) struct Listing {
    kind: Kind,
    generation: Option<u64>,
    entries: Vec<Entry>,
}

impl Listing {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, generation: None, entries: Vec::new() }
    }

    /// A page with a total count. Pages past the window are empty.
    pub(super) fn page(&mut self, tenant: &Tenant, filter: &Filter, order: Order, page: Page, window: usize) -> Answer {
        self.refresh(tenant);
        let as_held = matches!(order, Order::Listed | Order::Updated { descending: false });
        let mut chosen: Vec<_> = self.matching(filter).take(if as_held { window } else { usize::MAX }).collect();
        match order {
            Order::Listed | Order::Updated { descending: false } => {}
            Order::Updated { descending: true } => chosen.reverse(),
            Order::Created { descending } => {
                chosen.sort_by_key(|index| self.entries[*index].created);
                if descending {
                    chosen.reverse();
                }
            }
        }
        chosen.truncate(window);
        let count = chosen.len();
        let start = (page.number - 1).saturating_mul(page.size);
        let rows: Vec<usize> = chosen.into_iter().skip(start).take(page.size).collect();
        if rows.is_empty() {
            return Answer::empty(204);
        }
        let data = self.data(tenant, &rows);
        let tail =
            if matches!(self.kind, Kind::Postures | Kind::Resources) { ",\"groups\":{},\"aggs\":null" } else { "" };
        Answer::json(200, format!("{{\"data\":[{data}],\"count\":{count}{tail}}}"))
    }

    /// A page of a walk in the order of changes, with a link to the next one.
    pub(super) fn bulk(&mut self, tenant: &Tenant, filter: &Filter, limit: usize, form: LinkForm) -> Answer {
        self.refresh(tenant);
        let chosen: Vec<_> = self.matching(filter).take(limit + 1).collect();
        if chosen.is_empty() {
            return Answer::empty(204);
        }
        let rows = &chosen[..chosen.len().min(limit)];
        let next = (rows.len() < chosen.len()).then(|| self.given(filter, rows));
        let data = self.data(tenant, rows);
        let answer = Answer::json(200, format!("{{\"data\":[{data}],\"limit\":{limit}}}"));
        let things = if self.kind == Kind::ImageBulk { "images" } else { "containers" };
        match link(things, next, limit, form, tenant.seed()) {
            Some(link) => answer.with_header("link", link),
            None => answer,
        }
    }

    /// The time of the last of the rows, and all records with the same time that were returned so far.
    fn given(&self, filter: &Filter, rows: &[usize]) -> (i64, Vec<String>) {
        let updated = rows.last().map_or(0, |last| self.entries[*last].updated);
        let same_time = rows.iter().filter(|index| self.entries[**index].updated == updated);
        let mut uuids: Vec<String> = same_time.map(|index| self.entries[*index].uuid.clone()).collect();
        if filter.updated_from == updated {
            uuids.extend(filter.not.iter().cloned());
        }
        uuids.sort();
        (updated, uuids)
    }

    fn matching(&self, filter: &Filter) -> impl Iterator<Item = usize> {
        let is_before = |entry: &Entry| self.kind.is_sorted() && entry.updated < filter.updated_from;
        let from = self.entries.partition_point(is_before);
        (from..self.entries.len()).filter(|index| !filter.not.contains(&self.entries[*index].uuid))
    }

    fn data(&mut self, tenant: &Tenant, rows: &[usize]) -> String {
        let texts: Vec<Arc<str>> = rows.iter().map(|index| self.text(tenant, *index)).collect();
        texts.join(",")
    }

    fn text(&mut self, tenant: &Tenant, index: usize) -> Arc<str> {
        let (kind, are_kept) = (self.kind, self.entries.len() <= MOST_KEPT);
        let entry = &mut self.entries[index];
        let origin = entry.origin;
        if !are_kept {
            return row(tenant, kind, origin).into();
        }
        Arc::clone(entry.text.get_or_insert_with(|| row(tenant, kind, origin).into()))
    }

    /// Reloads the tenant's records if they have changed.
    fn refresh(&mut self, tenant: &Tenant) {
        if self.generation == Some(tenant.generation()) {
            return;
        }
        self.generation = Some(tenant.generation());
        self.entries = match self.kind {
            Kind::Page => containers(tenant, |container| container.page_row),
            Kind::Bulk => containers(tenant, |container| container.bulk_row),
            Kind::Sensors => sensors(tenant),
            Kind::Postures => controls(tenant),
            Kind::ImagePage => images(tenant, |image| image.page_row),
            Kind::ImageBulk => images(tenant, |image| image.bulk_row),
            Kind::Resources => numbered(tenant.posture_resources.len()),
            Kind::Reports => numbered(tenant.reports.len()),
            Kind::Registries => numbered(tenant.registries.len()),
            Kind::Policies => numbered(tenant.policies.len()),
        };
        let strays = strays(tenant, self.kind).iter().enumerate();
        self.entries.extend(
            strays.map(|(index, stray)| entry(&stray.uuid, stray.created, stray.updated, Origin::Stray(index))),
        );
        if self.kind.is_sorted() {
            self.entries.sort_by(|one, other| (one.updated, &one.uuid).cmp(&(other.updated, &other.uuid)));
        }
    }
}

fn entry(uuid: &str, created: i64, updated: i64, origin: Origin) -> Entry {
    Entry { uuid: uuid.to_owned(), created, updated, origin, text: None }
}

fn containers(tenant: &Tenant, row: fn(&Container) -> Row) -> Vec<Entry> {
    let listed = tenant.containers.iter().enumerate().filter(|(_, container)| row(container) != Row::Absent);
    listed
        .map(|(index, container)| entry(&container.uuid, container.created, container.updated, Origin::Record(index)))
        .collect()
}

fn images(tenant: &Tenant, row: fn(&Image) -> Row) -> Vec<Entry> {
    let listed = tenant.images.iter().enumerate().filter(|(_, image)| row(image) != Row::Absent);
    listed
        .map(|(index, image)| entry(&image.uuid, image.created.unwrap_or(0), image.updated, Origin::Record(index)))
        .collect()
}

/// Records without a time or a key, which cannot be filtered or sorted.
fn numbered(count: usize) -> Vec<Entry> {
    (0..count).map(|index| entry("", 0, 0, Origin::Record(index))).collect()
}

fn sensors(tenant: &Tenant) -> Vec<Entry> {
    let entries = tenant.sensors.iter().enumerate().map(|(index, sensor)| {
        let updated = sensor.last_checked_in.unwrap_or(0);
        entry(&sensor.uuid, sensor.created.unwrap_or(0), updated, Origin::Record(index))
    });
    entries.collect()
}

fn controls(tenant: &Tenant) -> Vec<Entry> {
    (0..tenant.controls.len())
        .map(|index| entry(&tenant.controls[index].cid.to_string(), 0, 0, Origin::Record(index)))
        .collect()
}

fn strays(tenant: &Tenant, kind: Kind) -> &[StrayRow] {
    match kind {
        Kind::Page => &tenant.stray_page_rows,
        Kind::Bulk => &tenant.stray_bulk_rows,
        Kind::Sensors => &tenant.stray_sensor_rows,
        Kind::Postures => &tenant.stray_posture_rows,
        Kind::ImagePage => &tenant.stray_image_page_rows,
        Kind::ImageBulk => &tenant.stray_image_bulk_rows,
        Kind::Resources => &tenant.stray_resource_rows,
        Kind::Reports => &tenant.stray_report_rows,
        Kind::Registries => &tenant.stray_registry_rows,
        Kind::Policies => &tenant.stray_policy_rows,
    }
}

/// A row as the vendor writes it.
fn row(tenant: &Tenant, kind: Kind, origin: Origin) -> String {
    let value = match origin {
        Origin::Record(index) => record(tenant, kind, index),
        Origin::Stray(index) => stray(&strays(tenant, kind)[index], kind),
    };
    value.to_string()
}

fn record(tenant: &Tenant, kind: Kind, index: usize) -> Value {
    let seed = tenant.seed();
    match kind {
        Kind::Page => container_rows::page(&tenant.containers[index], seed),
        Kind::Bulk => container_rows::bulk(&tenant.containers[index], seed),
        Kind::Sensors => sensor_rows::row(&tenant.sensors[index], seed),
        Kind::Postures => posture_rows::row(&tenant.controls[index], seed),
        Kind::ImagePage => image_rows::page(&tenant.images[index], seed),
        Kind::ImageBulk => image_rows::bulk(&tenant.images[index], seed),
        Kind::Resources => resource_rows::row(&tenant.posture_resources[index], index, seed),
        Kind::Reports => report_rows::row(&tenant.reports[index], seed),
        Kind::Registries => registry_rows::row(&tenant.registries[index], seed),
        Kind::Policies => policy_rows::row(&tenant.policies[index], seed),
    }
}

fn stray(stray: &StrayRow, kind: Kind) -> Value {
    match kind {
        Kind::Page | Kind::Bulk => container_rows::unreadable(stray),
        Kind::Sensors => sensor_rows::unreadable(stray),
        Kind::Postures => posture_rows::unreadable(stray),
        Kind::ImagePage | Kind::ImageBulk => image_rows::unreadable(stray),
        Kind::Resources => resource_rows::unreadable(stray),
        Kind::Reports => report_rows::unreadable(stray),
        Kind::Registries => registry_rows::unreadable(stray),
        Kind::Policies => policy_rows::unreadable(stray),
    }
}
