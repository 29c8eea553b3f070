//! A dashboard: its variables, its links, and its panels in rows of 24 columns.

use serde_json::{Value, json};

use crate::look::UNKNOWN;
use crate::panel::{Panel, datasource};
use crate::query::{CLUSTER, highest, of, own};

/// The tag that all dashboards share, and by which they link to each other.
const TAG: &str = "container-security";

/// A dashboard.
pub(crate) struct Dashboard {
    /// The stable id in links.
    pub(crate) uid: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// Its purpose.
    pub(crate) description: &'static str,
    /// The start of the initial time range.
    pub(crate) from: &'static str,
    /// The refresh interval.
    pub(crate) refresh: &'static str,
    /// Its variables besides those for exporters.
    pub(crate) narrowed_by: &'static [Narrow],
    /// Its sections.
    pub(crate) sections: Vec<Section>,
}

/// A variable of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Narrow {
    /// Vendor accounts.
    Source,
    /// Clusters.
    Cluster,
    /// Namespaces.
    Namespace,
}

/// Rows of panels.
#[derive(Default)]
pub(crate) struct Section {
    title: Option<&'static str>,
    collapsed: bool,
    rows: Vec<(u64, Vec<Panel>)>,
}

impl Section {
    /// The rows on top, without a title.
    pub(crate) fn top() -> Self {
        Self::default()
    }

    /// Rows below a title.
    pub(crate) fn titled(title: &'static str) -> Self {
        Self { title: Some(title), ..Self::default() }
    }

    /// Rows that are shown when their title is clicked.
    pub(crate) fn collapsed(title: &'static str) -> Self {
        Self { title: Some(title), collapsed: true, ..Self::default() }
    }

    /// A row of panels of this height.
    pub(crate) fn row(mut self, height: u64, panels: impl Into<Vec<Panel>>) -> Self {
        self.rows.push((height, panels.into()));
        self
    }
}

/// Annotations on every panel over time where a source's data was incomplete or missing: sums over sources drop then,
/// which is not an improvement.
fn missing() -> Value {
    let complete = highest(&["source", "collector"], &of("collector_complete", &[]));
    json!({
        "datasource": datasource(),
        "enable": true,
        "expr": format!("{complete} == 0"),
        "hide": false,
        "iconColor": UNKNOWN,
        "name": "Data missing",
        "step": "5m",
        "titleFormat": "{{source}} {{collector}}: data incomplete",
    })
}

impl Dashboard {
    /// The name of its JSON file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.json", self.uid.trim_start_matches("cse-"))
    }

    /// The dashboard in Grafana's format.
    pub(crate) fn json(&self) -> Value {
        json!({
            "annotations": { "list": [missing()] },
            "description": self.description,
            "editable": false,
            "fiscalYearStartMonth": 0,
            // A shared crosshair shows what happened at the same time.
            "graphTooltip": 1,
            "links": [{
                "asDropdown": false, "icon": "external link", "includeVars": true, "keepTime": true, "tags": [TAG],
                "targetBlank": false, "title": "Container security", "tooltip": "", "type": "dashboards", "url": "",
            }],
            "panels": self.panels(),
            "preload": false,
            "refresh": self.refresh,
            "schemaVersion": 39,
            "tags": [TAG],
            "templating": { "list": self.variables() },
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "title": format!("Container security / {}", self.title),
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut panels, mut y, mut id) = (Vec::new(), 0, 0);
        let mut next = || {
            id += 1;
            id
        };
        for section in &self.sections {
            let title = section.title.map(|title| {
                let place = json!({ "x": 0, "y": y, "w": 24, "h": 1 });
                y += 1;
                json!({ "id": next(), "type": "row", "title": title, "collapsed": section.collapsed, "gridPos": place, "panels": [] })
            });
            let mut inside = Vec::new();
            for (height, row) in &section.rows {
                let mut x = 0;
                for panel in row {
                    inside.push(panel.json(next(), [x, y, *height]));
                    x += panel.width();
                }
                y += height;
            }
            match title {
                Some(mut title) if section.collapsed => {
                    title["panels"] = json!(inside);
                    panels.push(title);
                }
                Some(title) => {
                    panels.push(title);
                    panels.extend(inside);
                }
                None => panels.extend(inside),
            }
        }
        panels
    }

    fn variables(&self) -> Vec<Value> {
        let mut variables = vec![
            json!({
                "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
                "description": "Prometheus, or what answers its queries.", "current": {}, "hide": 0, "includeAll": false,
                "multi": false, "options": [], "refresh": 1, "regex": "", "skipUrlSync": false,
            }),
            variable(
                "job",
                "Job",
                "Scrape jobs; none where data came by OTLP to a receiver that makes none.",
                "label_values(container_security_exporter_build_info, job)",
            ),
            variable(
                "instance",
                "Instance",
                "Exporters. Replicas of one are not added up.",
                "label_values(container_security_exporter_build_info{job=~\"$job\"}, instance)",
            ),
        ];
        variables.extend(self.narrowed_by.iter().map(|narrow| match narrow {
            Narrow::Source => variable(
                "source",
                "Source",
                "Vendor accounts. They are added up: choose one where two of them watch the same containers.",
                &format!("label_values({}, source)", own("source_info", &[])),
            ),
            Narrow::Cluster => variable(
                "cluster",
                "Cluster",
                "Kubernetes clusters. Containers without one are in All only.",
                &format!("label_values({}, k8s_cluster_name)", of("containers", &[])),
            ),
            Narrow::Namespace => variable(
                "namespace",
                "Namespace",
                "Kubernetes namespaces of the chosen clusters. Containers without one are in All only.",
                &format!("label_values({}, k8s_namespace_name)", of("containers", &[CLUSTER])),
            ),
        }));
        variables
    }
}

/// A variable with one, some or all values chosen. All is `.*` and not a list, so that it matches series without the
/// label as well.
fn variable(name: &str, label: &str, description: &str, query: &str) -> Value {
    json!({
        "name": name, "label": label, "description": description, "type": "query", "datasource": datasource(),
        "query": { "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1 }, "definition": query,
        "allValue": ".*", "includeAll": true, "multi": true, "refresh": 2, "sort": 1, "regex": "",
        "current": { "text": ["All"], "value": ["$__all"] }, "hide": 0, "options": [], "skipUrlSync": false,
    })
}

/// The URL of the cluster and namespace dashboard, for the source in a table row.
pub(crate) fn to_cluster(place: &str) -> String {
    format!(
        "/d/cse-cluster?${{datasource:queryparam}}&${{job:queryparam}}&${{instance:queryparam}}\
         &var-source=${{__data.fields.source:percentencode}}&{place}&${{__url_time_range}}"
    )
}
