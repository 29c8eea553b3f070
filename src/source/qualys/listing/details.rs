//! Detail pages of single records: what listings leave out, requested one by one and kept from run to run.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use futures_util::future::join_all;

use crate::client::ApiError;
use crate::lock::lock;

/// How many pages are requested at the same time.
const AT_ONCE: usize = 8;

/// Wanted records by their id, with their version in the listing: a page of the same version is not requested again,
/// one without a version in every run.
pub(crate) type Wanted<V> = HashMap<Box<str>, Option<V>>;

/// The details of the records that were wanted last.
pub(crate) struct DetailPages<V, T> {
    known: HashMap<Box<str>, (Option<V>, T)>,
    /// Records whose page was not readable: they are requested after the others, so as not to keep those waiting.
    failed: HashSet<Box<str>>,
}

impl<V, T> Default for DetailPages<V, T> {
    fn default() -> Self {
        Self { known: HashMap::new(), failed: HashSet::new() }
    }
}

impl<V: Copy + PartialEq, T> DetailPages<V, T> {
    /// The known details, by the record's id.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&str, &T)> {
        self.known.iter().map(|(id, (_, detail))| (&**id, detail))
    }

    /// Forgets the detail of a record.
    pub(crate) fn forget(&mut self, id: &str) {
        self.known.remove(id);
    }

    /// The number of records with a known detail.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The number of records whose page was not readable at the last request.
    pub(crate) fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Forgets details that are not `wanted`, or not in this version; returns whose pages to request, in order.
    fn due<'w>(&mut self, wanted: &'w Wanted<V>) -> Vec<&'w str> {
        self.known.retain(|id, (version, _)| version.is_some() && wanted.get(id) == Some(&*version));
        let unknown = wanted.keys().filter(|id| !self.known.contains_key(*id) && is_segment(id));
        let mut due: Vec<&str> = unknown.map(|id| &**id).collect();
        due.sort_unstable_by_key(|id| (self.failed.contains(*id), *id));
        due
    }
}

/// Requests the pages of `wanted` records that are not known yet. Returns why some are unavailable, if they were
/// requested. A record whose id cannot be part of a path is skipped.
pub(crate) async fn fetch_due<'w, V: Copy + PartialEq, T, Fut: Future<Output = Result<T, ApiError>>>(
    details: &Mutex<DetailPages<V, T>>,
    wanted: &'w Wanted<V>,
    progress: &(dyn Fn() + Sync),
    page: impl Fn(&'w str) -> Fut,
) -> Option<ApiError> {
    let due = lock(details).due(wanted);
    let mut failed = HashSet::new();
    let mut why = None;
    for ids in due.chunks(AT_ONCE) {
        let answers = join_all(ids.iter().map(|id| page(id))).await;
        progress();
        let mut none = true;
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Ok(detail) => {
                    none = false;
                    let version = wanted.get(*id).copied().flatten();
                    lock(details).known.insert((*id).into(), (version, detail));
                }
                Err(error) => {
                    failed.insert(Box::from(*id));
                    why = Some(error);
                }
            }
        }
        if none {
            // The vendor is failing, or refuses: the next run retries.
            break;
        }
    }
    lock(details).failed = failed;
    why
}

/// Whether an id can be part of a path. The vendor's are numbers and UUIDs.
fn is_segment(id: &str) -> bool {
    !id.contains('/') && id != "." && id != ".."
}
