//! What is known of every source: keyed tables of records, immutable once published.
//!
//! Owns identity: a record is put under its vendor's key and replaces what was there, so that a record that
//! comes twice in a walk counts once. It knows neither how records are fetched nor what is computed from them.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::names::Names;
use crate::record::{
    Console, Container, Control, Defenders, Image, Policy, PostureResource, Report, Sensor, Vendor, Vulnerability,
};

/// A vendor's key of a record, exactly as sent; a UUID in its usual form takes 16 bytes and no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// 8-4-4-4-12 lower-case hexadecimal digits.
    Uuid([u8; 16]),
    /// Anything else.
    Text(Box<str>),
}

impl Key {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];

    /// The key that `text` is.
    pub fn new(text: &str) -> Self {
        Self::uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    fn uuid(text: &str) -> Option<[u8; 16]> {
        let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (at, character) in text.iter().enumerate() {
            if Self::HYPHENS.contains(&at) {
                if *character != b'-' {
                    return None;
                }
                continue;
            }
            let digit = match character {
                b'0'..=b'9' => character - b'0',
                b'a'..=b'f' => character - b'a' + 10,
                _ => return None,
            };
            bytes[digits / 2] |= digit << (4 * (1 - digits % 2));
            digits += 1;
        }
        Some(bytes)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// Records of one kind, by key, with the names they share.
#[derive(Clone, Debug)]
pub struct Table<R> {
    rows: Vec<(Key, R)>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// The names that the records refer to.
    pub names: Names,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), index: HashTable::new(), hasher: RandomState::default(), names: Names::default() }
    }
}

impl<R> Table<R> {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The records with their keys, in the order in which they first came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Key, R)> {
        self.rows.iter()
    }

    /// The record under `key`.
    pub fn get(&self, key: &str) -> Option<&R> {
        self.place(key).map(|at| &self.rows[at].1)
    }

    /// No records, but all the names of `other`: records of the one can go to the other, which is then to have the
    /// names of the one.
    #[must_use]
    pub fn with_names_of(other: &Self) -> Self {
        Self { names: other.names.clone(), ..Self::default() }
    }

    /// The record under `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut R> {
        self.place(key).map(|at| &mut self.rows[at].1)
    }

    fn place(&self, key: &str) -> Option<usize> {
        let key = Key::new(key);
        let found = self.index.find(self.hasher.hash_one(&key), |at| self.rows[*at as usize].0 == key);
        found.map(|at| *at as usize)
    }

    /// The record under `key`; `fresh` makes it where there is none.
    pub fn entry(&mut self, key: &str, fresh: impl FnOnce() -> R) -> &mut R {
        self.entry_of(Key::new(key), fresh)
    }

    fn entry_of(&mut self, key: Key, fresh: impl FnOnce() -> R) -> &mut R {
        let entry = self.index.entry(
            self.hasher.hash_one(&key),
            |at| self.rows[*at as usize].0 == key,
            |at| self.hasher.hash_one(&self.rows[*at as usize].0),
        );
        let at = match entry {
            Entry::Occupied(known) => *known.get() as usize,
            Entry::Vacant(free) => {
                let at = self.rows.len();
                free.insert(u32::try_from(at).expect("a table has far fewer than 2^32 records"));
                self.rows.push((key, fresh()));
                at
            }
        };
        &mut self.rows[at].1
    }

    /// Puts `record` under `key`, in place of the one that may be there. Tells whether the key is new.
    pub fn put(&mut self, key: &str, record: R) -> bool {
        let before = self.rows.len();
        let mut record = Some(record);
        let slot = self.entry(key, || record.take().expect("taken once"));
        if let Some(record) = record {
            *slot = record;
        }
        self.rows.len() > before
    }

    /// Merges records into those of this table, by `merge`, which is given a new one where there is none under the key.
    /// Theirs are to be the names of this table, and maybe some more.
    pub fn absorb(&mut self, others: Self, fresh: impl Fn() -> R, merge: impl Fn(&mut R, R)) {
        self.names = others.names;
        for (key, record) in others.rows {
            merge(self.entry_of(key, &fresh), record);
        }
    }

    /// Drops the records that `keep` does not keep, and gives back the memory that is to spare.
    pub fn retain(&mut self, keep: impl Fn(&R) -> bool) {
        self.rows.retain(|(_, record)| keep(record));
        self.rows.shrink_to_fit();
        self.index.clear();
        self.index.shrink_to_fit(|_| 0);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.index.reserve(rows.len(), |_| 0);
        for (at, (key, _)) in (0..).zip(rows) {
            self.index.insert_unique(hasher.hash_one(key), at, |at| hasher.hash_one(&rows[*at as usize].0));
        }
    }
}

/// Declares the tables of a source, and how those of its collectors are put together.
macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $record:ty,)*) => {
        /// The tables of one source; one that is not there is not known, which is not the same as empty.
        #[derive(Clone, Debug, Default)]
        pub struct Tables {
            $($(#[$doc])* pub $field: Option<Arc<Table<$record>>>,)*
        }

        impl Tables {
            /// These tables, and those of `other` that are not among them.
            #[must_use]
            pub fn or(self, other: &Self) -> Self {
                Self { $($field: self.$field.or_else(|| other.$field.clone()),)* }
            }
        }
    };
}

tables! {
    /// Containers by their key.
    containers: Container,
    /// Images by their key.
    images: Image,
    /// Vulnerabilities by their id, where the vendor itself tells which images carry them.
    vulnerabilities: Vulnerability,
    /// Sensors by their key.
    sensors: Sensor,
    /// Defenders by their category.
    defenders: Defenders,
    /// Posture controls by their key.
    controls: Control,
    /// What controls came to for each resource.
    posture_resources: PostureResource,
    /// Reports by their key.
    reports: Report,
    /// Policies by their key.
    policies: Policy,
    /// The vendor's console, at most one.
    console: Console,
}

/// What came from one collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The collector's name.
    pub collector: &'static str,
    /// Whether the run that brought it saw every record.
    pub complete: bool,
    /// How many records it has.
    pub records: u64,
}

/// What is known of one source.
#[derive(Clone, Debug)]
pub struct SourceInventory {
    /// The source's name in the configuration.
    pub source: Arc<str>,
    /// Its vendor.
    pub vendor: Vendor,
    /// Its tables.
    pub tables: Tables,
    /// What they came from.
    pub served: Vec<Served>,
}

/// What is known of every source.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// By source, in the order of the configuration.
    pub sources: Vec<SourceInventory>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_it_was_sent() {
        for text in [
            "a90b7cb5-c704-3343-b538-74c7807807a2",
            "A90B7CB5-C704-3343-B538-74C7807807A2",
            "a90b7cb5-c704-3343-b538-74c7807807a",
            "a90b7cb5xc704-3343-b538-74c7807807a2",
            "g90b7cb5-c704-3343-b538-74c7807807a2",
            "647ae732d98e",
            "",
            "é90b7cb5-c704-3343-b538-74c7807807a2",
        ] {
            assert_eq!(Key::new(text).to_string(), text);
        }
        assert!(matches!(Key::new("a90b7cb5-c704-3343-b538-74c7807807a2"), Key::Uuid(_)));
        assert_eq!(size_of::<Key>(), 24);
    }

    #[test]
    fn a_record_that_comes_again_replaces_itself() {
        let mut table = Table::default();
        for number in 0..1000 {
            assert!(table.put(&number.to_string(), number));
        }
        assert!(!table.put("7", -7));
        *table.entry("8", || unreachable!("it is there")) = -8;
        assert_eq!(table.len(), 1000);
        table.retain(|number| *number < 500);
        assert_eq!(table.len(), 500);
        assert_eq!((table.get("7"), table.get("8"), table.get("9")), (Some(&-7), Some(&-8), Some(&9)));
        assert_eq!((table.get("500"), table.get("x")), (None, None));
        assert!(table.put("500", 500));
    }
}
