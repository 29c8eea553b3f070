//! Generates containers, sensors and controls.

use super::Shape;
use super::landscape::{Cloud, Landscape, Machine, Site};
use super::record::{Container, Control, Host, Label, Pod, Row, Sensor};
use crate::SECRET_MARKERS;
use crate::random::Random;

const DAY: i64 = 86_400_000;
const STATES: &[(usize, &str)] =
    &[(70, "RUNNING"), (14, "STOPPED"), (8, "DELETED"), (3, "PAUSED"), (2, "CREATED"), (2, "UNKNOWN")];
const CONTROL_SUBJECTS: &[&str] = &[
    "HostPath mount",
    "Minimize the admission of privileged containers",
    "Consider external secret storage",
    "Ensure that the kubeconfig file permissions are set to 644 or more restrictive",
    "Minimize the admission of containers wishing to share the host IPC namespace",
    "CVE-2022-0185-linux-kernel-container-escape",
    "Prefer using dedicated EKS Service Accounts",
    "Ensure \"default\" accounts are not used",
];
const POLICIES: &[&str] = &[
    "Kubernetes Best Practices",
    "AWS Elastic Kubernetes Service (EKS) Best Practices",
    "CIS Amazon Elastic Kubernetes Service (EKS) Benchmark v1.6.0",
    "Azure Kubernetes Service (AKS) Best Practices",
    "Red Hat OpenShift Container Platform Best Practices",
];

/// Generates a container that was created at `born`, as of `now`.
pub(super) fn container(landscape: &Landscape, born: i64, now: i64, random: &mut Random) -> Container {
    let machine = (!random.percent(4)).then(|| &landscape.machines[random.skewed(landscape.machines.len())]);
    let site = machine.and_then(|machine| machine.site).map(|index| &landscape.sites[index]);
    let pod = site.map(|site| pod(site, machine, landscape, random));
    let sha = random.hex(64);
    let name = match &pod {
        Some(pod) => {
            format!("k8s_{}_{}_{}", random.word(&["main", "sidecar", "init", "café-⚙"]), pod.name, pod.namespace)
        }
        None => format!("{}_{}", random.word(&["wordpress", "jenkins-agent", "postgres", "über-tool"]), random.hex(4)),
    };
    let mut container = Container {
        uuid: random.uuid(),
        container_id: sha[..12].to_owned(),
        sha: (!random.percent(5)).then_some(sha),
        name,
        image_uuid: (!random.percent(3)).then(|| random.pick(&landscape.images).clone()),
        image_digest: None,
        image_sha: None,
        sensor_uuid: None,
        state: None,
        cluster: site.map(|site| site.cluster.clone()),
        pod,
        labels: own_labels(random),
        host: machine.map(|machine| Host {
            sensor_uuid: machine.sensor_uuid.clone(),
            hostname: (!random.percent(3)).then(|| machine.hostname.clone()),
        }),
        architectures: None,
        cloud: site.map(|site| cloud(site, random)).unwrap_or_default(),
        findings: None,
        risk_score: None,
        max_qds_score: None,
        qds_severity: None,
        criticality: (!random.percent(15)).then(|| random.below(6).to_string()),
        is_root: flag(random, 40),
        is_vuln_propagated: flag(random, 25),
        compliance: None,
        last_vm_scan: None,
        last_scanned: None,
        exceptions: if random.percent(6) { 1 + random.below(3) } else { 0 },
        is_drift: flag(random, 8),
        privileged: flag(random, 7),
        is_exposed: flag(random, 5),
        is_instrumented: flag(random, 3),
        origin: (!random.percent(3))
            .then(|| String::from(random.word(&["GENERAL", "GENERAL", "GENERAL", "SERVERLESS_FARGATE", "CI CD"]))),
        environment: vec![
            String::from("FLANNEL_ARCH=amd64"),
            format!("DB_PASSWORD={}-{}", SECRET_MARKERS[0], random.hex(6)),
        ],
        arguments: vec![format!("--token={}-{}", SECRET_MARKERS[1], random.hex(6))],
        created: born,
        updated: random.between(born, now),
        is_odd: false,
        page_row: Row::Readable,
        bulk_row: Row::Readable,
    };
    container.architectures = architectures(&mut Random::of(0, &container.uuid, "architectures"));
    container.state = state(random);
    if !random.percent(10) {
        scan(&mut container, born, now, random);
    }
    match random.below(50) {
        0 => container.bulk_row = Row::Absent,
        1 => container.page_row = Row::Absent,
        _ => {}
    }
    container
}

pub(super) fn state(random: &mut Random) -> Option<String> {
    let mut draw = random.below(100);
    for (share, state) in STATES {
        if draw < *share {
            return Some(String::from(*state));
        }
        draw -= share;
    }
    None
}

/// Scans the container: sets counts, scores, compliance and the times of the scan, which is within `since..=until`.
pub(super) fn scan(container: &mut Container, since: i64, until: i64, random: &mut Random) {
    let time = whole_second_at_times(random.between(since, until), random);
    container.last_vm_scan = (!random.percent(10)).then_some(time);
    container.last_scanned = (!random.percent(15)).then_some(time);
    container.findings = Some(findings(random));
    container.risk_score = (!random.percent(12)).then(|| score(&[0, 499, 500, 699, 700, 849, 850, 1000], 1000, random));
    container.max_qds_score = (!random.percent(12)).then(|| score(&[0, 100], 100, random));
    container.qds_severity =
        (!random.percent(12)).then(|| String::from(random.word(&["CRITICAL", "HIGH", "MEDIUM", "LOW", "Low", "NONE"])));
    container.compliance = random.percent(60).then(|| {
        [
            Some(random.count(40)),
            (!random.percent(10)).then(|| random.count(12)),
            (!random.percent(10)).then(|| random.count(2)),
        ]
    });
}

/// A random score, sometimes one of the given edge values.
pub(super) fn score(edges: &[u32], highest: u32, random: &mut Random) -> u32 {
    if random.percent(15) { *random.pick(edges) } else { random.count(highest) }
}

/// Random counts for severity 1 to 5, at least one of them present.
pub(super) fn findings(random: &mut Random) -> [Option<u32>; 5] {
    if random.percent(20) {
        return [Some(0); 5];
    }
    let mut counts = [9, 60, 160, 40, 12].map(|most| match random.below(10) {
        0 => None,
        1..=3 => Some(0),
        _ => Some(random.count(most)),
    });
    if counts.iter().all(Option::is_none) {
        counts[2] = Some(1);
    }
    counts
}

/// Rounds some times to whole seconds, which more formats can represent.
pub(super) fn whole_second_at_times(time: i64, random: &mut Random) -> i64 {
    if random.percent(40) { time - time.rem_euclid(1000) } else { time }
}

fn flag(random: &mut Random, percent: usize) -> Option<bool> {
    if random.percent(10) { None } else { Some(random.percent(percent)) }
}

fn label(key: &str, value: &str) -> Label {
    Label { key: String::from(key), value: Some(String::from(value)) }
}

fn architectures(random: &mut Random) -> Option<Vec<Option<String>>> {
    let known = Some(String::from(random.word(&["x86_64", "x86_64", "amd64", "ARM64", "s390 x"])));
    match random.below(12) {
        0 | 1 => None,
        2 => Some(Vec::new()),
        3 => Some(vec![None, known]),
        4 => Some(vec![known, Some(String::from("arm"))]),
        _ => Some(vec![known]),
    }
}

fn own_labels(random: &mut Random) -> Vec<Label> {
    let mut labels = Vec::new();
    if random.percent(50) {
        labels.push(label("io.kubernetes.container.name", "main"));
    }
    if random.percent(25) {
        labels.push(label("team", random.word(&["core", "risk", "data"])));
    } else if random.percent(5) {
        labels.push(Label { key: String::from("team"), value: None });
    }
    if random.percent(10) {
        labels.push(label("org.example/cost-center", &format!("cc-{}", random.below(6))));
    }
    labels
}

fn pod(site: &Site, machine: Option<&Machine>, landscape: &Landscape, random: &mut Random) -> Pod {
    let namespace = random.skewed(landscape.namespaces.len());
    let workload = random.pick(&landscape.workloads[namespace]).clone();
    let name = format!("{}-{}", workload.name.as_deref().unwrap_or("bare"), random.hex(5));
    let mut labels = vec![label("app.kubernetes.io/name", workload.name.as_deref().unwrap_or_default())];
    if random.percent(70) {
        labels.push(label("team", random.word(&["payments", "platform", "web", "Ünïcode \"team\""])));
    }
    if random.percent(40) {
        labels.push(label("tier", random.word(&["frontend", "backend", ""])));
    }
    let mut controllers = vec![workload];
    if random.percent(20) {
        controllers
            .push(super::Controller { kind: Some(String::from("Deployment")), name: Some(site.cluster.name.clone()) });
    }
    if random.percent(6) {
        controllers.clear();
    }
    Pod {
        name,
        namespace: landscape.namespaces[namespace].clone(),
        labels,
        controllers,
        node: machine.filter(|_| !random.percent(3)).map(|machine| machine.hostname.clone()),
    }
}

fn cloud(site: &Site, random: &mut Random) -> Vec<(String, Option<String>)> {
    let value = |text: &str, random: &mut Random| (!random.percent(4)).then(|| String::from(text));
    let keys: &[(&str, &str)] = match site.cloud {
        Cloud::Aws => &[
            ("aws.ec2.accountId", "account"),
            ("aws.ec2.instanceId", "i-0ab8d3318979f529c"),
            ("aws.ec2.region.code", "region"),
            ("aws.ecs.accountId", ""),
        ],
        Cloud::Fargate => &[
            ("aws.ecs.accountId", "account"),
            ("aws.ecs.clusterName", "jack-explore"),
            ("aws.ecs.region.code", "region"),
        ],
        Cloud::Azure => {
            &[("azure.vm.region", "region"), ("azure.vm.subscription.accountId", "account"), ("azure.vm.id", "")]
        }
        Cloud::Gcp => {
            &[("gcp.compute.accountId", "account"), ("gcp.compute.hostname", ""), ("gcp.compute.region", "region")]
        }
        Cloud::None => &[],
    };
    keys.iter()
        .map(|(key, what)| {
            let value = match *what {
                "account" => value(&site.account, random),
                "region" => value(site.region, random),
                "" => None,
                text => value(text, random),
            };
            (String::from(*key), value)
        })
        .collect()
}

/// Generates the sensors of the machines, ghosts, and a few that have left their machine.
pub(super) fn sensors(landscape: &Landscape, shape: &Shape, random: &mut Random) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    for (index, machine) in landscape.machines.iter().enumerate() {
        // Containers refer to some sensors that are not in the sensor list.
        let Some(uuid) = machine.sensor_uuid.as_ref().filter(|_| index % 13 != 2) else { continue };
        let mut live = sensor(uuid.clone(), &machine.hostname, shape.now_ms, random);
        if random.percent(10) {
            live.is_silent = true;
            live.last_checked_in = (!random.percent(20)).then(|| shape.now_ms - random.between(DAY + 60_000, 40 * DAY));
        }
        if random.percent(12) {
            let ghost = sensor(random.uuid(), &machine.hostname, shape.now_ms, random);
            sensors.push(Sensor {
                sensor_id: None,
                runtime: None,
                runtime_version: None,
                created: None,
                is_silent: true,
                ..ghost
            });
        }
        sensors.push(live);
    }
    if let Some(last) = sensors.last_mut() {
        // Its host still refers to it, but it never finished registering.
        last.sensor_id = None;
    }
    sensors
}

fn sensor(uuid: String, hostname: &str, now: i64, random: &mut Random) -> Sensor {
    let (runtime, version) =
        *random.pick(&[("CRI-O", "1.17.4"), ("containerd", "1.7.27"), ("containerd", "2.1.3"), ("docker", "24.0.7")]);
    let checked_in = now - random.between(1_000, 600_000);
    Sensor {
        uuid,
        sensor_id: Some(random.hex(12)),
        hostname: (!random.percent(2)).then(|| String::from(hostname)),
        kind: Some(String::from(random.word(&["GENERAL", "GENERAL", "GENERAL", "REGISTRY", "CICD"]))),
        status: (!random.percent(3))
            .then(|| String::from(random.word(&["Provisioned", "Provisioned", "Running", "Not Running"]))),
        runtime: (!random.percent(4)).then(|| String::from(runtime)),
        runtime_version: (!random.percent(8)).then(|| String::from(version)),
        version: (!random.percent(4)).then(|| String::from(random.word(&["1.38.0-3", "1.37.1-0", "1.3.3-50"]))),
        last_checked_in: Some(whole_second_at_times(checked_in, random)),
        created: Some(now - random.between(41 * DAY, 90 * DAY)),
        is_silent: false,
    }
}

/// Generates the posture controls, numbered in no particular order.
pub(super) fn controls(random: &mut Random) -> Vec<Control> {
    (0..95).map(|index| control(45_000 + index * 37 % 1009, random)).collect()
}

fn control(cid: u32, random: &mut Random) -> Control {
    let mut policies: Vec<String> = (0..random.below(4)).map(|_| String::from(random.word(POLICIES))).collect();
    if random.percent(10) {
        policies.extend(policies.first().cloned());
    }
    let is_unevaluated = random.percent(6);
    let mut count = |highest| (!is_unevaluated && !random.percent(8)).then(|| random.count(highest));
    let (passed, failed, skipped) = (count(60), count(30), count(4));
    Control {
        cid,
        name: (!random.percent(3)).then(|| format!("{} ({cid})", random.pick(CONTROL_SUBJECTS))),
        policies,
        criticality: (!random.percent(6))
            .then(|| String::from(random.word(&["URGENT", "HIGH", "MEDIUM", "Serious", "LOW", "MINIMAL"]))),
        passed,
        failed,
        skipped,
        category: (!random.percent(8)).then(|| String::from(random.word(&["SYSTEM DEFINED", "USER DEFINED"]))),
        has_detail: !random.percent(6),
    }
}
