//! The collector of containers: two listings joined by `uuid`.
//!
//! Only the page list counts findings by severity, and only the bulk list knows the namespace. Both are walked at
//! the same time into one table; a record that changes during the walk comes again, and its newest version stays.
//! The page list decides what exists.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex};

use super::assess::{assessment, placement};
use super::paging::{KeyAsk, Seen, Walked, by_cursor, by_key, next};
use super::session::{Listing, Session};
use super::wire::{self, BulkRow, PageRow, Rows};
use crate::http::{Answer, ApiError, Call, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::record::Container;
use crate::setting::Span;
use crate::source::{BoxFuture, Collector, Harvest};

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

/// The two listings being put together.
#[derive(Debug)]
pub struct Staging {
    table: Table<Container>,
    promote: Arc<[String]>,
}

impl Staging {
    /// Nothing yet. Of the labels of containers and pods, the values of those in `promote` are kept.
    pub fn new(promote: Arc<[String]>) -> Self {
        Self { table: Table::default(), promote }
    }

    /// Takes a page of the page list.
    pub fn take_page(&mut self, body: &[u8]) -> Result<Seen, Unreadable> {
        let text = wire::text(body);
        Ok(self.assess(wire::rows(&text)?).close(body))
    }

    /// Takes a page of the bulk list.
    pub fn take_bulk(&mut self, body: &[u8]) -> Result<Seen, Unreadable> {
        let text = wire::text(body);
        Ok(self.place(wire::rows(&text)?).close(body))
    }

    /// The containers that exist.
    pub fn finish(mut self) -> Table<Container> {
        self.table.retain(|container| container.assessment.is_some());
        self.table
    }

    fn assess(&mut self, rows: Rows<PageRow<'_>>) -> Seen {
        let mut seen = Seen::of(&rows);
        for row in rows.into_keyed() {
            let fresh = assessment(&mut self.table.names, &row);
            let slot = &mut self.table.entry(row.uuid.get(), Container::default).assessment;
            let order = slot.as_ref().map(|known| fresh.updated.cmp(&known.updated));
            seen.row(row.uuid.get(), fresh.updated, order.is_none_or(Ordering::is_gt));
            // Of two versions of the same time, the one seen later is the later one.
            if order.is_none_or(Ordering::is_ge) {
                *slot = Some(fresh);
            }
        }
        seen
    }

    fn place(&mut self, rows: Rows<BulkRow<'_>>) -> Seen {
        let mut seen = Seen::of(&rows);
        for row in rows.into_keyed() {
            let fresh = placement(&mut self.table.names, &row, &self.promote);
            let slot = &mut self.table.entry(row.uuid.get(), Container::default).placement;
            let order = slot.as_ref().map(|known| fresh.updated.cmp(&known.updated));
            seen.row(row.uuid.get(), fresh.updated, order.is_none_or(Ordering::is_gt));
            // Of two versions of the same time, the one seen later is the later one.
            if order.is_none_or(Ordering::is_ge) {
                *slot = Some(fresh);
            }
        }
        seen
    }
}

/// Walks both listings.
pub(super) struct Containers {
    pub(super) session: Arc<Session>,
    pub(super) promote: Arc<[String]>,
    pub(super) interval: Span,
}

type Shared = Arc<Mutex<Staging>>;

impl Containers {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let staging = Arc::new(Mutex::new(Staging::new(Arc::clone(&self.promote))));
        let pages = by_key(&PAGES.endpoint, PAGE_SIZE, progress, |ask| self.page(ask, Arc::clone(&staging)));
        let bulk = by_cursor(&BULK.endpoint, progress, |cursor| self.bulk(cursor, Arc::clone(&staging)));
        let (pages, bulk) = tokio::try_join!(pages, bulk)?;
        for Walked { rejected, .. } in [&pages, &bulk] {
            self.session.count_rejected(NAME, *rejected);
        }
        let staging = std::mem::replace(&mut *lock(&staging), Staging::new(Arc::default()));
        let table = staging.finish();
        Ok(Harvest {
            records: table.len() as u64,
            tables: Tables { containers: Some(Arc::new(table)), ..Tables::default() },
            missing: pages.missing.or(bulk.missing),
        })
    }

    async fn page(&self, ask: KeyAsk, staging: Shared) -> Result<Seen, ApiError> {
        let mut call = Call::get(&PAGES.endpoint, "/csapi/v1.3/containers")
            .query("pageNumber", ask.number.to_string())
            .query("pageSize", ask.size.to_string())
            .query("sort", "updated:asc");
        if let Some(filter) = ask.filter() {
            call = call.query("filter", filter);
        }
        let read = move |answer: &Answer| {
            let text = wire::text(&answer.body);
            let rows = wire::rows(&text)?;
            Ok(lock(&staging).assess(rows).close(&answer.body))
        };
        self.session.call(&PAGES, call, read).await
    }

    async fn bulk(&self, cursor: Option<String>, staging: Shared) -> Result<Seen, ApiError> {
        let mut call = Call::get(&BULK.endpoint, "/csapi/v1.3/containers/list").query("limit", BULK_LIMIT.to_string());
        if let Some(cursor) = cursor {
            call = call.query("paginationQuery", cursor);
        }
        let read = move |answer: &Answer| {
            let text = wire::text(&answer.body);
            let rows = wire::rows(&text)?;
            let seen = lock(&staging).place(rows).close(&answer.body);
            Ok(Seen { next: next(&answer.headers), ..seen })
        };
        self.session.call(&BULK, call, read).await
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
