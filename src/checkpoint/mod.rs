//! The checkpoint store: the inventory and the positions of unfinished walks, saved for a restart.
//!
//! Owns one file in the state directory and the meaning of its bytes. A store is a convenience: unreadable data is set
//! aside or left out, with a warning, and never returned in part. It knows tables and records, but neither vendors, nor
//! when to store something, nor what a position in a walk means.
//!
//! The file is a `redb` database: embedded and in Rust, so that nothing has to be installed or run next to the
//! exporter; never written in place, so that a crash or a full disk leaves the last state; with its own checksums, a
//! lock against a second process, and transactions that replace a collector's data at once. On top of that every row,
//! and every list of rows, has a checksum that covers where it belongs.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableHandle as _};

use crate::lock::lock;
use crate::record::Vendor;

mod file;
mod header;
mod read;
mod rows;
mod slot;
mod store_path;
#[cfg(test)]
mod tests;
mod write;

pub use header::{Content, Header, SavedData, Stored};
pub use rows::{Rows, decode_row, encode_row};
pub use slot::{Saved, Slot};
use store_path::StorePath;

/// The format of the bytes in the store; a change of any record or of the store itself raises it. A store of another
/// format is set aside.
pub const FORMAT: u32 = 2;

/// The store of one state directory, for one process at a time. Its methods read and write a disk: they are not for
/// an async thread.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// None after an error: it is reopened when next needed, since the cause may be gone by then, as with a full disk.
    database: Mutex<Option<Database>>,
    written: Mutex<Written>,
    /// What the last attempt could not write.
    unwritten: Mutex<BTreeSet<StorePath>>,
    /// Locked as long as the store is open, so that no other process takes a store that is being set aside.
    _locked: File,
}

/// Counts of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Writes that succeeded.
    pub succeeded: u64,
    /// Writes that failed.
    pub failed: u64,
}

impl Store {
    /// Opens the store of this directory, and creates both if missing.
    ///
    /// A store that is damaged, of another format, or not the exporter's is set aside under another name, with a
    /// warning, and an empty one replaces it. Other errors say why the store cannot be used: another process has it
    /// open, or it cannot be read or written.
    pub fn open(dir: &Path) -> Result<Arc<Self>, String> {
        let locked = file::directory(dir)?;
        match locked.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(file::in_use(dir)),
            // Some network file systems do not lock directories; the lock of the file itself works there.
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
            unwritten: Mutex::default(),
            _locked: locked,
        }))
    }

    /// Returns the slot of one collector. `identity` identifies the account and the choice of what to keep of its
    /// records: data that was stored under another identity is not returned.
    pub fn slot(self: &Arc<Self>, source: &str, vendor: Vendor, collector: &'static str, identity: u64) -> Slot {
        Slot::new(Arc::clone(self), source, vendor, collector, identity)
    }

    /// Drops everything stored of collectors other than these, each with its source.
    pub fn keep_only(&self, slots: &[(&str, &str)]) -> Result<(), String> {
        let kept = |path: &StorePath| slots.iter().any(|(source, collector)| path.is_of(source, collector));
        lock(&self.unwritten).retain(|path| kept(path));
        self.change("pruned", |database| {
            let before = database.begin_read()?;
            let mut paths = Vec::new();
            if let Some(headers) = store_path::headers(&before)? {
                for header in headers.iter()? {
                    paths.extend(StorePath::of_header(header?.0.value()));
                }
            }
            for table in before.list_tables()? {
                paths.extend(StorePath::of_table(table.name()));
            }
            paths.retain(|path| !kept(path));
            paths.sort();
            paths.dedup();
            if paths.is_empty() {
                return Ok(());
            }
            let transaction = write::begin(database)?;
            for path in &paths {
                write::clear(&transaction, path, &[])?;
            }
            Ok(transaction.commit()?)
        })
    }

    /// Counts of writes so far.
    pub fn written(&self) -> Written {
        *lock(&self.written)
    }

    /// Writes the data of `path` and drops that of `replaced`. Logs when the first write fails, and when all failed
    /// writes have been made up for.
    fn write(
        &self,
        path: &StorePath,
        replaced: Option<&StorePath>,
        work: impl FnOnce(&Database) -> Result<(), redb::Error>,
    ) -> Result<(), String> {
        let result = self.change("written", work);
        let mut unwritten = lock(&self.unwritten);
        let was_failing = !unwritten.is_empty();
        match &result {
            Ok(()) => {
                lock(&self.written).succeeded += 1;
                unwritten.retain(|failed| failed != path && Some(failed) != replaced);
                if was_failing && unwritten.is_empty() {
                    tracing::info!("checkpointing recovered");
                }
            }
            Err(error) => {
                lock(&self.written).failed += 1;
                unwritten.insert(path.clone());
                if !was_failing {
                    tracing::warn!(error, "checkpoint write failed");
                }
            }
        }
        result
    }

    /// Changes the database once its checksums have been verified. redb does not verify them as it works, and aborts the
    /// process where it panics on a damaged page and again while it unwinds.
    fn change(&self, done: &str, work: impl FnOnce(&Database) -> Result<(), redb::Error>) -> Result<(), String> {
        self.with(done, |database| {
            // False if damage was repaired, by going back to the last complete write.
            if !database.check_integrity()? {
                tracing::warn!("checkpoint repaired: it was damaged while in use");
            }
            work(database)
        })
    }

    /// Works with the database, which is closed if that fails in any way. `done` completes the error "could not be …".
    fn with<T>(&self, done: &str, work: impl FnOnce(&mut Database) -> Result<T, redb::Error>) -> Result<T, String> {
        let mut held = lock(&self.database);
        let mut database = match held.take() {
            Some(database) => database,
            None => file::open(&self.dir)?,
        };
        let error = match catch_unwind(AssertUnwindSafe(|| work(&mut database))) {
            Ok(Ok(result)) => {
                *held = Some(database);
                return Ok(result);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its contents are inconsistent".to_owned(),
        };
        if catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
            tracing::debug!("the database panicked while closing");
        }
        let path = file::path(&self.dir);
        Err(format!("{} could not be {done}: {error}; check that the disk is healthy and has space", path.display()))
    }
}
