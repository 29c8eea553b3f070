//! Images: their state, generation and changes.

use std::collections::HashMap;

use super::record::{Label, Row};
use super::{Tenant, birth, change};
use crate::random::Random;

const DAY: i64 = 86_400_000;
const REGISTRIES: &[&str] = &[
    "docker.io",
    "362990800442.dkr.ecr.eu-central-1.amazonaws.com",
    "registry.example.org:5000",
    "ghcr.io",
    "quay.io",
    "mcr.microsoft.com",
];
const REPOSITORIES: &[&str] = &[
    "library/nginx",
    "library/postgres",
    "payments/api",
    "payments/worker",
    "platform/gateway",
    "web/frontend",
    "bitnami/redis",
    "tools/migrator",
    "alpine",
    "hello_world_ps",
];

/// One of the names of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The registry, such as `docker.io`.
    pub registry: Option<String>,
    /// The repository, such as `library/nginx`.
    pub repository: Option<String>,
    /// The tag, such as `1.27`.
    pub tag: Option<String>,
}

/// A digest of an image in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The registry, such as `docker.io`.
    pub registry: Option<String>,
    /// The digest without the hash function.
    pub digest: Option<String>,
}

/// A listed finding in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The vendor's id of the vulnerability.
    pub qid: Option<u32>,
    /// The vendor's term for its certainty.
    pub kind: Option<String>,
    /// For each affected piece of software, the fixed version, if any; `None` where no software is listed.
    pub fix_versions: Option<Vec<Option<String>>>,
}

/// An image. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Image {
    /// The key in both listings, by which containers refer to it.
    pub uuid: String,
    /// The long id.
    pub sha: Option<String>,
    /// The short id.
    pub image_id: String,
    /// Its names; a name may be null. `None` where the list is missing.
    pub repositories: Option<Vec<Option<Repository>>>,
    /// Its digests, in both listings.
    pub digests: Vec<Digest>,
    /// The number of containers created from it.
    pub containers: Option<u32>,
    /// The number of hosts that have it.
    pub hosts: Option<u32>,
    /// The vendor's term for the status of its scan.
    pub scan_status: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
    /// Findings of severity 1 to 5, at least one of them `Some`; `None` if it was never scanned.
    pub findings: Option<[Option<u32>; 5]>,
    /// The risk score, 0 to 1000.
    pub risk_score: Option<u32>,
    /// Its findings in the bulk list; `None` while a scan is pending.
    pub detections: Option<Vec<Detection>>,
    /// The time of the last scan.
    pub last_scanned: Option<i64>,
    /// When it was built.
    pub created: Option<i64>,
    /// The time of the last change of anything above.
    pub updated: i64,
    /// Its row in the page list.
    pub page_row: Row,
    /// Its row in the bulk list.
    pub bulk_row: Row,
}

impl Image {
    /// Whether it exists for a reader of the API: the page list decides.
    pub fn exists(&self) -> bool {
        self.page_row == Row::Readable
    }

    /// Whether a reader can see the fields that only the bulk list has.
    pub fn is_detailed(&self) -> bool {
        self.bulk_row == Row::Readable
    }
}

/// Generates most images that containers refer to, and more that are unused.
pub(super) fn generate(tenant: &Tenant, random: &mut Random) -> Vec<Image> {
    let mut uses: HashMap<&str, u32> = HashMap::new();
    for uuid in tenant.containers.iter().filter_map(|container| container.image_uuid.as_deref()) {
        *uses.entry(uuid).or_default() += 1;
    }
    let mut images = Vec::new();
    for (index, uuid) in tenant.landscape.images.iter().enumerate() {
        // The lists lack some images that containers refer to.
        if index % 11 != 5 {
            images.push(image(uuid.clone(), uses.get(uuid.as_str()).copied().unwrap_or(0), tenant.now_ms, random));
        }
    }
    for _ in 0..40 + tenant.shape.containers / 30 {
        images.push(image(random.uuid(), 0, tenant.now_ms, random));
    }
    images
}

fn image(uuid: String, containers: u32, now: i64, random: &mut Random) -> Image {
    let created = now - random.between(60_000, 700 * DAY);
    let mut image = Image {
        uuid,
        sha: (!random.percent(4)).then(|| random.hex(64)),
        image_id: random.hex(12),
        repositories: repositories(random),
        digests: Vec::new(),
        containers: (!random.percent(6)).then_some(containers),
        hosts: (!random.percent(6)).then(|| random.count(containers.min(9))),
        scan_status: None,
        size: (!random.percent(8)).then(|| u64::from(random.count(2_000_000)) * 2_999 + 1),
        findings: None,
        risk_score: None,
        detections: None,
        last_scanned: None,
        created: (!random.percent(4)).then(|| birth::whole_second_at_times(created, random)),
        updated: random.between(created.max(now - 90 * DAY), now),
        page_row: Row::Readable,
        bulk_row: Row::Readable,
    };
    if random.percent(85) {
        let time = random.between(created, image.updated);
        scan(&mut image, time, random);
    } else {
        image.scan_status =
            (!random.percent(30)).then(|| String::from(random.word(&["PENDING", "SCAN IN PROGRESS", "FAILED"])));
    }
    match random.below(30) {
        0 => image.bulk_row = Row::Absent,
        1 => image.page_row = Row::Absent,
        _ => {}
    }
    image
}

fn digests(random: &mut Random) -> Vec<Digest> {
    let one = |random: &mut Random| Digest {
        registry: (!random.percent(15)).then(|| String::from(random.word(REGISTRIES))),
        digest: (!random.percent(5)).then(|| random.hex(64)),
    };
    (0..random.below(4)).map(|_| one(random)).collect()
}

/// Gives images their digests, and assigns some containers to the cluster sensor, which reports their image by digest
/// or long id, and no host.
pub(super) fn report_by_cluster_sensor(tenant: &mut Tenant) {
    let random = &mut Random::of(tenant.shape.seed, "", "cluster sensor");
    for image in &mut tenant.images {
        image.digests = digests(random);
    }
    let mut digest_of: HashMap<&str, (Option<&str>, Option<&str>)> = HashMap::new();
    for image in &tenant.images {
        let digest = image.digests.iter().find_map(|digest| digest.digest.as_deref());
        digest_of.insert(&image.uuid, (digest, image.sha.as_deref()));
    }
    for container in &mut tenant.containers {
        if !random.percent(12) {
            continue;
        }
        let known = container.image_uuid.as_deref().and_then(|uuid| digest_of.get(uuid)).copied();
        let (digest, sha) = known.unwrap_or_default();
        let elsewhere = random.percent(10).then(|| random.hex(64));
        container.image_digest = elsewhere.or_else(|| digest.map(String::from)).filter(|_| random.percent(80));
        container.image_sha = sha.map(String::from).filter(|_| random.percent(70));
        if random.percent(80) {
            container.image_uuid = None;
        }
        container.sensor_uuid = container.host.as_ref().and_then(|host| host.sensor_uuid.clone());
        if random.percent(70) {
            container.host = None;
        }
        if let Some(pod) = container.pod.as_mut().filter(|_| random.percent(50)) {
            let namespace = std::mem::take(&mut pod.namespace);
            let key = String::from("io.kubernetes.pod.namespace");
            container.labels.push(Label { key, value: Some(namespace) });
        }
    }
}

fn repositories(random: &mut Random) -> Option<Vec<Option<Repository>>> {
    match random.below(20) {
        0 => return None,
        1 => return Some(Vec::new()),
        2 => return Some(vec![None]),
        _ => {}
    }
    let mut several = Vec::new();
    if random.percent(6) {
        several.push(None);
    }
    for _ in 0..=(random.below(3) / 2) {
        several.push(Some(Repository {
            registry: match random.below(12) {
                0 => None,
                1 => Some(String::new()),
                _ => Some(REGISTRIES[random.skewed(REGISTRIES.len())].into()),
            },
            repository: match random.below(25) {
                0 => None,
                1 => Some(String::new()),
                _ => Some(REPOSITORIES[random.skewed(REPOSITORIES.len())].into()),
            },
            tag: (!random.percent(15)).then(|| format!("1.{}", random.below(40))),
        }));
    }
    Some(several)
}

/// Scans the image: sets counts, score, findings and the time of the scan.
fn scan(image: &mut Image, time: i64, random: &mut Random) {
    image.last_scanned = (!random.percent(10)).then(|| birth::whole_second_at_times(time, random));
    image.scan_status = (!random.percent(5)).then(|| String::from(random.word(&["SUCCESS", "SUCCESS", "Partial"])));
    image.findings = (!random.percent(4)).then(|| birth::findings(random));
    image.risk_score =
        (!random.percent(12)).then(|| birth::score(&[0, 499, 500, 699, 700, 849, 850, 1000], 1000, random));
    image.detections = (!random.percent(6)).then(|| detections(random));
}

fn detections(random: &mut Random) -> Vec<Detection> {
    if random.percent(15) {
        return Vec::new();
    }
    let mut listed = Vec::new();
    for _ in 0..=random.below(14) {
        let found = detection(random);
        if random.percent(15) {
            // The same vulnerability in other software in the image.
            listed.push(Detection { qid: found.qid, ..detection(random) });
        }
        listed.push(found);
    }
    listed
}

fn detection(random: &mut Random) -> Detection {
    // A few vulnerabilities are nearly everywhere; most are in few images.
    let number = u32::try_from(random.skewed(240)).expect("fewer than 240");
    Detection {
        qid: (!random.percent(2)).then_some(if number % 7 == 0 { 980_000 + number } else { 105_100 + number }),
        kind: match random.below(20) {
            0 => None,
            1 => Some(String::from("Confirmed")),
            2 => Some(String::from("potential")),
            3 => Some(String::from("INFORMATION GATHERED")),
            4..=8 => Some(String::from("POTENTIAL")),
            _ => Some(String::from("CONFIRMED")),
        },
        fix_versions: match random.below(10) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![Some(String::new())]),
            // Some vulnerabilities do not have a fix in any software.
            _ if number % 3 == 0 => Some(vec![None, None]),
            3 => Some(vec![None, Some(String::from("9.11.4-16.P2.el7__8.6"))]),
            4 => Some(vec![None]),
            _ => Some(vec![Some(format!("1.{}.2", random.below(30)))]),
        },
    }
}

/// Changes some images, purges some, and adds some, which future containers may use.
pub(super) fn step(tenant: &mut Tenant, since: i64, now: i64, random: &mut Random) {
    let portion = tenant.images.len() / 100 + 1;
    for _ in 0..portion.min(tenant.images.len()) {
        let index = random.below(tenant.images.len());
        let updated = change::moment(since, now, random);
        let image = &mut tenant.images[index];
        match random.below(4) {
            0 => image.containers = Some(random.count(6)),
            1 => image.repositories = repositories(random),
            2 => image.detections = None,
            _ => scan(image, updated, random),
        }
        image.updated = updated;
    }
    for _ in 0..=portion / 3 {
        let index = random.below(tenant.images.len().max(1));
        if tenant.images.get(index).is_some_and(Image::exists) {
            tenant.images.remove(index);
        }
        let mut built = image(random.uuid(), random.count(2), now, random);
        built.updated = change::moment(since, now, random);
        tenant.landscape.images.push(built.uuid.clone());
        tenant.images.push(built);
    }
}
