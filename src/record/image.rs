//! Images, and the vulnerabilities they carry.

use serde::{Deserialize, Serialize};

use super::{Score, SeverityCounts};
use crate::clock::Timestamp;
use crate::names::Name;

/// An image: the fields of the listing that counts findings, and those of the listing that names them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Image {
    /// Use, scan and findings by severity. An image without them does not exist for any metric.
    pub page: Option<ImagePageFields>,
    /// Its findings by id; absent while only the page list is known, and for Prisma Cloud.
    pub bulk: Option<ImageBulkFields>,
}

/// An image's first repository.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct ImageName {
    /// Registry of that repository, [`Name::UNKNOWN`] if the vendor names none.
    pub registry: Name,
    /// Registry and repository, as in `docker.io/library/nginx`; empty if the image has none.
    pub repository: Name,
}

/// An image's fields in Qualys' page list, and their equivalents in Prisma Cloud.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ImagePageFields {
    /// When the vendor last changed this row; the newest row of an image wins.
    pub updated: Option<Timestamp>,
    /// Ids that containers refer to it by: its key in Qualys, its digests and hash; none if that is its key alone.
    pub ids: Box<[Name]>,
    /// First repository; absent if this listing names none.
    pub name: Option<ImageName>,
    /// Registry of the first digest that has one, else [`Name::UNKNOWN`].
    pub registry: Name,
    /// Whether any container uses it.
    pub in_use: bool,
    /// Scan status, as a label value.
    pub scan_status: Name,
    /// Whether the vendor says that its last scan did not succeed.
    pub scan_failed: bool,
    /// Findings by severity; absent if it was never scanned.
    pub findings: Option<SeverityCounts>,
    /// Risk, 0 to 1000.
    pub risk: Score,
    /// Size in bytes.
    pub size: Score,
    /// Build time.
    pub created: Option<Timestamp>,
    /// Last scan; decides between rows of one image.
    pub last_scan: Option<Timestamp>,
}

impl Default for ImagePageFields {
    fn default() -> Self {
        Self {
            updated: None,
            ids: Box::default(),
            name: None,
            registry: Name::UNKNOWN,
            in_use: false,
            scan_status: Name::UNKNOWN,
            scan_failed: false,
            findings: None,
            risk: Score::NONE,
            size: Score::NONE,
            created: None,
            last_scan: None,
        }
    }
}

/// An image's fields in Qualys' bulk list: its findings by id.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ImageBulkFields {
    /// When the vendor last changed this row; the newest row of an image wins.
    pub updated: Option<Timestamp>,
    /// Ids that containers refer to it by, as in [`ImagePageFields`].
    pub ids: Box<[Name]>,
    /// First repository; absent if this listing names none.
    pub name: Option<ImageName>,
    /// Registry of the first digest that has one, else [`Name::UNKNOWN`].
    pub registry: Name,
    /// Findings; absent while a scan is pending.
    pub findings: Option<Findings>,
}

impl Default for ImageBulkFields {
    fn default() -> Self {
        Self { updated: None, ids: Box::default(), name: None, registry: Name::UNKNOWN, findings: None }
    }
}

impl Image {
    /// The first repository of the page list, else of the bulk list, else the registry of a digest alone.
    pub fn name(&self) -> ImageName {
        let page = self.page.as_ref().map(|page| (page.name, page.registry));
        let bulk = self.bulk.as_ref().map(|bulk| (bulk.name, bulk.registry));
        let listed = || page.into_iter().chain(bulk);
        let registry = || listed().map(|(_, registry)| registry).find(|registry| *registry != Name::UNKNOWN);
        listed()
            .find_map(|(name, _)| name)
            .unwrap_or_else(|| ImageName { registry: registry().unwrap_or(Name::UNKNOWN), repository: Name::EMPTY })
    }
}

/// The findings of one image.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Findings {
    /// Number of each kind.
    pub counts: FindingCounts,
    /// Distinct vulnerabilities.
    pub distinct: Box<[Finding]>,
}

/// The vendor's confidence in a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum FindingType {
    /// Confirmed.
    Confirmed,
    /// Potential.
    Potential,
    /// Another word, or none.
    Unknown,
}

/// Findings by [`FindingType`], in declaration order, then with and without a fix.
pub type FindingCounts = [[u32; 2]; 3];

/// A vulnerability in one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Finding {
    /// The vendor's id of the vulnerability.
    pub vulnerability: Name,
    /// Whether a fix is known in this image.
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
    /// Number of images that carry it.
    pub images: u64,
    /// Whether any of them is in use.
    pub in_use: bool,
    /// Whether a fix is known in any of them.
    pub fixable: bool,
}
