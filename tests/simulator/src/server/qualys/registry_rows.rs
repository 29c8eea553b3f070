//! Rows of the registry list.

use serde_json::{Value, json};

use super::oddity::OddRow;
use crate::tenant::{Damage, Registry, StrayRow};

/// The registry's row.
pub(super) fn row(registry: &Registry, seed: u64) -> Value {
    let key = registry.uuid.as_deref().or(registry.uri.as_deref()).unwrap_or_default();
    let mut row = OddRow::new(seed, key, "registries");
    row.put_text("registryUuid", registry.uuid.as_deref());
    row.put_text("registryUri", registry.uri.as_deref());
    row.put("registryType", "DockerHub");
    row.put("providerType", Value::Null);
    row.put_number("repoCount", Some(3_u32));
    row.put_number("totalImages", registry.images);
    row.put_number("totalScannedImages", registry.scanned);
    row.put_number("totalVulnerableImages", registry.vulnerable);
    row.put("scheduleStatusList", json!(["Finished"]));
    row.finish()
}

/// A row without a registry.
pub(super) fn unreadable(stray: &StrayRow) -> Value {
    match stray.damage {
        Damage::NotAnObject => json!("registry"),
        Damage::NoKey => json!({"totalImages": 3, "totalScannedImages": 3}),
        Damage::ObjectForKey => json!({"registryUuid": {"value": stray.uuid}, "totalImages": 3}),
        Damage::ListForKey => json!({"registryUuid": [stray.uuid], "totalImages": 3}),
    }
}
