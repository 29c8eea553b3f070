//! What the vendors tell, in our words: vendors write these records, the catalog reads them.
//!
//! Records are compact: names that repeat are kept once, in the [`crate::names::Names`] of the table a record is in. They know
//! neither a vendor's wire format nor a metric.
//!
//! What derives `Serialize` here is what a checkpoint holds, field by field in the order of their declaration: a
//! change of it asks for a new format number in `checkpoint`, whose tests say so.

use serde::{Deserialize, Serialize};

mod container;
mod fleet;
mod governance;
mod image;
mod posture;

pub use container::{
    Assessment, Condition, Conditions, Container, Identity, Particulars, Placement, PrismaParticulars, QdsSeverity,
    QualysParticulars,
};
pub use fleet::{Console, Defenders, Sensor};
pub use governance::{Policy, PolicyRule, Report};
pub use image::{
    Finding, FindingCounts, FindingType, Findings, Image, ImageAssessment, ImageContents, ImageName, Vulnerability,
    VulnerabilityStatistics,
};
pub use posture::{Control, Outcome, PostureResource};

/// Which vendor a source belongs to; decides which closed label values its series can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Qualys Container Security.
    Qualys,
    /// Prisma Cloud Compute.
    Prisma,
}

impl Vendor {
    /// Every vendor, in the order of their declaration.
    pub const ALL: [Self; 2] = [Self::Qualys, Self::Prisma];

    /// The word for it in labels and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qualys => "qualys",
            Self::Prisma => "prisma",
        }
    }
}

/// How bad a finding is, on the one scale that serves every vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
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

/// Findings by severity, worst first: critical, high, medium, low, info. Prisma Cloud has no last one.
pub type SeverityCounts = [u32; 5];

/// A score that may be missing; half the size of an `Option<f64>`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(into = "f64", try_from = "f64")]
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

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.0
    }
}

impl TryFrom<f64> for Score {
    type Error = &'static str;

    fn try_from(score: f64) -> Result<Self, Self::Error> {
        let read = Self::new(Some(score));
        if read.get().is_none() && !score.is_nan() { Err("a score below zero or without end") } else { Ok(read) }
    }
}
