//! Two listings of the same records, put together by key while both are walked.
//!
//! Each tells one half of a record; one that changes during the walk comes again, and its newest version stays. The page
//! list decides what exists. A walk of what changed is put over what was known before. Here is neither a request nor what
//! a row means: that is a [`Half`]'s.

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

/// A record of which two listings tell one half each.
pub trait Joined: Record + Default {
    /// What the configuration wants to be kept of a row besides.
    type Wanted: Clone + Send + Sync + fmt::Debug + 'static;
    /// The page list: only what it tells of exists.
    type Page: Half<Record = Self>;
    /// The bulk list.
    type Bulk: Half<Record = Self>;

    /// What it is, in the plural, for people.
    const WHAT: &'static str;
}

/// One of the two listings: the half of a record that it knows.
pub trait Half {
    /// The record.
    type Record: Joined;
    /// A row of the listing.
    type Row<'a>: Keyed + Row<'a>;
    /// What is kept of a row: this half's part of the record.
    type Part: Send + 'static;

    /// What a row tells.
    fn read(names: &mut Names, row: &Self::Row<'_>, wanted: &<Self::Record as Joined>::Wanted) -> Self::Part;

    /// When the record was last changed, by this half.
    fn updated(part: &Self::Part) -> Option<Timestamp>;

    /// The part of the record, if it came.
    fn part(record: &Self::Record) -> Option<&Self::Part>;

    /// The place of the part in the record.
    fn part_mut(record: &mut Self::Record) -> &mut Option<Self::Part>;
}

/// The two listings being put together.
#[derive(Debug)]
pub struct Staging<R: Joined> {
    table: Mutex<Table<R>>,
    /// What was known before, over which it is put.
    base: Option<Arc<Table<R>>>,
    wanted: R::Wanted,
    /// When the first page came, by the vendor's clock.
    date: OnceLock<Timestamp>,
}

impl<R: Joined> Staging<R> {
    /// Nothing yet.
    pub fn new(wanted: R::Wanted) -> Arc<Self> {
        Arc::new(Self { table: Mutex::default(), base: None, wanted, date: OnceLock::new() })
    }

    /// Nothing yet of what has changed since these records were read.
    pub(crate) fn over(base: Arc<Table<R>>, wanted: R::Wanted) -> Arc<Self> {
        let table = Mutex::new(Table::with_names_of(&base));
        Arc::new(Self { table, base: Some(base), wanted, date: OnceLock::new() })
    }

    /// What a walk had before it was broken off.
    pub(crate) fn resumed(so_far: Table<R>, wanted: R::Wanted) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(so_far), base: None, wanted, date: OnceLock::new() })
    }

    /// Notes when a page came, by the vendor's clock.
    pub(crate) fn came(&self, date: Option<Timestamp>) {
        if let Some(date) = date {
            self.date.get_or_init(|| date);
        }
    }

    /// When the first page came, by the vendor's clock, if it told.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.date.get().copied()
    }

    /// Takes out what there is so far.
    pub(crate) fn so_far(&self) -> Table<R> {
        std::mem::take(&mut *lock(&self.table))
    }

    /// A copy of what there is so far.
    pub(crate) fn copy(&self) -> Table<R> {
        lock(&self.table).clone()
    }

    /// Stores what there is so far, with the position of the walk.
    pub(crate) fn save(&self, slot: &Slot, position: &[u8]) -> Result<(), String> {
        slot.save_walk(&*lock(&self.table), position)
    }

    /// How many records of the page list there are so far.
    pub(crate) fn listed(&self) -> u64 {
        lock(&self.table).iter().filter(|(_, record)| R::Page::part(record).is_some()).count() as u64
    }

    /// Reads a page of a listing. The table has its rows once the page is stored.
    pub fn read<H: Half<Record = R>>(self: &Arc<Self>, body: &[u8]) -> Result<Page, Unreadable> {
        // Decoded before the table is locked, so as not to keep the other listing waiting.
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
                // What was read before this walk of changes, and is asked for again to be safe, was counted then.
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
            // Of two versions of the same time, the one seen later is the later one.
            if stored.as_ref().is_none_or(|stored| H::updated(stored) <= H::updated(&part)) {
                *stored = Some(part);
            }
        }
    }

    /// Whether the page list has records that the bulk list may still have to give: it comes in the order of `updated`,
    /// and has not yet come to theirs. One that it passed over it does not have.
    pub(crate) fn lacks_bulk(&self) -> bool {
        let table = lock(&self.table);
        let latest = table.iter().filter_map(|(_, record)| R::Bulk::updated(R::Bulk::part(record)?)).max();
        table.iter().any(|(_, record)| {
            let listed = R::Page::part(record).filter(|_| R::Bulk::part(record).is_none());
            listed.is_some_and(|listed| R::Page::updated(listed).is_none_or(|updated| Some(updated) >= latest))
        })
    }

    /// The bulk list's cursor for what follows the records that have come, up to those of the time `last`; in the form of
    /// the vendor's own.
    pub(crate) fn cursor_behind(&self, last: Timestamp) -> String {
        let table = lock(&self.table);
        let of_last = table
            .iter()
            .filter(|(_, record)| R::Bulk::part(record).is_some_and(|known| R::Bulk::updated(known) == Some(last)));
        let uuids: Vec<_> = of_last.map(|(key, _)| key.to_string()).collect();
        format!("{} AND not uuid: [{}]", changed_since(last), uuids.join(","))
    }

    /// The records that exist, and why they cannot be all, if neither walk found out itself.
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

/// Puts half of `fresh`, if it is there, in place of that of `known`. That was read before: if it bears a later time, one
/// of the vendor's clocks was wrong.
fn replace<H: Half>(known: &mut H::Record, fresh: &mut H::Record) {
    if let Some(half) = H::part_mut(fresh).take() {
        *H::part_mut(known) = Some(half);
    }
}
