//! Images, and the vulnerabilities they carry.

use serde::{Deserialize, Serialize};

use super::{Score, SeverityCounts};
use crate::clock::Timestamp;
use crate::names::Name;

/// An image, as far as it is known: one listing assesses it, another one says what is in it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Image {
    /// How it is. An image without an assessment does not exist for any metric.
    pub assessment: Option<ImageAssessment>,
    /// What was found in it; none where only the assessment is known.
    pub contents: Option<ImageContents>,
}

/// What an image is called: its first repository.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct ImageName {
    /// The registry of that repository, [`Name::UNKNOWN`] where the vendor names none.
    pub registry: Name,
    /// The repository behind its registry, as in `docker.io/library/nginx`; empty where the image has none.
    pub repository: Name,
}

/// What a vendor tells of an image as a whole.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ImageAssessment {
    /// When the vendor changed this row last; the newest row of an image wins.
    pub updated: Option<Timestamp>,
    /// What containers know it by, where that is not its key; empty where it is.
    pub id: Name,
    /// What it is called; none where this listing names no repository.
    pub name: Option<ImageName>,
    /// Whether any container was made of it.
    pub in_use: bool,
    /// How its scan went, as a label value.
    pub scan_status: Name,
    /// Findings by severity; none where it was never scanned.
    pub findings: Option<SeverityCounts>,
    /// Risk, 0 to 1000.
    pub risk: Score,
    /// Size in bytes.
    pub size: Score,
    /// When it was built.
    pub created: Option<Timestamp>,
}

/// What a vendor tells of an image's findings.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ImageContents {
    /// When the vendor changed this row last; the newest row of an image wins.
    pub updated: Option<Timestamp>,
    /// What the image is called; none where this listing names no repository.
    pub name: Option<ImageName>,
    /// Its findings; none while a scan is pending.
    pub findings: Option<Findings>,
}

/// The findings of one image.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Findings {
    /// How many there are of each kind.
    pub counts: FindingCounts,
    /// Which vulnerabilities there are, each once.
    pub distinct: Box<[Finding]>,
}

/// How sure the vendor is of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum FindingType {
    /// It is there.
    Confirmed,
    /// It may be there.
    Potential,
    /// Another word, or none.
    Unknown,
}

/// Findings by [`FindingType`], in the order of its declaration, and by whether there is a fix: with one, without one.
pub type FindingCounts = [[u32; 2]; 3];

/// A vulnerability in one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Finding {
    /// The vendor's id of the vulnerability.
    pub vulnerability: Name,
    /// Whether there is a fix for it here.
    pub fixable: bool,
}

/// When a vendor computed what it says of vulnerabilities; can be months ago.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct VulnerabilityStatistics {
    /// The vendor's own time.
    pub computed: Timestamp,
}

/// A vulnerability over all images of a source.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Vulnerability {
    /// The vendor's id.
    pub id: Name,
    /// How many images carry it, each once.
    pub images: u64,
    /// Whether any of them is in use.
    pub in_use: bool,
    /// Whether there is a fix for it in any of them.
    pub fixable: bool,
}
