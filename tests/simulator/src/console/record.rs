//! The true records of a console. The server decides how the API renders them.
//!
//! Times are Unix milliseconds. Counts by severity are in the order critical, high, medium and low; at least one of
//! them is `Some`.

use crate::tenant::Damage;

/// An entry in a container's list of compliance checks. Duplicate entries in one container are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its number. An entry without one, or with 0, is not a control.
    pub id: Option<u32>,
    /// Its title.
    pub title: Option<String>,
    /// Such as `container`.
    pub kind: Option<String>,
    /// The severity in the vendor's terms.
    pub severity: Option<String>,
    /// Compliance templates such as `PCI`; one may occur twice.
    pub templates: Vec<String>,
}

/// The contents of `allCompliance`.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Whether the policy records passed checks. Unless this is true, there are no checks.
    pub enabled: Option<bool>,
    /// The checks; `None` if the list is null.
    pub checks: Option<Vec<Check>>,
}

/// The contents of `firewallProtection`.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// Whether it can be protected.
    pub supported: Option<bool>,
    /// Whether it is protected.
    pub enabled: Option<bool>,
    /// Unprotected processes; `None` if the list is null.
    pub unprotected: Option<usize>,
}

/// The contents of `cloudMetadata`.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The provider, such as `aws`.
    pub provider: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
}

/// The runtime information in `installedProducts`.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Whether the runtime is a CRI runtime.
    pub crio: Option<bool>,
    /// The version of the Docker daemon.
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
    /// Labels in the vendor's form, `key:value`, with unique keys.
    pub labels: Vec<String>,
    /// The id of its image, which may not be listed.
    pub image_id: Option<String>,
    /// The name of the image.
    pub image: String,
    /// Whether the agentless scanner found it.
    pub agentless: Option<bool>,
    /// Whether it belongs to the infrastructure.
    pub infra: Option<bool>,
    /// Whether a runtime rule applies.
    pub runtime_enabled: Option<bool>,
    /// Its web application firewall.
    pub firewall: Option<Firewall>,
    /// Compliance issues by severity; `None` if it was never checked.
    pub issues: Option<[Option<u32>; 4]>,
    /// The compliance risk score.
    pub risk_score: Option<u32>,
    /// The failed checks; `None` if the list is null.
    pub failed: Option<Vec<Check>>,
    /// The passed checks.
    pub passed: Option<Passed>,
    /// Its runtime.
    pub installed: Option<Installed>,
    /// The time of the last scan.
    pub scan_time: Option<i64>,
    /// Process names, with secrets.
    pub processes: Vec<String>,
    /// The damage to its row, if any. A damaged container does not exist for a reader.
    pub damage: Option<Damage>,
}

/// A name of an image.
#[derive(Clone, Debug)]
pub struct Tag {
    /// The registry, such as `docker.io`.
    pub registry: Option<String>,
    /// The repository, such as `library/nginx`.
    pub repo: Option<String>,
}

/// A row of the image listing.
#[derive(Clone, Debug)]
pub struct Image {
    /// The key of the row.
    pub key: String,
    /// The id by which containers refer to it. Several rows may share one, and some have none.
    pub id: Option<String>,
    /// Its main name, which always has a repository.
    pub repo_tag: Option<Tag>,
    /// All its names.
    pub tags: Vec<Tag>,
    /// Vulnerabilities by severity; `None` if it was never scanned.
    pub vulnerabilities: Option<[Option<u32>; 4]>,
    /// When it was built.
    pub created: Option<i64>,
    /// The time of the last scan; if `None`, the row has the zero time.
    pub scan_time: Option<i64>,
    /// Why the last scan failed; empty if it succeeded.
    pub error: String,
    /// The damage to the row, if any. A damaged image does not exist for a reader.
    pub damage: Option<Damage>,
}

impl Image {
    /// The id by which containers refer to it.
    pub fn known_as(&self) -> &str {
        self.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(&self.key)
    }
}

/// The defenders of one category. Categories are unique.
#[derive(Clone, Debug)]
pub struct Defenders {
    /// The category, such as `docker`.
    pub category: String,
    /// The number of connected defenders.
    pub connected: Option<u32>,
    /// The number of deployed defenders.
    pub deployed: Option<u32>,
}

/// A row of the image vulnerability statistics. Rows of one CVE agree about fixes.
#[derive(Clone, Debug)]
pub struct Vulnerability {
    /// The CVE.
    pub cve: String,
    /// The number of affected images.
    pub images: Option<u32>,
    /// The fix status, such as `fixed in 1.2`.
    pub status: Option<String>,
    /// The names of its risk factors; `None` if the object is missing.
    pub risk_factors: Option<Vec<String>>,
}

/// An unreadable row without a record.
#[derive(Clone, Debug)]
pub struct StrayRow {
    /// The key by which the vendor sorts it, which the row may not show.
    pub id: String,
    /// The damage.
    pub damage: Damage,
}
