//! What one collector stores: the data that are served, and next to them what an unfinished walk has so far.
//!
//! Owns when what is stored is given out again: whole, of the same account, and a walk only to the build that walked.

use std::convert::Infallible;
use std::sync::Arc;

use redb::{ReadTransaction, ReadableDatabase as _};

use super::Store;
use super::header::{Content, SavedData};
use super::place::{Area, Place};
use super::rows::Rows;
use super::{read, write};
use crate::inventory::{Record, Table, Tables, Visit};
use crate::record::Vendor;

/// The build of the program: what walks note of their position is meant for no other one.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("CSE_REVISION"));

/// What is stored of one collector.
#[derive(Debug, Default)]
pub struct Saved {
    /// What was served last.
    pub served: Option<(Tables, SavedData)>,
    /// What an unfinished walk had, and its position.
    pub walk: Option<(Tables, Vec<u8>)>,
}

/// The place of one collector in the store. Its methods read and write a disk: they are not for an async thread.
#[derive(Clone, Debug)]
pub struct Slot {
    store: Arc<Store>,
    source: Arc<str>,
    vendor: Vendor,
    collector: &'static str,
    identity: u64,
}

/// Why what is stored is not given out.
enum Refused {
    /// It is another account's, or was kept in another way.
    OfAnother,
    /// Another build walked.
    OfAnotherBuild,
    /// It is not as it was written.
    Damaged(String),
}

impl From<String> for Refused {
    fn from(words: String) -> Self {
        Self::Damaged(words)
    }
}

impl Slot {
    pub(super) fn new(store: Arc<Store>, source: &str, vendor: Vendor, collector: &'static str, identity: u64) -> Self {
        Self { store, source: source.into(), vendor, collector, identity }
    }

    fn place(&self, area: Area) -> Place {
        Place::new(&self.source, self.collector, area)
    }

    /// What is stored. What cannot be read whole, is another account's or another build's walk is left out, and
    /// dropped from the store.
    pub fn load(&self) -> Saved {
        let served = self.taken(Area::Served, |content| match content {
            // Another build may read rows in another way: what has not changed since is to be read anew.
            Content::Served { build, data } => {
                Ok(SavedData { resume_state: data.resume_state.filter(|_| build == BUILD), ..data })
            }
            Content::Walk { .. } => Err(Refused::Damaged("it is a walk's".to_owned())),
        });
        let walk = self.taken(Area::Walk, |content| match content {
            Content::Walk { build, position } if build == BUILD => Ok(position),
            Content::Walk { .. } => Err(Refused::OfAnotherBuild),
            Content::Served { .. } => Err(Refused::Damaged("it is no walk's".to_owned())),
        });
        Saved { served, walk }
    }

    fn taken<T>(&self, area: Area, take: impl FnOnce(Content) -> Result<T, Refused>) -> Option<(Tables, T)> {
        let read = self.store.with("read", |database| Ok(self.read(&database.begin_read()?, area, take)));
        let refused = match read {
            Ok(Ok(read)) => return read,
            Ok(Err(refused)) => refused,
            Err(error) => {
                let (source, collector) = (&*self.source, self.collector);
                tracing::warn!(source, collector, error, "what is stored cannot be read now; all is collected anew");
                return None;
            }
        };
        let (source, collector) = (&*self.source, self.collector);
        match refused {
            Refused::OfAnother => {
                tracing::info!(
                    source,
                    collector,
                    "what is stored is of another account or kept in another way; it is dropped"
                );
            }
            Refused::OfAnotherBuild => {
                tracing::debug!(source, collector, "the stored walk is another build's; it is dropped");
            }
            Refused::Damaged(reason) => {
                tracing::warn!(
                    source,
                    collector,
                    reason,
                    "what is stored is damaged; it is dropped, and collected anew"
                );
            }
        }
        if let Err(error) = self.drop_area(area) {
            tracing::warn!(source, collector, error, "what is stored could not be dropped");
        }
        None
    }

    fn read<T>(
        &self,
        transaction: &ReadTransaction,
        area: Area,
        take: impl FnOnce(Content) -> Result<T, Refused>,
    ) -> Result<Option<(Tables, T)>, Refused> {
        let place = self.place(area);
        let Some(header) = read::header(transaction, &place)? else {
            return Ok(None);
        };
        if header.identity != self.identity || header.vendor != self.vendor.as_str() {
            return Err(Refused::OfAnother);
        }
        let taken = take(header.content)?;
        Ok(Some((read::tables(transaction, &place, &header.tables)?, taken)))
    }

    /// Stores data that are served, in place of those before, and drops the unfinished walk. What has not changed
    /// since it was stored last is not written again.
    pub fn save(&self, tables: &Tables, data: &SavedData) -> Result<(), String> {
        let mut listed = Listed(Vec::new());
        let Ok(()) = tables.each(&mut listed);
        let rows = listed.0.iter().map(|rows| &**rows).collect();
        self.put(Area::Served, rows, Content::Served { build: BUILD.to_owned(), data: data.clone() })
    }

    /// Stores what an unfinished walk has so far, next to the data that are served, and where it goes on.
    pub fn save_walk(&self, table: &dyn Rows, position: &[u8]) -> Result<(), String> {
        let content = Content::Walk { build: BUILD.to_owned(), position: position.to_vec() };
        self.put(Area::Walk, vec![table], content)
    }

    /// Drops the unfinished walk.
    pub fn drop_walk(&self) -> Result<(), String> {
        self.drop_area(Area::Walk)
    }

    fn put(&self, area: Area, tables: Vec<&dyn Rows>, content: Content) -> Result<(), String> {
        self.store.write(|database| {
            let transaction = write::begin(database)?;
            let data = write::Data { identity: self.identity, vendor: self.vendor.as_str(), content, tables };
            write::put(database, &transaction, &self.place(area), data)?;
            if area == Area::Served {
                write::clear(&transaction, &self.place(Area::Walk), &[])?;
            }
            Ok(transaction.commit()?)
        })
    }

    fn drop_area(&self, area: Area) -> Result<(), String> {
        self.store.with("written", |database| {
            let transaction = write::begin(database)?;
            if write::clear(&transaction, &self.place(area), &[])? {
                return Ok(transaction.commit()?);
            }
            Ok(transaction.abort()?)
        })
    }
}

/// The tables that are there, whatever their records are.
struct Listed(Vec<Box<dyn Rows>>);

impl Visit for Listed {
    type Error = Infallible;

    fn visit<R: Record>(&mut self, table: &Arc<Table<R>>) -> Result<(), Infallible> {
        self.0.push(Box::new(Arc::clone(table)));
        Ok(())
    }
}
