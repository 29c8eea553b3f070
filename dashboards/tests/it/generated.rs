//! Access to the generated dashboards.

use serde_json::Value;

/// A dashboard's file name without its extension, and its contents.
pub(crate) fn all() -> Vec<(String, Value)> {
    let files = dashboards::files().unwrap();
    let dashboards = files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "json"));
    dashboards
        .map(|(path, content)| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(content).unwrap())
        })
        .collect()
}

/// Every panel of a dashboard with queries, including those in collapsed rows.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().unwrap();
    let inside = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
    top.iter().filter(|panel| panel["type"] != "row").chain(inside).collect()
}

/// A panel's name in failures.
pub(crate) fn called(dashboard: &str, panel: &Value) -> String {
    format!("{dashboard}: {}", panel["title"].as_str().unwrap_or("a panel without title"))
}

/// Every query of every panel: its name in failures, the panel, the query, and its expression.
pub(crate) fn questions(dashboards: &[(String, Value)]) -> Vec<(String, &Value, &Value, &str)> {
    let mut questions = Vec::new();
    for (name, dashboard) in dashboards {
        for panel in panels(dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let reference = target["refId"].as_str().unwrap();
                let expr = target["expr"].as_str().unwrap();
                questions.push((format!("{} {reference}", called(name, panel)), panel, target, expr));
            }
        }
    }
    assert!(questions.len() > 100, "dashboards have queries");
    questions
}

/// Every query of every variable: its name in failures, the series it selects, and the label it lists.
pub(crate) fn variables(dashboards: &[(String, Value)]) -> Vec<(String, String, String)> {
    let mut variables = Vec::new();
    for (name, dashboard) in dashboards {
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "query" {
                let query = variable["query"]["query"].as_str().unwrap();
                let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
                let (series, label) = inside.unwrap().rsplit_once(", ").unwrap();
                let called = format!("{name}: variable {}", variable["name"].as_str().unwrap());
                variables.push((called, series.to_owned(), label.to_owned()));
            }
        }
    }
    variables
}
