//! THE TABLE: every metric and every label of this exporter.
//!
//! To add a metric, add a row to the file of its subject; to give it a label, add a column to its row. Every output,
//! the reference and the checks of dashboards and rules are loops over [`all`]. [`crate::metric`] defines the meaning
//! of a row.

use crate::metric::{Label, Metric};

mod console;
mod containers;
mod exporter;
mod governance;
mod images;
mod label;
mod label_sets;
mod posture;
mod sensors;
mod settings;

pub use settings::{Containers, Images, Limits, Sensors, resolve};

/// Every metric, in display order.
pub fn all() -> impl Iterator<Item = &'static dyn Metric> {
    [
        containers::FAMILIES,
        images::FAMILIES,
        sensors::FAMILIES,
        posture::FAMILIES,
        governance::FAMILIES,
        console::FAMILIES,
        exporter::FAMILIES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The labels that `containers.group_by` may name.
pub fn choices() -> impl Iterator<Item = &'static Label> {
    containers::CHOICES.iter().map(|(label, ..)| *label)
}

/// The labels that `images.group_by` may name.
pub fn image_choices() -> impl Iterator<Item = &'static Label> {
    images::CHOICES.iter().map(|(label, _)| *label)
}
