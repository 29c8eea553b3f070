//! Generates images and containers.

use super::check;
use super::record::{Check, Cloud, Container, Firewall, Image, Installed, Tag};
use crate::SECRET_MARKERS;
use crate::random::Random;

const DAY: i64 = 86_400_000;
const REGISTRIES: &[&str] = &["docker.io", "quay.io", "registry.example.org:5000", "eu.gcr.io"];
const REPOSITORIES: &[&str] = &["library/nginx", "payments/api", "redis", "team-a/worker", "ledger/db"];
const NAMESPACES: &[&str] = &["kube-system", "payments", "checkout", "monitoring", "identity", "search", "web"];
const CLUSTERS: &[&str] = &["prod-eu", "prod-us", "staging (Zürich)"];
const HOSTS: &[&str] = &["ip-10-0-0-1", "ip-10-0-0-2", "ip-10-0-3-4", "build.example.org"];
const PROVIDERS: &[&str] = &["aws", "gcp", "Azure", "others"];

/// Generates rows of images: some share an id, some were never scanned, some lack a name.
pub(super) fn images(count: usize, now: i64, random: &mut Random) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::with_capacity(count);
    for _ in 0..count {
        let id = match images.last() {
            Some(before) if random.percent(8) => before.id.clone(),
            _ => (!random.percent(5)).then(|| format!("sha256:{}", random.hex(64))),
        };
        images.push(image(id, now, random));
    }
    images
}

fn image(id: Option<String>, now: i64, random: &mut Random) -> Image {
    let repo_tag = (!random.percent(20)).then(|| tag(false, random));
    let tags = (0..random.below(3)).map(|_| tag(true, random)).collect();
    let mut image = Image {
        key: format!("sha256:{}", random.hex(64)),
        id,
        repo_tag,
        tags,
        vulnerabilities: (!random.percent(12)).then(|| counts(&[6, 30, 80, 200], random)),
        created: (!random.percent(8)).then(|| time(now - 300 * DAY, now - DAY, random)),
        scan_time: None,
        error: String::new(),
        damage: None,
    };
    let random = &mut Random::of(0, &image.key, "scan");
    if image.vulnerabilities.is_some() {
        image.scan_time = Some(time(now - 20 * DAY, now, random));
    } else if random.percent(50) {
        image.error = String::from("failed to scan");
    }
    image
}

fn tag(may_be_nameless: bool, random: &mut Random) -> Tag {
    let registry = (!random.percent(15)).then(|| String::from(random.word(REGISTRIES)));
    let is_nameless = may_be_nameless && random.percent(15);
    Tag { registry, repo: (!is_nameless).then(|| String::from(random.word(REPOSITORIES))) }
}

/// Generates a container of one of the images, as of `now`.
pub(super) fn container(images: &[Image], checks: &[Check], now: i64, random: &mut Random) -> Container {
    let image = &images[random.skewed(images.len())];
    let image_id = match random.below(20) {
        0 => None,
        1 => Some(format!("sha256:{}", random.hex(64))),
        _ => Some(String::from(image.known_as())),
    };
    let mut container = Container {
        id: random.hex(64),
        name: format!("{}_{}", random.word(&["main", "sidecar", "café-⚙", "über-tool"]), random.hex(4)),
        hostname: (!random.percent(3)).then(|| String::from(random.word(HOSTS))),
        cluster: (!random.percent(10)).then(|| String::from(random.word(CLUSTERS))),
        namespace: (!random.percent(10)).then(|| String::from(random.word(NAMESPACES))),
        cloud: (!random.percent(15)).then(|| cloud(random)),
        labels: labels(random),
        image_id,
        image: String::from("registry.example.org:5000/payments/api:1.2"),
        agentless: flag(random, 10),
        infra: flag(random, 15),
        runtime_enabled: flag(random, 70),
        firewall: (!random.percent(15)).then(|| Firewall {
            supported: flag(random, 50),
            enabled: flag(random, 20),
            unprotected: (!random.percent(40)).then(|| random.below(3)),
        }),
        issues: None,
        risk_score: None,
        failed: None,
        passed: None,
        installed: (!random.percent(6)).then(|| Installed {
            crio: flag(random, 60),
            docker: random.percent(50).then(|| String::from(random.word(&["24.0.7", "20.10.21", ""]))),
        }),
        scan_time: None,
        processes: vec![String::from("nginx"), format!("curl -H token={}-{}", SECRET_MARKERS[7], random.hex(6))],
        damage: None,
    };
    if !random.percent(8) {
        scan(&mut container, checks, now - 2 * DAY, now, random);
    }
    container
}

/// Scans the container at a moment in `since..=until`.
pub(super) fn scan(container: &mut Container, checks: &[Check], since: i64, until: i64, random: &mut Random) {
    container.scan_time = (!random.percent(5)).then(|| time(since, until, random));
    container.issues = (!random.percent(5)).then(|| counts(&[3, 9, 20, 40], random));
    container.risk_score = (!random.percent(10)).then(|| random.count(1_000_000));
    check::scan(container, checks, random);
}

/// Random counts up to those given, some of which are missing.
fn counts(most: &[u32; 4], random: &mut Random) -> [Option<u32>; 4] {
    if random.percent(20) {
        return [Some(0); 4];
    }
    let mut counts = most.map(|most| match random.below(10) {
        0 => None,
        1..=3 => Some(0),
        _ => Some(random.count(most)),
    });
    if counts.iter().all(Option::is_none) {
        counts[1] = Some(1);
    }
    counts
}

/// A random time. Some times are whole seconds, which more formats can represent.
fn time(since: i64, until: i64, random: &mut Random) -> i64 {
    let time = random.between(since.min(until), until);
    if random.percent(40) { time - time.rem_euclid(1000) } else { time }
}

fn flag(random: &mut Random, percent: usize) -> Option<bool> {
    if random.percent(10) { None } else { Some(random.percent(percent)) }
}

fn cloud(random: &mut Random) -> Cloud {
    Cloud {
        provider: (!random.percent(5)).then(|| String::from(random.word(PROVIDERS))),
        account: (!random.percent(5)).then(|| format!("12345678901{}", random.below(3))),
        region: (!random.percent(5)).then(|| String::from(random.word(&["eu-central-1", "eastus2"]))),
    }
}

fn labels(random: &mut Random) -> Vec<String> {
    let mut labels = vec![String::from("io.kubernetes.container.name:main")];
    if random.percent(60) {
        labels.push(String::from(random.word(&["team:payments", "team:web:eu", "team:", "team", "team: core"])));
    }
    if random.percent(20) {
        labels.push(format!("org.example/cost-center:cc-{}", random.below(4)));
    }
    labels
}
