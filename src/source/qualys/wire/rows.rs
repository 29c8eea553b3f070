//! Rows of the sensor and posture listings, and a control's detail.

use crate::wire::{Count, Keyed, Text, Time, Words, row};

row! {
    /// A row of `/csapi/v1.3/sensors`, and of v1.1 before it.
    pub struct SensorRow<'a> {
        uuid: Text<'a> = "uuid" as key,
        sensor_id: Text<'a> = "sensorId",
        hostname: Text<'a> = "hostname",
        sensor_type: Text<'a> = "sensorType",
        status: Text<'a> = "status",
        sensor_version: Text<'a> = "sensorVersion",
        container_runtime: Text<'a> = "containerRuntime",
        container_runtime_version: Text<'a> = "containerRuntimeVersion",
        last_checked_in: Time = "lastCheckedIn",
    }
}

impl Keyed for SensorRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

row! {
    /// A row of `/csapi/v1.3/k8s_postures/list`: one control and its counts over the whole tenant.
    pub struct ControlRow<'a> {
        cid: Text<'a> = "cid" as key,
        control_name: Text<'a> = "controlName",
        policy_names: Words<'a> = "policyNames",
        criticality: Text<'a> = "criticality",
        pass_controls: Count = "passControls",
        failed_controls: Count = "failedControls",
        skipped_controls: Count = "skippedControls",
    }
}

impl ControlRow<'_> {
    /// Resources that passed, failed and were skipped; `None` if the control was never evaluated.
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

row! {
    /// The answer of `/csapi/v1.3/k8s_postures/control/{controlId}`.
    pub struct ControlDetail<'a> {
        category: Text<'a> = "category",
    }
}
