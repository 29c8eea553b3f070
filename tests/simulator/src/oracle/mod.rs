//! What an exporter has to show for its accounts, family by family, read from the metric contract alone.
//!
//! Slow and obvious on purpose: every family filters and adds up the truth's records anew.

mod answer;
mod containers;
mod division;
mod facts;
mod governance;
mod images;
mod posture;
mod prisma;
mod resources;
mod sensors;

use std::collections::BTreeMap;

use crate::console::Console;
use crate::tenant::Tenant;
use answer::FamilySet;

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// Samples by family (sample name) and labels. A family without samples is left out.
pub type Families = BTreeMap<String, BTreeMap<Labels, f64>>;

/// What is asked of an account: the exporter's settings that its metrics depend on.
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
    /// `images.group_by`.
    pub images_group_by: Vec<String>,
    /// `limits.max_label_value_length`, in bytes.
    pub max_label_value_length: usize,
    /// How many of the most widespread vulnerabilities are shown.
    pub images_top_k: usize,
    /// When the question is asked, in Unix seconds.
    pub now_s: f64,
}

impl Question {
    /// What is asked of an account with the exporter's default settings, at a time in Unix seconds.
    pub fn usual(source: &str, now_s: f64) -> Self {
        Self {
            source: source.to_owned(),
            group_by: vec!["k8s_cluster_name".to_owned(), "k8s_namespace_name".to_owned()],
            promote_labels: Vec::new(),
            top_k: 20,
            sensors_stale_after_s: 86_400.0,
            max_series_per_family: 10_000,
            images_group_by: vec!["registry".to_owned()],
            max_label_value_length: 1024,
            images_top_k: 20,
            now_s,
        }
    }
}

/// What is true of an account.
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// Of Qualys Container Security.
    Qualys(&'a Tenant),
    /// Of Prisma Cloud Compute.
    Prisma(&'a Console),
}

/// All samples that one tenant gives, and how many groups were folded.
pub fn expected(tenant: &Tenant, question: &Question) -> Families {
    expected_of(&[(Truth::Qualys(tenant), question)])
}

/// All samples that the accounts of one exporter give together, and how many groups were folded. The questions differ in
/// the accounts' names only. What an endpoint does not tell in some shape of its answer is given nevertheless.
pub fn expected_of(truths: &[(Truth<'_>, &Question)]) -> Families {
    let Some((_, first)) = truths.first() else { return Families::new() };
    let mut set = FamilySet::new(first.max_series_per_family, first.max_label_value_length);
    for (truth, question) in truths {
        match truth {
            Truth::Qualys(tenant) => {
                containers::add(&mut set, tenant, question);
                sensors::add(&mut set, tenant, question);
                posture::add(&mut set, tenant, question);
                images::add(&mut set, tenant, question);
                resources::add(&mut set, tenant, question);
                governance::add(&mut set, tenant, question);
            }
            Truth::Prisma(console) => prisma::add(&mut set, console, question),
        }
    }
    set.finish()
}

#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod tests;
