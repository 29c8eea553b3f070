//! Reduction: how the records of a group become its series.
//!
//! An [`Accumulator`] holds what is known of a group so far. Accumulators of two groups can be merged, which is what
//! folding needs: sums add up, extremes stay extremes, and an average is recomputed over all records.

use std::sync::Arc;

use super::{LabelSets, LastSeen, Number, Value};
use crate::record::Vendor;
use crate::telemetry::Latency;
use crate::view::Row;

/// How several numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Sum,
    Max,
    Min,
    Average,
    Age,
}

/// A reduction in progress.
#[derive(Debug)]
pub(super) enum Accumulator {
    /// One number of the records that have a value, and how many have.
    One { rule: Rule, number: f64, count: u64 },
    /// One number per fixed label set, and whether any record contributed.
    PerLabelSet { sets: &'static LabelSets, numbers: Vec<f64>, shown: bool },
    /// Last-report times (never is the infinite past), reduced to the number of stale ones.
    Stale { times: Vec<f64> },
    /// The same, reduced to one number each for live, stale and missing.
    Freshness { sets: &'static LabelSets, times: Vec<f64>, missing: f64, shown: bool },
    /// A distribution.
    Distribution(Latency),
}

impl Accumulator {
    /// An empty accumulator; none for values that are not reduced.
    pub(super) fn new<T>(value: &Value<T>, vendor: Option<Vendor>) -> Option<Self> {
        let one = |rule| Self::One { rule, number: 0.0, count: 0 };
        Some(match value {
            Value::Count | Value::Sum(_) => one(Rule::Sum),
            Value::Max(_) => one(Rule::Max),
            Value::Min(_) => one(Rule::Min),
            Value::Average(_) => one(Rule::Average),
            Value::Age(_) => one(Rule::Age),
            Value::PerLabelSet(fixed, _) => {
                let sets = fixed.of(vendor)?;
                Self::PerLabelSet { sets, numbers: vec![0.0; sets.values.len()], shown: false }
            }
            Value::Stale(_) => Self::Stale { times: Vec::new() },
            Value::Freshness(fixed, _) => {
                let sets = fixed.of(vendor)?;
                Self::Freshness { sets, times: Vec::new(), missing: 0.0, shown: false }
            }
            Value::Distribution(_) => Self::Distribution(Latency::default()),
            Value::Each(..) | Value::Top(..) => return None,
        })
    }

    /// Adds a record.
    pub(super) fn add<T>(&mut self, value: &Value<T>, row: Row<'_, T>) {
        match value {
            Value::Count => self.add_number(Some(1.0), 1),
            Value::Sum(read) | Value::Max(read) | Value::Min(read) | Value::Average(read) | Value::Age(read) => {
                self.add_number(read(row), 1);
            }
            Value::PerLabelSet(_, add) => {
                if let Self::PerLabelSet { numbers, shown, .. } = self {
                    *shown |= add(row, numbers);
                }
            }
            Value::Stale(read) | Value::Freshness(_, read) => {
                if let Some(seen) = read(row) {
                    self.see(seen);
                }
            }
            Value::Distribution(read) => self.add_distribution(read(row)),
            Value::Each(..) | Value::Top(..) => {}
        }
    }

    /// Merges `other`, an accumulator of the same value.
    pub(super) fn merge(&mut self, other: Self) {
        match other {
            Self::One { number, count, .. } => self.add_number((count > 0).then_some(number), count),
            Self::PerLabelSet { numbers: more, shown: also, .. } => {
                if let Self::PerLabelSet { numbers, shown, .. } = self {
                    for (number, more) in numbers.iter_mut().zip(more) {
                        *number += more;
                    }
                    *shown |= also;
                }
            }
            Self::Stale { times: more } => {
                if let Self::Stale { times } = self {
                    times.extend(more);
                }
            }
            Self::Freshness { times: more, missing: without, shown: also, .. } => {
                if let Self::Freshness { times, missing, shown, .. } = self {
                    times.extend(more);
                    *missing += without;
                    *shown |= also;
                }
            }
            Self::Distribution(more) => self.add_distribution(&more),
        }
    }

    fn add_number(&mut self, more: Option<f64>, of: u64) {
        let (Self::One { rule, number, count }, Some(more)) = (self, more) else {
            return;
        };
        *number = match rule {
            _ if *count == 0 => more,
            Rule::Sum | Rule::Average => *number + more,
            Rule::Max => number.max(more),
            Rule::Min | Rule::Age => number.min(more),
        };
        *count += of;
    }

    fn see(&mut self, seen: LastSeen) {
        let time = match seen {
            LastSeen::At(time) => Some(time),
            LastSeen::Never => Some(f64::NEG_INFINITY),
            LastSeen::Missing => None,
        };
        match self {
            Self::Stale { times } => times.extend(time),
            Self::Freshness { times, missing, shown, .. } => {
                *shown = true;
                match time {
                    Some(time) => times.push(time),
                    None => *missing += 1.0,
                }
            }
            Self::One { .. } | Self::PerLabelSet { .. } | Self::Distribution(_) => {}
        }
    }

    fn add_distribution(&mut self, more: &Latency) {
        if let Self::Distribution(latency) = self {
            for (bucket, more) in latency.buckets.iter_mut().zip(more.buckets) {
                *bucket += more;
            }
            latency.sum += more.sum;
        }
    }

    /// The number of series it yields.
    pub(super) fn series(&self) -> usize {
        match self {
            Self::One { count, .. } => usize::from(*count > 0),
            Self::PerLabelSet { numbers, shown, .. } => {
                if *shown {
                    numbers.iter().filter(|number| !number.is_nan()).count()
                } else {
                    0
                }
            }
            Self::Freshness { shown, .. } => {
                if *shown {
                    3
                } else {
                    0
                }
            }
            Self::Stale { times } => usize::from(!times.is_empty()),
            Self::Distribution(_) => 1,
        }
    }

    /// The fixed label values and the number of each series.
    pub(super) fn finish(self, stale_after: f64) -> Vec<(&'static [&'static str], Number)> {
        match self {
            _ if self.series() == 0 => Vec::new(),
            Self::One { rule, number, count } => {
                #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
                let number = match rule {
                    Rule::Age => Number::Age(number),
                    Rule::Average => Number::Fixed(number / count as f64),
                    Rule::Sum | Rule::Max | Rule::Min => Number::Fixed(number),
                };
                vec![(&[], number)]
            }
            Self::PerLabelSet { sets, numbers, .. } => {
                let known = sets.values.iter().copied().zip(numbers).filter(|(_, number)| !number.is_nan());
                known.map(|(values, number)| (values, Number::Fixed(number))).collect()
            }
            Self::Stale { times } => vec![(&[], Number::Before(ascending(times), stale_after))],
            Self::Freshness { sets, times, missing, .. } => {
                let times = ascending(times);
                let numbers = [
                    Number::Since(Arc::clone(&times), stale_after),
                    Number::Before(times, stale_after),
                    Number::Fixed(missing),
                ];
                sets.values.iter().copied().zip(numbers).collect()
            }
            Self::Distribution(latency) => vec![(&[], Number::Distribution(Box::new(latency)))],
        }
    }
}

fn ascending(mut times: Vec<f64>) -> Arc<[f64]> {
    times.sort_unstable_by(f64::total_cmp);
    times.into()
}
