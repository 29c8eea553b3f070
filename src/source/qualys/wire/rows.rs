//! Rows of the sensor and posture listings, and a control's detail.

use serde::Deserialize;

use crate::wire::{Count, Keyed, Text, Time};

/// A row of `/csapi/v1.3/sensors`, and of v1.1 before it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct SensorRow<'a> {
    #[serde(borrow)]
    pub uuid: Text<'a>,
    pub sensor_id: Text<'a>,
    pub hostname: Text<'a>,
    pub sensor_type: Text<'a>,
    pub status: Text<'a>,
    pub sensor_version: Text<'a>,
    pub container_runtime: Text<'a>,
    pub container_runtime_version: Text<'a>,
    pub last_checked_in: Time,
}

impl Keyed for SensorRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

/// A row of `/csapi/v1.3/k8s_postures/list`: one control and its counts over the whole tenant.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ControlRow<'a> {
    #[serde(borrow)]
    pub cid: Text<'a>,
    pub control_name: Text<'a>,
    pub policy_names: Option<Vec<Text<'a>>>,
    pub criticality: Text<'a>,
    pub pass_controls: Count,
    pub failed_controls: Count,
    pub skipped_controls: Count,
}

impl ControlRow<'_> {
    /// Resources that passed, failed and were skipped; none where the control was never evaluated.
    pub fn resources(&self) -> Option<[u64; 3]> {
        let counts = [self.pass_controls.0, self.failed_controls.0, self.skipped_controls.0];
        counts.iter().any(Option::is_some).then(|| counts.map(Option::unwrap_or_default))
    }
}

impl Keyed for ControlRow<'_> {
    fn key(&self) -> &str {
        self.cid.get()
    }
}

/// The answer of `/csapi/v1.3/k8s_postures/control/{controlId}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ControlDetail<'a> {
    #[serde(borrow)]
    pub category: Text<'a>,
}
