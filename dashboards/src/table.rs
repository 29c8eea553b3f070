//! A table: one row for each thing, with its names first and then a number for each query.

use serde_json::{Value, json};

use crate::look::{self, CHANGE, Scale};
use crate::panel::{Kind, Panel};
use crate::query::change_or_unknown;

/// A column of a table.
pub(crate) struct Column {
    field: Field,
    name: String,
    properties: Vec<(&'static str, Value)>,
}

enum Field {
    Label(String),
    Answer(String),
}

impl Column {
    /// The values of a label.
    pub(crate) fn label(label: &str, name: &str) -> Self {
        // The text for a panel without data does not apply to an empty name; and an ID of digits is not a number.
        let properties = vec![("noValue", json!("")), ("unit", json!("string"))];
        Self { field: Field::Label(label.to_owned()), name: name.to_owned(), properties }
    }

    /// A number, and the query for it.
    pub(crate) fn answer(expr: &str, name: &str) -> Self {
        let properties = vec![("noValue", json!("–")), ("mappings", json!([look::not_known(), look::no_result()]))];
        Self { field: Field::Answer(expr.to_owned()), name: name.to_owned(), properties }
    }

    /// The change of a count over a time, or a mark that it is unknown.
    pub(crate) fn change(by: &[&str], selector: &str, collectors: &str, ago: &str, name: &str) -> Self {
        Self::answer(&change_or_unknown(by, selector, collectors, ago), name).scale(CHANGE)
    }

    /// The unit of its numbers.
    pub(crate) fn unit(self, unit: &str) -> Self {
        self.with("unit", json!(unit))
    }

    /// Colours its numbers.
    pub(crate) fn scale(self, scale: Scale) -> Self {
        self.with("thresholds", look::thresholds(scale)).with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    /// Draws its numbers as bars, from zero to the highest.
    pub(crate) fn bar(self, scale: Scale) -> Self {
        let cell = json!({ "type": "gauge", "mode": "basic", "valueDisplayMode": "text" });
        self.with("thresholds", look::thresholds(scale)).with("custom.cellOptions", cell).with("min", json!(0))
    }

    /// Its width in pixels; columns without one share the rest.
    pub(crate) fn width(self, pixels: u64) -> Self {
        self.with("custom.width", json!(pixels))
    }

    /// Shows 1 and 0 as words.
    pub(crate) fn yes_no(self) -> Self {
        self.with("mappings", json!([look::yes_no(), look::no_result()]))
    }

    /// The text for an empty name. Not for a column that another column's link reads: a link uses the displayed text,
    /// and the raw value only in its own column.
    pub(crate) fn empty_is(self, text: &str) -> Self {
        self.with("mappings", json!([look::empty_is(text)]))
    }

    /// Links its values.
    pub(crate) fn link(self, title: &str, url: &str) -> Self {
        self.with("links", json!([{ "title": title, "url": url, "targetBlank": false }]))
    }

    fn with(mut self, id: &'static str, value: Value) -> Self {
        self.properties.retain(|(other, _)| *other != id);
        self.properties.push((id, value));
        self
    }
}

/// A table, sorted by one of its columns: numbers highest first, names in order.
pub(crate) fn table(width: u64, title: &str, description: &str, sorted_by: &str, columns: Vec<Column>) -> Panel {
    let by_number = columns.iter().any(|column| column.name == sorted_by && matches!(column.field, Field::Answer(_)));
    let options = json!({
        "cellHeight": "sm", "showHeader": true, "sortBy": [{ "displayName": sorted_by, "desc": by_number }],
    });
    let mut panel = Panel::new(Kind::Table, width, title, description, options);
    panel.defaults["custom"] =
        json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "minWidth": 60 });
    panel.defaults["color"] = json!({ "mode": "thresholds" });
    // The length of a bar is relative to the highest value of its column.
    panel.defaults["fieldMinMax"] = json!(true);
    let alone = columns.iter().filter(|column| matches!(column.field, Field::Answer(_))).count() == 1;
    let mut order = serde_json::Map::new();
    for (at, Column { field, name, properties }) in columns.into_iter().enumerate() {
        let field = match field {
            Field::Label(label) => label,
            Field::Answer(expr) => {
                panel = panel.ask(&expr, "");
                let letter = panel.targets.last().and_then(|target| target["refId"].as_str()).unwrap_or_default();
                if alone { "Value".to_owned() } else { format!("Value #{letter}") }
            }
        };
        let mut properties = properties;
        properties.insert(0, ("displayName", json!(name)));
        panel.overrides.push(look::of_field(&field, &properties));
        order.insert(field, json!(at));
    }
    if !alone {
        panel.transformations.push(json!({ "id": "merge", "options": {} }));
    }
    panel.transformations.push(json!({
        "id": "organize",
        "options": { "excludeByName": { "Time": true }, "indexByName": order, "renameByName": {} },
    }));
    panel
}
