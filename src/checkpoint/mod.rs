//! The store that keeps what is known over a restart: the inventory, and how far unfinished walks have come.
//!
//! Owns one file in the state directory and what its bytes mean. A store is a convenience: what cannot be read whole
//! is set aside or left out, with a warning, and never given out in part. It knows tables and records, but neither a
//! vendor nor when anything is stored, nor what a position in a walk means.
//!
//! The file is a `redb` database: embedded and in Rust, so that nothing has to be installed or run next to the
//! exporter; never written in place, so that a crash or a full disk leaves the last state; with checksums of its own,
//! a lock against a second process, and transactions that replace a collector's data at once. On top of that every
//! row, and every list of rows, has a checksum that covers where it belongs.

use std::fs::{File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableHandle as _};

use crate::lock::lock;
use crate::record::Vendor;

mod file;
mod header;
mod place;
mod read;
mod rows;
mod slot;
#[cfg(test)]
mod tests;
mod write;

pub use header::{Content, Header, SavedData, Stored};
use place::Place;
pub use rows::{Rows, decode_row, encode_row};
pub use slot::{Saved, Slot};

/// What the bytes in the store mean; a change of any record or of the store itself raises it. A store of another
/// format is set aside.
pub const FORMAT: u32 = 2;

/// The store of one state directory, for one process at a time. Its methods read and write a disk: they are not for
/// an async thread.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// None after something went wrong with it: it is opened anew when it is needed next, since what went wrong may
    /// be over, as with a full disk.
    database: Mutex<Option<Database>>,
    written: Mutex<Written>,
    /// Held as long as the store is, so that no other process takes a store that is just being set aside.
    _locked: File,
}

/// How writing went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How often it succeeded.
    pub succeeded: u64,
    /// How often it failed.
    pub failed: u64,
    /// Whether it failed the last time.
    failing: bool,
}

impl Store {
    /// Opens the store of this directory, and makes both if they are not there.
    ///
    /// A store that is damaged, of another format, or none of ours is set aside under another name, with a warning, and
    /// an empty one takes its place. Otherwise what is wrong is told in words for people: another process has it
    /// open, or it cannot be read or written.
    pub fn open(dir: &Path) -> Result<Arc<Self>, String> {
        let locked = file::directory(dir)?;
        match locked.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(file::in_use(dir)),
            // Some network file systems lock no directories; the file's own lock holds there.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let database = file::open(dir)?;
        if let Err(error) = locked.sync_all() {
            tracing::debug!(path = %dir.display(), %error, "the state directory could not be flushed");
        }
        Ok(Arc::new(Self {
            dir: dir.to_owned(),
            database: Mutex::new(Some(database)),
            written: Mutex::default(),
            _locked: locked,
        }))
    }

    /// The place of one collector. `identity` stands for the account and for what is kept of its records: what was
    /// stored under another one is not given out.
    pub fn slot(self: &Arc<Self>, source: &str, vendor: Vendor, collector: &'static str, identity: u64) -> Slot {
        Slot::new(Arc::clone(self), source, vendor, collector, identity)
    }

    /// Drops what is stored of any other collector than these, each with its source.
    pub fn keep_only(&self, slots: &[(&str, &str)]) -> Result<(), String> {
        self.with("cleared of what is no longer collected", |database| {
            let before = database.begin_read()?;
            let kept = |place: &Place| slots.iter().any(|(source, collector)| place.is_of(source, collector));
            let mut places = Vec::new();
            if let Some(headers) = place::headers(&before)? {
                for header in headers.iter()? {
                    places.extend(Place::of_header(header?.0.value()));
                }
            }
            for table in before.list_tables()? {
                places.extend(Place::of_table(table.name()));
            }
            places.retain(|place| !kept(place));
            places.sort();
            places.dedup();
            if places.is_empty() {
                return Ok(());
            }
            let transaction = write::begin(database)?;
            for place in &places {
                write::clear(&transaction, place, &[])?;
            }
            Ok(transaction.commit()?)
        })
    }

    /// How writing data has gone so far.
    pub fn written(&self) -> Written {
        *lock(&self.written)
    }

    /// Writes data, and tells once when that begins to fail and when it is over.
    fn write(&self, work: impl FnOnce(&Database) -> Result<(), redb::Error>) -> Result<(), String> {
        let result = self.with("written", work);
        let mut written = lock(&self.written);
        let was_failing = std::mem::replace(&mut written.failing, result.is_err());
        match &result {
            Ok(()) => written.succeeded += 1,
            Err(_) => written.failed += 1,
        }
        drop(written);
        match &result {
            Ok(()) if was_failing => tracing::info!("what is known is kept for a restart again"),
            Err(error) if !was_failing => tracing::warn!(error, "what is known is not kept for a restart"),
            Ok(()) | Err(_) => {}
        }
        result
    }

    /// Does something with the database, which is closed if that fails in any way. `done` is what failed to be done
    /// then, in words, to the store.
    fn with<T>(&self, done: &str, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, String> {
        let mut held = lock(&self.database);
        let database = match held.take() {
            Some(database) => database,
            None => file::open(&self.dir)?,
        };
        let error = match catch_unwind(AssertUnwindSafe(|| work(&database))) {
            Ok(Ok(result)) => {
                *held = Some(database);
                return Ok(result);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its contents are not as they were written".to_owned(),
        };
        if catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
            tracing::debug!("the database broke off while it was closed");
        }
        let path = file::path(&self.dir);
        Err(format!("{} could not be {done}: {error}; see that the disk is well and has space", path.display()))
    }
}
