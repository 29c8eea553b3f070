//! Rows of `/containers`. Only what is read is named here: `processes`, `network` and the like are skipped without being
//! decoded, as they are large and may hold secrets.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::wire::{Count, Flag, Keyed, Nested, Number, Text, Time, known};

/// A row of `/containers` (API reference, "Get Container Scan Results").
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ContainerRow<'a> {
    #[serde(borrow, rename = "_id")]
    pub key: Text<'a>,
    pub agentless: Flag,
    pub firewall_protection: Nested<Firewall>,
    pub hostname: Text<'a>,
    pub info: Nested<Info<'a>>,
    pub runtime_enabled: Flag,
    pub scan_time: Time,
}

impl Keyed for ContainerRow<'_> {
    fn key(&self) -> &str {
        self.key.get()
    }
}

/// `firewallProtection`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Firewall {
    pub enabled: Flag,
    pub supported: Flag,
    pub unprotected_processes: Option<Vec<IgnoredAny>>,
}

/// `info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Info<'a> {
    #[serde(borrow)]
    pub all_compliance: Nested<Passed<'a>>,
    pub cloud_metadata: Nested<Cloud<'a>>,
    pub cluster: Text<'a>,
    pub compliance_distribution: Nested<Severities>,
    pub compliance_issues: Option<Vec<Nested<Check<'a>>>>,
    pub compliance_risk_score: Number,
    pub id: Text<'a>,
    #[serde(rename = "imageID")]
    pub image_id: Text<'a>,
    pub infra: Flag,
    pub installed_products: Nested<Products<'a>>,
    pub labels: Option<Vec<Text<'a>>>,
    pub name: Text<'a>,
    pub namespace: Text<'a>,
}

/// `info.allCompliance`: checks that were passed, where the console keeps them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Passed<'a> {
    #[serde(borrow)]
    pub compliance: Option<Vec<Nested<Check<'a>>>>,
    pub enabled: Flag,
}

/// A compliance check. Its description and cause are not read: the cause names what was found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Check<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    pub severity: Text<'a>,
    pub templates: Option<Vec<Text<'a>>>,
    pub title: Text<'a>,
    pub r#type: Text<'a>,
}

impl Check<'_> {
    /// Its id; none where the vendor gives it none, for which it writes 0.
    pub fn known_id(&self) -> Option<&str> {
        self.id.filled().filter(|id| *id != "0")
    }
}

/// `info.cloudMetadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Cloud<'a> {
    #[serde(borrow, rename = "accountID")]
    pub account_id: Text<'a>,
    pub provider: Text<'a>,
    pub region: Text<'a>,
}

/// `info.installedProducts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Products<'a> {
    pub crio: Flag,
    #[serde(borrow)]
    pub docker: Text<'a>,
}

/// `complianceDistribution` and `vulnerabilityDistribution`: counts by severity. Their `total` is not read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct Severities {
    pub critical: Count,
    pub high: Count,
    pub medium: Count,
    pub low: Count,
}

impl Severities {
    /// Critical, high, medium, low; a missing one is 0 unless all are, which means that nothing was counted.
    pub fn counts(self) -> Option<[u32; 4]> {
        known([self.critical, self.high, self.medium, self.low])
    }
}
