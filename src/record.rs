//! What the vendors tell, in our words: vendors write these records, the catalog reads them.
//!
//! Records are compact: names that repeat are kept once, in the [`crate::names::Names`] of the table a record is in. They know
//! neither a vendor's wire format nor a metric.

use crate::clock::Timestamp;
use crate::names::Name;

/// Which vendor a source belongs to; decides which closed label values its series can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Qualys Container Security.
    Qualys,
}

impl Vendor {
    /// The word for it in labels and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qualys => "qualys",
        }
    }
}

/// How bad a finding is, on the one scale that serves every vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Qualys 5; critical, urgent.
    Critical,
    /// Qualys 4; high, important.
    High,
    /// Qualys 3; medium, moderate, serious.
    Medium,
    /// Qualys 2; low.
    Low,
    /// Qualys 1; info, minimal, negligible, informational.
    Info,
    /// Everything else, and nothing at all.
    Unknown,
}

impl Severity {
    /// The severity that a vendor's word means; case does not matter.
    pub fn from_word(word: &str) -> Self {
        const WORDS: [(&str, Severity); 12] = [
            ("critical", Severity::Critical),
            ("urgent", Severity::Critical),
            ("high", Severity::High),
            ("important", Severity::High),
            ("medium", Severity::Medium),
            ("moderate", Severity::Medium),
            ("serious", Severity::Medium),
            ("low", Severity::Low),
            ("info", Severity::Info),
            ("minimal", Severity::Info),
            ("negligible", Severity::Info),
            ("informational", Severity::Info),
        ];
        WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
            .map_or(Self::Unknown, |(_, severity)| *severity)
    }

    /// The word for it in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
            Self::Unknown => "unknown",
        }
    }
}

/// Findings by severity, worst first: critical, high, medium, low, info.
pub type SeverityCounts = [u32; 5];

/// Qualys' word for how bad the worst QDS is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// A score that may be missing; half the size of an `Option<f64>`.
#[derive(Clone, Copy, Debug)]
pub struct Score(f64);

impl Score {
    /// No score.
    pub const NONE: Self = Self(f64::NAN);

    /// A score of 0 and up; anything else is none.
    pub fn new(score: Option<f64>) -> Self {
        Self(score.filter(|score| score.is_finite() && *score >= 0.0).unwrap_or(f64::NAN))
    }

    /// The score, if there is one.
    pub fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
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
}

/// The conditions that hold for a container, and those a listing told about at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// A short id and a name in one allocation: nothing else of a container takes as much memory, and no two are alike.
#[derive(Debug)]
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

/// A container, as far as it is known: one listing assesses it, another one says where it runs.
#[derive(Debug, Default)]
pub struct Container {
    /// How it is and what was found in it. A container without an assessment does not exist for any metric.
    pub assessment: Option<Assessment>,
    /// Where it runs; none where only the assessment is known.
    pub placement: Option<Placement>,
}

/// What a vendor found out about a container.
#[derive(Debug)]
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
    /// What this listing tells of its conditions.
    pub conditions: Conditions,
    /// When it was last scanned, as this listing tells.
    pub last_scan: Option<Timestamp>,
}

/// Where a container runs.
#[derive(Debug)]
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

/// A sensor: the vendor's agent on a host or in a cluster.
#[derive(Debug)]
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

/// A posture control: one rule, evaluated for many resources.
#[derive(Debug)]
pub struct Control {
    /// Its id, as the vendor writes it.
    pub id: Name,
    /// Its name.
    pub name: Name,
    /// Its category, empty where the vendor tells none.
    pub category: Name,
    /// How bad it is when it fails.
    pub severity: Severity,
    /// The vendor's word for that, as a label value.
    pub vendor_severity: Name,
    /// Policies it is part of, each once.
    pub policies: Box<[Name]>,
    /// Resources that passed, failed and were skipped; none where it was never evaluated.
    pub resources: Option<[u64; 3]>,
}
