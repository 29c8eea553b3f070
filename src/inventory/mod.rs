//! The known data of every source: keyed tables of records, immutable once published.
//!
//! Owns identity: a record is stored under its vendor's key and replaces an earlier one, so that a record that comes
//! twice in a walk counts once. It knows neither how records are fetched nor what is computed from them.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::names::Names;
use crate::record::{
    Console, Container, Control, Defenders, FieldCounts, Image, Policy, PostureResource, Registry, Report, Sensor,
    Vendor, Vulnerability, VulnerabilityStatistics,
};

mod key;

pub use key::Key;

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
    /// An empty table with these names.
    #[must_use]
    pub fn with_names(names: Names) -> Self {
        Self { names, ..Self::default() }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The records with their keys, in the order of their first insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Key, R)> {
        self.rows.iter()
    }

    /// The record at this position, from 0, with its key.
    pub fn nth(&self, at: usize) -> Option<&(Key, R)> {
        self.rows.get(at)
    }

    /// The record at this position, from 0, to be changed.
    pub fn nth_mut(&mut self, at: usize) -> Option<&mut R> {
        self.rows.get_mut(at).map(|(_, record)| record)
    }

    /// The position of the record under `key`, from 0.
    pub fn place_of(&self, key: &Key) -> Option<usize> {
        let found = self.index.find(self.hasher.hash_one(key), |at| self.rows[*at as usize].0 == *key);
        found.map(|at| *at as usize)
    }

    /// The record under `key`.
    pub fn get(&self, key: &str) -> Option<&R> {
        self.place_of(&Key::new(key)).map(|at| &self.rows[at].1)
    }

    /// An empty table with all the names of `other`, so that records of one can move to the other, which then needs the
    /// names of the first.
    #[must_use]
    pub fn with_names_of(other: &Self) -> Self {
        Self { names: other.names.clone(), ..Self::default() }
    }

    /// The record under `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut R> {
        self.place_of(&Key::new(key)).map(|at| &mut self.rows[at].1)
    }

    /// The record under `key`; `fresh` creates a missing one.
    pub fn entry(&mut self, key: &str, fresh: impl FnOnce() -> R) -> &mut R {
        self.entry_under(Key::new(key), fresh)
    }

    /// As [`Self::entry`], with an existing key.
    pub fn entry_under(&mut self, key: Key, fresh: impl FnOnce() -> R) -> &mut R {
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

    /// Stores `record` under `key`, replacing an earlier one. Returns whether the key is new.
    pub fn put(&mut self, key: &str, record: R) -> bool {
        self.put_under(Key::new(key), record)
    }

    /// Stores `record` under a key of another table, as [`Self::put`] does.
    pub fn put_under(&mut self, key: Key, record: R) -> bool {
        let before = self.rows.len();
        let mut record = Some(record);
        let slot = self.entry_under(key, || record.take().expect("taken once"));
        if let Some(record) = record {
            *slot = record;
        }
        self.rows.len() > before
    }

    /// Merges records into this table with `merge`, which receives a `fresh` one for a new key. Their names must be
    /// those of this table, possibly with more.
    pub fn absorb(&mut self, others: Self, fresh: impl Fn() -> R, merge: impl Fn(&mut R, R)) {
        self.names = others.names;
        for (key, record) in others.rows {
            merge(self.entry_under(key, &fresh), record);
        }
    }

    /// Drops the records that `keep` rejects, and frees spare memory.
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

/// A kind of record that a source has a table of.
pub trait Record: Clone + fmt::Debug + DeserializeOwned + Serialize + Send + Sync + 'static {
    /// The table's field in [`Tables`].
    const TABLE: &'static str;

    /// The table of these records.
    fn of(tables: &Tables) -> Option<&Table<Self>>;
}

/// An operation on each existing table: see [`Tables::each`].
pub trait Visit {
    /// The error that ends it early.
    type Error;

    /// Handles one table.
    fn visit<R: Record>(&mut self, table: &Arc<Table<R>>) -> Result<(), Self::Error>;
}

/// A factory for each table: see [`Tables::made`].
pub trait Make {
    /// The error that it may return.
    type Error;

    /// Makes one table, or `None` to leave it out.
    fn make<R: Record>(&mut self) -> Result<Option<Table<R>>, Self::Error>;
}

/// Declares the tables of a source, and how to merge those of its collectors and to visit them all.
macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $record:ty,)*) => {
        /// The tables of one source; a missing table is unknown, which is not the same as empty.
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

            /// Visits the existing tables, in the order of their declaration.
            pub fn each<V: Visit>(&self, visit: &mut V) -> Result<(), V::Error> {
                $(if let Some(table) = &self.$field {
                    visit.visit(table)?;
                })*
                Ok(())
            }

            /// Makes every possible table, in the order of their declaration.
            pub fn made<M: Make>(make: &mut M) -> Result<Self, M::Error> {
                Ok(Self { $($field: make.make::<$record>()?.map(Arc::new),)* })
            }
        }

        $(impl Record for $record {
            const TABLE: &'static str = stringify!($field);

            fn of(tables: &Tables) -> Option<&Table<Self>> {
                tables.$field.as_deref()
            }
        })*
    };
}

tables! {
    /// Containers by their key.
    containers: Container,
    /// Images by their key.
    images: Image,
    /// Vulnerabilities by their id, if the vendor itself reports which images have them.
    vulnerabilities: Vulnerability,
    /// When the vendor computed them, at most one.
    vulnerability_statistics: VulnerabilityStatistics,
    /// Sensors by their key.
    sensors: Sensor,
    /// Defenders by their category.
    defenders: Defenders,
    /// Posture controls by their key.
    controls: Control,
    /// The outcome of controls for each resource.
    posture_resources: PostureResource,
    /// Reports by their key.
    reports: Report,
    /// Registries by their key.
    registries: Registry,
    /// Policies by their key.
    policies: Policy,
    /// The vendor's console, at most one.
    console: Console,
}

/// How good a collector's data is. Written once per run, together with the tables, and read by every output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct DataStatus {
    /// Whether the run that read it saw every record.
    pub complete: bool,
    /// The number of records.
    pub records: u64,
    /// Duration of the last full walk.
    pub walk_duration: Duration,
    /// End of the last successful run.
    pub last_success: Option<Timestamp>,
    /// End of the last successful full walk, not only of changes.
    pub last_walk: Option<Timestamp>,
    /// A remark for people about data that is otherwise sound.
    pub note: Option<String>,
    /// The rows that the run read, by field; empty after a restart.
    #[serde(skip)]
    pub fields: Arc<FieldCounts>,
    /// The number of the last successful run in this process, counting from 1; 0 before the first.
    #[serde(skip)]
    pub last_good_run: u64,
}

impl DataStatus {
    /// The status once the data is too old and dropped: only when it was last good remains.
    #[must_use]
    pub fn without_data(self) -> Self {
        Self { complete: false, records: 0, note: None, fields: Arc::default(), ..self }
    }
}

/// The status of each collector's data, by the collector's name.
pub type Statuses = Vec<(&'static str, DataStatus)>;

/// The known data of one source.
#[derive(Clone, Debug)]
pub struct SourceInventory {
    /// The source's name in the configuration.
    pub source: Arc<str>,
    /// Its vendor.
    pub vendor: Vendor,
    /// Its tables.
    pub tables: Tables,
    /// The status of each collector's part of the tables.
    pub statuses: Statuses,
}

/// The known data of every source.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// By source, in the order of the configuration.
    pub sources: Vec<SourceInventory>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_record_replaces_itself() {
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
