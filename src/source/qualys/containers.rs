//! The collector of containers: two listings joined by `uuid`.
//!
//! Only the page list counts findings by severity, and only the bulk list knows the namespace. Both are walked at
//! the same time into one table; a record that changes during the walk comes again, and its newest version stays.
//! The page list decides what exists.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::assess::{assessment, placement};
use super::link::next;
use super::session::{Listing, Session};
use super::wire::{self, BulkRow, PageRow};
use crate::clock::Timestamp;
use crate::http::{Answer, ApiError, Call, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::names::Names;
use crate::record::{Assessment, Container, Placement};
use crate::setting::Span;
use crate::source::paging::{Brought, KeyAsk, Seen, by_cursor, by_key};
use crate::source::wire::{Keyed, Rows, text};
use crate::source::{Collector, Harvest};
use crate::telemetry::Failure;

/// The page list.
pub(super) const PAGES: Listing = Listing {
    endpoint: Endpoint { name: "containers", class: "pages" },
    what: "containers",
    permission: "such as CS.CONTAINER.VIEW",
};

/// The bulk list.
pub(super) const BULK: Listing = Listing {
    endpoint: Endpoint { name: "containers_list", class: "bulk" },
    what: "containers",
    permission: "such as CS.CONTAINER.VIEW",
};

/// The collector's name.
pub(super) const NAME: &str = "containers";

/// Rows per page of the page list: the most the vendor gives.
const PAGE_SIZE: u64 = 1000;

/// Rows per page of the bulk list: the most the vendor gives.
const BULK_LIMIT: u64 = 250;

/// One of the two listings: the half of a container's record that it knows.
pub trait Half {
    /// A row of it.
    type Row<'a>: Keyed + Deserialize<'a>;
    /// What is kept of a row.
    type Known;

    /// What a row tells. `promote` are the keys of the labels whose values are kept.
    fn read(names: &mut Names, row: &Self::Row<'_>, promote: &[String]) -> Self::Known;

    /// When the container was last changed, by this half.
    fn updated(known: &Self::Known) -> Option<Timestamp>;

    /// The half's place in the record.
    fn slot(container: &mut Container) -> &mut Option<Self::Known>;
}

/// The page list, as a half.
#[derive(Debug)]
pub enum PageHalf {}

impl Half for PageHalf {
    type Row<'a> = PageRow<'a>;
    type Known = Assessment;

    fn read(names: &mut Names, row: &PageRow<'_>, _: &[String]) -> Assessment {
        assessment(names, row)
    }

    fn updated(known: &Assessment) -> Option<Timestamp> {
        known.updated
    }

    fn slot(container: &mut Container) -> &mut Option<Assessment> {
        &mut container.assessment
    }
}

/// The bulk list, as a half.
#[derive(Debug)]
pub enum BulkHalf {}

impl Half for BulkHalf {
    type Row<'a> = BulkRow<'a>;
    type Known = Placement;

    fn read(names: &mut Names, row: &BulkRow<'_>, promote: &[String]) -> Placement {
        placement(names, row, promote)
    }

    fn updated(known: &Placement) -> Option<Timestamp> {
        known.updated
    }

    fn slot(container: &mut Container) -> &mut Option<Placement> {
        &mut container.placement
    }
}

/// The two listings being put together.
#[derive(Debug)]
pub struct Staging {
    table: Mutex<Table<Container>>,
    promote: Arc<[String]>,
}

impl Staging {
    /// Nothing yet. Of the labels of containers and pods, the values of those in `promote` are kept.
    pub fn new(promote: Arc<[String]>) -> Self {
        Self { table: Mutex::default(), promote }
    }

    /// Takes a page of a listing. It is decoded first, so as not to keep the other listing waiting.
    pub fn take<H: Half>(&self, body: &[u8]) -> Result<Seen, Unreadable> {
        let text = text(body);
        let rows = wire::rows::<H::Row<'_>>(&text)?;
        Ok(self.put::<H>(rows).close(body))
    }

    fn put<H: Half>(&self, rows: Rows<H::Row<'_>>) -> Seen {
        let mut seen = Seen::of(&rows);
        let mut table = lock(&self.table);
        for row in rows.into_keyed() {
            let fresh = H::read(&mut table.names, &row, &self.promote);
            let updated = H::updated(&fresh);
            let slot = H::slot(table.entry(row.key(), Container::default));
            let order = slot.as_ref().map(|known| updated.cmp(&H::updated(known)));
            let brought = match order {
                None => Brought::New,
                Some(Ordering::Greater) => Brought::Newer,
                Some(Ordering::Equal | Ordering::Less) => Brought::Nothing,
            };
            seen.row(row.key(), updated, brought);
            // Of two versions of the same time, the one seen later is the later one.
            if order.is_none_or(Ordering::is_ge) {
                *slot = Some(fresh);
            }
        }
        seen
    }

    /// Whether the page list has containers that the bulk list may still have to give: it comes in the order of
    /// `updated`, and has not yet come to theirs. One that it passed over it does not have.
    fn lacks_placements(&self) -> bool {
        let table = lock(&self.table);
        let latest = table.iter().filter_map(|(_, container)| container.placement.as_ref()?.updated).max();
        table.iter().any(|(_, Container { assessment, placement })| {
            let listed = assessment.as_ref().filter(|_| placement.is_none());
            listed.is_some_and(|listed| listed.updated.is_none_or(|updated| Some(updated) >= latest))
        })
    }

    /// The bulk list's cursor for what follows the containers that have come, up to those of the time `last`; in the
    /// form of the vendor's own.
    fn cursor_behind(&self, last: Timestamp) -> String {
        let table = lock(&self.table);
        let of_last = table.iter().filter(|(_, container)| {
            container.placement.as_ref().is_some_and(|placement| placement.updated == Some(last))
        });
        let uuids: Vec<_> = of_last.map(|(key, _)| key.to_string()).collect();
        format!("updated>={} AND not uuid: [{}]", last.millis(), uuids.join(","))
    }

    /// The containers that exist, and why they cannot be all, if neither walk found out itself.
    pub fn finish(&self) -> (Table<Container>, Option<String>) {
        let mut table = std::mem::take(&mut *lock(&self.table));
        let placed = table.len();
        table.retain(|container| container.assessment.is_some());
        let empty = table.is_empty() && placed > 0;
        let missing = empty.then(|| format!("the page list has no containers, but the bulk list has {placed}"));
        (table, missing)
    }
}

/// Walks both listings.
pub(super) struct Containers {
    pub(super) session: Arc<Session>,
    pub(super) promote: Arc<[String]>,
    pub(super) interval: Span,
}

impl Containers {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let staging = Arc::new(Staging::new(Arc::clone(&self.promote)));
        let pages = by_key(&PAGES.endpoint, PAGE_SIZE, progress, |ask| self.page(ask, Arc::clone(&staging)));
        let bulk = by_cursor(&BULK.endpoint, BULK_LIMIT, progress, |cursor| self.bulk(cursor, Arc::clone(&staging)));
        let (pages, bulk) = tokio::try_join!(pages, bulk)?;
        let bulk = bulk.finish(|| staging.lacks_placements(), |last| staging.cursor_behind(last)).await?;
        self.session.count_rejected(NAME, std::array::from_fn(|reason| pages.rejected[reason] + bulk.rejected[reason]));
        let (table, missing) = finish(staging).await?;
        Ok(Harvest {
            records: table.len() as u64,
            tables: Tables { containers: Some(Arc::new(table)), ..Tables::default() },
            missing: pages.missing.or(bulk.missing).or(missing),
            note: None,
        })
    }

    async fn page(&self, ask: KeyAsk, staging: Arc<Staging>) -> Result<Seen, ApiError> {
        let mut call = Call::get(&PAGES.endpoint, "/csapi/v1.3/containers")
            .query("pageNumber", ask.number.to_string())
            .query("pageSize", ask.size.to_string())
            .query("sort", "updated:asc");
        if let Some(filter) = ask.filter() {
            call = call.query("filter", filter);
        }
        let read = move |answer: &Answer| staging.take::<PageHalf>(&answer.body);
        self.session.call(&PAGES, call, read).await
    }

    async fn bulk(&self, cursor: Option<String>, staging: Arc<Staging>) -> Result<Seen, ApiError> {
        let mut call = Call::get(&BULK.endpoint, "/csapi/v1.3/containers/list").query("limit", BULK_LIMIT.to_string());
        if let Some(cursor) = cursor {
            call = call.query("paginationQuery", cursor);
        }
        let read = move |answer: &Answer| {
            let seen = staging.take::<BulkHalf>(&answer.body)?;
            Ok(Seen { next: next(&answer.headers), ..seen })
        };
        self.session.call(&BULK, call, read).await
    }
}

/// [`Staging::finish`] off the threads that serve everyone: it goes through the whole table.
async fn finish(staging: Arc<Staging>) -> Result<(Table<Container>, Option<String>), ApiError> {
    match tokio::task::spawn_blocking(move || staging.finish()).await {
        Ok(finished) => Ok(finished),
        Err(error) => match error.try_into_panic() {
            // As if it had been done here.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ApiError::new(&PAGES.endpoint, Failure::Internal, "the program is stopping")),
        },
    }
}

impl Collector for Containers {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interval(&self) -> Span {
        self.interval
    }

    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<Harvest, ApiError>> {
        Box::pin(self.run(progress))
    }
}
