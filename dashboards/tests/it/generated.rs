//! The generated dashboards, to look at.

use serde_json::Value;

/// A dashboard's file name without its end, and what is in it.
pub(crate) fn all() -> Vec<(String, Value)> {
    let files = dashboards::files().unwrap();
    let dashboards = files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "json"));
    dashboards
        .map(|(path, content)| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(content).unwrap())
        })
        .collect()
}

/// Every panel of a dashboard that asks something, those in collapsed rows too.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().unwrap();
    let inside = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
    top.iter().filter(|panel| panel["type"] != "row").chain(inside).collect()
}

/// A panel as failures name it.
pub(crate) fn called(dashboard: &str, panel: &Value) -> String {
    format!("{dashboard}: {}", panel["title"].as_str().unwrap_or("a panel without title"))
}

/// Every question of every panel: as failures name it, the panel, the question, and its expression.
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
    assert!(questions.len() > 100, "dashboards ask something");
    questions
}

/// Every query of every variable, as failures name it: the series that it looks at, and the label it lists.
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
