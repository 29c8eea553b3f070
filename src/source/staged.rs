//! Collects the pages of a listing with one record per row into one table.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::inventory::{Key, Table};
use crate::lock::lock;
use crate::names::Names;
use crate::paging::{Page, PageReader};
use crate::wire::{Keyed, Keyless, Row, Rows};

/// A record that is built from one row.
pub trait FromRow: Sized + Send + 'static {
    /// The row.
    type Row<'a>: Keyed + Row<'a> + fmt::Debug;

    /// The record that a row describes.
    fn from_row(names: &mut Names, row: &Self::Row<'_>) -> Self;

    /// The key of the record, the vendor's own unless another record has the same; `None` for a row that has none and
    /// still counts.
    fn key<'r>(row: &'r Self::Row<'_>) -> Option<Cow<'r, str>> {
        Some(row.key()).filter(|key| !key.is_empty()).map(Cow::Borrowed)
    }

    /// Applies a later row with the same key: by default, replaces the record.
    fn update(&mut self, later: Self) {
        *self = later;
    }
}

/// A table that pages are stored in, one after the other.
#[derive(Debug)]
pub struct StagedTable<R>(Mutex<Table<R>>);

impl<R> Default for StagedTable<R> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<R: FromRow> StagedTable<R> {
    /// Reads the rows of the page with these bytes. They are in the table once the page is stored.
    pub fn read(self: &Arc<Self>, rows: Rows<R::Row<'_>>, body: &[u8]) -> Page {
        let mut page = PageReader::new(&rows);
        let mut records = Vec::with_capacity(rows.sent);
        let mut keyless = Keyless::default();
        {
            let mut table = lock(&self.0);
            for row in rows.into_keyed() {
                let key = R::key(&row).unwrap_or_else(|| Cow::Owned(keyless.key(&row)));
                let known = Key::new(&key);
                if page.row(&key, None, table.place_of(&known).map(|_| None)) {
                    page.count_fields(&row);
                }
                records.push((known, R::from_row(&mut table.names, &row)));
            }
        }
        let staged = Arc::clone(self);
        Page::new(page.summary(body), move || staged.store(records))
    }

    fn store(&self, records: Vec<(Key, R)>) {
        let mut table = lock(&self.0);
        for (key, record) in records {
            match table.place_of(&key).and_then(|at| table.nth_mut(at)) {
                Some(known) => known.update(record),
                None => _ = table.put_under(key, record),
            }
        }
    }

    /// Takes out the records of the pages that were stored.
    pub fn take(&self) -> Table<R> {
        std::mem::take(&mut *lock(&self.0))
    }
}
