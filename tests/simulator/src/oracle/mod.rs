//! What an exporter has to show for a tenant, family by family, read from the metric contract alone.
//!
//! Slow and obvious on purpose: every family filters and adds up the tenant's records anew.

mod answer;
mod containers;
mod facts;
mod posture;
mod sensors;

use std::collections::BTreeMap;

use crate::tenant::Tenant;
use answer::FamilySet;

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// Samples by family (sample name) and labels. A family without samples is left out.
pub type Families = BTreeMap<String, BTreeMap<Labels, f64>>;

/// What is asked of a tenant: the exporter's settings that its metrics depend on.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name of the account in the configuration.
    pub source: String,
    /// `containers.group_by`.
    pub group_by: Vec<String>,
    /// The label keys promoted to `label_<key>`.
    pub promote_labels: Vec<String>,
    /// How many of the riskiest containers are shown.
    pub top_k: usize,
    /// After how long a silence a sensor is stale.
    pub sensors_stale_after_s: f64,
    /// The cardinality budget of each family.
    pub max_series_per_family: usize,
    /// When the question is asked, in Unix seconds.
    pub now_s: f64,
}

/// All samples that the tenant's containers, sensors and posture list give, and how many groups were folded.
pub fn expected(tenant: &Tenant, question: &Question) -> Families {
    let mut set = FamilySet::new(question.max_series_per_family);
    containers::add(&mut set, tenant, question);
    sensors::add(&mut set, tenant, question);
    posture::add(&mut set, tenant, question);
    set.finish()
}

#[cfg(test)]
mod tests;
