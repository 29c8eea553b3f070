//! What the configuration says about metrics: which labels group containers, and how many series there may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::containers::{CHOICES, promoted};
use crate::metric::{Chosen, ChosenRead, Settings};
use crate::setting::{Mistakes, Span};

/// More series than this about single things are a list, and no metric.
const MOST_TOP_K: usize = 1000;

/// What is put before the name of a promoted label.
const PROMOTED: &str = "label_";

/// `[limits]`: how much may be served.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most series of a family, over all sources. Past it the smallest groups are folded into one, `_other`.
    pub max_series_per_family: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_series_per_family: 10_000 }
    }
}

impl Limits {
    /// Notes what is wrong.
    pub fn check(&self, at: &str, mistakes: &mut Mistakes) {
        if self.max_series_per_family == 0 {
            mistakes.add(format!("{at}.max_series_per_family"), "must be 1 or more");
        }
    }
}

/// `[containers]`: how containers are grouped.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Containers {
    /// Labels that group containers, beside `source` and `state`.
    pub group_by: Vec<String>,
    /// Keys of container or pod labels that group containers too, as `label_<key>`; a container's own label wins
    /// over its pod's.
    pub promote_labels: Vec<String>,
    /// How many of the riskiest containers of a source are shown one by one, 1000 at most; 0 for none.
    pub top_k: usize,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            group_by: vec!["k8s_cluster_name".to_owned(), "k8s_namespace_name".to_owned()],
            promote_labels: Vec::new(),
            top_k: 20,
        }
    }
}

impl Containers {
    /// Notes what is wrong.
    pub fn check(&self, at: &str, mistakes: &mut Mistakes) {
        check_top_k(self.top_k, at, mistakes);
        let mut keys_of: BTreeMap<String, &str> = BTreeMap::new();
        for (place, key) in self.promote_labels.iter().enumerate() {
            let name = promoted_name(key);
            let at = format!("{at}.promote_labels[{place}]");
            if key.is_empty() {
                mistakes.add(at, "a label's key cannot be empty");
            } else if let Some(other) = keys_of.insert(name.clone(), key) {
                mistakes.add(
                    at,
                    if other == key {
                        format!("\"{key}\" is there twice")
                    } else {
                        format!("\"{other}\" and \"{key}\" both become the label {name}; promote one of them")
                    },
                );
            }
        }
        let mut seen = Vec::new();
        for (place, name) in self.group_by.iter().enumerate() {
            let at = format!("{at}.group_by[{place}]");
            if seen.contains(&name) {
                mistakes.add(at, format!("\"{name}\" is there twice"));
            } else if name.starts_with(PROMOTED) && !keys_of.contains_key(name) {
                mistakes.add(at, format!("no key in promote_labels becomes \"{name}\""));
            } else if !name.starts_with(PROMOTED) && !CHOICES.iter().any(|(label, _)| label.name == name) {
                let choices: Vec<_> = CHOICES.iter().map(|(label, _)| label.name).collect();
                mistakes.add(at, format!("there is no label \"{name}\" to group by; there are {}", choices.join(", ")));
            }
            seen.push(name);
        }
    }
}

fn check_top_k(top_k: usize, at: &str, mistakes: &mut Mistakes) {
    if top_k > MOST_TOP_K {
        mistakes.add(format!("{at}.top_k"), format!("must be {MOST_TOP_K} at most"));
    }
}

/// `[images]`: what is shown of images.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Images {
    /// How many of the most widespread vulnerabilities of a source are shown one by one, 1000 at most; 0 for none.
    pub top_k: usize,
}

impl Default for Images {
    fn default() -> Self {
        Self { top_k: 20 }
    }
}

impl Images {
    /// Notes what is wrong.
    pub fn check(&self, at: &str, mistakes: &mut Mistakes) {
        check_top_k(self.top_k, at, mistakes);
    }
}

/// The label that a container's or pod's label of this key becomes.
fn promoted_name(key: &str) -> String {
    let allowed = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    key.chars().map(allowed).fold(PROMOTED.to_owned(), |mut name, character| {
        name.push(character);
        name
    })
}

/// `[sensors]`: when a sensor is stale.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sensors {
    /// Silence after which a sensor is stale.
    pub stale_after: Span,
}

impl Default for Sensors {
    fn default() -> Self {
        Self { stale_after: Span::seconds(24 * 60 * 60) }
    }
}

impl Sensors {
    /// Notes what is wrong.
    pub fn check(&self, at: &str, mistakes: &mut Mistakes) {
        if self.stale_after.0.is_zero() {
            mistakes.add(format!("{at}.stale_after"), "must be longer than nothing");
        }
    }
}

/// The settings of the engine that a configuration without mistakes says.
pub fn resolve(limits: &Limits, containers: &Containers, images: &Images, sensors: &Sensors) -> Settings {
    let promoted_at = |name: &str| containers.promote_labels.iter().position(|key| promoted_name(key) == name);
    let not_named = containers
        .promote_labels
        .iter()
        .map(|key| promoted_name(key))
        .filter(|name| !containers.group_by.contains(name));
    let chosen = containers.group_by.iter().cloned().chain(not_named).filter_map(|name| {
        let field = CHOICES.iter().find(|(label, _)| label.name == name);
        let read = field
            .map(|(_, read)| ChosenRead::Field(*read))
            .or_else(|| promoted_at(&name).map(|at| ChosenRead::Promoted(promoted, at)))?;
        Some(Chosen { name: Arc::from(name), read })
    });
    Settings {
        chosen: chosen.collect(),
        max_series_per_family: limits.max_series_per_family,
        top_containers: containers.top_k,
        top_vulnerabilities: images.top_k,
        stale_after_seconds: sensors.stale_after.0.as_secs_f64(),
    }
}
