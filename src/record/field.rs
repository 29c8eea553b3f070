//! How many rows had which field: what shows that a vendor renamed or retyped one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a row has a field, and whether that could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldState {
    /// It is left out, null, an empty text or the word `None`.
    #[default]
    Absent,
    /// It has a value that can be read.
    Present,
    /// It has a value that cannot be read, which counts as none.
    Unreadable,
}

impl FieldState {
    /// Every state, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Absent, Self::Present, Self::Unreadable];

    /// The word for it in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Present => "present",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Rows by the state of one field, in the order of [`FieldState::ALL`].
pub type StateCounts = [u64; FieldState::ALL.len()];

/// The rows that a collector read, by field and by the field's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct FieldCounts(BTreeMap<Box<str>, StateCounts>);

impl FieldCounts {
    /// Adds the counts of fields with these paths, in the same order; of those that have no counts, no row was read.
    fn add(&mut self, paths: Vec<String>, counts: &[StateCounts]) {
        let counts = counts.iter().copied().chain(std::iter::repeat(StateCounts::default()));
        for (path, counts) in paths.into_iter().zip(counts) {
            let known = self.0.entry(path.into()).or_default();
            known.iter_mut().zip(counts).for_each(|(known, more)| *known += more);
        }
    }

    /// The counts of fields with these paths, in the same order.
    pub fn of(paths: Vec<String>, counts: &[StateCounts]) -> Self {
        let mut fields = Self::default();
        fields.add(paths, counts);
        fields
    }

    /// These counts and those of other rows.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.merge(other);
        self
    }

    /// Adds the counts of other rows.
    fn merge(&mut self, other: &Self) {
        for (path, counts) in &other.0 {
            self.add(vec![path.to_string()], std::slice::from_ref(counts));
        }
    }

    /// By field, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StateCounts)> {
        self.0.iter().map(|(path, counts)| (&**path, counts))
    }

    /// The fields that could not be read in some rows, and in how many.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, u64)> {
        self.iter().map(|(path, counts)| (path, counts[FieldState::Unreadable as usize])).filter(|(_, rows)| *rows > 0)
    }
}
