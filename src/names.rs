//! Names kept once: what many records share is stored here and referred to by a number.
//!
//! Owns the texts of one table. They go when the table goes, so that names no longer used do not pile up.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A text in a [`Names`]. Equal texts of the same `Names` have equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// Every name with its text.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &str)> {
        (0..).map(Name).zip(&self.texts).map(|(name, text)| (name, &**text))
    }
}
