//! The metric reference, in Markdown, from the catalog.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalog;
use crate::metric::{LabelSets, Metric};
use crate::record::Vendor;

/// The reference of every metric and label.
pub fn write() -> String {
    let mut out = "# Metrics\n\n\
        Written by `container-security-exporter metrics`; do not edit.\n\n\
        ‹group› stands for the labels that `containers.group_by` and `containers.promote_labels` choose, ‹image group› for\n\
        those that `images.group_by` chooses.\n\n\
        | Metric | Type | Unit | Labels | Meaning |\n| --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mut labels = BTreeMap::new();
    for metric in catalog::all() {
        let names: Vec<String> = metric
            .labels()
            .into_iter()
            .map(|label| {
                let Some(label) = label else {
                    return metric.group().unwrap_or_default().to_owned();
                };
                labels.insert(label.name, label.help);
                format!("`{}`", label.name)
            })
            .collect();
        let unit = metric.unit().ucum();
        let unit = if unit.is_empty() { String::new() } else { format!("`{unit}`") };
        // Writing to a string does not fail.
        _ = writeln!(
            out,
            "| `{}` | {} | {unit} | {} | {}.{} |",
            metric.name(),
            metric.kind().as_str(),
            names.join(", "),
            metric.help(),
            closed_values(metric),
        );
    }
    out += "\n## Labels\n\n| Label | Meaning |\n| --- | --- |\n";
    for (name, help) in labels {
        _ = writeln!(out, "| `{name}` | {help} |");
    }
    out += "\n## Labels that group containers\n\n\
        Every family with ‹group› has `source`, `state`, and of these the ones that the configuration chooses.\n\n\
        | Label | Meaning |\n| --- | --- |\n";
    for label in catalog::choices() {
        _ = writeln!(out, "| `{}` | {} |", label.name, label.help);
    }
    out += "| `label_<key>` | a container's or pod's label that `containers.promote_labels` names |\n";
    out += "\n## Labels that group images\n\n\
        Every family with ‹image group› has `source`, `in_use`, and of these the ones that the configuration chooses.\n\n\
        | Label | Meaning |\n| --- | --- |\n";
    for label in catalog::image_choices() {
        _ = writeln!(out, "| `{}` | {} |", label.name, label.help);
    }
    out
}

/// The values of a family's closed labels, each of which is always shown; by vendor, where vendors differ.
fn closed_values(metric: &dyn Metric) -> String {
    let of_vendors = Vendor::ALL.map(|vendor| metric.label_sets(Some(vendor)).map(values));
    let [Some(first), others @ ..] = &of_vendors else {
        return by_vendor(&of_vendors);
    };
    if others.iter().all(|other| other.as_ref() == Some(first)) { format!(" {first}") } else { by_vendor(&of_vendors) }
}

fn by_vendor(values: &[Option<String>]) -> String {
    let listed = Vendor::ALL.iter().zip(values).filter_map(|(vendor, values)| Some((vendor, values.as_ref()?)));
    listed.map(|(vendor, values)| format!(" ({}) {values}", vendor.as_str())).collect::<Vec<_>>().join(";")
}

fn values(sets: &LabelSets) -> String {
    let names: Vec<_> = sets.labels.iter().map(|label| format!("`{}`", label.name)).collect();
    let values: Vec<_> = sets.values.iter().map(|values| format!("`{}`", values.join("`/`"))).collect();
    format!("{}: {}", names.join("/"), values.join(", ").replace("``", "empty"))
}
