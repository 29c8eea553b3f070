//! A table: one row for each thing, its names first and then a number for each question.

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
        // What is shown for a panel without any data is not what an empty name means; and an ID of digits is not a number.
        let properties = vec![("noValue", json!("")), ("unit", json!("string"))];
        Self { field: Field::Label(label.to_owned()), name: name.to_owned(), properties }
    }

    /// A number, and the question that it answers.
    pub(crate) fn answer(expr: &str, name: &str) -> Self {
        let properties = vec![("noValue", json!("–")), ("mappings", json!([look::not_known(), look::not_told()]))];
        Self { field: Field::Answer(expr.to_owned()), name: name.to_owned(), properties }
    }

    /// How many more or fewer than a while ago, of sources of which both ends are known, or that this is not known.
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

    /// Draws its numbers as bars, from nothing to the highest.
    pub(crate) fn bar(self, scale: Scale) -> Self {
        let cell = json!({ "type": "gauge", "mode": "basic", "valueDisplayMode": "text" });
        self.with("thresholds", look::thresholds(scale)).with("custom.cellOptions", cell).with("min", json!(0))
    }

    /// Its width in pixels; the rest is shared by those without.
    pub(crate) fn width(self, pixels: u64) -> Self {
        self.with("custom.width", json!(pixels))
    }

    /// What 1 and 0 are called.
    pub(crate) fn yes_no(self) -> Self {
        self.with("mappings", json!([look::yes_no(), look::not_told()]))
    }

    /// What is shown for a name that is empty. Not for a column that another one's link reads: a link is made of what is
    /// shown there, and of the raw value only in the column itself.
    pub(crate) fn empty_is(self, text: &str) -> Self {
        self.with("mappings", json!([look::empty_is(text)]))
    }

    /// Where its values lead.
    pub(crate) fn link(self, title: &str, url: &str) -> Self {
        self.with("links", json!([{ "title": title, "url": url, "targetBlank": false }]))
    }

    fn with(mut self, id: &'static str, value: Value) -> Self {
        self.properties.retain(|(other, _)| *other != id);
        self.properties.push((id, value));
        self
    }
}

/// A table, sorted by one of its columns: by a number the highest come first, by a name they come in order.
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
