//! The metrics that an exporter must show for its accounts, family by family, derived from the metric contract alone.
//!
//! Slow and obvious on purpose: every family filters and sums the records from scratch.

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

/// A question about an account: the exporter's settings that affect its metrics.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name of the account in the configuration.
    pub source: String,
    /// `containers.group_by`.
    pub group_by: Vec<String>,
    /// The label keys promoted to `label_<key>`.
    pub promote_labels: Vec<String>,
    /// The number of riskiest containers to show.
    pub top_k: usize,
    /// The silence after which a sensor is stale.
    pub sensors_stale_after_s: f64,
    /// The cardinality budget of each family.
    pub max_series_per_family: usize,
    /// `images.group_by`.
    pub images_group_by: Vec<String>,
    /// `limits.max_label_value_length`, in bytes.
    pub max_label_value_length: usize,
    /// The number of most widespread vulnerabilities to show.
    pub images_top_k: usize,
    /// The time of the question in Unix seconds.
    pub now_s: f64,
}

impl Question {
    /// A question about an account with the exporter's default settings, at a time in Unix seconds.
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

/// The state of an account.
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// A Qualys Container Security account.
    Qualys(&'a Tenant),
    /// A Prisma Cloud Compute console.
    Prisma(&'a Console),
}

/// All samples for one tenant, and the number of folded groups.
pub fn expected(tenant: &Tenant, question: &Question) -> Families {
    expected_of(&[(Truth::Qualys(tenant), question)])
}

/// All samples for the accounts of one exporter, and the number of folded groups. The questions may differ in the
/// account names only. Samples that depend on the shape of an endpoint's response are always included.
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
