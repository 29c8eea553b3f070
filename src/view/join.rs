//! The joins: the records of one table that belong to a record of another.

use std::collections::HashMap;

use super::Row;
use crate::inventory::{Key, Table, Tables};
use crate::names::{Name, Names};
use crate::record::{Container, Control, Image, Policy, PolicyRule, Sensor, Vulnerability};

/// A record of another table, with the names it refers to.
pub(super) type Joined<'a, T> = Option<(&'a T, &'a Names)>;

pub(super) fn sensors_by_name(tables: &Tables) -> Vec<Joined<'_, Sensor>> {
    match (&tables.containers, &tables.sensors) {
        (Some(containers), Some(sensors)) => {
            containers.names.iter().map(|(_, text)| Some((sensors.get(text)?, &sensors.names))).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn images_by_name(tables: &Tables) -> Vec<Joined<'_, Image>> {
    let (Some(containers), Some(images)) = (&tables.containers, &tables.images) else {
        return Vec::new();
    };
    let mut by_id: HashMap<&str, (&Key, &Image)> = HashMap::new();
    for (key, image) in images.iter() {
        for id in image_ids(image) {
            let known = by_id.entry(images.names.text(id)).or_insert((key, image));
            if outranks((key, image), *known) {
                *known = (key, image);
            }
        }
    }
    let find = |id: &str| {
        let by_id = by_id.get(id).map(|(_, image)| *image);
        by_id.or_else(|| images.get(id).filter(|image| image.page.is_some() && image_ids(image).next().is_none()))
    };
    let first = |text: &str| text.split(' ').find_map(find);
    containers.names.iter().map(|(_, text)| Some((first(text)?, &images.names))).collect()
}

/// The ids that containers refer to a listed image by; empty if that is its key.
fn image_ids(image: &Image) -> impl Iterator<Item = Name> {
    let page = image.page.as_ref().map(|page| &page.ids);
    let bulk = image.bulk.as_ref().map(|bulk| &bulk.ids);
    page.into_iter().chain(page.and(bulk)).flat_map(|ids| ids.iter().copied())
}

/// Whether a row of an image takes precedence over another one with the same id: scanned before unscanned, then the
/// last scanned, then the one with the lower key.
fn outranks((key, image): (&Key, &Image), (other_key, other): (&Key, &Image)) -> bool {
    let rank = |image: &Image| image.page.as_ref().map(|page| (page.findings.is_some(), page.last_scan));
    rank(image).cmp(&rank(other)).then_with(|| other_key.to_string().cmp(&key.to_string())).is_gt()
}

impl<'a> Row<'a, Container> {
    /// The sensor on the container's host, with the names it refers to.
    pub fn sensor(self) -> Joined<'a, Sensor> {
        let bulk = self.record.bulk.as_ref()?;
        *self.source.sensors.get(bulk.sensor.index())?
    }

    /// The container's image, with the names it refers to.
    pub fn image(self) -> Joined<'a, Image> {
        let listed = |ids: Name| *self.source.images.get(ids.index())?;
        listed(self.record.page.as_ref()?.image).or_else(|| listed(self.record.bulk.as_ref()?.image))
    }
}

/// The number of sensors of a kind.
#[derive(Clone, Copy, Debug)]
pub struct SensorCount {
    /// Type, as a label value.
    pub kind: Name,
    /// Status.
    pub status: SensorStatus,
    /// Container runtime, as a label value.
    pub runtime: Name,
    /// Their number.
    pub count: u64,
}

/// The status of sensors.
#[derive(Clone, Copy, Debug)]
pub enum SensorStatus {
    /// The vendor's own status, as a label value.
    Reported(Name),
    /// The vendor counts them as connected.
    Connected,
    /// The vendor counts them as deployed, but not as connected.
    Disconnected,
}

impl SensorCount {
    pub(super) fn all(tables: &Tables) -> Vec<Self> {
        let sensors = tables.sensors.iter().flat_map(|sensors| sensors.iter());
        let single = sensors.map(|(_, Sensor { kind, status, runtime, .. })| Self {
            kind: *kind,
            status: SensorStatus::Reported(*status),
            runtime: *runtime,
            count: 1,
        });
        let defenders = tables.defenders.iter().flat_map(|defenders| defenders.iter());
        let counted = defenders.flat_map(|(_, defenders)| {
            let of = |status, count| Self { kind: defenders.kind, status, runtime: Name::UNKNOWN, count };
            let gone = defenders.deployed.saturating_sub(defenders.connected);
            [of(SensorStatus::Connected, defenders.connected), of(SensorStatus::Disconnected, gone)]
        });
        single.chain(counted).collect()
    }
}

/// A control's part in one policy.
#[derive(Clone, Copy, Debug)]
pub struct PolicyShare {
    /// The policy.
    pub policy: Name,
    /// Resources that passed, failed and were skipped.
    pub resources: [u64; 3],
}

impl PolicyShare {
    pub(super) fn of(control: &Control) -> impl Iterator<Item = Self> {
        let resources = control.resources;
        control.policies.iter().filter_map(move |policy| resources.map(|resources| Self { policy: *policy, resources }))
    }
}

/// A rule, with the type of the policy that it is part of.
#[derive(Clone, Copy, Debug)]
pub struct RuleOfPolicy {
    /// Type of the policy, as a label value.
    pub policy_kind: Name,
    /// The rule.
    pub rule: PolicyRule,
}

impl RuleOfPolicy {
    pub(super) fn of(policy: &Policy) -> impl Iterator<Item = Self> {
        policy.rules.iter().map(|rule| Self { policy_kind: policy.kind, rule: *rule })
    }
}

/// The vulnerabilities in the images: each counts once, however many images have it.
pub(super) fn carried(images: &Table<Image>) -> Vec<Vulnerability> {
    let mut by_name: Vec<Option<Vulnerability>> = Vec::new();
    for (_, image) in images.iter() {
        let (Some(page), Some(bulk)) = (&image.page, &image.bulk) else {
            continue;
        };
        for finding in bulk.findings.iter().flat_map(|findings| &findings.distinct) {
            let id = finding.vulnerability;
            if by_name.len() <= id.index() {
                by_name.resize(id.index() + 1, None);
            }
            let known =
                by_name[id.index()].get_or_insert(Vulnerability { id, images: 0, in_use: false, fixable: false });
            known.images += 1;
            known.in_use |= page.in_use;
            known.fixable |= finding.fixable;
        }
    }
    by_name.into_iter().flatten().collect()
}
