//! Generates the dashboards: `cargo run -p dashboards` writes `dashboards/*.json` from this crate, and the
//! `PrometheusRule` from the plain rule files.
//!
//! They are generated because six dashboards of hand-written JSON diverge: here they share one look ([`look`],
//! [`panel`]) and one way to count ([`query`]), a dashboard reads as the questions it answers, and tests check every
//! query against the catalog of metrics. The JSON is checked in for importing; a test keeps it up to date.

use std::path::{Path, PathBuf};

mod dashboard;
pub mod look;
mod panel;
mod query;
mod table;

mod cluster;
mod exporter;
mod images;
mod overview;
mod posture;
mod rules;
mod sensors;
mod strip;

use dashboard::Dashboard;

/// Every dashboard, in the order in which they are linked.
fn dashboards() -> [Dashboard; 6] {
    [
        overview::dashboard(),
        cluster::dashboard(),
        images::dashboard(),
        posture::dashboard(),
        sensors::dashboard(),
        exporter::dashboard(),
    ]
}

/// The output folder, which is this crate's own.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every generated file: its path and its contents.
pub fn files() -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut files: Vec<_> = dashboards()
        .iter()
        .map(|dashboard| (folder().join(dashboard.file_name()), format!("{:#}\n", dashboard.json())))
        .collect();
    files.push(rules::prometheus_rule(&folder().join("rules"))?);
    Ok(files)
}
