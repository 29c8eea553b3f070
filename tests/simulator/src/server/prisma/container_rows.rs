//! Rows of the container listing.

use serde_json::{Value, json};

use super::moment::moment;
use super::writing::{damaged, distribution, list, thin_out};
use crate::console::{Check, Container, StrayRow};
use crate::random::Random;

/// The container's row.
pub(super) fn row(container: &Container, seed: u64) -> Value {
    let random = &mut Random::of(seed, &container.id, "container");
    let firewall = container.firewall.as_ref().map(|firewall| {
        let process = |port: usize| json!({"port": 8080 + port, "process": "python3", "tls": false});
        json!({
            "enabled": firewall.enabled, "supported": firewall.supported, "outOfBandMode": "", "ports": [8080],
            "tlsPorts": null,
            "unprotectedProcesses": firewall.unprotected.map(|count| (0..count).map(process).collect::<Value>()),
        })
    });
    let mut row = json!({
        "_id": container.id, "agentless": container.agentless, "agentlessScanID": 0, "collections": ["All", "prod"],
        "firewallProtection": firewall, "hostname": container.hostname, "info": info(container, random),
        "runtimeEnabled": container.runtime_enabled, "scanTime": moment(container.scan_time, random),
        "csa": false, "futureField": {"nested": [1, "two", null]},
    });
    thin_out(&mut row, random);
    match container.damage {
        Some(damage) => damaged(row, damage, "_id"),
        None => row,
    }
}

/// A row without a container.
pub(super) fn stray(stray: &StrayRow) -> Value {
    let sound = json!({"_id": stray.id, "hostname": "nowhere", "info": {"id": stray.id, "name": "stray", "cluster": "nowhere"}});
    damaged(sound, stray.damage, "_id")
}

fn info(container: &Container, random: &mut Random) -> Value {
    let risk_score = match container.risk_score {
        Some(score) => json!(score),
        None if random.percent(40) => json!(-1),
        None => Value::Null,
    };
    let passed = container.passed.as_ref().map(|passed| {
        let checks = passed.checks.as_ref().map(|checks| entries(checks, random));
        json!({"compliance": checks, "enabled": passed.enabled})
    });
    let failed = container.failed.as_ref().map(|checks| entries(checks, random));
    let mut info = json!({
        "allCompliance": passed, "complianceIssues": failed,
        "complianceIssuesCount": container.failed.iter().flatten().count(),
        "complianceDistribution": distribution(container.issues, random), "complianceRiskScore": risk_score,
        "cloudMetadata": cloud(container), "cluster": container.cluster, "clusterType": "EKS",
        "namespace": container.namespace, "id": container.id, "name": container.name, "image": container.image,
        "imageName": container.image, "imageID": container.image_id, "infra": container.infra,
        "installedProducts": installed(container), "app": "",
    });
    let labels = container.labels.iter().map(|label| json!(label)).collect();
    let more = json!({
        "labels": list(labels, random),
        "externalLabels": [{
            "key": "team", "value": "not this one", "sourceName": "kube-system", "sourceType": "namespace",
            "timestamp": "2025-06-01T10:00:00Z",
        }],
        "network": {"ports": [{"container": 80, "host": 0, "hostIP": "10.0.0.1", "listening": true, "nat": false}]},
        "networkSettings": {
            "ipAddress": "10.0.0.1", "macAddress": "02:42:0a:00:00:01", "ports": null,
            "networks": [{"name": "bridge", "ipAddress": "172.17.0.2", "macAddress": ""}],
        },
        "processes": container.processes.iter().map(|name| json!({"name": name})).collect::<Value>(),
        "profileID": format!("{}_{}", container.image, container.name), "sizeBytes": 0,
        "startTime": "2025-06-01T10:00:00.123456789Z",
    });
    if let (Some(info), Value::Object(more)) = (info.as_object_mut(), more) {
        info.extend(more);
    }
    info
}

fn cloud(container: &Container) -> Value {
    let cloud = container.cloud.as_ref().map(|cloud| {
        json!({
            "accountID": cloud.account, "provider": cloud.provider, "region": cloud.region, "awsExecutionEnv": "",
            "image": "ami-0c55b159", "labels": null, "name": "node-1", "resourceID": "i-0ab8d3318979f529c",
            "resourceURL": "", "type": "m5.large", "vmID": "", "vmImageID": "ami-0c55b159",
        })
    });
    json!(cloud)
}

fn installed(container: &Container) -> Value {
    let installed = container.installed.as_ref().map(|installed| {
        json!({
            "agentless": false, "apache": "", "awsCloud": true, "crio": installed.crio, "docker": installed.docker,
            "dockerEnterprise": false, "hasPackageManager": true, "k8sApiServer": false, "k8sKubelet": true,
            "k8sControllerManager": false, "k8sEtcd": false, "k8sFederationApiServer": false,
            "k8sFederationControllerManager": false, "k8sProxy": true, "k8sScheduler": false, "kubernetes": "1.29",
            "openshift": false, "openshiftVersion": "", "osDistro": "amzn", "serverless": false,
            "swarmManager": false, "swarmNode": false,
        })
    });
    json!(installed)
}

/// Entries of a list of checks.
fn entries(checks: &[Check], random: &mut Random) -> Vec<Value> {
    checks.iter().map(|check| entry(check, random)).collect()
}

fn entry(check: &Check, random: &mut Random) -> Value {
    let templates = check.templates.iter().map(|template| json!(template)).collect();
    json!({
        "id": check.id, "title": check.title, "type": check.kind, "severity": check.severity,
        "templates": list(templates, random),
        "applicableRules": null, "binaryPkgs": null, "block": false, "cause": "The following 3 files…",
        "cri": false, "custom": false, "cve": "", "cvss": 0, "description": "It is a good security practice to…",
        "discovered": "0001-01-01T00:00:00Z", "exploit": "", "exploits": [], "fixDate": 0, "fixLink": "",
        "functionLayer": "", "gracePeriodDays": null, "layerTime": 0, "link": "", "packageName": "",
        "packageVersion": "", "published": 0, "riskFactors": null, "status": "", "text": "", "twistlock": true,
        "vecStr": "", "vulnTagInfos": [],
    })
}
