//! What a receiver has been told of, to mark once what is gone since. Pure.
//!
//! Kept as the very lists that were sent, whose texts are shared with those that are sent next: while nothing
//! changes, that costs nothing.

use std::collections::HashSet;
use std::sync::Arc;

use crate::metric::Series;

/// Lists of this many pushes are kept: the last one that arrived as a whole, and the last one that did in part. What
/// was told before by others that arrived in part ends by itself, as a receiver hears nothing of it any more.
const KEPT: usize = 2;

/// Series of one family that are gone.
pub(super) struct Gone {
    /// The list that the family is in.
    pub(super) list: Arc<Vec<Series>>,
    /// The family's place in it.
    pub(super) family: usize,
    /// The places of the series in the family.
    pub(super) series: Vec<usize>,
}

/// What was told, the newest last.
#[derive(Clone, Default)]
pub(super) struct Told(Vec<Vec<Arc<Vec<Series>>>>);

impl Told {
    /// Notes that lists arrived: as a whole, or in part.
    pub(super) fn arrived(&mut self, lists: Vec<Arc<Vec<Series>>>, whole: bool) {
        if whole {
            self.0.clear();
        } else if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push(lists);
    }

    /// The series that were told and are not in these lists.
    pub(super) fn gone(&self, lists: &[Arc<Vec<Series>>]) -> Vec<Gone> {
        let mut gone = Vec::new();
        for (push, told) in self.0.iter().enumerate() {
            // What was told later on again is found there.
            let later: Vec<_> = self.0[push + 1..].iter().flatten().chain(lists).collect();
            for list in told.iter().filter(|list| !later.iter().any(|other| Arc::ptr_eq(list, other))) {
                for (family, series) in list.iter().enumerate() {
                    let missing = missing(series, &later);
                    if !missing.is_empty() {
                        gone.push(Gone { list: Arc::clone(list), family, series: missing });
                    }
                }
            }
        }
        gone
    }
}

/// The places of a family's series that none of the lists has.
fn missing(series: &Series, lists: &[&Arc<Vec<Series>>]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..series.len()).collect();
    let same = |other: &&Series| other.metric.name() == series.metric.name() && other.labels == series.labels;
    for other in lists.iter().flat_map(|list| list.iter()).filter(same) {
        let there: HashSet<&[Arc<str>], foldhash::fast::RandomState> = other.iter().map(|(values, _)| values).collect();
        places.retain(|place| series.get(*place).is_none_or(|(values, _)| !there.contains(values)));
    }
    places
}
