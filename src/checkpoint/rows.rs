//! Encodes rows, and decodes them from untrusted bytes.
//!
//! Owns the encoding of rows and the checksums of everything stored. It knows no file.

use std::sync::Arc;

use crc32fast::Hasher;

use crate::inventory::{Key, Record, Table};
use crate::names::Names;

/// A table as the store sees it, whatever its records are.
pub trait Rows {
    /// The table's field in [`crate::inventory::Tables`].
    fn table(&self) -> &'static str;

    /// The number of rows.
    fn count(&self) -> usize;

    /// The names that they refer to.
    fn names(&self) -> &Names;

    /// The index of the row under `key`.
    fn place_of(&self, key: &Key) -> Option<usize>;

    /// Adds the bytes of the row at this index.
    fn encode(&self, at: usize, bytes: &mut Vec<u8>) -> Result<(), String>;
}

impl<R: Record> Rows for Table<R> {
    fn table(&self) -> &'static str {
        R::TABLE
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn names(&self) -> &Names {
        &self.names
    }

    fn place_of(&self, key: &Key) -> Option<usize> {
        Self::place_of(self, key)
    }

    fn encode(&self, at: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        let (key, record) = self.nth(at).ok_or("no row at this index")?;
        encode_row(key, record, bytes)
    }
}

impl<T: Rows + ?Sized> Rows for Arc<T> {
    fn table(&self) -> &'static str {
        (**self).table()
    }

    fn count(&self) -> usize {
        (**self).count()
    }

    fn names(&self) -> &Names {
        (**self).names()
    }

    fn place_of(&self, key: &Key) -> Option<usize> {
        (**self).place_of(key)
    }

    fn encode(&self, at: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        (**self).encode(at, bytes)
    }
}

/// Adds the bytes of a row: its key, then its record.
pub fn encode_row<R: Record>(key: &Key, record: &R, bytes: &mut Vec<u8>) -> Result<(), String> {
    *bytes = postcard::to_extend(&(key, record), std::mem::take(bytes)).map_err(|error| error.to_string())?;
    Ok(())
}

/// Reads a row of a table with these names from untrusted bytes.
pub fn decode_row<R: Record>(bytes: &[u8], names: &Names) -> Result<(Key, R), String> {
    let read = names.reading(|| postcard::take_from_bytes::<(Key, R)>(bytes));
    let ((key, record), rest) = read.map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("a row has trailing bytes".to_owned());
    }
    if !key.is_usual() {
        return Err("a key is not in its canonical form".to_owned());
    }
    Ok((key, record))
}

/// The key of the row with these bytes.
pub(super) fn decode_key(bytes: &[u8]) -> Option<Key> {
    postcard::take_from_bytes(bytes).ok().map(|(key, _)| key)
}

/// The checksum appended to everything stored. It covers where the bytes belong, so that they are valid there only.
pub(super) struct Checksum(Hasher);

impl Checksum {
    const LENGTH: usize = 4;

    /// The checksum of what is stored under this name.
    pub(super) fn new(name: &str) -> Self {
        let mut of_name = Hasher::new();
        of_name.update(name.as_bytes());
        Self(of_name)
    }

    fn sum(&self, number: u64, bytes: &[u8]) -> [u8; Self::LENGTH] {
        let mut sum = self.0.clone();
        sum.update(&number.to_le_bytes());
        sum.update(bytes);
        sum.finalize().to_le_bytes()
    }

    /// Appends the checksum of the item with this number.
    pub(super) fn close(&self, number: u64, bytes: &mut Vec<u8>) {
        bytes.extend(self.sum(number, bytes));
    }

    /// The bytes before the checksum of the item with this number, if it matches.
    pub(super) fn open<'a>(&self, number: u64, sealed: &'a [u8]) -> Result<&'a [u8], String> {
        let opened = sealed.split_last_chunk().filter(|(bytes, sum)| self.sum(number, bytes) == **sum);
        opened.map(|(bytes, _)| bytes).ok_or_else(|| "checksum mismatch".to_owned())
    }
}

/// One checksum over a whole list, in order, of its items' checksums.
#[derive(Default)]
pub(super) struct Digest(Hasher);

impl Digest {
    /// Adds the next item of the list, with its checksum.
    pub(super) fn add(&mut self, sealed: &[u8]) {
        self.0.update(sealed.last_chunk::<{ Checksum::LENGTH }>().map_or(&[], |sum| sum));
    }

    pub(super) fn sum(self) -> u32 {
        self.0.finalize()
    }
}
