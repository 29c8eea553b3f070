//! Evaluation of one row of the catalog: from records to series.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::bound::bounded;
use super::fold::{Reduced, fold};
use super::group::{Group, GroupingCache, LabelReader, Role, readers};
use super::reduce::Accumulator;
use super::{Family, Metric, Number, Series, Settings, Value};
use crate::view::{Measured, Row, View};

/// The series of a family.
pub(super) fn series<T: Measured>(
    family: &'static Family<T>,
    view: &View<'_>,
    settings: &Settings,
    groupings: &mut GroupingCache,
) -> Series {
    let readers = readers(family.by, settings);
    match &family.value {
        Value::Each(value, rank) => {
            let mut ranked = Ranked::default();
            T::visit(view, &mut |row| {
                if let Some(value) = value(row) {
                    ranked.put(labels(&readers, row, settings), rank(row), value);
                }
            });
            ranked.series(family, &readers, limit(family, settings))
        }
        Value::Top(score, tie, most) => {
            let mut ranked = Ranked::default();
            for (row, score) in top(view, *score, *tie, most(settings)) {
                ranked.put(labels(&readers, row, settings), -score, score);
            }
            ranked.series(family, &readers, limit(family, settings))
        }
        Value::Count
        | Value::Sum(_)
        | Value::Max(_)
        | Value::Min(_)
        | Value::Average(_)
        | Value::PerLabelSet(..)
        | Value::Age(_)
        | Value::Stale(_)
        | Value::Freshness(..)
        | Value::Distribution(_) => reduced(family, &readers, view, settings, groupings),
    }
}

fn limit<T: Measured>(family: &'static Family<T>, settings: &Settings) -> usize {
    if family.is_limited() { settings.max_series_per_family } else { usize::MAX }
}

fn labels<T>(readers: &[LabelReader<T>], row: Row<'_, T>, settings: &Settings) -> Vec<Arc<str>> {
    readers.iter().map(|reader| bounded(reader.read(row), settings.max_label_value_bytes).into()).collect()
}

fn reduced<T: Measured>(
    family: &'static Family<T>,
    readers: &[LabelReader<T>],
    view: &View<'_>,
    settings: &Settings,
    groupings: &mut GroupingCache,
) -> Series {
    let grouping = groupings.grouping(family.by, readers, view, settings.max_label_value_bytes);
    let mut accumulators: Vec<Option<Accumulator>> = {
        let start = |group: &Group| group.decided.then(|| Accumulator::new(&family.value, group.vendor)).flatten();
        grouping.groups.iter().map(start).collect()
    };
    let mut group_of_next = grouping.of_record.iter();
    T::visit(view, &mut |row| {
        if let Some(group) = group_of_next.next()
            && let Some(accumulator) = &mut accumulators[*group as usize]
        {
            accumulator.add(&family.value, row);
        }
    });
    let groups = grouping
        .groups
        .iter()
        .zip(accumulators)
        .filter_map(|(group, accumulator)| Some((group, accumulator?)))
        .filter(|(_, accumulator)| accumulator.series() > 0)
        .map(|(group, accumulator)| Reduced {
            labels: Cow::Borrowed(&group.labels),
            records: group.records,
            accumulator,
        })
        .collect();
    let roles: Vec<Role> = readers.iter().map(|reader| reader.role).collect();
    let (groups, folded) = fold(groups, &roles, limit(family, settings));

    let mut series = empty(family, readers, folded);
    let mut texts: BTreeMap<&'static str, Arc<str>> = BTreeMap::new();
    for (labels, accumulator) in groups {
        for (fixed, number) in accumulator.finish(settings.stale_after_seconds) {
            series.values.extend(labels.iter().cloned());
            for text in fixed {
                series.values.push(Arc::clone(texts.entry(text).or_insert_with(|| (*text).into())));
            }
            series.numbers.push(number);
        }
    }
    series
}

/// No series yet, with the names of all labels.
fn empty<T: Measured>(family: &'static Family<T>, readers: &[LabelReader<T>], folded: u64) -> Series {
    let open = readers.iter().map(|reader| Arc::clone(&reader.name));
    let fixed = family.fixed_labels().iter().map(|label| Arc::from(label.name));
    Series { metric: family, labels: open.chain(fixed).collect(), values: Vec::new(), numbers: Vec::new(), folded }
}

/// Series about one thing each, by their labels, with their rank.
#[derive(Default)]
struct Ranked(BTreeMap<Vec<Arc<str>>, (f64, f64)>);

impl Ranked {
    /// Adds a series. Of two with the same labels the higher value is shown: a label set never repeats.
    fn put(&mut self, labels: Vec<Arc<str>>, rank: f64, value: f64) {
        match self.0.entry(labels) {
            Entry::Vacant(free) => {
                free.insert((rank, value));
            }
            Entry::Occupied(mut same) => {
                let (known_rank, known_value) = same.get_mut();
                *known_rank = known_rank.min(rank);
                *known_value = known_value.max(value);
            }
        }
    }

    fn series<T: Measured>(self, family: &'static Family<T>, readers: &[LabelReader<T>], limit: usize) -> Series {
        let mut ranked: Vec<_> = self.0.into_iter().collect();
        let left_out = ranked.len().saturating_sub(limit);
        if left_out > 0 {
            // The sort is stable, so that equals stay in the order of their labels.
            ranked.sort_by(|(_, (one, _)), (_, (other, _))| one.total_cmp(other));
            ranked.truncate(limit);
            ranked.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        let mut series = empty(family, readers, left_out as u64);
        for (labels, (_, value)) in ranked {
            series.values.extend(labels);
            series.numbers.push(Number::Fixed(value));
        }
        series
    }
}

/// The `most` records of each source that have the highest score, ties by `tie`.
fn top<'a, T: Measured>(
    view: &'a View<'a>,
    score: fn(Row<'_, T>) -> Option<f64>,
    tie: for<'r> fn(Row<'r, T>) -> &'r str,
    most: usize,
) -> Vec<(Row<'a, T>, f64)> {
    let mut best: BTreeMap<&str, Vec<(Row<'a, T>, f64)>> = BTreeMap::new();
    T::visit(view, &mut |row| {
        let Some(score) = score(row) else {
            return;
        };
        let best = best.entry(row.source.name).or_default();
        let at = best.partition_point(|(known, known_score)| {
            known_score.total_cmp(&score).reverse().then_with(|| tie(*known).cmp(tie(row))).is_le()
        });
        if at < most {
            best.insert(at, (row, score));
            best.truncate(most);
        }
    });
    best.into_values().flatten().collect()
}
