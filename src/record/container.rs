//! Containers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Score, SeverityCounts};
use crate::clock::Timestamp;
use crate::names::Name;

/// Qualys' word for how bad the worst QDS is.
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

/// Something that holds for a container, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Condition {
    /// It runs with all of the host's privileges.
    Privileged = 1,
    /// Its process runs as root.
    Root = 1 << 1,
    /// It differs from the image it was made from.
    Drifted = 1 << 2,
    /// Its vulnerabilities were carried over from another scan.
    VulnerabilityPropagated = 1 << 3,
    /// It can be reached from outside the cluster.
    ExposedToWorld = 1 << 4,
    /// It carries the vendor's own instrumentation.
    Instrumented = 1 << 5,
    /// Findings of it are excepted.
    Excepted = 1 << 6,
    /// It was looked at from outside its host, without an agent.
    Agentless = 1 << 7,
    /// It belongs to the infrastructure, such as the vendor's own.
    Infrastructure = 1 << 8,
    /// A runtime rule applies to it.
    RuntimeProtected = 1 << 9,
    /// It could have a web application firewall.
    WaasSupported = 1 << 10,
    /// It has one.
    WaasEnabled = 1 << 11,
    /// A process in it serves the web without one.
    WaasUnprotected = 1 << 12,
}

impl Condition {
    /// The bits of all of them.
    const ALL: u16 = (Self::WaasUnprotected as u16) * 2 - 1;

    /// The word for it in labels.
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

/// The conditions that hold for a container, and those a listing told about at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(into = "(u16, u16)", try_from = "(u16, u16)")]
pub struct Conditions {
    told: u16,
    hold: u16,
}

impl Conditions {
    /// These, with one more that a listing told: `Some(true)` and `Some(false)` count, `None` changes nothing.
    #[must_use]
    pub fn with(mut self, condition: Condition, holds: Option<bool>) -> Self {
        if let Some(holds) = holds {
            self.told |= condition as u16;
            self.hold |= if holds { condition as u16 } else { 0 };
        }
        self
    }

    /// These, and what `other` tells of conditions that these do not tell of.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { told: self.told | other.told, hold: self.hold | (other.hold & !self.told) }
    }

    /// Whether the condition is known to hold.
    pub fn hold(self, condition: Condition) -> bool {
        self.hold & condition as u16 != 0
    }
}

impl From<Conditions> for (u16, u16) {
    fn from(Conditions { told, hold }: Conditions) -> Self {
        (told, hold)
    }
}

impl TryFrom<(u16, u16)> for Conditions {
    type Error = &'static str;

    fn try_from((told, hold): (u16, u16)) -> Result<Self, Self::Error> {
        if told & !Condition::ALL != 0 || hold & !told != 0 {
            return Err("conditions that there are not, or that hold untold");
        }
        Ok(Self { told, hold })
    }
}

/// A short id and a name in one allocation: nothing else of a container takes as much memory, and no two are alike.
#[derive(Clone, Debug)]
pub struct Identity {
    both: Box<str>,
    id_length: usize,
}

impl Identity {
    /// This id and this name.
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

/// A container, as far as it is known: one listing assesses it, another one says where it runs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Container {
    /// How it is and what was found in it. A container without an assessment does not exist for any metric.
    pub assessment: Option<Assessment>,
    /// Where it runs; none where only the assessment is known.
    pub placement: Option<Placement>,
}

/// What a vendor found out about a container.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Assessment {
    /// When the vendor changed this row last; the newest row of a container wins.
    pub updated: Option<Timestamp>,
    /// What it is called.
    pub identity: Identity,
    /// Life-cycle state, as a label value.
    pub state: Name,
    /// Key of its image.
    pub image: Name,
    /// Kubernetes cluster, empty where not known.
    pub cluster: Name,
    /// What this listing tells of its conditions.
    pub conditions: Conditions,
    /// When it was last scanned, as this listing tells.
    pub last_scan: Option<Timestamp>,
    /// What only its vendor tells.
    pub particulars: Particulars,
}

/// What only one vendor tells of a container.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Particulars {
    /// Of a container in Qualys.
    Qualys(QualysParticulars),
    /// Of a container in Prisma Cloud.
    Prisma(PrismaParticulars),
}

/// What only Qualys tells of a container.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct QualysParticulars {
    /// How critical the asset is, as a label value.
    pub criticality: Name,
    /// Findings by severity; none where it was never scanned.
    pub findings: Option<SeverityCounts>,
    /// Compliance checks that passed, failed and erred; none where none were made.
    pub checks: Option<[u32; 3]>,
    /// Risk, 0 to 1000.
    pub risk: Score,
    /// Highest QDS of its findings, 0 to 100.
    pub qds: Score,
    /// How bad that is.
    pub qds_severity: QdsSeverity,
}

/// What only Prisma Cloud tells of a container. Its findings are those of its image.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PrismaParticulars {
    /// Container runtime, as a label value.
    pub runtime: Name,
    /// Failed compliance checks by severity: critical, high, medium, low; none where it was not checked.
    pub compliance_issues: Option<[u32; 4]>,
    /// Compliance risk, 0 and up.
    pub compliance_risk: Score,
    /// Whether the vendor keeps a record of the checks that it passed; none where it does not say.
    pub keeps_passed_checks: Option<bool>,
}

/// Where a container runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Placement {
    /// When the vendor changed this row last; the newest row of a container wins.
    pub updated: Option<Timestamp>,
    /// Kubernetes cluster, for containers whose assessment does not name it.
    pub cluster: Name,
    /// Kubernetes namespace.
    pub namespace: Name,
    /// Kubernetes node.
    pub node: Name,
    /// Kind of the pod's controller, such as `DaemonSet`.
    pub workload_kind: Name,
    /// Name of the pod's controller.
    pub workload_name: Name,
    /// Host it runs on.
    pub host_name: Name,
    /// Key of the sensor on that host.
    pub sensor: Name,
    /// Cloud provider, as a label value.
    pub cloud_provider: Name,
    /// Cloud account.
    pub cloud_account: Name,
    /// Cloud region.
    pub cloud_region: Name,
    /// Where the vendor has it from, as a label value.
    pub origin: Name,
    /// Values of the labels that the configuration promotes, in its order.
    pub labels: Box<[Name]>,
    /// What this listing tells of its conditions.
    pub conditions: Conditions,
    /// When it was last scanned, as this listing tells.
    pub last_scan: Option<Timestamp>,
}
