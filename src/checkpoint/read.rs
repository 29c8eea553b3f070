//! Reads what is stored in one place, whole or not at all.
//!
//! Owns the distrust: of what a disk gives back, nothing is taken that its header does not account for.

use redb::{ReadTransaction, ReadableTable as _};

use super::header::{Header, Stored};
use super::place::{Place, headers, list};
use super::rows::{Digest, Seal, decode_row};
use crate::inventory::{Make, Record, Table, Tables};
use crate::names::Names;

/// The header of this place, if there is one.
pub(super) fn header(transaction: &ReadTransaction, place: &Place) -> Result<Option<Header>, String> {
    let Some(headers) = headers(transaction).map_err(words)? else {
        return Ok(None);
    };
    let header = headers.get(place.path()).map_err(words)?;
    header.map(|bytes| Header::read(place.path(), bytes.value())).transpose()
}

/// The tables of this place, which must be as its header says in `stored`.
pub(super) fn tables(transaction: &ReadTransaction, place: &Place, stored: &[Stored]) -> Result<Tables, String> {
    let mut reader = Reader { transaction, place, left: stored.to_vec() };
    let tables = Tables::made(&mut reader)?;
    match reader.left.first() {
        Some(left) => Err(format!("it has {:?} of which this version knows nothing", left.table)),
        None => Ok(tables),
    }
}

struct Reader<'a> {
    transaction: &'a ReadTransaction,
    place: &'a Place,
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
        self.each(&self.place.names(R::TABLE), (stored.names, stored.names_sum), |bytes| {
            let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
            let is_next = names.intern(text).index() == count;
            count += 1;
            if is_next { Ok(()) } else { Err("a name stands twice".to_owned()) }
        })?;
        let mut table = Table::with_names(names);
        self.each(&self.place.rows(R::TABLE), (stored.rows, stored.rows_sum), |bytes| {
            let (key, record) = decode_row::<R>(bytes, &table.names)?;
            if table.put_under(key, record) { Ok(()) } else { Err("a row stands twice".to_owned()) }
        })?;
        Ok(Some(table))
    }
}

impl Reader<'_> {
    /// Takes each item of the list of this name, which must have so many and this sum.
    fn each(
        &self,
        name: &str,
        wanted: (u64, u32),
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let list = list(self.transaction, name).map_err(words)?.ok_or("a list is missing")?;
        let seal = Seal::new(name);
        let mut digest = Digest::default();
        let mut count = 0;
        for entry in list.iter().map_err(words)? {
            let (number, sealed) = entry.map_err(words)?;
            take(seal.open(number.value(), sealed.value())?)?;
            digest.add(sealed.value());
            count += 1;
        }
        if (count, digest.sum()) == wanted { Ok(()) } else { Err("a list is not whole".to_owned()) }
    }
}

fn words(error: impl Into<redb::Error>) -> String {
    error.into().to_string()
}
