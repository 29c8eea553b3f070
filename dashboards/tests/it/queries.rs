//! Every query selects the chosen exporters and sources, and treats counters as counters.

use std::collections::BTreeMap;

use container_security_exporter::catalog;
use container_security_exporter::metric::Kind;

use crate::generated;
use crate::promql::{Matcher, Selector, read};

/// How queries must use the variables: `job` and `instance` as all dashboard tools expect it, and names chosen by
/// vendors so that any name is compared literally.
const CHOSEN: [(&str, &str); 5] = [
    ("job", "$job"),
    ("instance", "$instance"),
    ("source", "<source>"),
    ("k8s_cluster_name", "<cluster>"),
    ("k8s_namespace_name", "<namespace>"),
];

fn is_compared(selector: &Selector, label: &str, value: &str) -> bool {
    selector.matchers.contains(&Matcher { label: label.to_owned(), op: "=~", value: value.to_owned() })
}

#[test]
fn every_selector_uses_the_chosen_values() {
    let dashboards = generated::all();
    let of_sources: BTreeMap<_, _> = catalog::all()
        .map(|metric| (metric.name(), metric.labels().iter().flatten().any(|label| label.name == "source")))
        .collect();
    for (called, _, _, expr) in generated::questions(&dashboards) {
        for selector in read(expr).unwrap_or_else(|error| panic!("{called}: {error}: {expr}")).selectors {
            for (label, value) in &CHOSEN[..2] {
                assert!(is_compared(&selector, label, value), "{called}: {} does not select ${label}", selector.name);
            }
            let name = selector.name.strip_suffix("_bucket").unwrap_or(&selector.name);
            if of_sources.get(name) == Some(&true) {
                assert!(
                    is_compared(&selector, "source", "<source>"),
                    "{called}: {name} does not select the chosen source"
                );
            }
        }
    }
}

#[test]
fn every_dashboard_annotates_missing_data() {
    for (name, dashboard) in generated::all() {
        let marks = dashboard["annotations"]["list"].as_array().unwrap();
        assert_eq!(marks.len(), 1, "{name}");
        assert_eq!(marks[0]["datasource"]["uid"], "${datasource}", "{name}");
        let selectors = read(marks[0]["expr"].as_str().unwrap()).unwrap().selectors;
        assert_eq!(selectors.len(), 1, "{name}");
        assert!(catalog::all().any(|metric| metric.name() == selectors[0].name), "{name}: {}", selectors[0].name);
        for (label, value) in &CHOSEN[..3] {
            assert!(is_compared(&selectors[0], label, value), "{name} annotations do not select the chosen {label}");
        }
    }
}

#[test]
fn a_variable_is_written_in_one_way() {
    let dashboards = generated::all();
    for (called, _, _, expr) in generated::questions(&dashboards) {
        for matcher in read(expr).unwrap().selectors.into_iter().flat_map(|selector| selector.matchers) {
            let known = CHOSEN.iter().any(|(label, value)| matcher.label == *label && matcher.value == *value);
            assert!(known || !matcher.value.contains(['$', '<']), "{called}: {matcher:?}");
        }
        // A backslash would start an escape in PromQL, which quoted names do not need.
        assert!(!expr.contains('\\'), "{called}: {expr}");
    }
}

#[test]
fn a_dashboard_has_only_the_variables_that_its_queries_use() {
    for (name, dashboard) in generated::all() {
        let text = dashboard["panels"].to_string();
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let variable = variable["name"].as_str().unwrap();
            let used = text.contains(&format!("${variable}\\\"")) || text.contains(&format!("${{{variable}"));
            assert!(used, "{name}: ${variable} is not used");
        }
        for variable in ["source", "cluster", "namespace"] {
            let has = dashboard["templating"]["list"].as_array().unwrap().iter().any(|other| other["name"] == variable);
            assert!(has || !text.contains(&format!("${{{variable}:regex}}")), "{name}: ${variable} is missing");
        }
    }
}

#[test]
fn counters_are_queried_as_counters_and_gauges_as_gauges() {
    let dashboards = generated::all();
    let kinds: BTreeMap<_, _> = catalog::all().map(|metric| (metric.name(), metric.kind())).collect();
    let counts =
        |name: &str| name.ends_with("_total") || kinds.get(name.trim_end_matches("_bucket")) == Some(&Kind::Histogram);
    for (called, _, target, expr) in generated::questions(&dashboards) {
        for selector in read(expr).unwrap().selectors {
            let as_counter = matches!(selector.over_range.as_deref(), Some("rate" | "irate" | "increase"));
            assert_eq!(as_counter, counts(&selector.name), "{called}: {}", selector.name);
        }
        let window = if target["range"] == true { "[$__rate_interval]" } else { "[$__range]" };
        assert_eq!(expr.matches('[').count(), expr.matches(window).count(), "{called}: {expr}");
    }
}

#[test]
fn current_numbers_are_queried_at_the_current_time() {
    let dashboards = generated::all();
    for (called, panel, target, _) in generated::questions(&dashboards) {
        let over_time = panel["type"] == "timeseries" || panel["type"] == "heatmap";
        assert_eq!(target["range"], over_time, "{called}");
        assert_eq!(target["instant"], !over_time, "{called}");
    }
}

#[test]
fn nothing_is_summed_over_exporters() {
    let dashboards = generated::all();
    for (called, _, _, expr) in generated::questions(&dashboards) {
        // A sum directly over a vendor's series would count the data of two replicas twice.
        for (at, _) in expr
            .match_indices("sum")
            .filter(|(at, _)| !expr[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
        {
            let rest = expr[at..].split_once('(').map_or("", |(_, rest)| rest);
            let (by, inside) = if expr[at..].starts_with("sum by (") {
                let (by, rest) = rest.split_once(") (").unwrap();
                (by, rest)
            } else {
                ("", rest)
            };
            let right_over_series = inside.starts_with("container_security_");
            assert!(!right_over_series || by.starts_with("job, instance, service_instance_id"), "{called}: {expr}");
        }
    }
}
