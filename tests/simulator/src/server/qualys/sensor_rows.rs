//! Rows of the sensor lists.

use serde_json::{Value, json};

use super::oddity::OddRow;
use crate::tenant::{Damage, Sensor, StrayRow};

/// The sensor's row.
pub(super) fn row(sensor: &Sensor, seed: u64) -> Value {
    let mut row = OddRow::new(seed, &sensor.uuid, "sensors");
    row.put("uuid", sensor.uuid.as_str());
    row.put_text("sensorId", sensor.sensor_id.as_deref());
    row.put_text("hostname", sensor.hostname.as_deref());
    row.put_text("sensorType", sensor.kind.as_deref());
    row.put_text("status", sensor.status.as_deref());
    row.put_text("containerRuntime", sensor.runtime.as_deref());
    row.put_text("containerRuntimeVersion", sensor.runtime_version.as_deref());
    row.put_text("sensorVersion", sensor.version.as_deref());
    row.put_time("lastCheckedIn", sensor.last_checked_in);
    row.put_time("created", sensor.created);
    row.put_flag("privileged", None);
    row.put("platform", "LINUX_SENSOR");
    row.put("dockerVersion", "");
    row.put("label", json!([{"key": "io.kubernetes.pod.namespace", "value": "kube-system"}]));
    row.finish()
}

/// A row without a sensor.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    let time = stray.updated;
    match stray.damage {
        Damage::NotAnObject => json!("ghost of a sensor"),
        Damage::NoKey => json!({"sensorId": "c519c25ce69a", "hostname": "nowhere", "lastCheckedIn": time}),
        Damage::ObjectForKey => {
            json!({"uuid": {"of": stray.uuid}, "sensorId": "c519c25ce69a", "lastCheckedIn": time})
        }
        Damage::ListForKey => json!({"uuid": [stray.uuid], "sensorId": "c519c25ce69a", "lastCheckedIn": time}),
    }
}
