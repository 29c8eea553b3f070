//! Families in the making: groups of records become samples, and the smallest groups are folded past the budget.

use std::collections::{BTreeMap, BTreeSet};

use super::{Families, Labels};

const PREFIX: &str = "container_security_";
const FOLDED: &str = "container_security_exporter_folded_groups";
const OTHER: &str = "_other";

/// Names and values of labels, in the order that groups are sorted by.
pub(super) type Pairs = Vec<(String, String)>;

/// What tells the groups of a family apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Labels that folding keeps.
    pub(super) kept: Pairs,
    /// Labels that folding makes `_other`.
    pub(super) open: Pairs,
}

/// The samples of one group: labels beyond the group's, and the value.
pub(super) type Cells = Vec<(Pairs, f64)>;

/// Pairs from literals and values.
pub(super) fn pairs<const N: usize>(labels: [(&str, &str); N]) -> Pairs {
    labels.into_iter().map(|(name, value)| (String::from(name), String::from(value))).collect()
}

/// One sample without labels beyond the group's.
pub(super) fn single(value: f64) -> Cells {
    vec![(Vec::new(), value)]
}

/// The families so far.
pub(super) struct FamilySet {
    limit: usize,
    families: Families,
    folded: BTreeMap<String, usize>,
}

impl FamilySet {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, families: Families::new(), folded: BTreeMap::new() }
    }

    /// The families, with the number of groups folded in each.
    pub(super) fn finish(mut self) -> Families {
        let folded =
            self.folded.into_iter().map(|(family, groups)| (labels(&pairs([("family", &family)])), amount(groups)));
        self.families.insert(String::from(FOLDED), folded.collect());
        self.families.retain(|_, samples| !samples.is_empty());
        self.families
    }

    /// Adds a family of groups of records; `cells` makes the samples of one group from its records.
    pub(super) fn add_grouped<'a, R>(
        &mut self,
        family: &str,
        records: &[(Key, &'a R)],
        cells: impl Fn(&[&'a R]) -> Cells,
    ) {
        let mut groups = grouped(records.iter().cloned());
        groups.retain(|_, members| !cells(members).is_empty());
        let folded = self.smallest(&groups, &cells);
        let relabelled = groups.into_iter().flat_map(|(key, members)| {
            let key = if folded.contains(&key) { as_other(&key) } else { key };
            members.into_iter().map(move |member| (key.clone(), member))
        });
        let mut samples = BTreeMap::new();
        for (key, members) in grouped(relabelled) {
            for (extra, value) in cells(&members) {
                samples.insert(labels(&[key.kept.clone(), key.open.clone(), extra].concat()), value);
            }
        }
        self.put(family, samples, folded.len());
    }

    /// Adds a family of single things, the most important first; what is past the budget is left out.
    pub(super) fn add_single(&mut self, family: &str, samples: Vec<(Pairs, f64)>) {
        let left_out = samples.len().saturating_sub(self.limit);
        let kept = samples.into_iter().take(self.limit).map(|(pairs, value)| (labels(&pairs), value));
        self.put(family, kept.collect(), left_out);
    }

    /// The fewest groups, the smallest first, that have to be folded for the rest to be within the budget.
    fn smallest<'a, R>(&self, groups: &BTreeMap<Key, Vec<&'a R>>, cells: &impl Fn(&[&'a R]) -> Cells) -> BTreeSet<Key> {
        let mut kept: usize = groups.values().map(|members| cells(members).len()).sum();
        let mut merged: BTreeSet<(Key, Pairs)> = BTreeSet::new();
        let mut candidates = Vec::new();
        for (key, members) in groups {
            if as_other(key) == *key {
                // It is called `_other` by nature: what is folded joins it.
                kept -= cells(members).len();
                merged.extend(cells(members).into_iter().map(|(extra, _)| (key.clone(), extra)));
            } else {
                candidates.push((members.len(), key, members));
            }
        }
        candidates.sort_by_key(|(entities, key, _)| (*entities, *key));
        let mut folded = BTreeSet::new();
        for (_, key, members) in candidates {
            if kept + merged.len() <= self.limit {
                break;
            }
            kept -= cells(members).len();
            merged.extend(cells(members).into_iter().map(|(extra, _)| (as_other(key), extra)));
            folded.insert(key.clone());
        }
        folded
    }

    fn put(&mut self, family: &str, samples: BTreeMap<Labels, f64>, folded: usize) {
        let name = format!("{PREFIX}{family}");
        self.folded.insert(name.clone(), folded);
        self.families.insert(name, samples);
    }
}

fn grouped<'a, R>(records: impl Iterator<Item = (Key, &'a R)>) -> BTreeMap<Key, Vec<&'a R>> {
    let mut groups: BTreeMap<Key, Vec<&'a R>> = BTreeMap::new();
    for (key, record) in records {
        groups.entry(key).or_default().push(record);
    }
    groups
}

/// The group that this one is folded into. A group without open labels cannot be told from it.
fn as_other(key: &Key) -> Key {
    let open = key.open.iter().map(|(name, _)| (name.clone(), String::from(OTHER))).collect();
    Key { kept: key.kept.clone(), open }
}

fn labels(pairs: &[(String, String)]) -> Labels {
    pairs.iter().cloned().collect()
}

/// A count of things as a sample's value.
pub(super) fn amount(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a tenant has fewer than 2^32 of anything"))
}
