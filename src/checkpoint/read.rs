//! Reads what is stored at one path, whole or not at all.
//!
//! Owns the distrust: data read from disk is used only if its header accounts for it.

use redb::{ReadTransaction, ReadableTable as _};

use super::header::{Header, Stored};
use super::rows::{Checksum, Digest, decode_row};
use super::store_path::{StorePath, headers, list};
use crate::inventory::{Make, Record, Table, Tables};
use crate::names::Names;

/// The header at this path, if there is one.
pub(super) fn header(transaction: &ReadTransaction, path: &StorePath) -> Result<Option<Header>, String> {
    let Some(headers) = headers(transaction).map_err(words)? else {
        return Ok(None);
    };
    let header = headers.get(path.as_str()).map_err(words)?;
    header.map(|bytes| Header::read(path.as_str(), bytes.value())).transpose()
}

/// The tables at this path, which must match what its header lists in `stored`.
pub(super) fn tables(transaction: &ReadTransaction, path: &StorePath, stored: &[Stored]) -> Result<Tables, String> {
    let mut reader = Reader { transaction, path, left: stored.to_vec() };
    let tables = Tables::made(&mut reader)?;
    match reader.left.first() {
        Some(left) => Err(format!("it has a table {:?} that this version does not know", left.table)),
        None => Ok(tables),
    }
}

struct Reader<'a> {
    transaction: &'a ReadTransaction,
    path: &'a StorePath,
    left: Vec<Stored>,
}

impl Make for Reader<'_> {
    type Error = String;

    fn make<R: Record>(&mut self) -> Result<Option<Table<R>>, String> {
        let Some(at) = self.left.iter().position(|stored| stored.table == R::TABLE) else {
            return Ok(None);
        };
        let stored = self.left.swap_remove(at);
        let mut names = Names::default();
        let mut count = 0;
        self.each(&self.path.names(R::TABLE), (stored.names, stored.names_sum), |bytes| {
            let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
            let is_next = names.intern(text).index() == count;
            count += 1;
            if is_next { Ok(()) } else { Err("a name occurs twice".to_owned()) }
        })?;
        let mut table = Table::with_names(names);
        self.each(&self.path.rows(R::TABLE), (stored.rows, stored.rows_sum), |bytes| {
            let (key, record) = decode_row::<R>(bytes, &table.names)?;
            if table.put_under(key, record) { Ok(()) } else { Err("a row occurs twice".to_owned()) }
        })?;
        Ok(Some(table))
    }
}

impl Reader<'_> {
    /// Takes each item of the list of this name, which must have this number of items and this checksum.
    fn each(
        &self,
        name: &str,
        wanted: (u64, u32),
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let list = list(self.transaction, name).map_err(words)?.ok_or("a list is missing")?;
        let checksum = Checksum::new(name);
        let mut digest = Digest::default();
        let mut count = 0;
        for entry in list.iter().map_err(words)? {
            let (number, sealed) = entry.map_err(words)?;
            take(checksum.open(number.value(), sealed.value())?)?;
            digest.add(sealed.value());
            count += 1;
        }
        if (count, digest.sum()) == wanted { Ok(()) } else { Err("a list is incomplete".to_owned()) }
    }
}

fn words(error: impl Into<redb::Error>) -> String {
    error.into().to_string()
}
