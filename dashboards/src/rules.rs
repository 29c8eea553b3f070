//! The `PrometheusRule` for the Prometheus operator: the plain rule files, moved under its header unchanged.

use std::fmt::Write as _;
use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# Written by `cargo run -p dashboards` from recording-rules.yaml and alerts.yaml; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: container-security-exporter
  labels:
    app.kubernetes.io/name: container-security-exporter
spec:
  groups:
";

/// The plain rule files, in the order of their groups.
const PLAIN: [&str; 2] = ["recording-rules.yaml", "alerts.yaml"];

/// The `PrometheusRule` of a folder's plain rule files.
pub(crate) fn prometheus_rule(folder: &Path) -> Result<(PathBuf, String)> {
    let mut rule = HEAD.to_owned();
    for name in PLAIN {
        let path = folder.join(name);
        groups(&fs::read_to_string(&path)?, &mut rule)
            .map_err(|reason| Error::new(ErrorKind::InvalidData, format!("{}: {reason}", path.display())))?;
    }
    Ok((folder.join("prometheusrule.yaml"), rule))
}

/// Moves the contents of `groups:` to their place under `spec`, whatever their indentation. Comments before them are
/// about the file.
fn groups(text: &str, rule: &mut String) -> std::result::Result<(), &'static str> {
    let (before, groups) = text.split_once("groups:\n").ok_or("`groups:` is missing")?;
    if before.lines().any(|line| !line.is_empty() && !line.starts_with('#') && line != "---") {
        return Err("`groups:` must be the only key");
    }
    let first = groups.lines().find(|line| line.trim_start().starts_with("- ")).ok_or("there are no groups")?;
    let indent = first.len() - first.trim_start().len();
    for line in groups.lines() {
        let line = line.get(indent..).filter(|_| line[..indent].trim().is_empty()).unwrap_or(line.trim_start());
        // Writing to a string does not fail.
        _ = if line.is_empty() { writeln!(rule) } else { writeln!(rule, "    {line}") };
    }
    Ok(())
}
