//! The environment of containers: clusters and their clouds, hosts, namespaces, workloads.

use super::Shape;
use super::record::{Cluster, Controller};
use crate::random::Random;

/// The cloud of a cluster or of a lone host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cloud {
    Aws,
    Fargate,
    Azure,
    Gcp,
    None,
}

/// A cluster and its cloud account.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) cluster: Cluster,
    pub(super) cloud: Cloud,
    pub(super) account: String,
    pub(super) region: &'static str,
}

/// A host, in a cluster or standalone.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) hostname: String,
    pub(super) site: Option<usize>,
    pub(super) sensor_uuid: Option<String>,
}

/// The names in a tenant.
#[derive(Clone, Debug)]
pub(super) struct Landscape {
    pub(super) sites: Vec<Site>,
    pub(super) machines: Vec<Machine>,
    pub(super) namespaces: Vec<String>,
    /// The workloads of each namespace.
    pub(super) workloads: Vec<Vec<Controller>>,
    pub(super) images: Vec<String>,
}

const NAMESPACES: &[&str] = &[
    "kube-system",
    "payments",
    "checkout",
    "monitoring",
    "identity",
    "search",
    "ingress-nginx",
    "ledger",
    "catalog",
    "billing",
    "notifications",
    "orders",
    "argocd",
    "data-platform",
    "recommendations",
    "fraud-detection",
    "cert-manager",
    "shipping",
    "web",
    "reporting",
];
const COMPONENTS: &[&str] = &[
    "api",
    "worker",
    "frontend",
    "cache",
    "gateway",
    "migrator",
    "agent",
    "proxy",
    "consumer",
    "scheduler",
    "exporter",
    "db",
];
const KINDS: &[&str] =
    &["ReplicaSet", "ReplicaSet", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "CronJob", "Rollout"];
const CLUSTERS: &[(&str, Cloud, &str)] = &[
    ("prod-eu-central-1", Cloud::Aws, "eu-central-1"),
    ("prod-us-east", Cloud::Azure, "eastus2"),
    ("staging (Zürich)", Cloud::Gcp, "europe-west6"),
    ("edge-onprem", Cloud::None, ""),
    ("fargate-batch", Cloud::Fargate, "us-west-2"),
];

impl Landscape {
    pub(super) fn generate(shape: &Shape, random: &mut Random) -> Self {
        let namespaces: Vec<String> = (0..shape.namespaces).map(namespace).collect();
        let workloads = namespaces.iter().map(|namespace| workloads(namespace, random)).collect();
        Self {
            sites: (0..shape.clusters).map(|index| site(index, random)).collect(),
            machines: (0..shape.hosts).map(|_| machine(shape.clusters, random)).collect(),
            namespaces,
            workloads,
            images: (0..=shape.containers / 12).map(|_| random.uuid()).collect(),
        }
    }
}

fn site(index: usize, random: &mut Random) -> Site {
    let (name, cloud, region) = CLUSTERS[index % CLUSTERS.len()];
    let round = index / CLUSTERS.len();
    let name = if round == 0 { String::from(name) } else { format!("{name}-{round}") };
    let account = match cloud {
        Cloud::Aws | Cloud::Fargate | Cloud::None => random.between(100_000_000_000, 999_999_999_999).to_string(),
        Cloud::Azure => random.uuid(),
        Cloud::Gcp => format!("project-{}", random.hex(6)),
    };
    Site { cluster: Cluster { name, uid: random.uuid() }, cloud, account, region }
}

fn namespace(index: usize) -> String {
    let name = NAMESPACES[index % NAMESPACES.len()];
    match index / NAMESPACES.len() {
        0 => String::from(name),
        1 => format!("{name}-canary"),
        2 => format!("{name}-team-b"),
        round => format!("{name}-{round}"),
    }
}

fn workloads(namespace: &str, random: &mut Random) -> Vec<Controller> {
    (0..3 + random.below(8))
        .map(|_| Controller {
            kind: Some(String::from(random.word(KINDS))),
            name: Some(format!("{namespace}-{}", random.word(COMPONENTS))),
        })
        .collect()
}

fn machine(clusters: usize, random: &mut Random) -> Machine {
    let site = (clusters > 0 && random.percent(92)).then(|| random.skewed(clusters));
    let hostname = match site {
        Some(_) => format!("ip-10-{}-{}-{}", random.below(16), random.below(250), random.below(250)),
        None => format!("build-{}.example.org", random.hex(5)),
    };
    Machine { hostname, site, sensor_uuid: random.percent(92).then(|| random.uuid()) }
}
