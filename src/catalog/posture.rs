//! Families about Kubernetes posture.

use super::label::{CATEGORY, CONTROL_ID, CONTROL_NAME, POLICY, SEVERITY, SOURCE, STATUS, VENDOR_SEVERITY};
use crate::metric::{Cells, Closed, Family, Kind, Metric, Unit, Value};
use crate::record::Control;
use crate::view::PolicyShare;

static STATUSES: Cells = Cells { labels: &[&STATUS], values: &[&["pass"], &["fail"], &["skip"]] };

fn add(cells: &mut [f64], resources: [u64; 3]) {
    for (cell, resources) in cells.iter_mut().zip(resources) {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 resources")]
        let resources = resources as f64;
        *cell += resources;
    }
}

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Control> {
        name: "container_security_posture_control_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated for the control, by outcome",
        by: &[
            SOURCE.place(|row| row.source.name),
            CONTROL_ID.fold(|row| row.text(row.record.id)),
            SEVERITY.inner(|row| row.record.severity.as_str()),
            VENDOR_SEVERITY.inner(|row| row.text(row.record.vendor_severity)),
        ],
        value: Value::Cells(Closed::Same(&STATUSES), |row, cells| {
            row.record.resources.inspect(|resources| add(cells, *resources)).is_some()
        }),
    },
    &Family::<Control> {
        name: "container_security_posture_control_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "A control that is evaluated, always 1",
        by: &[
            SOURCE.place(|row| row.source.name),
            CONTROL_ID.place(|row| row.text(row.record.id)),
            CONTROL_NAME.place(|row| row.text(row.record.name)),
            CATEGORY.place(|row| row.text(row.record.category)),
        ],
        value: Value::Each(|_| Some(1.0), |_| 0.0),
    },
    &Family::<PolicyShare> {
        name: "container_security_posture_policy_resources",
        kind: Kind::Gauge,
        unit: Unit::Each("resource"),
        help: "Resources evaluated for the policy's controls, by outcome; a control in several policies counts in each",
        by: &[SOURCE.place(|row| row.source.name), POLICY.fold(|row| row.text(row.record.policy))],
        value: Value::Cells(Closed::Same(&STATUSES), |row, cells| {
            add(cells, row.record.resources);
            true
        }),
    },
];
