//! Grouping: which records have the same labels.
//!
//! Texts that repeat are kept once per table, so two records of one table have the same label if the text has the
//! same address: a record is put into its group by comparing addresses, and texts are compared once per group only.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bound::bounded;
use super::{Chosen, ChosenRead, Column, Decided, Read, Settings};
use crate::record::Vendor;
use crate::view::{Measured, Row, View};

/// What happens to a label when its group is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It keeps its value; groups that differ in it are folded separately.
    Keep,
    /// It becomes `_other`.
    Fold,
    /// It keeps its value; groups that differ in it are folded together.
    Subgroup,
}

/// A label with its reader, resolved from the configuration.
pub(super) struct LabelReader<T> {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    read: ChosenRead<T>,
    decided: Option<Decided>,
}

impl<T> LabelReader<T> {
    fn new(name: &'static str, role: Role, read: Read<T>) -> Self {
        Self { name: name.into(), role, read: ChosenRead::Field(read), decided: None }
    }

    pub(super) fn read<'a>(&self, row: Row<'a, T>) -> &'a str {
        match &self.read {
            ChosenRead::Field(read) => read(row),
            ChosenRead::Promoted(read, at) => read(row, *at),
        }
    }
}

/// The labels of a family, resolved from the configuration.
pub(super) fn readers<T>(by: &[Column<T>], settings: &Settings) -> Vec<LabelReader<T>> {
    by.iter()
        .flat_map(|column| match column {
            Column::Keep(label, read) => vec![LabelReader::new(label.name, Role::Keep, *read)],
            Column::Fold(label, read) => vec![LabelReader::new(label.name, Role::Fold, *read)],
            Column::Subgroup(label, read) => vec![LabelReader::new(label.name, Role::Subgroup, *read)],
            Column::Joined(label, read, decided) => {
                vec![LabelReader { decided: Some(*decided), ..LabelReader::new(label.name, Role::Fold, *read) }]
            }
            Column::Chosen(_, chosen) => chosen(settings)
                .iter()
                .map(|Chosen { name, read, decided }| LabelReader {
                    name: Arc::clone(name),
                    role: Role::Fold,
                    read: *read,
                    decided: *decided,
                })
                .collect(),
        })
        .collect()
}

/// Records that have the same labels.
#[derive(Debug)]
pub(super) struct Group {
    /// Their label values.
    pub(super) labels: Vec<Arc<str>>,
    /// The vendor of their source.
    pub(super) vendor: Option<Vendor>,
    /// The number of records.
    pub(super) records: u64,
    /// Whether every listing that its labels are joined from is known.
    pub(super) decided: bool,
}

/// The groups of one kind of record by one list of labels.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    /// The group of each record, in the order in which records are visited.
    pub(super) of_record: Vec<u32>,
    /// The groups in the order of their labels; no two have the same.
    pub(super) groups: Vec<Group>,
}

/// Groupings shared by the families of one evaluation.
#[derive(Debug, Default)]
pub struct GroupingCache {
    groupings: HashMap<(TypeId, usize), Arc<Grouping>>,
}

impl GroupingCache {
    /// The groups of `T` by the labels `by`, computed on first use.
    pub(super) fn grouping<T: Measured>(
        &mut self,
        by: &'static [Column<T>],
        readers: &[LabelReader<T>],
        view: &View<'_>,
        max_bytes: usize,
    ) -> Arc<Grouping> {
        let key = (TypeId::of::<T>(), by.as_ptr() as usize);
        // Only vendors' texts need a bound; those of the exporter are a closed set.
        let max_bytes = if T::LIVE { usize::MAX } else { max_bytes };
        let grouping = self.groupings.entry(key).or_insert_with(|| Arc::new(group(readers, view, max_bytes)));
        Arc::clone(grouping)
    }
}

fn group<'a, T: Measured>(readers: &[LabelReader<T>], view: &'a View<'a>, max_bytes: usize) -> Grouping {
    let mut by_address: HashMap<Box<[usize]>, u32, foldhash::fast::RandomState> = HashMap::default();
    let mut by_text: HashMap<Vec<Cow<'a, str>>, u32> = HashMap::new();
    let mut found: Vec<(Option<Vendor>, bool, u64)> = Vec::new();
    let mut of_record = Vec::new();
    let mut addresses = Vec::with_capacity(2 * readers.len());
    T::visit(view, &mut |row| {
        addresses.clear();
        for reader in readers {
            let text = reader.read(row);
            // The length distinguishes an empty text from one that happens to start at the same address.
            addresses.extend([text.as_ptr() as usize, text.len()]);
        }
        let at = if let Some(at) = by_address.get(addresses.as_slice()) {
            *at
        } else {
            let labels = readers.iter().map(|reader| bounded(reader.read(row), max_bytes)).collect();
            let at = *by_text.entry(labels).or_insert_with(|| {
                let at = u32::try_from(found.len()).expect("fewer groups than records");
                let decided = readers.iter().all(|reader| reader.decided.is_none_or(|decided| decided(row.source)));
                found.push((row.source.vendor, decided, 0));
                at
            });
            by_address.insert(addresses.as_slice().into(), at);
            at
        };
        let (_, _, records) = &mut found[at as usize];
        *records += 1;
        of_record.push(at);
    });

    let mut sorted: Vec<(Vec<Cow<'_, str>>, u32)> = by_text.into_iter().collect();
    sorted.sort_unstable();
    let mut places = vec![0; sorted.len()];
    let mut groups = Vec::with_capacity(sorted.len());
    let mut texts = HashSet::new();
    for (place, (labels, at)) in (0..).zip(sorted) {
        let at = at as usize;
        places[at] = place;
        let (vendor, decided, records) = found[at];
        groups.push(Group {
            labels: labels.into_iter().map(|text| shared(&mut texts, &text)).collect(),
            vendor,
            records,
            decided,
        });
    }
    for group in &mut of_record {
        *group = places[*group as usize];
    }
    Grouping { of_record, groups }
}

/// The text, stored once for all groups that have it.
fn shared(texts: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = texts.get(text) {
        return Arc::clone(known);
    }
    let new: Arc<str> = text.into();
    texts.insert(Arc::clone(&new));
    new
}
