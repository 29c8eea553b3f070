//! The rules of a policy, stored separately: they may come from its own page, and stay while the policy does not
//! change.

use crate::labels::{flag, word};
use crate::names::Names;
use crate::record::PolicyRule;
use crate::source::qualys::wire::{PolicyRow, RuleRow};

/// The type of a rule that blocks images older than a number of days; from release notes 1.38, "Ability to Block Older
/// Images in Centralized Admission Controller Policy".
const OLDER_IMAGES: &str = "IMAGESCAN_VULN_RESTRICTED_OLDER_IMAGES";

/// A policy's rules, including its exceptions.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    image_age_limit_days: Option<f64>,
}

#[derive(Debug)]
struct Rule {
    kind: Box<str>,
    action: Box<str>,
    enabled: Option<bool>,
}

impl Rules {
    /// Reads the rules in a row.
    pub(crate) fn of(row: &PolicyRow<'_>) -> Self {
        let own = row.centralized_policy_rules.get().iter();
        let exclusions = row.exclusion_policy_rules.get().iter();
        let limits = own
            .clone()
            .filter(|rule| rule.is_enabled.0 == Some(true) && rule.r#type.get().eq_ignore_ascii_case(OLDER_IMAGES));
        let image_age_limit_days = limits.filter_map(RuleRow::value).min_by(f64::total_cmp);
        let rules = own.chain(exclusions).map(|rule| Rule {
            kind: rule.r#type.get().into(),
            action: rule.action.get().into(),
            enabled: rule.is_enabled.0,
        });
        Self { rules: rules.collect(), image_age_limit_days }
    }

    /// The rules in the form of a record, and the strictest age limit among them, in days.
    pub fn in_words(&self, names: &mut Names) -> (Box<[PolicyRule]>, Option<f64>) {
        let rules = self.rules.iter().map(|rule| PolicyRule {
            kind: word(names, &rule.kind),
            action: word(names, &rule.action),
            enabled: flag(names, rule.enabled),
        });
        (rules.collect(), self.image_age_limit_days)
    }
}
