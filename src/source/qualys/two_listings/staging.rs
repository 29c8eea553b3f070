//! Joins two listings of the same records by key while both are walked.
//!
//! Each listing has one half of a record; a record that changes during the walk comes again, and its newest version
//! stays. The page list decides which records exist. A delta is applied to the known records. Requests and the meaning
//! of rows belong elsewhere: the latter to a [`Half`].

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use crate::checkpoint::Slot;
use crate::client::Unreadable;
use crate::clock::Timestamp;
use crate::inventory::{Key, Record, Table};
use crate::lock::lock;
use crate::names::Names;
use crate::paging::{Page, PageReader, changed_since};
use crate::source::qualys::wire;
use crate::wire::{Keyed, Row, text};

/// A record with one half in each of two listings.
pub trait Joined: Record + Default {
    /// What the configuration wants to keep of a row in addition.
    type Wanted: Clone + Send + Sync + fmt::Debug + 'static;
    /// The page list: only its records exist.
    type Page: Half<Record = Self>;
    /// The bulk list.
    type Bulk: Half<Record = Self>;

    /// Its name in the plural, for messages.
    const WHAT: &'static str;
}

/// One of the two listings, with its half of a record.
pub trait Half {
    /// The record.
    type Record: Joined;
    /// A row of the listing.
    type Row<'a>: Keyed + Row<'a>;
    /// The kept part of a row: this half of the record.
    type Part: Send + 'static;

    /// Reads this half from a row.
    fn read(names: &mut Names, row: &Self::Row<'_>, wanted: &<Self::Record as Joined>::Wanted) -> Self::Part;

    /// When the record was last changed, according to this half.
    fn updated(part: &Self::Part) -> Option<Timestamp>;

    /// This half of the record, if it was received.
    fn part(record: &Self::Record) -> Option<&Self::Part>;

    /// The field of this half in the record.
    fn part_mut(record: &mut Self::Record) -> &mut Option<Self::Part>;
}

/// The two listings while they are joined.
#[derive(Debug)]
pub struct Staging<R: Joined> {
    table: Mutex<Table<R>>,
    /// The known records that a delta is applied to.
    base: Option<Arc<Table<R>>>,
    wanted: R::Wanted,
    /// When the first page was sent, by the vendor's clock.
    date: OnceLock<Timestamp>,
}

impl<R: Joined> Staging<R> {
    /// Creates the staging area of a full walk.
    pub fn new(wanted: R::Wanted) -> Arc<Self> {
        Arc::new(Self { table: Mutex::default(), base: None, wanted, date: OnceLock::new() })
    }

    /// Creates the staging area of a delta on these records.
    pub(crate) fn over(base: Arc<Table<R>>, wanted: R::Wanted) -> Arc<Self> {
        let table = Mutex::new(Table::with_names_of(&base));
        Arc::new(Self { table, base: Some(base), wanted, date: OnceLock::new() })
    }

    /// Creates the staging area of a resumed walk from the records that it had.
    pub(crate) fn resumed(so_far: Table<R>, wanted: R::Wanted) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(so_far), base: None, wanted, date: OnceLock::new() })
    }

    /// Records when a page was sent, by the vendor's clock.
    pub(crate) fn came(&self, date: Option<Timestamp>) {
        if let Some(date) = date {
            self.date.get_or_init(|| date);
        }
    }

    /// When the first page was sent, by the vendor's clock, if it had a date.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.date.get().copied()
    }

    /// Takes out the records so far.
    pub(crate) fn so_far(&self) -> Table<R> {
        std::mem::take(&mut *lock(&self.table))
    }

    /// A copy of the records so far.
    pub(crate) fn copy(&self) -> Table<R> {
        lock(&self.table).clone()
    }

    /// Stores the records so far, with the position of the walk.
    pub(crate) fn save(&self, slot: &Slot, position: &[u8]) -> Result<(), String> {
        slot.save_walk(&*lock(&self.table), position)
    }

    /// The number of records of the page list so far.
    pub(crate) fn listed(&self) -> u64 {
        lock(&self.table).iter().filter(|(_, record)| R::Page::part(record).is_some()).count() as u64
    }

    /// Reads a page of a listing. The table has its rows once the page is stored.
    pub fn read<H: Half<Record = R>>(self: &Arc<Self>, body: &[u8]) -> Result<Page, Unreadable> {
        // Decoded before the table is locked, so that the other listing does not wait.
        let text = text(body);
        let rows = wire::rows::<H::Row<'_>>(&text)?;
        let mut page = PageReader::new(&rows);
        let mut parts = Vec::with_capacity(rows.sent);
        {
            let mut table = lock(&self.table);
            for row in rows.into_keyed() {
                let key = Key::new(row.key());
                let part = H::read(&mut table.names, &row, &self.wanted);
                let stored = table.place_of(&key).and_then(|at| H::part(&table.nth(at)?.1)).map(H::updated);
                let is_new = page.row(row.key(), H::updated(&part), stored);
                // A delta repeats some records to be safe; these were counted before.
                let before = self.base.as_ref().and_then(|base| H::part(base.get(row.key())?).map(H::updated));
                if is_new && before != Some(H::updated(&part)) {
                    page.count_fields(&row);
                }
                parts.push((key, part));
            }
        }
        let staging = Arc::clone(self);
        Ok(Page::new(page.summary(body), move || staging.store::<H>(parts)))
    }

    /// Stores parts of records, unless newer ones are stored already.
    fn store<H: Half<Record = R>>(&self, parts: Vec<(Key, H::Part)>) {
        let mut table = lock(&self.table);
        for (key, part) in parts {
            let stored = H::part_mut(table.entry_under(key, R::default));
            // Of two versions with the same time, the later received one counts.
            if stored.as_ref().is_none_or(|stored| H::updated(stored) <= H::updated(&part)) {
                *stored = Some(part);
            }
        }
    }

    /// Whether the page list has records that the bulk list may still return: the bulk list is sorted by `updated` and
    /// has not reached them yet. A record that it has passed is missing from it.
    pub(crate) fn lacks_bulk(&self) -> bool {
        let table = lock(&self.table);
        let latest = table.iter().filter_map(|(_, record)| R::Bulk::updated(R::Bulk::part(record)?)).max();
        table.iter().any(|(_, record)| {
            let listed = R::Page::part(record).filter(|_| R::Bulk::part(record).is_none());
            listed.is_some_and(|listed| R::Page::updated(listed).is_none_or(|updated| Some(updated) >= latest))
        })
    }

    /// The bulk list's cursor for the rows after the received records up to the time `last`, in the vendor's own form.
    pub(crate) fn cursor_behind(&self, last: Timestamp) -> String {
        let table = lock(&self.table);
        let of_last = table
            .iter()
            .filter(|(_, record)| R::Bulk::part(record).is_some_and(|known| R::Bulk::updated(known) == Some(last)));
        let uuids: Vec<_> = of_last.map(|(key, _)| key.to_string()).collect();
        format!("{} AND not uuid: [{}]", changed_since(last), uuids.join(","))
    }

    /// Returns the existing records, and why some are missing, if neither walk noticed it.
    pub fn finish(&self) -> (Table<R>, Option<String>) {
        let mut table = self.so_far();
        if let Some(base) = &self.base {
            let changed = std::mem::replace(&mut table, Table::clone(base));
            table.absorb(changed, R::default, |known, mut fresh| {
                replace::<R::Page>(known, &mut fresh);
                replace::<R::Bulk>(known, &mut fresh);
            });
        }
        let listed = table.len();
        table.retain(|record| R::Page::part(record).is_some());
        let empty = table.is_empty() && listed > 0;
        let missing = empty.then(|| format!("the page list has no {}, but the bulk list has {listed}", R::WHAT));
        (table, missing)
    }
}

/// Replaces this half of `known` with that of `fresh`, if there is one. The known half was read earlier: if it has a
/// later time, one of the vendor's clocks was wrong.
fn replace<H: Half>(known: &mut H::Record, fresh: &mut H::Record) {
    if let Some(half) = H::part_mut(fresh).take() {
        *H::part_mut(known) = Some(half);
    }
}
