//! The engine: what a row of the catalog means.
//!
//! A row reads like a query over records of one kind: grouped by which labels, reduced how. This module owns
//! grouping (`group`), reduction (`reduce`) and the cardinality budget (`fold`). It knows no metric by name,
//! no vendor's wire format, no output and no clock: a time-dependent value is a [`Number`], resolved at scrape time.

use std::fmt;
use std::sync::Arc;

use crate::record::{Container, Image, Vendor};
use crate::telemetry::Latency;
use crate::view::{Measured, Row, SourceView, View};

mod bound;
mod evaluate;
mod fold;
mod group;
mod number;
mod reduce;
#[cfg(test)]
mod tests;
mod unit;

pub use group::GroupingCache;
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

/// Whether the listing that a label is joined from is known for a source.
pub type Decided = fn(&SourceView<'_>) -> bool;

/// A label of a family with its reader, or the slot for the labels that the configuration chooses.
///
/// Each variant also says what happens to the label when its family exceeds the series limit.
pub enum Column<T> {
    /// Keeps its value when its group is folded: there is one folded group per combination of kept values.
    Keep(&'static Label, Read<T>),
    /// Becomes `_other` when its group is folded.
    Fold(&'static Label, Read<T>),
    /// Divides a group and stays when the group is folded.
    Subgroup(&'static Label, Read<T>),
    /// Folds, and is joined from another listing: the family is absent for a source while that listing is not known.
    Joined(&'static Label, Read<T>, Decided),
    /// The labels that the configuration chooses, with their placeholder in the reference; each becomes `_other` when
    /// its group is folded.
    Chosen(&'static str, fn(&Settings) -> &[Chosen<T>]),
}

impl Label {
    /// This label as one that stays when its group is folded.
    pub const fn keep<T>(&'static self, read: Read<T>) -> Column<T> {
        Column::Keep(self, read)
    }

    /// This label as one that is folded.
    pub const fn fold<T>(&'static self, read: Read<T>) -> Column<T> {
        Column::Fold(self, read)
    }

    /// This label as one that is folded and joined from a listing that may not be known.
    pub const fn joined<T>(&'static self, read: Read<T>, decided: Decided) -> Column<T> {
        Column::Joined(self, read, decided)
    }

    /// This label as one that divides a group.
    pub const fn subgroup<T>(&'static self, read: Read<T>) -> Column<T> {
        Column::Subgroup(self, read)
    }
}

/// A label that the configuration chose.
pub struct Chosen<T> {
    /// Its name.
    pub name: Arc<str>,
    /// Its reader.
    pub read: ChosenRead<T>,
    /// For a joined label, whether its listing is known for a source.
    pub decided: Option<Decided>,
}

/// How a label that the configuration chose is read.
pub enum ChosenRead<T> {
    /// From a field of the record.
    Field(Read<T>),
    /// From the list of promoted labels, at this index.
    Promoted(for<'a> fn(Row<'a, T>, usize) -> &'a str, usize),
}

impl<T> Clone for ChosenRead<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ChosenRead<T> {}

/// Fixed label names and all their combinations of values; every combination is shown for every group of the family.
#[derive(Debug)]
pub struct LabelSets {
    /// The labels, in order.
    pub labels: &'static [&'static Label],
    /// The combinations of values, in order; one series each.
    pub values: &'static [&'static [&'static str]],
}

/// Which fixed label sets a family has.
pub enum FixedLabels {
    /// The same for every vendor.
    Same(&'static LabelSets),
    /// The same labels, with the values that each vendor reports; a vendor that is not listed is not shown.
    PerVendor(&'static [(Vendor, &'static LabelSets)]),
}

impl FixedLabels {
    fn of(&self, vendor: Option<Vendor>) -> Option<&'static LabelSets> {
        match self {
            Self::Same(sets) => Some(sets),
            Self::PerVendor(sets) => sets.iter().find(|(of, _)| vendor == Some(*of)).map(|(_, sets)| *sets),
        }
    }

    fn labels(&self) -> &'static [&'static Label] {
        match self {
            Self::Same(sets) => sets.labels,
            Self::PerVendor(sets) => sets.first().map_or(&[], |(_, sets)| sets.labels),
        }
    }
}

/// When something last reported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LastSeen {
    /// It does not exist.
    Missing,
    /// It exists and never reported.
    Never,
    /// At this time, in seconds since 1970.
    At(f64),
}

/// How the records of a group become its series.
pub enum Value<T> {
    /// The number of records.
    Count,
    /// The sum; a group in which nothing has a value is not shown.
    Sum(fn(Row<'_, T>) -> Option<f64>),
    /// The highest; a group in which nothing has a value is not shown.
    Max(fn(Row<'_, T>) -> Option<f64>),
    /// The lowest; a group in which nothing has a value is not shown.
    Min(fn(Row<'_, T>) -> Option<f64>),
    /// The mean of those that have a value; a group in which nothing has one is not shown.
    Average(fn(Row<'_, T>) -> Option<f64>),
    /// One number per fixed label set. The function adds a record's share and returns whether the record has one;
    /// a group in which no record has one is not shown, and neither is a number that becomes NaN (not known).
    PerLabelSet(FixedLabels, fn(Row<'_, T>, &mut [f64]) -> bool),
    /// Seconds since the earliest of these times, computed at scrape time.
    Age(fn(Row<'_, T>) -> Option<f64>),
    /// How many have been silent for longer than the configured time, computed at scrape time; a group without any
    /// reporting record is not shown.
    Stale(fn(Row<'_, T>) -> Option<LastSeen>),
    /// How many reported within the configured time, did not, and are missing; computed at scrape time.
    Freshness(FixedLabels, fn(Row<'_, T>) -> Option<LastSeen>),
    /// One series for each record, never merged: its value, and its rank among those that are kept when there are
    /// more than the limit (lowest first, then by labels).
    Each(fn(Row<'_, T>) -> Option<f64>, fn(Row<'_, T>) -> f64),
    /// One series for each of a configured number of records with the highest value; of equals those whose tie
    /// breaker is lowest.
    Top(fn(Row<'_, T>) -> Option<f64>, for<'a> fn(Row<'a, T>) -> &'a str, fn(&Settings) -> usize),
    /// A distribution.
    Distribution(for<'a> fn(Row<'a, T>) -> &'a Latency),
}

/// One row of the catalog: the definition of a family and how it is computed.
pub struct Family<T: 'static> {
    /// Its name in full.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// A noun phrase of at most 80 characters, with the unit or range, without a full stop.
    pub help: &'static str,
    /// Its labels.
    pub by: &'static [Column<T>],
    /// Its value.
    pub value: Value<T>,
}

/// What the configuration chooses about metrics.
pub struct Settings {
    /// Chosen labels of container groups.
    pub container_labels: Vec<Chosen<Container>>,
    /// Chosen labels of image groups.
    pub image_labels: Vec<Chosen<Image>>,
    /// Maximum length of a label value, in bytes.
    pub max_label_value_bytes: usize,
    /// Maximum number of series per family.
    pub max_series_per_family: usize,
    /// Number of riskiest containers shown per source.
    pub top_containers: usize,
    /// Number of most widespread vulnerabilities shown per source.
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
    /// Its labels, in order; `None` stands for those that the configuration chooses.
    fn labels(&self) -> Vec<Option<&'static Label>>;
    /// The placeholder of the labels that the configuration chooses, if it has any.
    fn group(&self) -> Option<&'static str>;
    /// Its fixed label sets, for a vendor or for the exporter itself.
    fn label_sets(&self, vendor: Option<Vendor>) -> Option<&'static LabelSets>;
    /// Its series.
    fn evaluate(&'static self, view: &View<'_>, settings: &Settings, groupings: &mut GroupingCache) -> Series;
}

impl fmt::Debug for dyn Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<T: Measured> Family<T> {
    fn fixed(&self) -> Option<&FixedLabels> {
        match &self.value {
            Value::PerLabelSet(fixed, _) | Value::Freshness(fixed, _) => Some(fixed),
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

    fn fixed_labels(&self) -> &'static [&'static Label] {
        self.fixed().map_or(&[], FixedLabels::labels)
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
            Column::Keep(label, _)
            | Column::Fold(label, _)
            | Column::Subgroup(label, _)
            | Column::Joined(label, ..) => Some(*label),
            Column::Chosen(..) => None,
        });
        columns.chain(self.fixed_labels().iter().copied().map(Some)).collect()
    }

    fn group(&self) -> Option<&'static str> {
        self.by.iter().find_map(|column| match column {
            Column::Chosen(group, _) => Some(*group),
            Column::Keep(..) | Column::Fold(..) | Column::Subgroup(..) | Column::Joined(..) => None,
        })
    }

    fn label_sets(&self, vendor: Option<Vendor>) -> Option<&'static LabelSets> {
        self.fixed()?.of(vendor)
    }

    fn evaluate(&'static self, view: &View<'_>, settings: &Settings, groupings: &mut GroupingCache) -> Series {
        evaluate::series(self, view, settings, groupings)
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

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The label values and the number of the series at this index.
    pub fn get(&self, at: usize) -> Option<(&[Arc<str>], &Number)> {
        let width = self.labels.len();
        Some((self.values.get(at * width..(at + 1) * width)?, self.numbers.get(at)?))
    }

    /// The label values, in the order of the label names, and the number of each series. Sorted by label values, which
    /// are unique.
    pub fn iter(&self) -> impl Iterator<Item = (&[Arc<str>], &Number)> {
        let width = self.labels.len();
        self.numbers.iter().enumerate().map(move |(at, number)| (&self.values[at * width..(at + 1) * width], number))
    }

    /// Whether any number changes with time alone.
    pub fn depends_on_time(&self) -> bool {
        self.numbers.iter().any(Number::depends_on_time)
    }
}
