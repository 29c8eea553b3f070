//! The records of a console as they truly are. How the API writes them is the server's affair.
//!
//! Times are Unix milliseconds. Counts by severity are those of critical, high, medium and low, in that order; never all
//! `None` inside.

use crate::tenant::Damage;

/// An entry of a list of compliance checks, as one container has it. Whatever a container lists twice is the same twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its number; without one, or with 0, it is no control.
    pub id: Option<u32>,
    /// What it demands.
    pub title: Option<String>,
    /// Such as `container`.
    pub kind: Option<String>,
    /// The vendor's word.
    pub severity: Option<String>,
    /// Such as `PCI`; one may be named twice.
    pub templates: Vec<String>,
}

/// What `allCompliance` tells.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Whether the policy has passed checks recorded. Where it is not true, there are no checks.
    pub enabled: Option<bool>,
    /// The checks; `None` if the list is null.
    pub checks: Option<Vec<Check>>,
}

/// What `firewallProtection` tells.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// Could be protected.
    pub supported: Option<bool>,
    /// Is protected.
    pub enabled: Option<bool>,
    /// Unprotected processes; `None` if the list is null.
    pub unprotected: Option<usize>,
}

/// What `cloudMetadata` tells.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Such as `aws`.
    pub provider: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
}

/// What `installedProducts` tells of the runtime.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The runtime is a CRI one.
    pub crio: Option<bool>,
    /// The version of the docker daemon.
    pub docker: Option<String>,
}

/// A running container.
#[derive(Clone, Debug)]
pub struct Container {
    /// The key.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The host's name.
    pub hostname: Option<String>,
    /// Its cluster.
    pub cluster: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its cloud.
    pub cloud: Option<Cloud>,
    /// Labels as the vendor writes them, `key:value`; no key comes twice.
    pub labels: Vec<String>,
    /// The image, listed or not.
    pub image_id: Option<String>,
    /// What the image was called.
    pub image: String,
    /// Seen by the agentless scanner.
    pub agentless: Option<bool>,
    /// Belongs to the infrastructure.
    pub infra: Option<bool>,
    /// A runtime rule applies.
    pub runtime_enabled: Option<bool>,
    /// Its web application firewall.
    pub firewall: Option<Firewall>,
    /// Compliance issues by severity; `None` if it was never checked.
    pub issues: Option<[Option<u32>; 4]>,
    /// The compliance risk score.
    pub risk_score: Option<u32>,
    /// The checks that fail; `None` if the list is null.
    pub failed: Option<Vec<Check>>,
    /// The checks that pass.
    pub passed: Option<Passed>,
    /// What runs it.
    pub installed: Option<Installed>,
    /// The last scan.
    pub scan_time: Option<i64>,
    /// Process names, with secrets.
    pub processes: Vec<String>,
    /// What is wrong with its row; such a container does not exist for a reader.
    pub damage: Option<Damage>,
}

/// A name of an image.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Such as `docker.io`.
    pub registry: Option<String>,
    /// Such as `library/nginx`.
    pub repo: Option<String>,
}

/// A row of the list of images.
#[derive(Clone, Debug)]
pub struct Image {
    /// The key of the row.
    pub key: String,
    /// What containers know it by; several rows may have one id, and some have none.
    pub id: Option<String>,
    /// What it is called. Never without a repository.
    pub repo_tag: Option<Tag>,
    /// All names.
    pub tags: Vec<Tag>,
    /// Vulnerabilities by severity; `None` if it was never scanned.
    pub vulnerabilities: Option<[Option<u32>; 4]>,
    /// When it was built.
    pub created: Option<i64>,
    /// The last scan; none if there was none, which the row writes as the zero time.
    pub scan_time: Option<i64>,
    /// Why the last scan failed; empty if it did not.
    pub error: String,
    /// What is wrong with the row; such an image does not exist for a reader.
    pub damage: Option<Damage>,
}

impl Image {
    /// What containers know it by.
    pub fn known_as(&self) -> &str {
        self.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(&self.key)
    }
}

/// The defenders of one category; no category comes twice.
#[derive(Clone, Debug)]
pub struct Defenders {
    /// Such as `docker`.
    pub category: String,
    /// How many are connected.
    pub connected: Option<u32>,
    /// How many there are.
    pub deployed: Option<u32>,
}

/// A row of the statistics of vulnerabilities in images. Rows of one CVE tell the same of fixes.
#[derive(Clone, Debug)]
pub struct Vulnerability {
    /// The CVE.
    pub cve: String,
    /// How many images carry it.
    pub images: Option<u32>,
    /// Such as `fixed in 1.2`.
    pub status: Option<String>,
    /// The names of its risk factors; `None` if there is no such object.
    pub risk_factors: Option<Vec<String>>,
}

/// An unreadable row that belongs to no record.
#[derive(Clone, Debug)]
pub struct StrayRow {
    /// What the vendor sorts it by; it may not show it.
    pub id: String,
    /// What is wrong with it.
    pub damage: Damage,
}
