//! What a receiver has been told of, to mark once what is gone since. Pure.
//!
//! Kept as the very lists that were sent, whose texts are shared with those that are sent next: while nothing
//! changes, that costs nothing.

use std::collections::HashSet;
use std::sync::Arc;

use crate::metric::Series;

/// Series of one family that are gone.
pub(super) struct Gone {
    /// The list that the family is in.
    pub(super) list: Arc<Vec<Series>>,
    /// The family's place in it.
    pub(super) family: usize,
    /// The places of the series in the family.
    pub(super) series: Vec<usize>,
}

/// What the receiver may know of.
#[derive(Clone, Default)]
pub(super) struct Told(Vec<Arc<Vec<Series>>>);

impl Told {
    /// What was told with a push, once all that it marked as gone is.
    pub(super) fn of(lists: Vec<Arc<Vec<Series>>>) -> Self {
        Self(lists)
    }

    /// The series that were told and are not in these lists.
    pub(super) fn gone(&self, lists: &[Arc<Vec<Series>>]) -> Vec<Gone> {
        let mut gone = Vec::new();
        for list in self.0.iter().filter(|list| !lists.iter().any(|other| Arc::ptr_eq(list, other))) {
            for (family, series) in list.iter().enumerate() {
                let missing = missing(series, lists);
                if !missing.is_empty() {
                    gone.push(Gone { list: Arc::clone(list), family, series: missing });
                }
            }
        }
        gone
    }
}

/// The places of a family's series that none of the lists has.
fn missing(series: &Series, lists: &[Arc<Vec<Series>>]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..series.len()).collect();
    let same = |other: &&Series| other.metric.name() == series.metric.name() && other.labels == series.labels;
    for other in lists.iter().flat_map(|list| list.iter()).filter(same) {
        let there: HashSet<&[Arc<str>], foldhash::fast::RandomState> = other.iter().map(|(values, _)| values).collect();
        places.retain(|place| series.get(*place).is_none_or(|(values, _)| !there.contains(values)));
    }
    places
}
