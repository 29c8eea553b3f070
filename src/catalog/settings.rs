//! `[limits]`, `[containers]`, `[images]` and `[sensors]`: grouping, limits, and their validation.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::containers::promoted;
use super::{choices, containers, image_choices, images};
use crate::metric::{Chosen, ChosenRead, Settings};
use crate::setting::{ConfigErrors, HumanDuration};

/// More series than this about single entities are a list, not a metric.
const MAX_TOP_K: usize = 1000;

/// Shorter label values would be hard to distinguish.
const MIN_LABEL_VALUE: usize = 32;

/// Prefix of promoted labels.
const PROMOTED: &str = "label_";

/// `[limits]`: limits of what is served.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of series per family, over all sources. Past it the smallest groups are folded into `_other`.
    pub max_series_per_family: usize,
    /// Maximum length of a label value in bytes. A longer value is cut and ends in `…`; equal results are added up.
    pub max_label_value_length: usize,
    /// Maximum share of a listing's records that may be rejected, in percent, 0 to 100; a run that rejects more of them,
    /// and more than one, is incomplete.
    pub max_rejected_percent: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_series_per_family: 10_000, max_label_value_length: 1024, max_rejected_percent: 5.0 }
    }
}

impl Limits {
    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.max_series_per_family == 0 {
            errors.add(format!("{at}.max_series_per_family"), "must be greater than zero");
        }
        if !(0.0..=100.0).contains(&self.max_rejected_percent) {
            errors.add(format!("{at}.max_rejected_percent"), "must be 0 to 100; the default is 5");
        }
        if self.max_label_value_length < MIN_LABEL_VALUE {
            errors.add(
                format!("{at}.max_label_value_length"),
                format!("must be at least {MIN_LABEL_VALUE}; the default is 1024"),
            );
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
                        format!("\"{key}\" is listed twice")
                    } else {
                        format!("\"{other}\" and \"{key}\" both become the label {name}; promote one of them")
                    },
                );
            }
        }
        let valid: Vec<_> = choices().map(|label| label.name).collect();
        check_group_by(&self.group_by, at, errors, |name| {
            if !name.starts_with(PROMOTED) {
                return unknown_label(name, &valid);
            }
            (!keys_of.contains_key(name)).then(|| format!("\"{name}\" matches no key of promote_labels"))
        });
    }
}

/// Adds the errors of a `group_by`: repeated names, and what `wrong` finds wrong with a name.
fn check_group_by(names: &[String], at: &str, errors: &mut ConfigErrors, wrong: impl Fn(&str) -> Option<String>) {
    for (index, name) in names.iter().enumerate() {
        let at = format!("{at}.group_by[{index}]");
        if names[..index].contains(name) {
            errors.add(at, format!("\"{name}\" is listed twice"));
        } else if let Some(reason) = wrong(name) {
            errors.add(at, reason);
        }
    }
}

fn unknown_label(name: &str, valid: &[&str]) -> Option<String> {
    (!valid.contains(&name)).then(|| format!("\"{name}\" is not a label to group by; choose from {}", valid.join(", ")))
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
    /// Labels that group images, in addition to `source` and `in_use`.
    pub group_by: Vec<String>,
    /// Number of most widespread vulnerabilities per source shown individually, at most 1000; 0 turns it off.
    pub top_k: usize,
}

impl Default for Images {
    fn default() -> Self {
        Self { group_by: vec!["registry".to_owned()], top_k: 20 }
    }
}

impl Images {
    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        check_top_k(self.top_k, at, errors);
        let valid: Vec<_> = image_choices().map(|label| label.name).collect();
        check_group_by(&self.group_by, at, errors, |name| unknown_label(name, &valid));
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
pub fn resolve(limits: &Limits, by_container: &Containers, by_image: &Images, sensors: &Sensors) -> Settings {
    let promoted_at = |name: &str| by_container.promote_labels.iter().position(|key| promoted_name(key) == name);
    let not_named = by_container
        .promote_labels
        .iter()
        .map(|key| promoted_name(key))
        .filter(|name| !by_container.group_by.contains(name));
    let container_labels = by_container.group_by.iter().cloned().chain(not_named).filter_map(|name| {
        if let Some((label, read, decided)) = containers::CHOICES.iter().find(|(label, ..)| label.name == name) {
            return Some(Chosen { name: label.name.into(), read: ChosenRead::Field(*read), decided: *decided });
        }
        let read = ChosenRead::Promoted(promoted, promoted_at(&name)?);
        Some(Chosen { name: Arc::from(name), read, decided: None })
    });
    let image_labels = by_image.group_by.iter().filter_map(|name| {
        let (label, read) = images::CHOICES.iter().find(|(label, _)| label.name == name)?;
        Some(Chosen { name: label.name.into(), read: ChosenRead::Field(*read), decided: None })
    });
    Settings {
        container_labels: container_labels.collect(),
        image_labels: image_labels.collect(),
        max_label_value_bytes: limits.max_label_value_length,
        max_series_per_family: limits.max_series_per_family,
        top_containers: by_container.top_k,
        top_vulnerabilities: by_image.top_k,
        stale_after_seconds: sensors.stale_after.0.as_secs_f64(),
    }
}
