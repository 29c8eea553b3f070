//! The stored data of one collector: the served data, and next to it what an unfinished walk has read so far.
//!
//! Owns when stored data is returned: complete, for the same account, and a walk only to the build that walked.

use std::convert::Infallible;
use std::sync::Arc;

use redb::{ReadTransaction, ReadableDatabase as _};

use super::Store;
use super::header::{Content, SavedData};
use super::rows::Rows;
use super::store_path::{Area, StorePath};
use super::{read, write};
use crate::inventory::{Record, Table, Tables, Visit};
use crate::lock::lock;
use crate::record::Vendor;

/// The build of the program: the positions that walks save are meant for the same build.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("CSE_REVISION"));

/// The stored data of one collector.
#[derive(Debug, Default)]
pub struct Saved {
    /// The data served last.
    pub served: Option<(Tables, SavedData)>,
    /// What an unfinished walk had read, and its position.
    pub walk: Option<(Tables, Vec<u8>)>,
}

/// One collector's part of the store. Its methods read and write a disk: they are not for an async thread.
#[derive(Clone, Debug)]
pub struct Slot {
    store: Arc<Store>,
    source: Arc<str>,
    vendor: Vendor,
    collector: &'static str,
    identity: u64,
}

/// Why stored data is not returned.
enum Refused {
    /// It belongs to another account, or was saved with other promoted labels.
    OtherAccount,
    /// Another build walked.
    OtherBuild,
    /// Its bytes are not those that were written.
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

    fn path(&self, area: Area) -> StorePath {
        StorePath::new(&self.source, self.collector, area)
    }

    /// Returns the stored data. Incomplete data, and data of another account or another build's walk, is left out and
    /// dropped from the store.
    pub fn load(&self) -> Saved {
        let served = self.taken(Area::Served, |content| match content {
            // Another build may read rows differently, so unchanged rows must be read again, too.
            Content::Served { build, data } => {
                Ok(SavedData { resume_state: data.resume_state.filter(|_| build == BUILD), ..data })
            }
            Content::Walk { .. } => Err(Refused::Damaged("it belongs to a walk".to_owned())),
        });
        let walk = self.taken(Area::Walk, |content| match content {
            Content::Walk { build, position } if build == BUILD => Ok(position),
            Content::Walk { .. } => Err(Refused::OtherBuild),
            Content::Served { .. } => Err(Refused::Damaged("it does not belong to a walk".to_owned())),
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
                tracing::warn!(source, collector, error, "checkpoint unreadable, starting without it");
                return None;
            }
        };
        let (source, collector) = (&*self.source, self.collector);
        match refused {
            Refused::OtherAccount => {
                tracing::info!(source, collector, "discarding checkpoint: different account or promote_labels");
            }
            Refused::OtherBuild => {
                tracing::debug!(source, collector, "discarding unfinished walk: different build");
            }
            Refused::Damaged(reason) => {
                tracing::warn!(source, collector, reason, "discarding damaged checkpoint");
            }
        }
        if let Err(error) = self.drop_area(area) {
            tracing::warn!(source, collector, error, "discarding checkpoint failed");
        }
        None
    }

    fn read<T>(
        &self,
        transaction: &ReadTransaction,
        area: Area,
        take: impl FnOnce(Content) -> Result<T, Refused>,
    ) -> Result<Option<(Tables, T)>, Refused> {
        let path = self.path(area);
        let Some(header) = read::header(transaction, &path)? else {
            return Ok(None);
        };
        if header.identity != self.identity || header.vendor != self.vendor.as_str() {
            return Err(Refused::OtherAccount);
        }
        let taken = take(header.content)?;
        Ok(Some((read::tables(transaction, &path, &header.tables)?, taken)))
    }

    /// Replaces the served data, and drops the unfinished walk unless the data is incomplete. Only what has changed is
    /// written.
    pub fn save(&self, tables: &Tables, data: &SavedData) -> Result<(), String> {
        let mut listed = Listed(Vec::new());
        let Ok(()) = tables.each(&mut listed);
        let rows = listed.0.iter().map(|rows| &**rows).collect();
        let walk = data.status.complete.then(|| self.path(Area::Walk));
        self.put(Area::Served, rows, Content::Served { build: BUILD.to_owned(), data: data.clone() }, walk.as_ref())
    }

    /// Stores what an unfinished walk has read so far, next to the served data, and where it resumes.
    pub fn save_walk(&self, table: &dyn Rows, position: &[u8]) -> Result<(), String> {
        let content = Content::Walk { build: BUILD.to_owned(), position: position.to_vec() };
        self.put(Area::Walk, vec![table], content, None)
    }

    /// Drops the unfinished walk.
    pub fn drop_walk(&self) -> Result<(), String> {
        self.drop_area(Area::Walk)
    }

    /// Stores an area, in place of itself and of what is at `replaced`.
    fn put(
        &self,
        area: Area,
        tables: Vec<&dyn Rows>,
        content: Content,
        replaced: Option<&StorePath>,
    ) -> Result<(), String> {
        let path = self.path(area);
        self.store.write(&path, replaced, |database| {
            let transaction = write::begin(database)?;
            let data = write::Data { identity: self.identity, vendor: self.vendor.as_str(), content, tables };
            write::put(database, &transaction, &path, data)?;
            if let Some(replaced) = replaced {
                write::clear(&transaction, replaced, &[])?;
            }
            Ok(transaction.commit()?)
        })
    }

    fn drop_area(&self, area: Area) -> Result<(), String> {
        let path = self.path(area);
        self.store.change("written", |database| {
            let transaction = write::begin(database)?;
            if write::clear(&transaction, &path, &[])? {
                return Ok(transaction.commit()?);
            }
            Ok(transaction.abort()?)
        })?;
        lock(&self.store.unwritten).remove(&path);
        Ok(())
    }
}

/// Tables, whatever their records are.
struct Listed(Vec<Box<dyn Rows>>);

impl Visit for Listed {
    type Error = Infallible;

    fn visit<R: Record>(&mut self, table: &Arc<Table<R>>) -> Result<(), Infallible> {
        self.0.push(Box::new(Arc::clone(table)));
        Ok(())
    }
}
