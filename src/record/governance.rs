//! Reports and policies.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::names::Name;

/// A report that was made or is made again and again.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// What it is made from, as a label value.
    pub template: Name,
    /// How far it is, as a label value.
    pub status: Name,
    /// Whether it is made by a schedule: `true`, `false` or `unknown`.
    pub scheduled: Name,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When the vendor deletes it.
    pub expires: Option<Timestamp>,
}

/// A policy that says what may run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Type, as a label value.
    pub kind: Name,
    /// Mode, as a label value.
    pub mode: Name,
    /// Its rules, those that except something from it included.
    pub rules: Box<[PolicyRule]>,
    /// Age in days past which an image is blocked, by the strictest enabled rule.
    pub image_age_limit_days: Option<f64>,
}

/// A rule of a policy.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct PolicyRule {
    /// Type, as a label value.
    pub kind: Name,
    /// What it does, as a label value.
    pub action: Name,
    /// Whether it is in force: `true`, `false` or `unknown`.
    pub enabled: Name,
}
