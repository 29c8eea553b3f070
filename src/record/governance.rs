//! Reports, registries and policies.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::names::Name;

/// A one-off or scheduled report.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// Template, as a label value.
    pub template: Name,
    /// Status, as a label value.
    pub status: Name,
    /// Whether a schedule creates it: `true`, `false` or `unknown`.
    pub scheduled: Name,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// When the vendor deletes it.
    pub expires: Option<Timestamp>,
}

impl Default for Report {
    fn default() -> Self {
        let word = Name::UNKNOWN;
        Self { template: word, status: word, scheduled: word, created: None, expires: None }
    }
}

/// A registry that the vendor scans.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Registry {
    /// Its address, as the vendor writes it.
    pub uri: Name,
    /// Images in it: all, scanned, vulnerable; absent if the vendor counts none of them.
    pub images: Option<[u64; 3]>,
}

/// A policy on what may run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Type, as a label value.
    pub kind: Name,
    /// Mode, as a label value.
    pub mode: Name,
    /// Its rules, exclusion rules included.
    pub rules: Box<[PolicyRule]>,
    /// Image age in days that the strictest enabled rule allows.
    pub image_age_limit_days: Option<f64>,
}

impl Default for Policy {
    fn default() -> Self {
        let word = Name::UNKNOWN;
        Self { name: Name::EMPTY, kind: word, mode: word, rules: Box::default(), image_age_limit_days: None }
    }
}

/// A rule of a policy.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct PolicyRule {
    /// Type, as a label value.
    pub kind: Name,
    /// Action, as a label value.
    pub action: Name,
    /// Whether it is enabled: `true`, `false` or `unknown`.
    pub enabled: Name,
}
