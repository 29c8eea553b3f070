//! Rows of `/containers`. Only fields that are read are named here: `processes`, `network` and the like are skipped
//! without being decoded, as they are large and may hold secrets.

use crate::wire::{Count, Flag, Keyed, Length, List, Nested, Number, Text, Time, Words, known, row};

row! {
    /// A row of `/containers` (API reference, "Get Container Scan Results").
    pub struct ContainerRow<'a> {
        key: Text<'a> = "_id" as key,
        agentless: Flag = "agentless",
        firewall_protection: Nested<Firewall> = "firewallProtection",
        hostname: Text<'a> = "hostname",
        info: Nested<Info<'a>> = "info",
        runtime_enabled: Flag = "runtimeEnabled",
        scan_time: Time = "scanTime",
    }
}

impl Keyed for ContainerRow<'_> {
    fn key(&self) -> &str {
        self.key.get()
    }
}

row! {
    /// `firewallProtection`.
    pub struct Firewall {
        enabled: Flag = "enabled",
        supported: Flag = "supported",
        unprotected_processes: Length = "unprotectedProcesses",
    }
}

row! {
    /// `info`.
    pub struct Info<'a> {
        all_compliance: Nested<Passed<'a>> = "allCompliance",
        cloud_metadata: Nested<Cloud<'a>> = "cloudMetadata",
        cluster: Text<'a> = "cluster",
        compliance_distribution: Nested<Severities> = "complianceDistribution",
        compliance_issues: List<Check<'a>> = "complianceIssues",
        compliance_risk_score: Number = "complianceRiskScore",
        id: Text<'a> = "id" as unshown,
        image_id: Text<'a> = "imageID",
        infra: Flag = "infra",
        installed_products: Nested<Products<'a>> = "installedProducts",
        labels: Words<'a> = "labels",
        name: Text<'a> = "name" as unshown,
        namespace: Text<'a> = "namespace",
    }
}

row! {
    /// `info.allCompliance`: checks that were passed, where the console keeps them.
    pub struct Passed<'a> {
        compliance: List<Check<'a>> = "compliance",
        enabled: Flag = "enabled",
    }
}

row! {
    /// A compliance check. Its description and cause are not read: the cause contains details of the container.
    pub struct Check<'a> {
        id: Text<'a> = "id",
        severity: Text<'a> = "severity",
        templates: Words<'a> = "templates",
        title: Text<'a> = "title",
        r#type: Text<'a> = "type",
    }
}

impl Check<'_> {
    /// Its id; `None` if the vendor has none, for which it writes 0.
    pub fn known_id(&self) -> Option<&str> {
        self.id.filled().filter(|id| *id != "0")
    }
}

row! {
    /// `info.cloudMetadata`.
    pub struct Cloud<'a> {
        account_id: Text<'a> = "accountID",
        provider: Text<'a> = "provider",
        region: Text<'a> = "region",
    }
}

row! {
    /// `info.installedProducts`.
    pub struct Products<'a> {
        crio: Flag = "crio",
        docker: Text<'a> = "docker",
    }
}

row! {
    /// `complianceDistribution` and `vulnerabilityDistribution`: counts by severity. Their `total` is not read.
    pub struct Severities {
        critical: Count = "critical",
        high: Count = "high",
        medium: Count = "medium",
        low: Count = "low",
    }
}

impl Severities {
    /// Critical, high, medium, low; a missing one is 0 unless all are missing, which means that nothing was counted.
    pub fn counts(&self) -> Option<[u64; 4]> {
        known([self.critical, self.high, self.medium, self.low])
    }
}
