//! The families about reports, registries and centralized policies.

use std::collections::BTreeMap;

use super::Question;
use super::answer::{Cells, FamilySet, Key, Pairs, Single, amount, pairs, single};
use super::facts::{name, seconds, word};
use crate::tenant::{AGE_RULE, Policy, PolicyRule, Registry, Report, Tenant};

const DAY_SECONDS: f64 = 86_400.0;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    add_reports(set, tenant, question);
    add_registries(set, tenant, question);
    add_policies(set, tenant, question);
}

/// Images by registry. A registry without counts has no samples.
fn add_registries<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    fn counts(registry: &Registry) -> [Option<u32>; 3] {
        [registry.images, registry.scanned, registry.vulnerable]
    }
    let counting = tenant.registries.iter().filter(|registry| counts(registry).iter().any(Option::is_some));
    let by_uri = |registry: &Registry| key(question, pairs([("registry", &name(registry.uri.as_deref()))]));
    let records: Vec<_> = counting.map(|registry| (by_uri(registry), registry)).collect();
    set.add_grouped("registry_images", &records, |members: &[&Registry]| {
        let sum = |at: usize| -> f64 { members.iter().map(|member| f64::from(counts(member)[at].unwrap_or(0))).sum() };
        let states = ["total", "scanned", "vulnerable"].into_iter().enumerate();
        states.map(|(at, state)| (pairs([("image_state", state)]), sum(at))).collect()
    });
}

/// A flag as a label value.
fn flag(sent: Option<bool>) -> &'static str {
    match sent {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}

/// The number of values of a label.
fn counted(label: &str, values: impl Iterator<Item = &'static str>) -> Cells {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().map(|(value, count)| (pairs([(label, value)]), amount(count))).collect()
}

fn key(question: &Question, open: Pairs) -> Key {
    Key { kept: pairs([("source", &question.source)]), open }
}

fn add_reports<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let template = |report: &Report| word(report.template.as_deref());
    let by_status = |report: &Report| {
        let status = word(report.status.as_deref());
        key(question, pairs([("report_template", &template(report)), ("report_status", &status)]))
    };
    let records: Vec<_> = tenant.reports.iter().map(|report| (by_status(report), report)).collect();
    set.add_grouped("reports", &records, |members: &[&Report]| {
        counted("scheduled", members.iter().map(|report| flag(report.is_scheduled)))
    });
    set.add_grouped("report_latest_created_timestamp_seconds", &records, |members: &[&Report]| {
        let latest = members.iter().filter_map(|report| seconds(report.created)).max_by(f64::total_cmp);
        latest.map_or_else(Vec::new, single)
    });
    let by_template = |report: &Report| key(question, pairs([("report_template", &template(report))]));
    let records: Vec<_> = tenant.reports.iter().map(|report| (by_template(report), report)).collect();
    set.add_grouped("report_earliest_expiry_timestamp_seconds", &records, |members: &[&Report]| {
        let earliest = members.iter().filter_map(|report| seconds(report.expires)).min_by(f64::total_cmp);
        earliest.map_or_else(Vec::new, single)
    });
}

fn add_policies<'a>(set: &mut FamilySet<'a>, tenant: &'a Tenant, question: &'a Question) {
    let kind = |policy: &Policy| word(policy.kind.as_deref());
    let by_mode = |policy: &Policy| {
        let mode = word(policy.mode.as_deref());
        key(question, pairs([("policy_type", &kind(policy)), ("policy_mode", &mode)]))
    };
    let records: Vec<_> = tenant.policies.iter().map(|policy| (by_mode(policy), policy)).collect();
    set.add_grouped("policies", &records, |members: &[&Policy]| single(amount(members.len())));
    let by_rule = |policy: &Policy, rule: &PolicyRule| {
        let (rule_type, action) = (word(rule.kind.as_deref()), word(rule.action.as_deref()));
        key(question, pairs([("policy_type", &kind(policy)), ("rule_type", &rule_type), ("action", &action)]))
    };
    let mut rules = Vec::new();
    for policy in &tenant.policies {
        rules.extend(policy.rules.iter().chain(&policy.exclusions).map(|rule| (by_rule(policy, rule), rule)));
    }
    set.add_grouped("policy_rules", &rules, |members: &[&PolicyRule]| {
        counted("enabled", members.iter().map(|rule| flag(rule.is_enabled)))
    });
    let limits = tenant.policies.iter().filter_map(|policy| age_limit(policy, question));
    set.add_single("policy_image_age_limit_seconds", limits.collect());
}

/// The strictest enabled age rule of the policy.
fn age_limit(policy: &Policy, question: &Question) -> Option<Single> {
    let in_force = |rule: &&PolicyRule| rule.kind.as_deref() == Some(AGE_RULE) && rule.is_enabled == Some(true);
    let days = policy.rules.iter().filter(in_force).filter_map(|rule| rule.value).min()?;
    let labels = pairs([
        ("source", &question.source),
        ("policy_name", &name(policy.name.as_deref())),
        ("policy_type", &word(policy.kind.as_deref())),
    ]);
    Some((0.0, labels, f64::from(days) * DAY_SECONDS))
}
