//! Where the dashboards come from: `cargo run -p dashboards` writes `dashboards/*.json` from this crate, and the
//! `PrometheusRule` from the plain rule files.
//!
//! They are generated because six dashboards of hand-kept JSON drift: here one look ([`look`], [`panel`]) and one way to
//! count ([`query`]) serve all of them, a dashboard reads as the questions it answers, and the tests hold every query to the
//! catalog of metrics. The JSON is checked in, for those who only import it; a test holds it to what is written here.

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

/// The folder that all is written to: this crate's own.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is generated: where it belongs, and what is in it.
pub fn files() -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut files: Vec<_> = dashboards()
        .iter()
        .map(|dashboard| (folder().join(dashboard.file_name()), format!("{:#}\n", dashboard.json())))
        .collect();
    files.push(rules::prometheus_rule(&folder().join("rules"))?);
    Ok(files)
}
