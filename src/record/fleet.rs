//! The vendor's own parts at the customer's: its agents, and its console.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::names::Name;

/// A sensor: the vendor's agent on a host or in a cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sensor {
    /// Its key, as the vendor writes it.
    pub uuid: Name,
    /// Whether it ever finished registering.
    pub registered: bool,
    /// Host it runs on.
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
    /// When it was last heard of.
    pub last_checkin: Option<Timestamp>,
}

/// The defenders of one category: Prisma Cloud's agents, of which it tells numbers only.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Defenders {
    /// Category, as a label value.
    pub kind: Name,
    /// How many are connected.
    pub connected: u64,
    /// How many are deployed; not fewer, unless the vendor's numbers are at odds.
    pub deployed: u64,
}

/// A Prisma Cloud console.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Console {
    /// Its version, empty where it tells none.
    pub version: Name,
    /// When its licence expires; none where it has no licence of its own, or the account may not see it.
    pub licence_expiry: Option<Timestamp>,
}
