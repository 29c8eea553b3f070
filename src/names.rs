//! Names kept once: what many records share is stored here and referred to by a number.
//!
//! Owns the texts of one table. They go when the table goes, so that names no longer used do not pile up. A [`Name`]
//! that is read back from where it was written is one of a table's own, or it is not read ([`Names::reading`]).

use std::cell::Cell;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A text in a [`Names`]. Equal texts of the same `Names` have equal names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Name(u32);

impl Name {
    /// The empty text: an absent name.
    pub const EMPTY: Self = Self(0);
    /// `unknown`: an absent word of a closed vocabulary.
    pub const UNKNOWN: Self = Self(1);

    /// Its place among the names of its table, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

thread_local! {
    /// How many names those have that are being read on this thread.
    static READABLE: Cell<usize> = const { Cell::new(0) };
}

/// Only inside of [`Names::reading`]: elsewhere the owner of a name is unknown.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Self(u32::deserialize(from)?);
        if name.index() < READABLE.get() {
            Ok(name)
        } else {
            Err(D::Error::custom("a name that its table does not have"))
        }
    }
}

/// Puts back what was readable before, even past a panic.
struct Readable(usize);

impl Drop for Readable {
    fn drop(&mut self) {
        READABLE.set(self.0);
    }
}

/// The texts of one table.
#[derive(Clone, Debug)]
pub struct Names {
    texts: Vec<Box<str>>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { texts: Vec::new(), index: HashTable::new(), hasher: RandomState::default() };
        // The order makes them `Name::EMPTY` and `Name::UNKNOWN`.
        names.intern("");
        names.intern("unknown");
        names
    }
}

impl Names {
    /// The name of `text`, kept if it is new.
    pub fn intern(&mut self, text: &str) -> Name {
        let hash = self.hasher.hash_one(text);
        let entry = self.index.entry(
            hash,
            |at| *self.texts[*at as usize] == *text,
            |at| self.hasher.hash_one(&*self.texts[*at as usize]),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(known) => Name(*known.get()),
            hashbrown::hash_table::Entry::Vacant(free) => {
                let at = u32::try_from(self.texts.len()).expect("a table has far fewer than 2^32 names");
                free.insert(at);
                self.texts.push(text.into());
                Name(at)
            }
        }
    }

    /// The text of a name of this table.
    pub fn text(&self, name: Name) -> &str {
        &self.texts[name.index()]
    }

    /// How many there are; never none, as two are known beforehand.
    pub fn count(&self) -> usize {
        self.texts.len()
    }

    /// Lets `read` deserialize names of this table: one that is not among them is an error there.
    pub fn reading<T>(&self, read: impl FnOnce() -> T) -> T {
        let _before = Readable(READABLE.replace(self.count()));
        read()
    }

    /// Every name with its text.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &str)> {
        (0..).map(Name).zip(&self.texts).map(|(name, text)| (name, &**text))
    }
}
