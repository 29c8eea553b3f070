//! A complete tenant as the exporter stores it.

use std::sync::Arc;

use container_security_exporter::clock::Timestamp;
use container_security_exporter::inventory::{Inventory, SourceInventory, Table, Tables};
use container_security_exporter::record::{Sensor, Vendor};

use crate::rows::{Fleet, PER_HOST, host_name, sensor_key};

impl Fleet {
    /// Its containers, and a sensor on every host.
    pub(crate) fn inventory(self) -> Inventory {
        Inventory {
            sources: vec![SourceInventory {
                source: "prod".into(),
                vendor: Vendor::Qualys,
                tables: Tables {
                    containers: Some(Arc::new(self.containers())),
                    sensors: Some(Arc::new(self.sensors())),
                    ..Tables::default()
                },
                statuses: Vec::new(),
            }],
        }
    }

    fn sensors(self) -> Table<Sensor> {
        let mut table = Table::default();
        for host in 0..=self.containers / PER_HOST {
            let names = &mut table.names;
            let key = sensor_key(host);
            let sensor = Sensor {
                uuid: names.intern(&key),
                registered: true,
                host_name: names.intern(&host_name(host)),
                kind: names.intern("general"),
                status: names.intern("running"),
                version: names.intern("1.38.0-0"),
                runtime: names.intern("containerd"),
                runtime_version: names.intern("1.7.13"),
                last_checkin: Timestamp::from_millis(1_760_000_500_000),
            };
            table.put(&key, sensor);
        }
        table
    }
}
