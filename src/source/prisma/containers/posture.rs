//! Posture, from the checks of every container: the vendor does not list controls over all of them.
//!
//! A container can occur twice in a walk, so its checks are kept until the end, when they are added up. Most containers
//! have the same checks with the same outcome as others of their image; such a list is kept once.

use std::collections::{BTreeMap, HashMap};

use crate::inventory::{Key, Table};
use crate::labels::word;
use crate::names::{Name, Names};
use crate::record::{Control, Severity};
use crate::source::prisma::wire::{Check, Info};

/// A check as one container names it, with its outcome there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Evaluated {
    id: Name,
    vendor_severity: Name,
    /// Each once, in the order of their names' numbers.
    templates: Box<[Name]>,
    title: Name,
    category: Name,
    failed: bool,
}

/// The checks of the received containers.
#[derive(Debug, Default)]
pub(crate) struct StagedChecks {
    names: Names,
    checks: Interned<Evaluated>,
    lists: Interned<Box<[u32]>>,
    /// The number of the list of each container.
    containers: Table<u32>,
}

impl StagedChecks {
    /// Reads the checks of a container; returns the number of their list.
    pub(crate) fn read(&mut self, info: Option<&Info<'_>>) -> u32 {
        let list = evaluate(&mut self.names, info).into_values().map(|check| self.checks.intern(check)).collect();
        self.lists.intern(list)
    }

    /// Sets the list of checks of a container, replacing an earlier one.
    pub(crate) fn put(&mut self, container: Key, list: u32) {
        self.containers.put_under(container, list);
    }

    /// Adds them up: a record for each control, and for each severity and each set of templates that it has in
    /// containers.
    pub(crate) fn finish(self) -> Table<Control> {
        let Self { names, checks, lists, containers } = self;
        let mut times = vec![0_u64; lists.all.len()];
        for (_, list) in containers.iter() {
            times[*list as usize] += 1;
        }
        let mut counts = vec![0_u64; checks.all.len()];
        for (list, times) in lists.all.iter().zip(times) {
            for check in list {
                counts[*check as usize] += times;
            }
        }
        let counted = || checks.all.iter().zip(&counts).filter(|(_, count)| **count > 0);
        let mut called: HashMap<Name, [Name; 2]> = HashMap::new();
        for (check, _) in counted() {
            let [title, category] = called.entry(check.id).or_insert([check.title, check.category]);
            (*title, *category) = (smaller(&names, *title, check.title), smaller(&names, *category, check.category));
        }
        let mut table = Table::default();
        for (check, count) in counted() {
            let [name, category] = called.get(&check.id).copied().unwrap_or([Name::EMPTY; 2]);
            // Numbers, because a text could contain any separator. Templates of the same set are in the same order.
            let parts = [check.id, check.vendor_severity].into_iter().chain(check.templates.iter().copied());
            let key = parts.map(|name| name.index().to_string()).collect::<Vec<_>>().join(" ");
            let control = table.entry(&key, || Control {
                id: check.id,
                name,
                category,
                severity: Severity::from_word(names.text(check.vendor_severity)),
                vendor_severity: check.vendor_severity,
                policies: check.templates.clone(),
                resources: Some([0; 3]),
            });
            if let Some(resources) = &mut control.resources {
                resources[usize::from(check.failed)] += count;
            }
        }
        // The records use these names.
        table.names = names;
        table
    }
}

/// The checks of one container by their id, each once: one that it passed and failed counts as failed, with the text of
/// the failure, and as part of the templates of both.
fn evaluate(names: &mut Names, info: Option<&Info<'_>>) -> BTreeMap<usize, Evaluated> {
    let failed = info.map(|info| info.compliance_issues.get()).unwrap_or_default();
    let passed = info.and_then(|info| Some(info.all_compliance.0.as_ref()?.compliance.get())).unwrap_or_default();
    let outcomes = [(failed, true), (passed, false)];
    let checks = outcomes.into_iter().flat_map(|(checks, failed)| checks.iter().map(move |check| (check, failed)));
    let mut evaluated: BTreeMap<usize, Evaluated> = BTreeMap::new();
    for (check, failed) in checks {
        let Some(id) = check.known_id() else { continue };
        let id = names.intern(id);
        let found = read(names, id, check, failed);
        let Some(known) = evaluated.get_mut(&id.index()) else {
            evaluated.insert(id.index(), found);
            continue;
        };
        let templates = [&*known.templates, &*found.templates].concat();
        known.templates = sorted(templates);
        known.title = smaller(names, known.title, found.title);
        known.category = smaller(names, known.category, found.category);
    }
    evaluated
}

fn read(names: &mut Names, id: Name, check: &Check<'_>, failed: bool) -> Evaluated {
    let templates = check.templates.iter().map(|template| names.intern(template)).collect();
    Evaluated {
        id,
        vendor_severity: word(names, check.severity.get()),
        templates: sorted(templates),
        title: names.intern(check.title.get()),
        category: names.intern(check.r#type.get()),
        failed,
    }
}

fn sorted(mut names: Vec<Name>) -> Box<[Name]> {
    names.sort_unstable_by_key(|name| name.index());
    names.dedup();
    names.into()
}

/// The smaller text of the two, so that a control has one name in any order. An empty text does not count.
fn smaller(names: &Names, one: Name, other: Name) -> Name {
    let key = |name: Name| (names.text(name).is_empty(), names.text(name));
    if key(other) < key(one) { other } else { one }
}

/// Values kept once, by their number.
#[derive(Debug)]
struct Interned<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn intern(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).expect("there are far fewer than 2^32 of them");
        self.all.push(value.clone());
        self.numbers.insert(value, number);
        number
    }
}
