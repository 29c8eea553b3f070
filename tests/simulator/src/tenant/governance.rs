//! Reports, registries and centralized policies, and their changes.

use super::{Tenant, change};
use crate::SECRET_MARKERS;
use crate::random::Random;

/// The type of the rule that blocks images past an age.
pub const AGE_RULE: &str = "IMAGESCAN_VULN_RESTRICTED_OLDER_IMAGES";

const DAY: i64 = 86_400_000;
const TEMPLATES: &[&str] =
    &["CS_CONTAINER_VULNERABILITY", "CS_IMAGE_VULNERABILITY", "CS_CONTAINER_SOFTWARE", "CS IMAGE SECRETS"];
const RULE_TYPES: &[&str] = &[
    "IMAGESCAN_VULN_COUNT_BY_SEVERITY",
    "IMAGESCAN_VULN_RESTRICTED_SOFTWARES",
    "IMAGESCAN_VULN_RESTRICTED_QIDS",
    "K8S_PRIVILEGED_CONTAINER",
];

/// A report. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its key.
    pub uuid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its template.
    pub template: Option<String>,
    /// Its status.
    pub status: Option<String>,
    /// Whether it is scheduled.
    pub is_scheduled: Option<bool>,
    /// Its recipient, with secrets.
    pub recipient: String,
    /// When it was created.
    pub created: Option<i64>,
    /// When the vendor deletes it.
    pub expires: Option<i64>,
}

/// A rule of a policy.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    /// The type, such as [`AGE_RULE`].
    pub kind: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// Whether it is enabled.
    pub is_enabled: Option<bool>,
    /// The number in its `metaData`: for an age rule, the days.
    pub value: Option<u32>,
}

/// A centralized policy. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its key.
    pub uuid: String,
    /// Its name, which is unique.
    pub name: Option<String>,
    /// The type, such as `K8S_ADMISSION_CONTROLLER`.
    pub kind: Option<String>,
    /// The mode, such as `ACTIVE`.
    pub mode: Option<String>,
    /// Its rules.
    pub rules: Vec<PolicyRule>,
    /// Its exceptions.
    pub exclusions: Vec<PolicyRule>,
    /// Creation time.
    pub created: i64,
    /// Time of the last change of anything above.
    pub updated: i64,
}

/// Generates a dozen reports and more.
pub(super) fn reports(now: i64, random: &mut Random) -> Vec<Report> {
    (0..16).map(|_| report(now - random.between(60_000, 80 * DAY), random)).collect()
}

fn report(created: i64, random: &mut Random) -> Report {
    let scheduled = random.percent(50);
    Report {
        uuid: random.uuid(),
        name: (!random.percent(10)).then(|| format!("Recurring {}", random.hex(4))),
        template: (!random.percent(6)).then(|| String::from(random.word(TEMPLATES))),
        status: (!random.percent(6))
            .then(|| String::from(random.word(&["COMPLETED", "COMPLETED", "RUNNING", "FAILED", "In Queue"]))),
        is_scheduled: (!random.percent(15)).then_some(scheduled),
        recipient: format!("{}@example.org,security@example.org", SECRET_MARKERS[2]),
        created: (!random.percent(8)).then_some(created),
        expires: (!random.percent(12)).then(|| created + (1 + random.between(0, 3)) * 30 * DAY),
    }
}

/// Generates a dozen policies; the first ones have the rare features.
pub(super) fn policies(now: i64, random: &mut Random) -> Vec<Policy> {
    let mut policies: Vec<Policy> = (0..12).map(|index| policy(index, now, random)).collect();
    let age = |days, is_enabled| PolicyRule {
        kind: Some(String::from(AGE_RULE)),
        action: Some(String::from("FAIL")),
        is_enabled: Some(is_enabled),
        value: days,
    };
    policies[0].rules = vec![age(Some(180), true), age(Some(7), false), age(Some(90), true), age(None, true)];
    policies[1].rules = vec![age(Some(30), false)];
    policies[2].rules = Vec::new();
    policies[2].exclusions = Vec::new();
    policies[3].name = None;
    policies[3].rules = vec![age(Some(365), true)];
    policies[4].rules = vec![age(Some(1000), true)];
    policies[4].exclusions = vec![age(Some(3), true)];
    policies
}

fn policy(index: usize, now: i64, random: &mut Random) -> Policy {
    let created = now - random.between(41 * DAY, 400 * DAY);
    Policy {
        uuid: random.uuid(),
        name: Some(format!(
            "{} policy {index}",
            random.word(&["Block older images,", "Production", "Föderal \"strict\""])
        )),
        kind: (!random.percent(8)).then(|| {
            String::from(random.word(&[
                "K8S_ADMISSION_CONTROLLER",
                "K8S_ADMISSION_CONTROLLER",
                "CICD",
                "Image Assessment",
            ]))
        }),
        mode: (!random.percent(8)).then(|| String::from(random.word(&["ACTIVE", "ACTIVE", "INACTIVE", "AUDIT"]))),
        rules: (0..random.below(5)).map(|_| rule(random)).collect(),
        exclusions: (0..random.below(6) / 3).map(|_| rule(random)).collect(),
        created,
        updated: random.between(created, now),
    }
}

fn rule(random: &mut Random) -> PolicyRule {
    let is_enabled = random.percent(70);
    let kind = if random.percent(25) { AGE_RULE } else { random.word(RULE_TYPES) };
    PolicyRule {
        kind: (!random.percent(5)).then(|| String::from(kind)),
        action: (!random.percent(5)).then(|| String::from(random.word(&["FAIL", "FAIL", "WARN", "ALLOW"]))),
        is_enabled: (!random.percent(8)).then_some(is_enabled),
        value: (!random.percent(20)).then(|| 1 + random.count(999)),
    }
}

/// A registry that the vendor scans.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Its key. A registry without one is identified by its address.
    pub uuid: Option<String>,
    /// Its address, which several registries may share.
    pub uri: Option<String>,
    /// The number of images.
    pub images: Option<u32>,
    /// The number of scanned images.
    pub scanned: Option<u32>,
    /// The number of images with findings.
    pub vulnerable: Option<u32>,
}

/// Generates the registries of an account.
pub(super) fn registries(seed: u64) -> Vec<Registry> {
    const URIS: [&str; 5] =
        ["https://docker.io", "https://quay.io", "registry.example.org:5000", "https://ghcr.io", ""];
    let random = &mut Random::of(seed, "", "registries");
    let mut registries: Vec<Registry> = (0..9)
        .map(|index| {
            let mut count = |percent| (!random.percent(percent)).then(|| random.count(5_000));
            let [images, scanned, vulnerable] = [count(10), count(20), count(30)];
            Registry {
                uuid: Some(random.uuid()),
                uri: (index > 0).then(|| String::from(random.word(&URIS))),
                images,
                scanned,
                vulnerable,
            }
        })
        .collect();
    let not_counted = Registry {
        uuid: None,
        uri: Some(String::from("https://new.example.org")),
        images: None,
        scanned: None,
        vulnerable: None,
    };
    registries.push(Registry {
        uuid: None,
        uri: Some(String::from("keyless")),
        images: Some(7),
        ..not_counted.clone()
    });
    registries.push(not_counted);
    registries
}

/// Finishes a report, removes one, adds one, and changes a policy.
pub(super) fn step(tenant: &mut Tenant, since: i64, now: i64, random: &mut Random) {
    let moment = change::moment(since, now, random);
    if !tenant.reports.is_empty() {
        let finished = random.below(tenant.reports.len());
        tenant.reports[finished].status = Some(String::from("COMPLETED"));
        let gone = random.below(tenant.reports.len());
        tenant.reports.remove(gone);
    }
    tenant.reports.push(report(moment, random));
    if !tenant.policies.is_empty() {
        let index = random.below(tenant.policies.len());
        let changed = &mut tenant.policies[index];
        changed.rules.push(rule(random));
        changed.updated = moment;
    }
}
