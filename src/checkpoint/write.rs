//! Writes what has changed, and nothing else.
//!
//! Owns the comparison of stored data with new data. Items keep the number that they were first stored under, and the
//! numbers have gaps: a removed item does not affect those after it.

use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase as _, ReadableTable, TableHandle as _, UntypedTableHandle,
    WriteTransaction,
};

use super::header::{Content, Header, Stored};
use super::rows::{Checksum, Digest, Rows, decode_key};
use super::store_path::{HEADERS, List, StorePath, list};

/// Begins a transaction that is on disk once committed.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    // Atomic even if somebody who names containers can foresee checksums.
    transaction.set_two_phase_commit(true);
    transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
    Ok(transaction)
}

/// The data to store at one path.
pub(super) struct Data<'a> {
    pub(super) identity: u64,
    pub(super) vendor: &'static str,
    pub(super) content: Content,
    pub(super) tables: Vec<&'a dyn Rows>,
}

/// Replaces what is stored at this path.
pub(super) fn put(
    database: &Database,
    transaction: &WriteTransaction,
    path: &StorePath,
    data: Data<'_>,
) -> Result<(), redb::Error> {
    // The state when this change began; no other change can have come between.
    let before = database.begin_read()?;
    let mut tables = Vec::new();
    let mut kept = Vec::new();
    for rows in data.tables {
        let (of_rows, of_names) = (path.rows(rows.table()), path.names(rows.table()));
        let written_names = write(transaction, &before, &of_names, &Texts::of(rows))?;
        let written_rows = write(transaction, &before, &of_rows, &rows)?;
        tables.push(Stored {
            table: rows.table().to_owned(),
            rows: written_rows.0,
            rows_sum: written_rows.1,
            names: written_names.0,
            names_sum: written_names.1,
        });
        kept.extend([of_rows, of_names]);
    }
    clear(transaction, path, &kept)?;
    let header = Header { identity: data.identity, vendor: data.vendor.to_owned(), content: data.content, tables };
    let bytes = header.write(path.as_str()).map_err(redb::Error::Corrupted)?;
    transaction.open_table(HEADERS)?.insert(path.as_str(), &*bytes)?;
    Ok(())
}

/// Drops what is stored at this path, except the lists of these names. Returns whether there was anything.
pub(super) fn clear(transaction: &WriteTransaction, path: &StorePath, kept: &[String]) -> Result<bool, redb::Error> {
    let is_surplus = |table: &UntypedTableHandle| {
        let name = table.name();
        StorePath::of_table(name).as_ref() == Some(path) && !kept.iter().any(|kept| kept == name)
    };
    let surplus: Vec<_> = transaction.list_tables()?.filter(is_surplus).collect();
    let mut dropped = !surplus.is_empty();
    for table in surplus {
        transaction.delete_table(table)?;
    }
    dropped |= transaction.open_table(HEADERS)?.remove(path.as_str())?.is_some();
    Ok(dropped)
}

/// Things that are stored as a list.
trait Items {
    fn count(&self) -> usize;

    /// Adds the bytes of the item at this index.
    fn encode(&self, at: usize, bytes: &mut Vec<u8>) -> Result<(), String>;

    /// Whether the item stored with these bytes is neither at this index nor after it.
    fn is_gone(&self, stored: &[u8], at: usize) -> bool;
}

impl Items for &dyn Rows {
    fn count(&self) -> usize {
        (**self).count()
    }

    fn encode(&self, at: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        (**self).encode(at, bytes)
    }

    fn is_gone(&self, stored: &[u8], at: usize) -> bool {
        decode_key(stored).is_some_and(|key| self.place_of(&key).is_none_or(|place| place < at))
    }
}

/// The texts of a table's names.
struct Texts<'a>(Vec<&'a str>);

impl<'a> Texts<'a> {
    fn of(rows: &'a dyn Rows) -> Self {
        Self(rows.names().iter().map(|(_, text)| text).collect())
    }
}

impl Items for Texts<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, at: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        bytes.extend(self.0.get(at).ok_or("no name at this index")?.as_bytes());
        Ok(())
    }

    /// A name is identified by its index.
    fn is_gone(&self, _: &[u8], _: usize) -> bool {
        false
    }
}

/// Replaces the list of this name. Returns the number of items and their checksum.
fn write(
    transaction: &WriteTransaction,
    before: &ReadTransaction,
    name: &str,
    items: &impl Items,
) -> Result<(u64, u32), redb::Error> {
    let checksum = Checksum::new(name);
    let mut table = transaction.open_table(List::new(name))?;
    let mut digest = Digest::default();
    let mut bytes = Vec::new();
    let encode = |at: usize, number: u64, bytes: &mut Vec<u8>| {
        bytes.clear();
        items.encode(at, bytes).map_err(redb::Error::Corrupted)?;
        checksum.close(number, bytes);
        Ok::<_, redb::Error>(())
    };
    let (count, mut at, mut next) = (items.count(), 0, 0_u64);
    let stored = list(before, name)?;
    let stored = stored.as_ref().map(ReadableTable::iter).transpose()?;
    for entry in stored.into_iter().flatten() {
        let (number, stored) = entry?;
        let (number, stored) = (number.value(), stored.value());
        next = number.checked_add(1).ok_or_else(|| redb::Error::Corrupted("an item number overflows".to_owned()))?;
        if at < count {
            encode(at, number, &mut bytes)?;
            if bytes == stored || !items.is_gone(stored, at) {
                if bytes != stored {
                    table.insert(number, &*bytes)?;
                }
                digest.add(&bytes);
                at += 1;
                continue;
            }
        }
        table.remove(number)?;
    }
    for at in at..count {
        encode(at, next, &mut bytes)?;
        table.insert(next, &*bytes)?;
        digest.add(&bytes);
        next += 1;
    }
    Ok((count as u64, digest.sum()))
}
