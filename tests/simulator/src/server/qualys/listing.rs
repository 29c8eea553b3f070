//! One of the vendor's lists: its records in order, and their rows as written, kept until the tenant changes.

use std::sync::Arc;

use super::cursor::{Filter, Order, link};
use super::{LinkForm, Page, container_rows, posture_rows, sensor_rows};
use crate::server::answer::Answer;
use crate::tenant::{Row, StrayRow, Tenant};

/// Which list.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Page,
    Bulk,
    Sensors,
    Postures,
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

/// A list, sorted by last change (controls, which have none, as the tenant holds them).
pub(super) struct Listing {
    kind: Kind,
    generation: Option<u64>,
    entries: Vec<Entry>,
}

impl Listing {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, generation: None, entries: Vec::new() }
    }

    /// A page with a count; nothing is given out past the window.
    pub(super) fn page(&mut self, tenant: &Tenant, filter: &Filter, order: Order, page: Page, window: usize) -> Answer {
        self.refresh(tenant);
        let mut chosen = self.matching(filter);
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
        let count = chosen.len().min(window);
        chosen.truncate(window);
        let start = (page.number - 1).saturating_mul(page.size);
        let rows: Vec<usize> = chosen.into_iter().skip(start).take(page.size).collect();
        if rows.is_empty() {
            return Answer::empty(204);
        }
        let data = self.data(tenant, &rows);
        let tail = if matches!(self.kind, Kind::Postures) { ",\"groups\":{},\"aggs\":null" } else { "" };
        Answer::json(200, format!("{{\"data\":[{data}],\"count\":{count}{tail}}}"))
    }

    /// A page of a walk in the order of change, with a link to the next.
    pub(super) fn bulk(&mut self, tenant: &Tenant, filter: &Filter, limit: usize, form: LinkForm) -> Answer {
        self.refresh(tenant);
        let chosen = self.matching(filter);
        if chosen.is_empty() {
            return Answer::empty(204);
        }
        let rows = &chosen[..chosen.len().min(limit)];
        let next = (rows.len() < chosen.len()).then(|| self.given(filter, rows));
        let data = self.data(tenant, rows);
        let answer = Answer::json(200, format!("{{\"data\":[{data}],\"limit\":{limit}}}"));
        match link(next, limit, form, tenant.seed()) {
            Some(link) => answer.with_header("link", link),
            None => answer,
        }
    }

    /// The time of the last of the rows, and all records of that very time that were given out by now.
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

    fn matching(&self, filter: &Filter) -> Vec<usize> {
        let from = match self.kind {
            Kind::Postures => 0,
            Kind::Page | Kind::Bulk | Kind::Sensors => {
                self.entries.partition_point(|entry| entry.updated < filter.updated_from)
            }
        };
        (from..self.entries.len()).filter(|index| !filter.not.contains(&self.entries[*index].uuid)).collect()
    }

    fn data(&mut self, tenant: &Tenant, rows: &[usize]) -> String {
        let texts: Vec<Arc<str>> = rows.iter().map(|index| self.text(tenant, *index)).collect();
        texts.join(",")
    }

    fn text(&mut self, tenant: &Tenant, index: usize) -> Arc<str> {
        let kind = self.kind;
        let entry = &mut self.entries[index];
        let origin = entry.origin;
        let text = entry.text.get_or_insert_with(|| row(tenant, kind, origin).into());
        Arc::clone(text)
    }

    /// Takes the tenant's records anew if they have changed.
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
        };
        let strays = strays(tenant, self.kind).iter().enumerate();
        self.entries.extend(
            strays.map(|(index, stray)| entry(&stray.uuid, stray.created, stray.updated, Origin::Stray(index))),
        );
        if !matches!(self.kind, Kind::Postures) {
            self.entries.sort_by(|one, other| (one.updated, &one.uuid).cmp(&(other.updated, &other.uuid)));
        }
    }
}

fn entry(uuid: &str, created: i64, updated: i64, origin: Origin) -> Entry {
    Entry { uuid: uuid.to_owned(), created, updated, origin, text: None }
}

fn containers(tenant: &Tenant, row: fn(&crate::tenant::Container) -> Row) -> Vec<Entry> {
    let listed = tenant.containers.iter().enumerate().filter(|(_, container)| row(container) != Row::Absent);
    listed
        .map(|(index, container)| entry(&container.uuid, container.created, container.updated, Origin::Record(index)))
        .collect()
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
    }
}

/// A row as the vendor writes it.
fn row(tenant: &Tenant, kind: Kind, origin: Origin) -> String {
    let seed = tenant.seed();
    let value = match (kind, origin) {
        (Kind::Page, Origin::Record(index)) => container_rows::page(&tenant.containers[index], seed),
        (Kind::Bulk, Origin::Record(index)) => container_rows::bulk(&tenant.containers[index], seed),
        (Kind::Sensors, Origin::Record(index)) => sensor_rows::row(&tenant.sensors[index], seed),
        (Kind::Postures, Origin::Record(index)) => posture_rows::row(&tenant.controls[index], seed),
        (Kind::Page, Origin::Stray(index)) => {
            container_rows::unreadable(&tenant.stray_page_rows[index], container_rows::PAGE_VICTIMS)
        }
        (Kind::Bulk, Origin::Stray(index)) => {
            container_rows::unreadable(&tenant.stray_bulk_rows[index], container_rows::BULK_VICTIMS)
        }
        (Kind::Sensors, Origin::Stray(index)) => sensor_rows::unreadable(&tenant.stray_sensor_rows[index]),
        (Kind::Postures, Origin::Stray(index)) => posture_rows::unreadable(&tenant.stray_posture_rows[index]),
    };
    value.to_string()
}
