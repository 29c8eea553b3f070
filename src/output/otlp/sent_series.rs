//! The series a receiver knows of, so that those gone since then get one stale marker. Pure.
//!
//! Keeps the lists that were sent, whose texts are shared with those sent next, so it costs nothing while nothing changes.

use std::collections::HashSet;
use std::sync::Arc;

use crate::metric::Series;

/// Series of one family that are gone.
pub(super) struct Gone {
    /// The list that contains the family.
    pub(super) list: Arc<Vec<Series>>,
    /// The index of the family in the list.
    pub(super) family: usize,
    /// The indexes of the series in the family.
    pub(super) series: Vec<usize>,
}

/// The series that the receiver may know of.
#[derive(Clone, Default)]
pub(super) struct SentSeries(Vec<Arc<Vec<Series>>>);

impl SentSeries {
    /// The series of a push whose stale markers were all sent.
    pub(super) fn of(lists: Vec<Arc<Vec<Series>>>) -> Self {
        Self(lists)
    }

    /// The series that were sent and are not in these lists.
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

/// The indexes of a family's series that are in none of the lists.
fn missing(series: &Series, lists: &[Arc<Vec<Series>>]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..series.len()).collect();
    let same = |other: &&Series| other.metric.name() == series.metric.name() && other.labels == series.labels;
    for other in lists.iter().flat_map(|list| list.iter()).filter(same) {
        let there: HashSet<&[Arc<str>], foldhash::fast::RandomState> = other.iter().map(|(values, _)| values).collect();
        places.retain(|place| series.get(*place).is_none_or(|(values, _)| !there.contains(values)));
    }
    places
}
