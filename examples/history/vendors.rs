//! The events at the vendors: changes of their data, response times, and failures.
//!
//! Hours count from the beginning. Before the end, and before the moments a day and a week earlier that dashboards
//! compare it with, nothing changes until everything has been collected, so the exact time of a query does not matter.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use container_security_exporter::lock::lock;
use simulator::console::{self, Console};
use simulator::server::{Fault, FaultKind, Options, Server, prisma};
use simulator::tenant::{AGE_RULE, Damage, Detection, Outcome, Shape, StrayRow, Tenant};

pub(crate) const HOUR: i64 = 3_600_000;

/// Replacements for plain names: characters that are special in patterns, queries or addresses.
const HOSTILE_CLUSTER: (&str, &str) = ("staging (Zürich)", "lab.eu+ (a|b) [c] \"d\" \\e $f ^g*?{2} &h=i %2F");
const HOSTILE_NAMESPACE: (&str, &str) = ("monitoring", "web.*|(?i)x[0-9]{2}$");

/// From this hour on things get worse.
const WAVE: i64 = 150;

/// Requests that fail for a while.
struct Outage {
    /// The first hour, and the hour after the last.
    hours: (f64, f64),
    cloud: bool,
    path: &'static str,
    /// The number of affected requests between two scrapes.
    times: usize,
    kind: fn() -> FaultKind,
}

const OUTAGES: [Outage; 6] = [
    // A collector fails for longer than its data may be served.
    Outage { hours: (26.0, 29.5), cloud: false, path: "/images", times: usize::MAX, kind: || FaultKind::Html(503) },
    // Occasional refusals, which end after the requested wait.
    Outage { hours: (52.0, 55.0), cloud: false, path: "/csapi/", times: 4, kind: too_many },
    Outage { hours: (120.0, 126.0), cloud: true, path: "/api/", times: usize::MAX, kind: refused },
    Outage { hours: (131.0, 133.0), cloud: true, path: "/containers", times: usize::MAX, kind: miscounted },
    Outage { hours: (140.0, 141.0), cloud: false, path: "/reports", times: usize::MAX, kind: || FaultKind::Truncate },
    Outage { hours: (160.0, 161.5), cloud: false, path: "/sensors", times: usize::MAX, kind: || FaultKind::Html(502) },
];

fn too_many() -> FaultKind {
    FaultKind::Status(429, vec![("retry-after".to_owned(), "12".to_owned())], "{}".to_owned())
}

fn refused() -> FaultKind {
    FaultKind::Status(401, Vec::new(), "{}".to_owned())
}

fn miscounted() -> FaultKind {
    FaultKind::WithHeader("total-count".to_owned(), "9999".to_owned())
}

/// How many responses between two scrapes are as slow as the vendor; later ones share one delay.
const LATE: usize = 24;

/// Both vendors and their state.
pub(crate) struct Vendors {
    pub(crate) qualys: Server,
    pub(crate) prisma: Server,
    pub(crate) tenant: Arc<Mutex<Tenant>>,
    pub(crate) console: Arc<Mutex<Console>>,
    began_ms: i64,
    /// The last hour that has been simulated.
    hour: i64,
    /// The hours before which all changes must be collected.
    looked_at: [i64; 3],
    hostile_names: bool,
    noise: Noise,
}

impl Vendors {
    /// Starts both, created now on that clock.
    pub(crate) async fn start(
        seed: u64,
        containers: usize,
        hours: i64,
        hostile_names: bool,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    ) -> Result<Self, Box<dyn Error>> {
        let began_ms = clock();
        let shape = Shape { clusters: 3, namespaces: 5, hosts: 14, ..Shape::small(seed, began_ms) };
        let tenant = Arc::new(Mutex::new(Tenant::generate(&shape.containers(containers))));
        let shape = console::Shape::small(seed, began_ms).containers(containers / 2);
        let console = Arc::new(Mutex::new(Console::generate(&shape)));
        lock(&console).licence_expiry = Some(began_ms + (hours + 25 * 24) * HOUR);
        let of_qualys = Options { clock: Arc::clone(&clock), enforce_limits: true, ..Options::default() };
        let of_prisma = prisma::Options { clock, enforce_limits: true, ..prisma::Options::default() };
        let vendors = Self {
            qualys: Server::start(Arc::clone(&tenant), of_qualys).await?,
            prisma: Server::start_prisma(Arc::clone(&console), of_prisma).await?,
            tenant,
            console,
            began_ms,
            hour: 0,
            looked_at: [hours, hours - 24, hours - 168],
            hostile_names,
            noise: Noise(seed),
        };
        vendors.rename();
        Ok(vendors)
    }

    /// Advances both vendors to the given time.
    pub(crate) fn pass(&mut self, now_ms: i64) {
        while self.began_ms + (self.hour + 1) * HOUR <= now_ms {
            self.hour += 1;
            // Collectors run at least every hour.
            let at_ms = self.began_ms + self.hour * HOUR;
            if !self.looked_at.iter().any(|hour| (hour - 2..=*hour).contains(&self.hour)) {
                self.change(at_ms);
            }
            if !self.looked_at.contains(&self.hour) {
                self.check_in(at_ms);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a few days")]
        let hours = (now_ms - self.began_ms) as f64 / HOUR as f64;
        self.strike(hours);
    }

    /// Lets sensors check in, even while nothing else changes.
    fn check_in(&self, now_ms: i64) {
        let mut tenant = lock(&self.tenant);
        for sensor in tenant.sensors.iter_mut().filter(|sensor| !sensor.is_silent) {
            sensor.last_checked_in = Some(now_ms);
        }
        tenant.touch();
    }

    fn change(&mut self, now_ms: i64) {
        lock(&self.tenant).step(now_ms);
        lock(&self.console).step(now_ms);
        self.build(now_ms);
        self.patch(now_ms);
        self.regress(now_ms);
        self.spoil(now_ms);
        self.rename();
        lock(&self.tenant).touch();
        lock(&self.console).touch();
    }

    /// Assigns containers whose image is gone to another one, so that images and containers stay consistent. No policy
    /// requires images to be younger than two years.
    fn build(&mut self, now_ms: i64) {
        let Tenant { containers, images, policies, .. } = &mut *lock(&self.tenant);
        let rules = policies.iter_mut().flat_map(|policy| &mut policy.rules);
        for rule in rules.filter(|rule| rule.kind.as_deref() == Some(AGE_RULE)) {
            rule.value = rule.value.map(|days| days.max(730));
        }
        let mut listed: Vec<_> = images.iter_mut().filter(|image| image.exists() && image.is_detailed()).collect();
        let known: HashSet<_> = listed.iter().map(|image| image.uuid.clone()).collect();
        for container in containers.iter_mut() {
            if !container.image_uuid.as_ref().is_none_or(|uuid| known.contains(uuid)) {
                let index = self.noise.below(listed.len());
                let image = &mut *listed[index];
                container.image_uuid = Some(image.uuid.clone());
                container.updated = now_ms;
                image.containers = Some(image.containers.unwrap_or(0) + 1);
                image.updated = now_ms;
            }
        }
    }

    /// Fixes a few findings at every step.
    fn patch(&mut self, now_ms: i64) {
        let mut tenant = lock(&self.tenant);
        for _ in 0..4 {
            let index = self.noise.below(tenant.containers.len());
            let container = &mut tenant.containers[index];
            if let Some([.., high, critical]) = &mut container.findings {
                *critical = critical.map(|count| count / 2);
                *high = high.map(|count| count * 2 / 3);
                container.updated = now_ms;
            }
        }
        for control in &mut tenant.controls {
            if let (Some(passed), Some(failed), true) = (control.passed, control.failed, self.noise.unit() < 0.15) {
                let failing = failed.min((passed + failed) / 5);
                control.passed = Some(passed + failed - failing);
                control.failed = Some(failing);
            }
        }
    }

    /// Makes things worse towards the end: a fixable finding appears in many images, containers become privileged,
    /// sensors fall silent, and more resources fail.
    fn regress(&mut self, now_ms: i64) {
        let mut tenant = lock(&self.tenant);
        if (WAVE..WAVE + 6).contains(&self.hour) {
            for image in tenant.images.iter_mut().filter(|image| image.containers.is_some_and(|count| count > 0)) {
                let Some(detections) = &mut image.detections else { continue };
                let fix_versions = Some(vec![Some("2.4.1".to_owned())]);
                detections.push(Detection { qid: Some(380_777), kind: Some("CONFIRMED".to_owned()), fix_versions });
                image.updated = now_ms;
            }
        }
        if self.hour >= WAVE {
            for _ in 0..3 {
                let index = self.noise.below(tenant.containers.len());
                let container = &mut tenant.containers[index];
                if let Some([.., critical]) = &mut container.findings {
                    *critical = Some(critical.unwrap_or(0) + 3);
                    container.risk_score = Some(860);
                    container.privileged = Some(true);
                    container.updated = now_ms;
                }
            }
            for resource in &mut tenant.posture_resources {
                if resource.outcome.is_some() && self.noise.unit() < 0.02 {
                    resource.outcome = Some(Outcome::Fail);
                }
            }
        }
        if self.hour == WAVE {
            let registered = tenant.sensors.iter_mut().filter(|sensor| sensor.sensor_id.is_some() && !sensor.is_silent);
            registered.take(2).for_each(|sensor| sensor.is_silent = true);
        }
    }

    /// Makes rows unreadable for some hours.
    fn spoil(&self, now_ms: i64) {
        let mut tenant = lock(&self.tenant);
        let row = |uuid: &str| StrayRow {
            uuid: uuid.to_owned(),
            created: now_ms - HOUR,
            updated: now_ms - 1,
            damage: Damage::ListForKey,
        };
        if self.hour == 100 {
            tenant.stray_sensor_rows = vec![row("0a"), row("0b")];
            tenant.stray_report_rows = vec![row("0c")];
        } else if self.hour == 108 {
            tenant.stray_sensor_rows.clear();
            tenant.stray_report_rows.clear();
        }
    }

    fn rename(&self) {
        if !self.hostile_names {
            return;
        }
        let mut tenant = lock(&self.tenant);
        for container in &mut tenant.containers {
            if let Some(cluster) = &mut container.cluster {
                rename(&mut cluster.name, HOSTILE_CLUSTER);
            }
            if let Some(pod) = &mut container.pod {
                rename(&mut pod.namespace, HOSTILE_NAMESPACE);
            }
        }
        for resource in &mut tenant.posture_resources {
            if let Some(cluster) = &mut resource.cluster_name {
                rename(cluster, HOSTILE_CLUSTER);
            }
        }
        for container in &mut lock(&self.console).containers {
            if let Some(cluster) = &mut container.cluster {
                rename(cluster, HOSTILE_CLUSTER);
            }
            if let Some(namespace) = &mut container.namespace {
                rename(namespace, HOSTILE_NAMESPACE);
            }
        }
    }

    /// Replaces the faults for the requests until the next scrape.
    fn strike(&mut self, hours: f64) {
        for (cloud, server) in [(false, &self.qualys), (true, &self.prisma)] {
            server.clear_faults();
            let strikes = |outage: &&Outage| outage.cloud == cloud && (outage.hours.0..outage.hours.1).contains(&hours);
            for Outage { path, times, kind, .. } in OUTAGES.iter().filter(strikes) {
                server.inject(Fault { path_contains: (*path).to_owned(), times: *times, skip: 0, kind: kind() });
            }
            // Slower by day than by night, and very slow for an hour or two.
            let usual = 0.08 * (1.5 + (hours / 24.0 * std::f64::consts::TAU).sin());
            let usual = if (88.0..90.0).contains(&hours) { usual * 30.0 } else { usual };
            for late in 0..=LATE {
                let times = if late == LATE { usize::MAX } else { 1 };
                let delay = Duration::from_secs_f64(usual * 8.0_f64.powf(self.noise.unit() * 2.0 - 1.0));
                server.inject(Fault { path_contains: String::new(), times, skip: 0, kind: FaultKind::Stall(delay) });
            }
        }
    }
}

fn rename(name: &mut String, (plain, hostile): (&str, &str)) {
    if name == plain {
        hostile.clone_into(name);
    }
}

/// A deterministic random number generator.
struct Noise(u64);

impl Noise {
    /// At least 0 and below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap_or_default()) / 4_294_967_296.0
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
    fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }
}
