//! Pages of single records: what listings leave out, asked for one by one and kept from run to run.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use futures_util::future::join_all;

use crate::client::ApiError;
use crate::lock::lock;

/// So many pages are asked for at the same time.
const AT_ONCE: usize = 8;

/// Records that are wanted, by their id, and the version that the listing tells of: a page of the same version is not
/// asked for again, one of which no version is told in every run.
pub(crate) type Wanted<V> = HashMap<Box<str>, Option<V>>;

/// What the pages told of the records that were wanted last.
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
    /// What is known, by the record's id.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&str, &T)> {
        self.known.iter().map(|(id, (_, detail))| (&**id, detail))
    }

    /// How many records there is a detail of.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// How many records there are whose page was not readable at the last request.
    pub(crate) fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Forgets what is not `wanted`, or not in this version; tells whose pages are to be asked for, in turn.
    fn due<'w>(&mut self, wanted: &'w Wanted<V>) -> Vec<&'w str> {
        self.known.retain(|id, (version, _)| version.is_some() && wanted.get(id) == Some(&*version));
        let unknown = wanted.keys().filter(|id| !self.known.contains_key(*id) && is_segment(id));
        let mut due: Vec<&str> = unknown.map(|id| &**id).collect();
        due.sort_unstable_by_key(|id| (self.failed.contains(*id), *id));
        due
    }
}

/// Asks for the pages of those that are `wanted` and not known yet. Tells why some could not be had, if that was tried.
/// One whose id cannot be part of a path is not.
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
            // The vendor is not well, or does not let us: the next run will ask again.
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
