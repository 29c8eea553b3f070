//! The rules of Grafana's dashboard-linter, and our own.
//!
//! One rule differs: All is `.*` and not `.+`, for series without the label.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::generated::{all, called, panels};

fn variable<'a>(dashboard: &'a Value, name: &str) -> &'a Value {
    let mut list = dashboard["templating"]["list"].as_array().unwrap().iter();
    list.find(|variable| variable["name"] == name).unwrap_or_else(|| panic!("no variable {name}"))
}

/// Every value of this key, at any depth.
fn every<'a>(key: &str, json: &'a Value, found: &mut Vec<&'a Value>) {
    match json {
        Value::Object(object) => {
            found.extend(object.get(key));
            object.values().for_each(|value| every(key, value, found));
        }
        Value::Array(array) => array.iter().for_each(|value| every(key, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn there_are_six_dashboards_with_short_stable_addresses() {
    let uids: Vec<_> = all().iter().map(|(_, dashboard)| dashboard["uid"].as_str().unwrap().to_owned()).collect();
    // Links from elsewhere, such as runbooks, rely on these.
    assert_eq!(uids, ["cse-overview", "cse-cluster", "cse-images", "cse-posture", "cse-sensors", "cse-exporter"]);
    for (name, dashboard) in all() {
        assert_eq!(dashboard["uid"], format!("cse-{name}"));
        assert!(dashboard["title"].as_str().unwrap().starts_with("Container security / "), "{name}");
        assert!(!dashboard["description"].as_str().unwrap().is_empty(), "{name}");
        assert_eq!(dashboard["tags"], json!(["container-security"]), "{name}");
        assert_eq!(dashboard["editable"], false, "{name}");
        assert_eq!(dashboard["graphTooltip"], 1, "{name}: the crosshair is shared");
        // A dashboard with an id of some Grafana, or with inputs, cannot be provisioned.
        assert!(
            dashboard.get("id").is_none() && dashboard.get("__inputs").is_none() && dashboard.get("gnetId").is_none(),
            "{name}"
        );
    }
}

#[test]
fn dashboards_link_to_each_other_and_keep_the_chosen_values() {
    for (name, dashboard) in all() {
        let link = &dashboard["links"][0];
        assert_eq!(link["type"], "dashboards", "{name}");
        assert_eq!(link["tags"], dashboard["tags"], "{name}");
        assert_eq!((&link["includeVars"], &link["keepTime"]), (&json!(true), &json!(true)), "{name}");
    }
}

#[test]
fn there_is_one_data_source_and_it_can_be_chosen() {
    for (name, dashboard) in all() {
        let list = dashboard["templating"]["list"].as_array().unwrap();
        let sources: Vec<_> = list.iter().filter(|variable| variable["type"] == "datasource").collect();
        assert_eq!(sources.len(), 1, "{name}");
        assert_eq!(
            (&sources[0]["name"], &sources[0]["label"]),
            (&json!("datasource"), &json!("Data source")),
            "{name}"
        );
        assert_eq!(sources[0]["query"], "prometheus", "{name}");
        let mut found = Vec::new();
        every("datasource", &dashboard, &mut found);
        assert!(found.len() > 20, "{name}");
        for source in found {
            assert_eq!(*source, json!({ "type": "prometheus", "uid": "${datasource}" }), "{name}");
        }
    }
}

#[test]
fn one_some_or_all_can_be_chosen() {
    for (name, dashboard) in all() {
        assert_eq!(variable(&dashboard, "job")["label"], "Job");
        assert_eq!(variable(&dashboard, "instance")["label"], "Instance");
        for variable in dashboard["templating"]["list"].as_array().unwrap().iter().filter(|one| one["type"] == "query")
        {
            let called = format!("{name}: {}", variable["name"]);
            assert_eq!(variable["multi"], true, "{called}");
            assert_eq!(variable["includeAll"], true, "{called}");
            assert_eq!(variable["allValue"], ".*", "{called}");
            assert_eq!(variable["refresh"], 2, "{called}: queried again when the time range changes");
            assert_eq!(variable["current"]["value"], json!(["$__all"]), "{called}");
            assert!(!variable["description"].as_str().unwrap().is_empty(), "{called}");
        }
    }
}

#[test]
fn every_panel_has_a_short_title_and_a_description_that_opens_with_its_question() {
    for (name, dashboard) in all() {
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in panels(&dashboard) {
            let called = called(&name, panel);
            assert!(
                !panel["title"].as_str().unwrap().contains('?'),
                "{called}: the question belongs in the description"
            );
            assert!(titles.insert(panel["title"].to_string()), "{called} is duplicated");
            // At 1280 pixels a column has 53 of them; margins and the description's icon take 70, and a letter takes 7.
            let (letters, columns) =
                (panel["title"].as_str().unwrap().chars().count(), panel["gridPos"]["w"].as_u64().unwrap());
            assert!(letters as u64 <= (columns * 530 - 700) / 74, "{called} does not fit");
            let description = panel["description"].as_str().unwrap();
            let (question, answer) = description.split_once("? ").unwrap_or_default();
            assert!(
                !question.is_empty() && !question.contains('.'),
                "{called}: the description does not open with a question"
            );
            assert!(answer.ends_with('.'), "{called}: the description does not end with a sentence");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{called}: its id is duplicated");
        }
        for row in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] == "row") {
            assert!(ids.insert(row["id"].as_u64().unwrap()), "{name}: {}", row["title"]);
        }
    }
}

#[test]
fn every_number_has_a_unit_and_missing_data_is_shown_as_unknown() {
    for (name, dashboard) in all() {
        for panel in panels(&dashboard) {
            let called = called(&name, panel);
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!defaults["unit"].as_str().unwrap().is_empty(), "{called}");
            let words = defaults["noValue"].as_str().unwrap();
            assert!(words.chars().any(char::is_alphabetic), "{called}: {words:?} does not say that nothing is known");
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                assert!(
                    !expr.contains("vector(") && !expr.contains("or 0"),
                    "{called}: unknown must not be shown as zero"
                );
            }
        }
    }
}

#[test]
fn every_panel_has_queries_without_duplicates() {
    for (name, dashboard) in all() {
        for panel in panels(&dashboard) {
            let called = called(&name, panel);
            let targets = panel["targets"].as_array().unwrap();
            let letters: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
            assert!(!targets.is_empty() && letters.len() == targets.len(), "{called}");
            let one_answer = panel["type"] == "stat" || panel["type"] == "heatmap";
            assert!(!one_answer || targets.len() == 1, "{called}");
        }
    }
}

#[test]
fn links_keep_the_chosen_values_and_escape_names() {
    let mut seen = 0;
    let dashboards = all();
    for (name, dashboard) in &dashboards {
        let mut links = Vec::new();
        every("url", dashboard, &mut links);
        for url in links.into_iter().filter_map(Value::as_str).filter(|url| !url.is_empty()) {
            seen += 1;
            let (path, query) = url.split_once('?').unwrap();
            assert!(
                dashboards.iter().any(|(_, dashboard)| path == format!("/d/{}", dashboard["uid"].as_str().unwrap())),
                "{name}: {url}"
            );
            for kept in
                ["${datasource:queryparam}", "${job:queryparam}", "${instance:queryparam}", "${__url_time_range}"]
            {
                assert!(query.split('&').any(|part| part == kept), "{name}: {url}");
            }
            for part in query.split('&').filter(|part| part.starts_with("var-")) {
                assert!(part.ends_with(":percentencode}"), "{name}: {part}");
            }
        }
    }
    assert!(seen >= 3);
}
