//! The cardinality budget: what is shown when a family exceeds its series limit.
//!
//! The smallest groups are folded, as few as it takes, into one group per source (and state) whose other labels are
//! all `_other`. Nothing is lost: sums stay exact, and extremes and averages are those of all folded records.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::group::Role;
use super::reduce::Accumulator;

/// The label value of a folded group.
const OTHER: &str = "_other";

/// A group's label values: borrowed from its grouping, or owned once it is folded.
pub(super) type Labels<'a> = Cow<'a, [Arc<str>]>;

/// A group with its reduction.
pub(super) struct Reduced<'a> {
    pub(super) labels: Labels<'a>,
    pub(super) records: u64,
    pub(super) accumulator: Accumulator,
}

/// Groups that are folded together or not at all: those that differ in subgroup labels only.
#[derive(Default)]
struct FoldUnit<'a> {
    records: u64,
    series: usize,
    parts: Vec<Reduced<'a>>,
}

/// Folds `groups`, which come in the order of their labels, until they have at most `limit` series. Returns them in
/// that order, and how many were folded.
pub(super) fn fold<'a>(
    groups: Vec<Reduced<'a>>,
    roles: &[Role],
    limit: usize,
) -> (Vec<(Labels<'a>, Accumulator)>, u64) {
    let total: usize = groups.iter().map(|group| group.accumulator.series()).sum();
    if total <= limit {
        return (groups.into_iter().map(|group| (group.labels, group.accumulator)).collect(), 0);
    }
    let mut kept = BTreeMap::new();
    let mut series = total;
    let mut units: HashMap<Vec<Arc<str>>, FoldUnit<'_>> = HashMap::new();
    for group in groups {
        if !is_foldable(&group.labels, roles) {
            put(&mut kept, group.labels, group.accumulator);
            continue;
        }
        let unit = units.entry(without_subgroups(&group.labels, roles)).or_default();
        unit.records += group.records;
        unit.series += group.accumulator.series();
        unit.parts.push(group);
    }
    let mut units: Vec<(Vec<Arc<str>>, FoldUnit<'_>)> = units.into_iter().collect();
    units.sort_unstable_by(|(one, a), (other, b)| (a.records, one).cmp(&(b.records, other)));

    let other: Arc<str> = OTHER.into();
    let mut folded = 0;
    for (_, unit) in units {
        let fold = series > limit;
        if fold {
            folded += 1;
            series -= unit.series;
        }
        for mut part in unit.parts {
            if fold {
                for (label, role) in part.labels.to_mut().iter_mut().zip(roles) {
                    if *role == Role::Fold {
                        *label = Arc::clone(&other);
                    }
                }
                if !kept.contains_key(&part.labels) {
                    series += part.accumulator.series();
                }
            }
            put(&mut kept, part.labels, part.accumulator);
        }
    }
    (kept.into_iter().collect(), folded)
}

/// Whether folding would change a label. A group that the vendor itself calls `_other` takes the folded ones in.
fn is_foldable(labels: &[Arc<str>], roles: &[Role]) -> bool {
    labels.iter().zip(roles).any(|(label, role)| *role == Role::Fold && &**label != OTHER)
}

fn without_subgroups(labels: &[Arc<str>], roles: &[Role]) -> Vec<Arc<str>> {
    let outer = labels.iter().zip(roles).filter(|(_, role)| **role != Role::Subgroup);
    outer.map(|(label, _)| Arc::clone(label)).collect()
}

fn put<'a>(kept: &mut BTreeMap<Labels<'a>, Accumulator>, labels: Labels<'a>, accumulator: Accumulator) {
    match kept.entry(labels) {
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(accumulator);
        }
        std::collections::btree_map::Entry::Occupied(mut same) => same.get_mut().merge(accumulator),
    }
}
