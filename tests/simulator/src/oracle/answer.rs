//! Builds families: turns groups of records into samples, and folds the smallest groups beyond the cardinality budget,
//! which all accounts share.

use std::collections::{BTreeMap, BTreeSet};

use super::{Families, Labels};

const PREFIX: &str = "container_security_";
const FOLDED: &str = "container_security_exporter_folded_groups";
const OTHER: &str = "_other";

/// Every family about vendors, and so every label value of [`FOLDED`], with or without samples.
pub(super) const FAMILIES: &[&str] = &[
    "containers",
    "container_vulnerabilities",
    "containers_by_highest_severity",
    "containers_by_risk_level",
    "container_findings",
    "container_risk_score_max",
    "container_risk_score_average",
    "containers_by_qds_severity",
    "container_qds_score_max",
    "containers_by_criticality",
    "container_compliance_checks",
    "container_compliance_issues",
    "container_compliance_risk_score_max",
    "containers_without_passed_checks",
    "containers_with_condition",
    "container_oldest_scan_timestamp_seconds",
    "containers_by_runtime",
    "containers_by_architecture",
    "containers_by_sensor_state",
    "top_container_risk_score",
    "images",
    "image_vulnerabilities",
    "image_findings",
    "distinct_vulnerabilities",
    "images_by_risk_level",
    "image_risk_score_max",
    "image_size_bytes",
    "image_oldest_created_timestamp_seconds",
    "images_with_condition",
    "top_vulnerability_affected_images",
    "vulnerability_statistics_timestamp_seconds",
    "sensors",
    "sensor_info",
    "sensor_last_checkin_timestamp_seconds",
    "sensor_oldest_checkin_timestamp_seconds",
    "sensor_checkin_age_max_seconds",
    "sensors_stale",
    "posture_control_resources",
    "posture_control_info",
    "posture_policy_resources",
    "posture_resources",
    "posture_oldest_evaluation_timestamp_seconds",
    "reports",
    "report_latest_created_timestamp_seconds",
    "report_earliest_expiry_timestamp_seconds",
    "registry_images",
    "policies",
    "policy_rules",
    "policy_image_age_limit_seconds",
    "console_info",
    "console_licence_expiry_timestamp_seconds",
];

/// Names and values of labels, in the order by which groups are sorted.
pub(super) type Pairs = Vec<(String, String)>;

/// The labels that distinguish the groups of a family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Labels that folding keeps.
    pub(super) kept: Pairs,
    /// Labels that folding replaces with `_other`.
    pub(super) open: Pairs,
}

/// The samples of one group: their additional labels, and their values.
pub(super) type Cells = Vec<(Pairs, f64)>;

/// Owned pairs from literals and values.
pub(super) fn pairs<const N: usize>(labels: [(&str, &str); N]) -> Pairs {
    labels.into_iter().map(|(name, value)| (String::from(name), String::from(value))).collect()
}

/// One sample without additional labels.
pub(super) fn single(value: f64) -> Cells {
    vec![(Vec::new(), value)]
}

/// Computes the samples of a group from its members, given as indices of the records.
type MakeCells<'a> = Box<dyn Fn(&[usize]) -> Cells + 'a>;

/// A group of records of one account.
struct Group {
    account: usize,
    members: Vec<usize>,
}

/// A grouped family under construction. Each account adds its own records, and all accounts share the budget.
#[derive(Default)]
struct Grouped<'a> {
    accounts: Vec<MakeCells<'a>>,
    groups: BTreeMap<Key, Group>,
}

impl Grouped<'_> {
    fn cells(&self, group: &Group) -> Cells {
        self.accounts[group.account](&group.members)
    }

    /// The smallest groups, as few as possible, that must be folded to keep within the budget.
    fn smallest(&self, limit: usize) -> BTreeSet<Key> {
        let mut kept: usize = self.groups.values().map(|group| self.cells(group).len()).sum();
        let mut merged: BTreeSet<(Key, Pairs)> = BTreeSet::new();
        let mut candidates = Vec::new();
        for (key, group) in &self.groups {
            let cells = self.cells(group);
            if as_other(key) == *key {
                // This group is named `_other` already, so folded groups join it.
                kept -= cells.len();
                merged.extend(cells.into_iter().map(|(extra, _)| (key.clone(), extra)));
            } else {
                candidates.push((group.members.len(), key, cells));
            }
        }
        candidates.sort_by_key(|(entities, key, _)| (*entities, by_name(key)));
        let mut folded = BTreeSet::new();
        for (_, key, cells) in candidates {
            if kept + merged.len() <= limit {
                break;
            }
            kept -= cells.len();
            merged.extend(cells.into_iter().map(|(extra, _)| (as_other(key), extra)));
            folded.insert(key.clone());
        }
        folded
    }

    /// The samples, and the number of folded groups.
    fn finish(self, limit: usize) -> (BTreeMap<Labels, f64>, usize) {
        let folded = self.smallest(limit);
        let mut relabelled: BTreeMap<Key, Group> = BTreeMap::new();
        for (key, group) in &self.groups {
            let shown = if folded.contains(key) { as_other(key) } else { key.clone() };
            let same = relabelled.entry(shown).or_insert(Group { account: group.account, members: Vec::new() });
            assert_eq!(same.account, group.account, "groups of two accounts never merge");
            same.members.extend(&group.members);
        }
        let mut samples = BTreeMap::new();
        for (key, group) in relabelled {
            for (extra, value) in self.cells(&group) {
                samples.insert(labels(&[key.kept.clone(), key.open.clone(), extra].concat()), value);
            }
        }
        (samples, folded.len())
    }
}

/// A single thing: its rank when only some are kept (lowest first), its labels, and its value.
pub(super) type Single = (f64, Pairs, f64);

/// The families under construction.
pub(super) struct FamilySet<'a> {
    limit: usize,
    longest: usize,
    grouped: BTreeMap<String, Grouped<'a>>,
    single: BTreeMap<String, Vec<Single>>,
}

impl<'a> FamilySet<'a> {
    /// Creates an empty set with at most `limit` series per family and `longest` bytes per label value.
    pub(super) fn new(limit: usize, longest: usize) -> Self {
        Self { limit, longest, grouped: BTreeMap::new(), single: BTreeMap::new() }
    }

    /// The families, including the number of folded groups in each.
    pub(super) fn finish(self) -> Families {
        let mut families = Families::new();
        let family = |name: &str| labels(&pairs([("family", name)]));
        let mut folded: BTreeMap<Labels, f64> =
            FAMILIES.iter().map(|name| (family(&format!("{PREFIX}{name}")), 0.0)).collect();
        let grouped = self.grouped.into_iter().map(|(family, grouped)| (family, grouped.finish(self.limit)));
        let single = self.single.into_iter().map(|(family, singles)| (family, kept(singles, self.limit)));
        for (name, (samples, groups)) in grouped.chain(single) {
            let known = folded.insert(family(&name), amount(groups));
            assert!(known.is_some(), "{name} is not in the list of families");
            families.insert(name, samples);
        }
        families.insert(String::from(FOLDED), folded);
        families.retain(|_, samples| !samples.is_empty());
        families
    }

    /// Adds one account's records to a grouped family; `cells` computes the samples of a group from its records. The
    /// account's name is among the labels that folding keeps.
    pub(super) fn add_grouped<R: Copy + 'a>(
        &mut self,
        family: &str,
        records: &[(Key, R)],
        cells: impl Fn(&[R]) -> Cells + 'a,
    ) {
        let grouped = self.grouped.entry(format!("{PREFIX}{family}")).or_default();
        let members: Vec<R> = records.iter().map(|(_, record)| *record).collect();
        let longest = self.longest;
        let make: MakeCells<'a> = Box::new(move |chosen| {
            let chosen: Vec<R> = chosen.iter().map(|member| members[*member]).collect();
            merged(cells(&chosen), longest)
        });
        let account = grouped.accounts.len();
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        for (member, (key, _)) in records.iter().enumerate() {
            let key = Key { kept: cut_all(&key.kept, longest), open: cut_all(&key.open, longest) };
            groups.entry(key).or_insert(Group { account, members: Vec::new() }).members.push(member);
        }
        groups.retain(|_, group| !make(&group.members).is_empty());
        grouped.accounts.push(make);
        grouped.groups.extend(groups);
    }

    /// Adds one account's part of a family of single things. Of two with the same labels, the higher value wins.
    pub(super) fn add_single(&mut self, family: &str, samples: Vec<Single>) {
        let cut = samples.into_iter().map(|(rank, pairs, value)| (rank, cut_all(&pairs, self.longest), value));
        self.single.entry(format!("{PREFIX}{family}")).or_default().extend(cut);
    }
}

/// The pairs with truncated values.
fn cut_all(pairs: &Pairs, longest: usize) -> Pairs {
    pairs.iter().map(|(name, value)| (name.clone(), cut(value, longest))).collect()
}

/// Truncates a value to at most `longest` bytes, including a `…` at its end.
fn cut(value: &str, longest: usize) -> String {
    if value.len() <= longest {
        return String::from(value);
    }
    let mut kept = String::new();
    for character in value.chars() {
        if kept.len() + character.len_utf8() + '…'.len_utf8() > longest {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

/// The cells with truncated label values; cells that become equal are summed.
fn merged(cells: Cells, longest: usize) -> Cells {
    let mut sums: BTreeMap<Pairs, f64> = BTreeMap::new();
    for (pairs, value) in cells {
        *sums.entry(cut_all(&pairs, longest)).or_default() += value;
    }
    sums.into_iter().collect()
}

/// The samples within the budget, and the number of those beyond it.
fn kept(singles: Vec<Single>, limit: usize) -> (BTreeMap<Labels, f64>, usize) {
    let mut by_labels: BTreeMap<Pairs, (f64, f64)> = BTreeMap::new();
    for (rank, pairs, value) in singles {
        let known = by_labels.entry(pairs).or_insert((rank, value));
        *known = (known.0.min(rank), known.1.max(value));
    }
    let mut ranked: Vec<_> = by_labels.into_iter().collect();
    ranked.sort_by(|(one_pairs, (one, _)), (other_pairs, (other, _))| {
        one.total_cmp(other).then_with(|| one_pairs.cmp(other_pairs))
    });
    let left_out = ranked.len().saturating_sub(limit);
    let samples = ranked.into_iter().take(limit).map(|(pairs, (_, value))| (labels(&pairs), value));
    (samples.collect(), left_out)
}

/// The sort key of groups of equal size: their label values, in the order of the labels in the contract.
fn by_name(key: &Key) -> Vec<&str> {
    let (first, last): (Vec<_>, Vec<_>) = key.kept.iter().partition(|(name, _)| name == "source" || name == "state");
    first.into_iter().chain(&key.open).chain(last).map(|(_, value)| value.as_str()).collect()
}

/// The group into which this one is folded. A group without open labels is folded into itself.
fn as_other(key: &Key) -> Key {
    let open = key.open.iter().map(|(name, _)| (name.clone(), String::from(OTHER))).collect();
    Key { kept: key.kept.clone(), open }
}

fn labels(pairs: &[(String, String)]) -> Labels {
    pairs.iter().cloned().collect()
}

/// A count as a sample value.
pub(super) fn amount(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a tenant has fewer than 2^32 of anything"))
}
