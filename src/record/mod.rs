//! What the vendors report, in our own terms: sources write these records, the catalog reads them.
//!
//! Records are compact: repeated names are stored once, in the [`crate::names::Names`] of their table. Records know
//! neither a vendor's wire format nor a metric. Records have a `Default`, except [`PostureResource`], which
//! needs an outcome, so that a new field concerns only the mapping that fills it and the row that reads it.
//!
//! A checkpoint holds every field of a type that derives `Serialize` here, in declaration order: changing one requires a
//! new format number in `checkpoint`, and its tests enforce that.

use serde::{Deserialize, Serialize};

mod container;
mod counts;
mod field;
mod fleet;
mod governance;
mod image;
mod posture;

pub use container::{
    BulkListFields, Condition, Conditions, Container, Identity, PageListFields, PrismaFields, QdsSeverity,
    QualysFields, VendorFields,
};
pub use counts::Counts;
pub use field::{FieldCounts, FieldState, StateCounts};
pub use fleet::{Console, Defenders, Sensor};
pub use governance::{Policy, PolicyRule, Registry, Report};
pub use image::{
    Finding, FindingCounts, FindingType, Findings, Image, ImageBulkFields, ImageName, ImagePageFields, Vulnerability,
    VulnerabilityStatistics,
};
pub use posture::{Control, Outcome, PostureResource};

/// The vendor of a source; decides which closed label values its series can have.
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

    /// Its name in labels and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qualys => "qualys",
            Self::Prisma => "prisma",
        }
    }
}

/// Severity of a finding, on one scale for all vendors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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
    /// Any other word, or none.
    #[default]
    Unknown,
}

impl Severity {
    /// Maps a vendor's word, ignoring case.
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

    /// Its label value.
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
pub type SeverityCounts = Counts<5>;

/// A score that may be missing; half the size of an `Option<f64>`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(into = "f64", try_from = "f64")]
pub struct Score(f64);

impl Score {
    /// No score.
    pub const NONE: Self = Self(f64::NAN);

    /// Keeps a finite score of 0 and up; anything else becomes no score.
    pub fn new(score: Option<f64>) -> Self {
        Self(score.filter(|score| score.is_finite() && *score >= 0.0).unwrap_or(f64::NAN))
    }

    /// Returns the score, if any.
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
        if read.get().is_none() && !score.is_nan() { Err("a negative or infinite score") } else { Ok(read) }
    }
}
