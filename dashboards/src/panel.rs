//! A panel: the question that it answers, what it asks, and how it draws the answer.
//!
//! Numbers of the present are asked for as of now: over a range, the last value of a family that has been withdrawn
//! would still be shown as if it held.

use serde_json::{Value, json};

use crate::look::{self, Colours, Scale};

/// How a panel draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Stat,
    Lines,
    Table,
    Heat,
}

/// A panel that has no place yet.
pub(crate) struct Panel {
    pub(crate) kind: Kind,
    title: String,
    description: String,
    width: u64,
    pub(crate) targets: Vec<Value>,
    pub(crate) defaults: Value,
    pub(crate) options: Value,
    pub(crate) overrides: Vec<Value>,
    pub(crate) transformations: Vec<Value>,
}

impl Panel {
    pub(crate) fn new(kind: Kind, width: u64, title: &str, description: &str, options: Value) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            description: description.to_owned(),
            width,
            targets: Vec::new(),
            defaults: json!({ "unit": "locale", "noValue": "Nothing is known", "mappings": [] }),
            options,
            overrides: Vec::new(),
            transformations: Vec::new(),
        }
        .scale(look::PLAIN)
    }

    /// A number of the present.
    pub(crate) fn stat(width: u64, title: &str, description: &str) -> Self {
        let options = json!({
            "colorMode": "value", "graphMode": "none", "justifyMode": "center", "orientation": "auto",
            "percentChangeColorMode": "standard", "showPercentChange": false, "textMode": "auto", "wideLayout": true,
            "reduceOptions": last(),
        });
        Self::new(Kind::Stat, width, title, description, options).no_data("not known").mode("thresholds")
    }

    /// Numbers over time.
    pub(crate) fn lines(width: u64, title: &str, description: &str) -> Self {
        let options = json!({
            "legend": { "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        });
        let mut panel = Self::new(Kind::Lines, width, title, description, options).mode("palette-classic");
        panel.defaults["unit"] = json!("short");
        panel.defaults["min"] = json!(0);
        panel.defaults["custom"] = json!({
            "axisBorderShow": false, "axisCenteredZero": false, "axisColorMode": "text", "axisLabel": "",
            "axisPlacement": "auto", "barAlignment": 0, "drawStyle": "line", "fillOpacity": 0, "gradientMode": "none",
            "hideFrom": { "legend": false, "tooltip": false, "viz": false }, "insertNulls": false,
            "lineInterpolation": "linear", "lineWidth": 2, "pointSize": 4, "scaleDistribution": { "type": "linear" },
            "showPoints": "auto", "spanNulls": false, "stacking": { "group": "A", "mode": "none" },
            "thresholdsStyle": { "mode": "off" },
        });
        panel
    }

    /// How a duration is distributed, over time.
    pub(crate) fn heat(width: u64, title: &str, description: &str) -> Self {
        let options = json!({
            "calculate": false, "cellGap": 1, "cellValues": { "unit": "reqps" },
            "color": { "exponent": 0.5, "fill": look::LOW, "mode": "scheme", "reverse": true, "scale": "exponential",
                       "scheme": "Viridis", "steps": 64 },
            "exemplars": { "color": look::UNKNOWN }, "filterValues": { "le": 1e-9 }, "legend": { "show": true },
            "rowsFrame": { "layout": "auto" }, "showValue": "never",
            "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": false },
            "yAxis": { "axisPlacement": "left", "reverse": false, "unit": "s" },
        });
        let mut panel = Self::new(Kind::Heat, width, title, description, options).mode("palette-classic").unit("s");
        panel.defaults["custom"] = json!({ "hideFrom": { "legend": false, "tooltip": false, "viz": false }, "scaleDistribution": { "type": "linear" } });
        panel
    }

    /// Asks, as the kind of panel asks; the answer's series are named so.
    pub(crate) fn ask(mut self, expr: &str, legend: &str) -> Self {
        let over_time = matches!(self.kind, Kind::Lines | Kind::Heat);
        let format = match self.kind {
            Kind::Table => "table",
            Kind::Heat => "heatmap",
            Kind::Stat | Kind::Lines => "time_series",
        };
        let mut target = json!({
            "datasource": datasource(), "editorMode": "code", "expr": expr, "format": format,
            "instant": !over_time, "legendFormat": legend, "range": over_time, "refId": letter(self.targets.len()),
        });
        // $__rate_interval is then four minutes or more: room for those who scrape, or are pushed to, once a minute.
        if expr.contains("$__rate_interval") {
            target["interval"] = json!("1m");
        }
        self.targets.push(target);
        self
    }

    /// The unit of its numbers.
    pub(crate) fn unit(mut self, unit: &str) -> Self {
        self.defaults["unit"] = json!(unit);
        self
    }

    /// How many digits its numbers have after the point.
    pub(crate) fn decimals(mut self, decimals: u64) -> Self {
        self.defaults["decimals"] = json!(decimals);
        self
    }

    /// The highest that its numbers can be.
    pub(crate) fn up_to(mut self, max: f64) -> Self {
        self.defaults["max"] = json!(max);
        self
    }

    /// What is shown without data.
    pub(crate) fn no_data(mut self, text: &str) -> Self {
        self.defaults["noValue"] = json!(text);
        self
    }

    /// The colours of its numbers, by their height.
    pub(crate) fn scale(mut self, scale: Scale) -> Self {
        self.defaults["thresholds"] = look::thresholds(scale);
        self
    }

    /// The colours of its series, by their names.
    pub(crate) fn colours(mut self, colours: Colours) -> Self {
        self.overrides.extend(look::fixed(colours));
        self
    }

    /// Lines that are stacked.
    pub(crate) fn stacked(mut self) -> Self {
        self.defaults["custom"]["stacking"]["mode"] = json!("normal");
        self.defaults["custom"]["fillOpacity"] = json!(60);
        self.defaults["custom"]["lineWidth"] = json!(1);
        self
    }

    /// The colour of each height is drawn as a line across.
    pub(crate) fn with_limits(mut self, scale: Scale) -> Self {
        self.defaults["custom"]["thresholdsStyle"] = json!({ "mode": "dashed" });
        self.scale(scale)
    }

    /// The highest that its axis ends at when nothing is higher.
    pub(crate) fn at_least(mut self, max: f64) -> Self {
        self.defaults["custom"]["axisSoftMax"] = json!(max);
        self
    }

    /// The legend as names only, where there are many long ones.
    pub(crate) fn names_only(mut self) -> Self {
        self.options["legend"]["displayMode"] = json!("list");
        self.options["legend"]["calcs"] = json!([]);
        self
    }

    /// The legend beside the lines, where there is room.
    pub(crate) fn legend_beside(mut self) -> Self {
        self.options["legend"]["placement"] = json!("right");
        self
    }

    fn mode(mut self, mode: &str) -> Self {
        self.defaults["color"] = json!({ "mode": mode });
        self
    }

    /// How many of the 24 columns it takes.
    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The panel with its number and place.
    pub(crate) fn json(&self, id: u64, [x, y, h]: [u64; 3]) -> Value {
        let kind = match self.kind {
            Kind::Stat => "stat",
            Kind::Lines => "timeseries",
            Kind::Table => "table",
            Kind::Heat => "heatmap",
        };
        let mut panel = json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": h },
            "fieldConfig": { "defaults": self.defaults, "overrides": self.overrides },
            "options": self.options,
            "targets": self.targets,
        });
        if !self.transformations.is_empty() {
            panel["transformations"] = json!(self.transformations);
        }
        panel
    }
}

/// The data source that the dashboard's variable names.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn last() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

/// A, B, C: what Grafana calls a panel's questions.
fn letter(at: usize) -> String {
    ('A'..='Z').nth(at).expect("no panel asks more than 26 questions").to_string()
}
