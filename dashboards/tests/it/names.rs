//! Every name in dashboards and rules is in the catalog, and every family of the catalog is used or left out for a
//! reason.

use std::collections::{BTreeMap, BTreeSet};

use container_security_exporter::catalog;
use container_security_exporter::metric::Kind;
use container_security_exporter::record::Vendor;

use crate::generated;
use crate::promql::{Query, read};
use crate::rules;

/// Families without a query, and why.
const UNUSED: &[(&str, &str)] = &[
    ("process_virtual_memory_bytes", "resident memory is what the process uses"),
    ("container_security_vulnerability_statistics_timestamp_seconds", "the vendor computes its statistics once a day"),
    (
        "container_security_registry_images",
        "the images dashboard shows what is deployed; registries are reviewed where they are scanned",
    ),
    ("container_security_containers_by_architecture", "a fact of the inventory; nobody acts on it day by day"),
    ("container_security_images_with_condition", "the images dashboard shows failed and missing scans by scan_status"),
];

/// Labels that a scrape or an OTLP receiver adds to every series.
const OF_TARGETS: [&str; 3] = ["job", "instance", "service_instance_id"];

/// The metrics and labels that queries may use.
struct Known {
    labels: BTreeMap<String, BTreeSet<&'static str>>,
    closed: BTreeMap<(String, &'static str), BTreeSet<&'static str>>,
    families: BTreeMap<String, &'static str>,
}

impl Known {
    fn new() -> Self {
        let mut known = Self { labels: BTreeMap::new(), closed: BTreeMap::new(), families: BTreeMap::new() };
        for metric in catalog::all() {
            let mut labels: BTreeSet<_> = OF_TARGETS.into();
            for label in metric.labels() {
                match label {
                    Some(label) => _ = labels.insert(label.name),
                    None if metric.group() == Some("‹image group›") => _ = labels.insert("registry"),
                    None => labels.extend(["k8s_cluster_name", "k8s_namespace_name"]),
                }
            }
            for sets in Vendor::ALL.map(Some).into_iter().chain([None]).filter_map(|vendor| metric.label_sets(vendor)) {
                for (at, label) in sets.labels.iter().enumerate() {
                    let values = known.closed.entry((metric.name().to_owned(), label.name)).or_default();
                    values.extend(sets.values.iter().map(|values| values[at]));
                }
            }
            let suffixes: &[&str] =
                if metric.kind() == Kind::Histogram { &["_bucket", "_count", "_sum"] } else { &[""] };
            for suffix in suffixes {
                let mut labels = labels.clone();
                if *suffix == "_bucket" {
                    labels.insert("le");
                }
                known.labels.insert(format!("{}{suffix}", metric.name()), labels);
                known.families.insert(format!("{}{suffix}", metric.name()), metric.name());
            }
        }
        known
    }

    /// Panics if the query uses a name that does not exist, and records the families that it uses.
    fn check(&self, called: &str, query: &Query, used: &mut BTreeSet<&'static str>) {
        for selector in &query.selectors {
            let name = &selector.name;
            let labels = self.labels.get(name).unwrap_or_else(|| panic!("{called}: {name} does not exist"));
            used.extend(self.families.get(name));
            for matcher in &selector.matchers {
                assert!(labels.contains(&*matcher.label), "{called}: {name} has no label {}", matcher.label);
                let values = self.closed.get(&(name.clone(), labels.get(&*matcher.label).unwrap()));
                let plain = !matcher.value.contains(['<', '$', '.', '*']);
                for value in matcher.value.split('|').filter(|_| plain) {
                    let exists = values.is_none_or(|values| values.contains(value));
                    assert!(exists, "{called}: {name} never has {}={value:?}", matcher.label);
                }
            }
        }
        for (label, under) in &query.labels {
            let has = |name: &String| self.labels.get(name).is_some_and(|labels| labels.contains(&**label));
            assert!(query.made.contains(label) || under.iter().any(has), "{called}: none of {under:?} has {label}");
        }
    }
}

/// Whether a query's result may have a label: one that it groups by, or creates.
fn answers_with<'a>(query: &'a Query, label: &'a str) -> bool {
    query.made.iter().any(|made| made == label) || query.labels.iter().any(|(by, _)| by == label)
}

#[test]
fn dashboards_use_names_that_exist() {
    let (known, dashboards, mut used) = (Known::new(), generated::all(), BTreeSet::new());
    for (called, _, target, expr) in generated::questions(&dashboards) {
        let query = read(expr).unwrap();
        known.check(&called, &query, &mut used);
        for label in target["legendFormat"].as_str().unwrap().split("{{").skip(1) {
            let label = label.split("}}").next().unwrap();
            assert!(answers_with(&query, label), "{called}: no answer has {label}, which its name is made of");
        }
    }
    for (called, series, label) in generated::variables(&dashboards) {
        let query = read(&series).unwrap();
        known.check(&called, &query, &mut used);
        let [selector] = &query.selectors[..] else { panic!("{called}: {series}") };
        assert!(known.labels[&selector.name].contains(&*label), "{called}: {} has no label {label}", selector.name);
    }
}

#[test]
fn table_columns_use_labels_of_the_result() {
    let dashboards = generated::all();
    for (name, dashboard) in &dashboards {
        for panel in generated::panels(dashboard).into_iter().filter(|panel| panel["type"] == "table") {
            let called = generated::called(name, panel);
            let targets = panel["targets"].as_array().unwrap();
            let queries: Vec<_> =
                targets.iter().map(|target| read(target["expr"].as_str().unwrap()).unwrap()).collect();
            let mut fields: Vec<_> =
                targets.iter().map(|target| format!("Value #{}", target["refId"].as_str().unwrap())).collect();
            if let [field] = &mut fields[..] {
                "Value".clone_into(field);
            }
            for column in panel["fieldConfig"]["overrides"].as_array().unwrap() {
                let field = column["matcher"]["options"].as_str().unwrap();
                let exists =
                    fields.iter().any(|value| value == field) || queries.iter().any(|query| answers_with(query, field));
                assert!(exists, "{called}: no answer has {field}");
                for read_too in column.to_string().split("__data.fields.").skip(1) {
                    let label = read_too.split([':', '}']).next().unwrap();
                    assert!(queries.iter().any(|query| answers_with(query, label)), "{called}: no answer has {label}");
                }
            }
        }
    }
}

#[test]
fn rules_use_names_that_exist() {
    let (mut known, mut used) = (Known::new(), BTreeSet::new());
    let rules = rules::all();
    // A recorded rule may have any label of its inputs.
    for rule in rules.iter().filter(|rule| rule.is_recorded) {
        known.labels.insert(rule.name.clone(), BTreeSet::new());
    }
    for rule in &rules {
        let query = read(&rule.expr).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
        for selector in query.selectors.iter().filter(|selector| selector.name.contains(':')) {
            assert!(known.labels.contains_key(&selector.name), "{}: no rule records {}", rule.name, selector.name);
        }
        let vendors = |name: &str| !name.contains(':') && name != "up";
        let of_vendors = Query {
            selectors: query.selectors.into_iter().filter(|selector| vendors(&selector.name)).collect(),
            labels: query.labels.into_iter().filter(|(_, under)| under.iter().all(|name| vendors(name))).collect(),
            made: query.made,
        };
        known.check(&rule.name, &of_vendors, &mut used);
    }
}

#[test]
fn every_family_is_used_or_left_out_for_a_reason() {
    let (dashboards, mut used) = (generated::all(), BTreeSet::new());
    let known = Known::new();
    for (called, _, _, expr) in generated::questions(&dashboards) {
        known.check(&called, &read(expr).unwrap(), &mut used);
    }
    for rule in rules::all() {
        let query = read(&rule.expr).unwrap();
        used.extend(query.selectors.iter().filter_map(|selector| known.families.get(&selector.name)));
    }
    for metric in catalog::all() {
        let left_out = UNUSED.iter().any(|(name, _)| *name == metric.name());
        assert_ne!(
            used.contains(metric.name()),
            left_out,
            "{} is used, or left out with a reason, not both",
            metric.name()
        );
    }
    for (name, _) in UNUSED {
        assert!(known.families.contains_key(*name), "{name} is left out, but does not exist");
    }
}

/// A dashboard that selects values of a closed label must not miss a new one.
#[test]
fn every_condition_is_on_a_dashboard() {
    let (known, dashboards) = (Known::new(), generated::all());
    let family = "container_security_containers_with_condition";
    let mut shown = BTreeSet::new();
    for (_, _, _, expr) in generated::questions(&dashboards) {
        for selector in read(expr).unwrap().selectors.into_iter().filter(|selector| selector.name == family) {
            let conditions = selector.matchers.into_iter().filter(|matcher| matcher.label == "condition");
            shown
                .extend(conditions.flat_map(|matcher| matcher.value.split('|').map(str::to_owned).collect::<Vec<_>>()));
        }
    }
    let all = &known.closed[&(family.to_owned(), "condition")];
    assert_eq!(shown.iter().map(String::as_str).collect::<BTreeSet<_>>(), *all);
}
