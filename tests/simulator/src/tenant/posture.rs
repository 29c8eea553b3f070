//! Resources evaluated for posture controls, and their changes.

use super::landscape::Landscape;
use super::record::Control;
use super::{Shape, Tenant, change};
use crate::random::Random;

const DAY: i64 = 86_400_000;
const KINDS: &[&str] = &[
    "Pod",
    "Deployment",
    "ServiceAccount",
    "ClusterRoleBinding",
    "RoleBinding",
    "ConfigMap",
    "ServiceMonitor",
    "Node",
    "NetworkPolicy",
];

/// The outcome of evaluating a control for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The resource complies.
    Pass,
    /// The resource does not comply.
    Fail,
    /// The resource was skipped.
    Skip,
}

/// The evaluation of a control for one resource. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct PostureResource {
    /// The control's number.
    pub cid: u32,
    /// The control's name.
    pub control_name: Option<String>,
    /// The vendor's term for the control's severity.
    pub criticality: Option<String>,
    /// The cluster of the resource.
    pub cluster_uid: String,
    /// The cluster's name.
    pub cluster_name: Option<String>,
    /// The resource's name.
    pub name: String,
    /// The kind, such as `ServiceAccount`.
    pub kind: Option<String>,
    /// The outcome; `None` stands for an unknown term, which makes the row unreadable.
    pub outcome: Option<Outcome>,
    /// The cloud account of the cluster.
    pub account_id: Option<String>,
    /// A path such as `/v1/my-namespace/ServiceAccount/default`.
    pub resource_id: Option<String>,
    /// The resource's identifier.
    pub resource_uid: Option<String>,
    /// The time of the first evaluation.
    pub first_evaluated: Option<i64>,
    /// The time of the last evaluation.
    pub last_evaluated: Option<i64>,
}

/// Generates enough resources for several pages; none without a cluster.
pub(super) fn generate(
    landscape: &Landscape,
    controls: &[Control],
    shape: &Shape,
    random: &mut Random,
) -> Vec<PostureResource> {
    let count = if landscape.sites.is_empty() { 0 } else { 500 + shape.containers / 8 };
    (0..count).map(|_| resource(landscape, controls, shape.now_ms, random)).collect()
}

fn resource(landscape: &Landscape, controls: &[Control], now: i64, random: &mut Random) -> PostureResource {
    let control = random.pick(controls);
    let site = &landscape.sites[random.skewed(landscape.sites.len())];
    let kind = KINDS[random.skewed(KINDS.len())];
    let name = format!("{}-{}", random.pick(&landscape.namespaces), random.hex(10));
    let resource_uid = (!random.percent(8)).then(|| random.uuid());
    let has_id = if resource_uid.is_some() { random.percent(95) } else { random.percent(50) };
    let first = now - random.between(41 * DAY, 90 * DAY);
    let last = now - random.between(60_000, 40 * DAY);
    PostureResource {
        cid: control.cid,
        control_name: control.name.clone(),
        criticality: control.criticality.clone(),
        cluster_uid: site.cluster.uid.clone(),
        cluster_name: (!random.percent(3)).then(|| site.cluster.name.clone()),
        resource_id: has_id.then(|| format!("/v1/{}/{kind}/{name}", random.pick(&landscape.namespaces))),
        kind: (resource_uid.is_none() || !random.percent(3)).then(|| String::from(kind)),
        name,
        outcome: Some(outcome(random)),
        account_id: (!random.percent(10)).then(|| site.account.clone()),
        resource_uid,
        first_evaluated: (!random.percent(3)).then(|| whole_second(first)),
        last_evaluated: (!random.percent(3)).then(|| whole_second(last)),
    }
}

fn outcome(random: &mut Random) -> Outcome {
    match random.below(10) {
        0..=5 => Outcome::Pass,
        6..=8 => Outcome::Fail,
        _ => Outcome::Skip,
    }
}

/// Rounds to a whole second: the vendor's format for these times does not have milliseconds.
fn whole_second(ms: i64) -> i64 {
    ms - ms.rem_euclid(1000)
}

/// Evaluates some resources again, removes some, and adds some.
pub(super) fn step(tenant: &mut Tenant, since: i64, now: i64, random: &mut Random) {
    for resource in &mut tenant.posture_resources {
        if resource.outcome.is_some() && random.percent(10) {
            resource.last_evaluated = Some(whole_second(change::moment(since, now, random)));
            if random.percent(30) {
                resource.outcome = Some(outcome(random));
            }
        }
    }
    for _ in 0..tenant.posture_resources.len() / 100 {
        let index = random.below(tenant.posture_resources.len());
        tenant.posture_resources.remove(index);
        let born = resource(&tenant.landscape, &tenant.controls, now, random);
        tenant.posture_resources.push(born);
    }
}
