//! A panel: the question that it answers, its queries, and how it draws the results.
//!
//! Current numbers are queried at the current time: over a range, the last value of a withdrawn family would still be
//! shown as current.

use serde_json::{Value, json};

use crate::look::{self, Colours, Scale};

/// The way a panel draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Stat,
    Lines,
    Table,
    Heat,
}

/// A panel without a position.
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

    /// A current number.
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

    /// The distribution of a duration over time.
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

    /// Adds a query in the mode of the panel's kind, with a legend for its series.
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
        // $__rate_interval is then at least four minutes, enough for scrapes or pushes once a minute.
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

    /// The number of decimals.
    pub(crate) fn decimals(mut self, decimals: u64) -> Self {
        self.defaults["decimals"] = json!(decimals);
        self
    }

    /// The maximum of its numbers.
    pub(crate) fn up_to(mut self, max: f64) -> Self {
        self.defaults["max"] = json!(max);
        self
    }

    /// The text without data.
    pub(crate) fn no_data(mut self, text: &str) -> Self {
        self.defaults["noValue"] = json!(text);
        self
    }

    /// Colours its numbers by their value.
    pub(crate) fn scale(mut self, scale: Scale) -> Self {
        self.defaults["thresholds"] = look::thresholds(scale);
        self
    }

    /// Colours its series by their names.
    pub(crate) fn colours(mut self, colours: Colours) -> Self {
        self.overrides.extend(look::fixed(colours));
        self
    }

    /// Stacks its lines.
    pub(crate) fn stacked(mut self) -> Self {
        self.defaults["custom"]["stacking"]["mode"] = json!("normal");
        self.defaults["custom"]["fillOpacity"] = json!(60);
        self.defaults["custom"]["lineWidth"] = json!(1);
        self
    }

    /// Draws the bound of each colour as a line across.
    pub(crate) fn with_limits(mut self, scale: Scale) -> Self {
        self.defaults["custom"]["thresholdsStyle"] = json!({ "mode": "dashed" });
        self.scale(scale)
    }

    /// The minimum upper end of its axis.
    pub(crate) fn at_least(mut self, max: f64) -> Self {
        self.defaults["custom"]["axisSoftMax"] = json!(max);
        self
    }

    /// Shows only names in the legend, for many long ones.
    pub(crate) fn names_only(mut self) -> Self {
        self.options["legend"]["displayMode"] = json!("list");
        self.options["legend"]["calcs"] = json!([]);
        self
    }

    /// Puts the legend beside the lines, where there is room.
    pub(crate) fn legend_beside(mut self) -> Self {
        self.options["legend"]["placement"] = json!("right");
        self
    }

    fn mode(mut self, mode: &str) -> Self {
        self.defaults["color"] = json!({ "mode": mode });
        self
    }

    /// Its width in columns, of 24.
    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The panel's JSON, with an id and a position.
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

/// The data source chosen by the dashboard's variable.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn last() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

/// A, B, C: Grafana's ids of a panel's queries.
fn letter(at: usize) -> String {
    ('A'..='Z').nth(at).expect("no panel asks more than 26 questions").to_string()
}
