//! The vendor's agents and console.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::names::Name;

/// A sensor: the vendor's agent on a host or in a cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sensor {
    /// Its key, as the vendor writes it.
    pub uuid: Name,
    /// Whether it finished registering.
    pub registered: bool,
    /// Host.
    pub host_name: Name,
    /// Type, as a label value.
    pub kind: Name,
    /// Status, as a label value.
    pub status: Name,
    /// Version.
    pub version: Name,
    /// Container runtime it watches, as a label value.
    pub runtime: Name,
    /// That runtime's version.
    pub runtime_version: Name,
    /// Last check-in.
    pub last_checkin: Option<Timestamp>,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            uuid: Name::EMPTY,
            registered: false,
            host_name: Name::EMPTY,
            kind: Name::UNKNOWN,
            status: Name::UNKNOWN,
            version: Name::EMPTY,
            runtime: Name::UNKNOWN,
            runtime_version: Name::EMPTY,
            last_checkin: None,
        }
    }
}

/// The defenders of one category: Prisma Cloud's agents, which it reports only as counts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Defenders {
    /// Category, as a label value.
    pub kind: Name,
    /// Number connected.
    pub connected: u64,
    /// Number deployed.
    pub deployed: u64,
}

impl Default for Defenders {
    fn default() -> Self {
        Self { kind: Name::UNKNOWN, connected: 0, deployed: 0 }
    }
}

/// A Prisma Cloud console.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Console {
    /// Version; empty if not reported.
    pub version: Name,
    /// Licence expiry; absent if it has no licence or the account may not see it.
    pub licence_expiry: Option<Timestamp>,
}
