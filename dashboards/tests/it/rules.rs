//! The rule files: their expressions, and their form for the Prometheus operator.

use std::fs;

use saphyr::{LoadableYamlNode as _, Yaml};

/// A rule in the plain files.
pub(crate) struct Rule {
    /// The recorded name, or the alert.
    pub(crate) name: String,
    /// Whether it is a recording rule.
    pub(crate) is_recorded: bool,
    /// Its expression.
    pub(crate) expr: String,
}

const PLAIN: [&str; 2] = ["recording-rules.yaml", "alerts.yaml"];

fn text(name: &str) -> String {
    fs::read_to_string(dashboards::folder().join("rules").join(name)).unwrap()
}

fn groups<'a>(document: &'a Yaml<'a>) -> &'a [Yaml<'a>] {
    document["groups"].as_sequence().unwrap()
}

/// Every rule in the plain files.
pub(crate) fn all() -> Vec<Rule> {
    let mut rules = Vec::new();
    for text in PLAIN.map(text) {
        let documents = Yaml::load_from_str(&text).unwrap();
        for rule in groups(&documents[0]).iter().flat_map(|group| group["rules"].as_sequence().unwrap()) {
            let name = |key: &str| rule.as_mapping_get(key).and_then(Yaml::as_str).map(str::to_owned);
            let (recorded, alert, expr) = (name("record"), name("alert"), name("expr"));
            let is_recorded = recorded.is_some();
            rules.push(Rule { name: recorded.or(alert).unwrap(), is_recorded, expr: expr.unwrap() });
        }
    }
    rules
}

#[test]
fn the_operator_gets_the_same_groups() {
    let generated = text("prometheusrule.yaml");
    let generated = Yaml::load_from_str(&generated).unwrap();
    let [generated] = &generated[..] else { panic!("one document") };
    assert_eq!(generated["kind"].as_str(), Some("PrometheusRule"));
    let plain = PLAIN.map(text);
    let plain: Vec<_> = plain.iter().map(|text| Yaml::load_from_str(text).unwrap()).collect();
    let groups_of_all: Vec<_> = plain.iter().flat_map(|documents| groups(&documents[0])).collect();
    let moved: Vec<_> = generated["spec"]["groups"].as_sequence().unwrap().iter().collect();
    assert_eq!(moved, groups_of_all);
}
