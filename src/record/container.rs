//! Containers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Counts, Score, SeverityCounts};
use crate::clock::Timestamp;
use crate::names::Name;

/// Qualys' severity of the highest QDS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum QdsSeverity {
    /// `CRITICAL`.
    Critical,
    /// `HIGH`.
    High,
    /// `MEDIUM`.
    Medium,
    /// `LOW`.
    Low,
    /// Another word, or none.
    #[default]
    Unknown,
}

/// A property that holds for a container or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Condition {
    /// Runs with all of the host's privileges.
    Privileged = 1,
    /// Runs as root.
    Root = 1 << 1,
    /// Differs from the image it was created from.
    Drifted = 1 << 2,
    /// Its vulnerabilities were propagated from another scan.
    VulnerabilityPropagated = 1 << 3,
    /// Reachable from outside the cluster.
    ExposedToWorld = 1 << 4,
    /// Carries the vendor's instrumentation.
    Instrumented = 1 << 5,
    /// Has excepted findings.
    Excepted = 1 << 6,
    /// Scanned without an agent.
    Agentless = 1 << 7,
    /// Part of the infrastructure, such as the vendor's own.
    Infrastructure = 1 << 8,
    /// A runtime rule applies to it.
    RuntimeProtected = 1 << 9,
    /// Supports a web application firewall.
    WaasSupported = 1 << 10,
    /// Has a web application firewall.
    WaasEnabled = 1 << 11,
    /// A web process in it has no firewall.
    WaasUnprotected = 1 << 12,
}

impl Condition {
    /// The bits of all conditions.
    const ALL: u16 = (Self::WaasUnprotected as u16) * 2 - 1;

    /// Its label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Root => "root",
            Self::Drifted => "drifted",
            Self::VulnerabilityPropagated => "vulnerability_propagated",
            Self::ExposedToWorld => "exposed_to_world",
            Self::Instrumented => "instrumented",
            Self::Excepted => "excepted",
            Self::Agentless => "agentless",
            Self::Infrastructure => "infrastructure",
            Self::RuntimeProtected => "runtime_protected",
            Self::WaasSupported => "waas_supported",
            Self::WaasEnabled => "waas_enabled",
            Self::WaasUnprotected => "waas_unprotected",
        }
    }
}

/// The conditions that a listing reports for a container, and those of them that hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(into = "(u16, u16)", try_from = "(u16, u16)")]
pub struct Conditions {
    known: u16,
    set: u16,
}

impl Conditions {
    /// Adds one condition: `None` means that the listing does not report it.
    #[must_use]
    pub fn with(mut self, condition: Condition, holds: Option<bool>) -> Self {
        if let Some(holds) = holds {
            self.known |= condition as u16;
            self.set |= if holds { condition as u16 } else { 0 };
        }
        self
    }

    /// Fills in the conditions that only `other` reports.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { known: self.known | other.known, set: self.set | (other.set & !self.known) }
    }

    /// Whether the condition is known to hold.
    pub fn hold(self, condition: Condition) -> bool {
        self.set & condition as u16 != 0
    }
}

impl From<Conditions> for (u16, u16) {
    fn from(Conditions { known, set }: Conditions) -> Self {
        (known, set)
    }
}

impl TryFrom<(u16, u16)> for Conditions {
    type Error = &'static str;

    fn try_from((known, set): (u16, u16)) -> Result<Self, Self::Error> {
        if known & !Condition::ALL != 0 || set & !known != 0 {
            return Err("undefined conditions, or conditions that hold without being known");
        }
        Ok(Self { known, set })
    }
}

/// A short id and a name in one allocation: the largest part of a container, and never shared.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    both: Box<str>,
    id_length: usize,
}

impl Identity {
    /// Stores both in one allocation.
    pub fn new(id: &str, name: &str) -> Self {
        Self { both: [id, name].concat().into(), id_length: id.len() }
    }

    /// The vendor's short id.
    pub fn id(&self) -> &str {
        &self.both[..self.id_length]
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.both[self.id_length..]
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.id(), self.name()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (id, name) = Deserialize::deserialize(from)?;
        Ok(Self::new(id, name))
    }
}

/// A container: the fields of the listing that counts findings, and those of the listing that locates it.
///
/// Qualys has a listing for each; Prisma Cloud fills both parts from its single one.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Container {
    /// State, findings and risk. A container without them does not exist for any metric.
    pub page: Option<PageListFields>,
    /// Where it runs; absent while only the page list is known.
    pub bulk: Option<BulkListFields>,
}

/// A container's fields in Qualys' page list, and their equivalents in Prisma Cloud.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct PageListFields {
    /// When the vendor last changed this row; the newest row of a container wins.
    pub updated: Option<Timestamp>,
    /// Short id and name.
    pub identity: Identity,
    /// Life-cycle state, as a label value.
    pub state: Name,
    /// Ids of its image, best first, separated by spaces.
    pub image: Name,
    /// Kubernetes cluster; empty if unknown.
    pub cluster: Name,
    /// Conditions that this listing reports.
    pub conditions: Conditions,
    /// Last scan, according to this listing.
    pub last_scan: Option<Timestamp>,
    /// Fields that only one vendor has.
    pub vendor: VendorFields,
}

/// A container's fields that only one vendor has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum VendorFields {
    /// Qualys.
    Qualys(QualysFields),
    /// Prisma Cloud.
    Prisma(PrismaFields),
}

impl Default for VendorFields {
    fn default() -> Self {
        Self::Qualys(QualysFields::default())
    }
}

/// A container's fields that only Qualys has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct QualysFields {
    /// Criticality of the asset, as a label value.
    pub criticality: Name,
    /// Findings by severity; absent if it was never scanned.
    pub findings: Option<SeverityCounts>,
    /// Compliance checks that passed, failed and erred; absent if none ran.
    pub checks: Option<Counts<3>>,
    /// Risk, 0 to 1000.
    pub risk: Score,
    /// Highest QDS of its findings, 0 to 100.
    pub qds: Score,
    /// Severity of that QDS.
    pub qds_severity: QdsSeverity,
}

impl Default for QualysFields {
    fn default() -> Self {
        Self {
            criticality: Name::UNKNOWN,
            findings: None,
            checks: None,
            risk: Score::NONE,
            qds: Score::NONE,
            qds_severity: QdsSeverity::default(),
        }
    }
}

/// A container's fields that only Prisma Cloud has. Its findings are those of its image.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PrismaFields {
    /// Container runtime, as a label value.
    pub runtime: Name,
    /// Failed compliance checks by severity: critical, high, medium, low; absent if it was not checked.
    pub compliance_issues: Option<Counts<4>>,
    /// Compliance risk, 0 and up.
    pub compliance_risk: Score,
    /// Whether the vendor keeps a record of passed checks; absent if it does not say.
    pub keeps_passed_checks: Option<bool>,
}

impl Default for PrismaFields {
    fn default() -> Self {
        Self {
            runtime: Name::UNKNOWN,
            compliance_issues: None,
            compliance_risk: Score::NONE,
            keeps_passed_checks: None,
        }
    }
}

/// A container's fields in Qualys' bulk list, and their equivalents in Prisma Cloud: where it runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BulkListFields {
    /// When the vendor last changed this row; the newest row of a container wins.
    pub updated: Option<Timestamp>,
    /// Kubernetes cluster, used if the page list does not name one.
    pub cluster: Name,
    /// Kubernetes namespace.
    pub namespace: Name,
    /// Kubernetes node.
    pub node: Name,
    /// Kind of the pod's controller, such as `DaemonSet`.
    pub workload_kind: Name,
    /// Name of the pod's controller.
    pub workload_name: Name,
    /// Host.
    pub host_name: Name,
    /// CPU architecture of the host, as a label value.
    pub host_arch: Name,
    /// Ids of its image that this listing adds, best first, separated by spaces.
    pub image: Name,
    /// Key of the sensor on that host.
    pub sensor: Name,
    /// Cloud provider, as a label value.
    pub cloud_provider: Name,
    /// Cloud account.
    pub cloud_account: Name,
    /// Cloud region.
    pub cloud_region: Name,
    /// The vendor's own source of the container, as a label value.
    pub origin: Name,
    /// Values of the labels that the configuration promotes, in its order.
    pub labels: Box<[Name]>,
    /// Conditions that this listing reports.
    pub conditions: Conditions,
    /// Last scan, according to this listing.
    pub last_scan: Option<Timestamp>,
}

impl Default for BulkListFields {
    fn default() -> Self {
        Self {
            updated: None,
            cluster: Name::EMPTY,
            namespace: Name::EMPTY,
            node: Name::EMPTY,
            workload_kind: Name::EMPTY,
            workload_name: Name::EMPTY,
            host_name: Name::EMPTY,
            host_arch: Name::UNKNOWN,
            image: Name::EMPTY,
            sensor: Name::EMPTY,
            cloud_provider: Name::EMPTY,
            cloud_account: Name::EMPTY,
            cloud_region: Name::EMPTY,
            origin: Name::UNKNOWN,
            labels: Box::default(),
            conditions: Conditions::default(),
            last_scan: None,
        }
    }
}
