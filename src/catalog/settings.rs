//! `[limits]`, `[containers]`, `[images]` and `[sensors]`: grouping, limits, and their validation.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::containers::{CHOICES, promoted};
use crate::metric::{Chosen, ChosenRead, Settings};
use crate::setting::{ConfigErrors, HumanDuration};

/// More series than this about single entities are a list, not a metric.
const MAX_TOP_K: usize = 1000;

/// Prefix of promoted labels.
const PROMOTED: &str = "label_";

/// `[limits]`: limits of what is served.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of series per family, over all sources. Past it the smallest groups are folded into `_other`.
    pub max_series_per_family: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_series_per_family: 10_000 }
    }
}

impl Limits {
    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.max_series_per_family == 0 {
            errors.add(format!("{at}.max_series_per_family"), "must be greater than zero");
        }
    }
}

/// `[containers]`: how containers are grouped.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Containers {
    /// Labels that group containers, in addition to `source` and `state`.
    pub group_by: Vec<String>,
    /// Keys of container or pod labels that group containers as `label_<key>`; a container's label takes precedence over
    /// its pod's.
    pub promote_labels: Vec<String>,
    /// Number of riskiest containers per source shown individually, at most 1000; 0 turns it off.
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
    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        check_top_k(self.top_k, at, errors);
        let mut keys_of: BTreeMap<String, &str> = BTreeMap::new();
        for (place, key) in self.promote_labels.iter().enumerate() {
            let name = promoted_name(key);
            let at = format!("{at}.promote_labels[{place}]");
            if key.is_empty() {
                errors.add(at, "is empty; write the key of a label");
            } else if let Some(other) = keys_of.insert(name.clone(), key) {
                errors.add(
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
                errors.add(at, format!("\"{name}\" is listed twice"));
            } else if name.starts_with(PROMOTED) && !keys_of.contains_key(name) {
                errors.add(at, format!("\"{name}\" matches no key of promote_labels"));
            } else if !name.starts_with(PROMOTED) && !CHOICES.iter().any(|(label, _)| label.name == name) {
                let choices: Vec<_> = CHOICES.iter().map(|(label, _)| label.name).collect();
                errors.add(at, format!("\"{name}\" is not a label to group by; choose from {}", choices.join(", ")));
            }
            seen.push(name);
        }
    }
}

fn check_top_k(top_k: usize, at: &str, errors: &mut ConfigErrors) {
    if top_k > MAX_TOP_K {
        errors.add(format!("{at}.top_k"), format!("must be at most {MAX_TOP_K}"));
    }
}

/// `[images]`: how images are grouped.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Images {
    /// Number of most widespread vulnerabilities per source shown individually, at most 1000; 0 turns it off.
    pub top_k: usize,
}

impl Default for Images {
    fn default() -> Self {
        Self { top_k: 20 }
    }
}

impl Images {
    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        check_top_k(self.top_k, at, errors);
    }
}

/// The name of the promoted label with this key.
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
    pub stale_after: HumanDuration,
}

impl Default for Sensors {
    fn default() -> Self {
        Self { stale_after: HumanDuration::seconds(24 * 60 * 60) }
    }
}

impl Sensors {
    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.stale_after.0.is_zero() {
            errors.add(format!("{at}.stale_after"), "must be greater than zero");
        }
    }
}

/// The engine settings of a valid configuration.
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
