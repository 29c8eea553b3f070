//! The engine: what a row of the catalog means.
//!
//! A row reads like a query over records of one kind: grouped by which labels, reduced how. This module owns
//! grouping (`group`), reduction (`reduce`) and the cardinality budget (`fold`). It knows no metric by name,
//! no vendor's wire format, no output and no clock: what depends on the time is a [`Number`] that is asked later.

use std::fmt;
use std::sync::Arc;

use crate::record::Vendor;
use crate::telemetry::Latency;
use crate::view::{Measured, Row, View};

mod evaluate;
mod fold;
mod group;
mod number;
mod reduce;
#[cfg(test)]
mod tests;
mod unit;

pub use group::Scratch;
pub use number::Number;
pub use unit::{Kind, Unit};

/// A label's name and meaning, written once and shared by every family that has it.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub help: &'static str,
}

/// Reads a label's value from a record.
pub type Read<T> = for<'a> fn(Row<'a, T>) -> &'a str;

/// A label of a family with its reader, or the place of the labels that the configuration chooses.
///
/// What becomes of a label when a family is over its limit is said here.
pub enum Column<T> {
    /// Stays as it is when its group is folded: a folded group is one per such values.
    Place(&'static Label, Read<T>),
    /// Becomes `_other` when its group is folded.
    Fold(&'static Label, Read<T>),
    /// Divides a group and stays when the group is folded.
    Inner(&'static Label, Read<T>),
    /// The labels that the configuration chooses; each becomes `_other` when its group is folded.
    Chosen(fn(&Settings) -> &[Chosen<T>]),
}

impl Label {
    /// This label as one that stays when its group is folded.
    pub const fn place<T>(&'static self, read: Read<T>) -> Column<T> {
        Column::Place(self, read)
    }

    /// This label as one that is folded.
    pub const fn fold<T>(&'static self, read: Read<T>) -> Column<T> {
        Column::Fold(self, read)
    }

    /// This label as one that divides a group.
    pub const fn inner<T>(&'static self, read: Read<T>) -> Column<T> {
        Column::Inner(self, read)
    }
}

/// A label that the configuration chose.
pub struct Chosen<T> {
    /// Its name.
    pub name: Arc<str>,
    /// Its reader.
    pub read: ChosenRead<T>,
}

/// How a label that the configuration chose is read.
pub enum ChosenRead<T> {
    /// From a field of the record.
    Field(Read<T>),
    /// From the list of promoted labels, at this place.
    Promoted(for<'a> fn(Row<'a, T>, usize) -> &'a str, usize),
}

impl<T> Clone for ChosenRead<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ChosenRead<T> {}

/// The values of a family's closed labels: every one of them is shown for every group that the family shows.
#[derive(Debug)]
pub struct Cells {
    /// The labels, in order.
    pub labels: &'static [&'static Label],
    /// Their values, in order; one series each.
    pub values: &'static [&'static [&'static str]],
}

/// Which closed labels a family has.
pub enum Closed {
    /// With the same values for every vendor.
    Same(&'static Cells),
    /// These labels, with the values that the vendor can tell of. A vendor that can tell of none is not shown.
    PerVendor(&'static [&'static Label], fn(Vendor) -> Option<&'static Cells>),
}

impl Closed {
    fn of(&self, vendor: Option<Vendor>) -> Option<&'static Cells> {
        match self {
            Self::Same(cells) => Some(cells),
            Self::PerVendor(_, cells) => vendor.and_then(cells),
        }
    }

    fn labels(&self) -> &'static [&'static Label] {
        match self {
            Self::Same(cells) => cells.labels,
            Self::PerVendor(labels, _) => labels,
        }
    }
}

/// When something was last heard of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// There is no such thing.
    Missing,
    /// It is there and was never heard of.
    Never,
    /// At this time, in seconds since 1970.
    At(f64),
}

/// How the records of a group become its series.
pub enum Value<T> {
    /// How many there are.
    Count,
    /// The sum; a group in which nothing has a value is not shown.
    Sum(fn(Row<'_, T>) -> Option<f64>),
    /// The highest; a group in which nothing has a value is not shown.
    Max(fn(Row<'_, T>) -> Option<f64>),
    /// The lowest; a group in which nothing has a value is not shown.
    Min(fn(Row<'_, T>) -> Option<f64>),
    /// The mean of those that have a value; a group in which nothing has one is not shown.
    Average(fn(Row<'_, T>) -> Option<f64>),
    /// A number for each of the closed labels' values. The function adds a record's part and says whether the
    /// record has one; a group in which no record has is not shown. A number made NaN cannot be told, and is not shown.
    Cells(Closed, fn(Row<'_, T>, &mut [f64]) -> bool),
    /// Seconds since the lowest of these times, when asked.
    Age(fn(Row<'_, T>) -> Option<f64>),
    /// How many were silent for longer than the configured time, when asked; a group in which nothing can be heard
    /// of is not shown.
    Stale(fn(Row<'_, T>) -> Option<Seen>),
    /// How many were heard of within the configured time, were not, and are missing, when asked.
    Freshness(Closed, fn(Row<'_, T>) -> Option<Seen>),
    /// One series for each record, never merged: its value, and its rank among those that are kept when there are
    /// more than the limit (lowest first, then by labels).
    Each(fn(Row<'_, T>) -> Option<f64>, fn(Row<'_, T>) -> f64),
    /// One series for each of a configured number of records with the highest value; of equals those whose tie
    /// breaker is lowest.
    Top(fn(Row<'_, T>) -> Option<f64>, for<'a> fn(Row<'a, T>) -> &'a str, fn(&Settings) -> usize),
    /// A distribution.
    Distribution(for<'a> fn(Row<'a, T>) -> &'a Latency),
}

/// One row of the catalog: a family's definition, and how it is computed.
pub struct Family<T: 'static> {
    /// Its name in full.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// What it tells, as one sentence without a full stop.
    pub help: &'static str,
    /// Its labels.
    pub by: &'static [Column<T>],
    /// Its value.
    pub value: Value<T>,
}

/// What the configuration chooses about metrics.
pub struct Settings {
    /// Labels of container groups.
    pub chosen: Vec<Chosen<crate::record::Container>>,
    /// Most series that a family may have.
    pub max_series_per_family: usize,
    /// How many of the riskiest containers of a source are shown.
    pub top_containers: usize,
    /// How many of the most widespread vulnerabilities of a source are shown.
    pub top_vulnerabilities: usize,
    /// Silence after which something is stale, in seconds.
    pub stale_after_seconds: f64,
}

/// A row with its record type hidden, so that one table can hold them all.
pub trait Metric: Sync {
    /// The family's name.
    fn name(&self) -> &'static str;
    /// Its kind.
    fn kind(&self) -> Kind;
    /// Its unit.
    fn unit(&self) -> Unit;
    /// Its help.
    fn help(&self) -> &'static str;
    /// Whether it changes from one scrape to the next.
    fn is_live(&self) -> bool;
    /// Whether it shows the sizes of families, its own included.
    fn holds_sizes(&self) -> bool;
    /// Whether it is held to the limit of series.
    fn is_limited(&self) -> bool;
    /// Its labels, in order, for the reference; none stands for those that the configuration chooses.
    fn labels(&self) -> Vec<Option<&'static Label>>;
    /// The values that its closed labels have, for a vendor or for the exporter itself.
    fn cells(&self, vendor: Option<Vendor>) -> Option<&'static Cells>;
    /// Its series.
    fn evaluate(&'static self, view: &View<'_>, settings: &Settings, scratch: &mut Scratch) -> Series;
}

impl fmt::Debug for dyn Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<T: Measured> Family<T> {
    fn closed(&self) -> Option<&Closed> {
        match &self.value {
            Value::Cells(closed, _) | Value::Freshness(closed, _) => Some(closed),
            Value::Count
            | Value::Sum(_)
            | Value::Max(_)
            | Value::Min(_)
            | Value::Average(_)
            | Value::Age(_)
            | Value::Stale(_)
            | Value::Each(..)
            | Value::Top(..)
            | Value::Distribution(_) => None,
        }
    }

    fn closed_labels(&self) -> &'static [&'static Label] {
        self.closed().map_or(&[], Closed::labels)
    }
}

impl<T: Measured> Metric for Family<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn unit(&self) -> Unit {
        self.unit
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn is_live(&self) -> bool {
        T::LIVE
    }

    fn holds_sizes(&self) -> bool {
        T::HOLDS_SIZES
    }

    fn is_limited(&self) -> bool {
        !T::LIVE
    }

    fn labels(&self) -> Vec<Option<&'static Label>> {
        let columns = self.by.iter().map(|column| match column {
            Column::Place(label, _) | Column::Fold(label, _) | Column::Inner(label, _) => Some(*label),
            Column::Chosen(_) => None,
        });
        columns.chain(self.closed_labels().iter().copied().map(Some)).collect()
    }

    fn cells(&self, vendor: Option<Vendor>) -> Option<&'static Cells> {
        self.closed()?.of(vendor)
    }

    fn evaluate(&'static self, view: &View<'_>, settings: &Settings, scratch: &mut Scratch) -> Series {
        evaluate::series(self, view, settings, scratch)
    }
}

/// The series of one family: label names once, then label values and a number for each.
#[derive(Debug)]
pub struct Series {
    /// The family.
    pub metric: &'static dyn Metric,
    /// Label names, in order.
    pub labels: Vec<Arc<str>>,
    values: Vec<Arc<str>>,
    numbers: Vec<Number>,
    /// Groups folded into `_other`, or series left out.
    pub folded: u64,
}

impl Series {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The label values and the number of the one at this place.
    pub fn get(&self, at: usize) -> Option<(&[Arc<str>], &Number)> {
        let width = self.labels.len();
        Some((self.values.get(at * width..(at + 1) * width)?, self.numbers.get(at)?))
    }

    /// Each one's label values, in the order of the label names, and its number. Sorted by label values; no two
    /// have the same.
    pub fn iter(&self) -> impl Iterator<Item = (&[Arc<str>], &Number)> {
        let width = self.labels.len();
        self.numbers.iter().enumerate().map(move |(at, number)| (&self.values[at * width..(at + 1) * width], number))
    }

    /// Whether any number depends on the moment it is asked at.
    pub fn depends_on_time(&self) -> bool {
        self.numbers.iter().any(Number::depends_on_time)
    }
}
