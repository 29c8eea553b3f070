//! The cardinality budget: what is shown when a family has more series than it may have.
//!
//! The smallest groups are folded, as few as it takes, into one group per source (and state) whose other labels are
//! all `_other`. Nothing is lost: sums stay exact, and extremes and averages are those of all folded records.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::group::Role;
use super::reduce::Partial;

/// What stands in the labels of a folded group.
const OTHER: &str = "_other";

/// A group's label values: those of its grouping, or others if it was folded.
pub(super) type Labels<'a> = Cow<'a, [Arc<str>]>;

/// A group with its reduction.
pub(super) struct Reduced<'a> {
    pub(super) labels: Labels<'a>,
    pub(super) records: u64,
    pub(super) partial: Partial,
}

/// Groups that are folded together or not at all: those that differ in inner labels only.
#[derive(Default)]
struct Whole<'a> {
    records: u64,
    series: usize,
    parts: Vec<Reduced<'a>>,
}

/// Folds `groups`, which come in the order of their labels, until they have at most `limit` series. Returns them in
/// that order, and how many were folded.
pub(super) fn fold<'a>(groups: Vec<Reduced<'a>>, roles: &[Role], limit: usize) -> (Vec<(Labels<'a>, Partial)>, u64) {
    let total: usize = groups.iter().map(|group| group.partial.series()).sum();
    if total <= limit {
        return (groups.into_iter().map(|group| (group.labels, group.partial)).collect(), 0);
    }
    let mut kept = BTreeMap::new();
    let mut series = total;
    let mut wholes: HashMap<Vec<Arc<str>>, Whole<'_>> = HashMap::new();
    for group in groups {
        if !is_foldable(&group.labels, roles) {
            put(&mut kept, group.labels, group.partial);
            continue;
        }
        let whole = wholes.entry(without_inner(&group.labels, roles)).or_default();
        whole.records += group.records;
        whole.series += group.partial.series();
        whole.parts.push(group);
    }
    let mut wholes: Vec<(Vec<Arc<str>>, Whole<'_>)> = wholes.into_iter().collect();
    wholes.sort_unstable_by(|(one, a), (other, b)| (a.records, one).cmp(&(b.records, other)));

    let other: Arc<str> = OTHER.into();
    let mut folded = 0;
    for (_, whole) in wholes {
        let fold = series > limit;
        if fold {
            folded += 1;
            series -= whole.series;
        }
        for mut part in whole.parts {
            if fold {
                for (label, role) in part.labels.to_mut().iter_mut().zip(roles) {
                    if *role == Role::Fold {
                        *label = Arc::clone(&other);
                    }
                }
                if !kept.contains_key(&part.labels) {
                    series += part.partial.series();
                }
            }
            put(&mut kept, part.labels, part.partial);
        }
    }
    (kept.into_iter().collect(), folded)
}

/// Whether folding would change a label. A group that the vendor itself calls `_other` takes the folded ones in.
fn is_foldable(labels: &[Arc<str>], roles: &[Role]) -> bool {
    labels.iter().zip(roles).any(|(label, role)| *role == Role::Fold && &**label != OTHER)
}

fn without_inner(labels: &[Arc<str>], roles: &[Role]) -> Vec<Arc<str>> {
    let outer = labels.iter().zip(roles).filter(|(_, role)| **role != Role::Inner);
    outer.map(|(label, _)| Arc::clone(label)).collect()
}

fn put<'a>(kept: &mut BTreeMap<Labels<'a>, Partial>, labels: Labels<'a>, partial: Partial) {
    match kept.entry(labels) {
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(partial);
        }
        std::collections::btree_map::Entry::Occupied(mut same) => same.get_mut().merge(partial),
    }
}
