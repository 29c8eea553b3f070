//! Killed at random moments more than a hundred times: it always comes back with a state that there was.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::time::Duration;

use container_security_exporter::clock::Clock;
use foldhash::fast::FixedState;
use simulator::console::{self, Console};
use simulator::exposition::Format;
use simulator::oracle::Families;
use simulator::server::{FaultKind, Options, Server};
use simulator::tenant::{Shape, Tenant};
use tokio::time::interval;

use crate::kept::{STORE, becomes, ended, expected, files, hold, kept, state, told, wrong};
use crate::process::{self, Ended, Home, Running, Serving, vendor_with};
use crate::support::{PACE, always, metrics, metrics_once};

/// How often it is killed.
const LIVES: u64 = 130;

/// Another number makes other moments. What the process is at just then is still up to the machine.
const SEED: u64 = 1;

/// All collectors of both vendors.
const COLLECTORS: u64 = 11;

/// A number below `bound` for one thing in one life.
fn draw(life: u64, what: &str, bound: u64) -> u64 {
    FixedState::with_seed(SEED).hash_one((life, what)) % bound
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many milliseconds after it was started, whatever it is at.
    Start(u64),
    /// When the vendors have answered so many requests.
    Answers(u64),
    /// When so many collectors have ended a run: what they brought is just being stored.
    Runs(u64),
    /// So many looks at the metrics after all is exact.
    Looks(u64),
}

impl Moment {
    fn of(life: u64) -> Self {
        match draw(life, "moment", 10) {
            0..=2 => Self::Start(draw(life, "milliseconds", 80)),
            3..=6 => Self::Answers(1 + draw(life, "answers", 45)),
            7 => Self::Runs(1 + draw(life, "runs", COLLECTORS)),
            _ => Self::Looks(draw(life, "looks", 12)),
        }
    }
}

/// What was true of both vendors from a moment on, in Unix milliseconds.
struct Version {
    since: i64,
    tenant: Tenant,
    console: Console,
}

/// Both vendors, and everything that was ever true of them. It changes only while no process is alive.
struct World {
    qualys: Server,
    prisma: Server,
    versions: Vec<Version>,
}

impl World {
    async fn start() -> Self {
        let now = Clock::system().now().millis();
        let tenant = Tenant::generate(&Shape::small(91, now).containers(900));
        let qualys = vendor_with(tenant, Options { enforce_limits: false, ..Options::default() }).await;
        let prisma = process::cloud(Console::generate(&console::Shape::small(91, now).containers(120))).await;
        let mut world = Self { qualys, prisma, versions: Vec::new() };
        world.note();
        world
    }

    fn both(&self) -> [&Server; 2] {
        [&self.qualys, &self.prisma]
    }

    fn note(&mut self) {
        let tenant = self.qualys.tenant().lock().expect("no panic elsewhere").clone();
        let console = self.prisma.console().lock().expect("no panic elsewhere").clone();
        self.versions.push(Version { since: Clock::system().now().millis(), tenant, console });
    }

    fn step(&mut self) {
        let now = Clock::system().now().millis();
        self.qualys.tenant().lock().expect("no panic elsewhere").step(now);
        self.prisma.console().lock().expect("no panic elsewhere").step(now);
        self.note();
    }

    /// What is true now.
    fn expected(&self) -> Families {
        let Version { tenant, console, .. } = self.versions.last().expect("noted at the start");
        expected(tenant, Some(console))
    }

    /// What is to be shown where each collector has what was true when it last succeeded, and nothing if it never did.
    fn expected_of(&self, success: &BTreeMap<(&str, &str), f64>) -> Families {
        let version = |source: &'static str, collector: &'static str| {
            #[expect(clippy::cast_possible_truncation, reason = "a time of this century in milliseconds")]
            let at = (success.get(&(source, collector))? * 1000.0).round() as i64;
            Some(self.versions.iter().rfind(|version| version.since <= at).expect("nobody was asked before"))
        };
        let first = &self.versions[0];
        let (mut tenant, mut console) = (first.tenant.clone(), first.console.clone());
        let of = |collector| version("prod", collector).map(|version| &version.tenant);
        tenant.containers = of("containers").map(|of| of.containers.clone()).unwrap_or_default();
        tenant.images = of("images").map(|of| of.images.clone()).unwrap_or_default();
        tenant.sensors = of("sensors").map(|of| of.sensors.clone()).unwrap_or_default();
        tenant.controls = of("posture").map(|of| of.controls.clone()).unwrap_or_default();
        tenant.posture_resources = of("posture").map(|of| of.posture_resources.clone()).unwrap_or_default();
        tenant.reports = of("reports").map(|of| of.reports.clone()).unwrap_or_default();
        tenant.policies = of("policies").map(|of| of.policies.clone()).unwrap_or_default();
        let of = |collector| version("cloud", collector).map(|version| &version.console);
        console.containers = of("containers").map(|of| of.containers.clone()).unwrap_or_default();
        console.images = of("images").map(|of| of.images.clone()).unwrap_or_default();
        console.defenders = of("sensors").map(|of| of.defenders.clone()).unwrap_or_default();
        console.vulnerabilities = of("vulnerabilities").map(|of| of.vulnerabilities.clone()).unwrap_or_default();
        if let Some(of) = of("console") {
            console.version.clone_from(&of.version);
            console.licence_expiry = of.licence_expiry;
        }
        expected(&tenant, Some(&console))
    }

    /// Fails if what a process shows at its start is no state that there was, or is older than that of a process before.
    fn check(&self, life: u64, first: &Families, known: &mut BTreeMap<(&'static str, &'static str), f64>) {
        assert_eq!(ended(first), 0.0, "life {life}: a run has ended that nobody answered");
        let success = told(first, "last_success_timestamp_seconds");
        for (collector, complete) in told(first, "complete") {
            assert_eq!(complete == 1.0, success.contains_key(&collector), "life {life}: {collector:?}");
        }
        for (collector, before) in known.iter() {
            let now = success.get(collector);
            assert!(
                now.is_some_and(|now| now >= before),
                "life {life}: {collector:?} went from {before} back to {now:?}"
            );
        }
        let mut expected = self.expected_of(&success);
        if success.len() < COLLECTORS as usize {
            // Of nothing the oracle still says that it is nothing.
            expected.retain(|name, _| first.contains_key(name));
        }
        let wrong = wrong(&expected, first);
        assert!(wrong.is_empty(), "life {life}, {success:?}:\n{}", wrong.join("\n"));
        *known = success;
    }
}

/// What the kills fell into.
#[derive(Debug, Default)]
struct Fell {
    start: usize,
    walk: usize,
    resumed: usize,
    idle: usize,
    checked: usize,
}

/// Waits until it is so, looking often.
async fn once(mut wanted: impl FnMut() -> bool) {
    let mut pace = interval(Duration::from_millis(1));
    while !wanted() {
        pace.tick().await;
    }
}

/// Lets a process live until its moment.
async fn lives_until(moment: Moment, serving: &Serving, world: &World) {
    match moment {
        Moment::Start(_) => {}
        Moment::Answers(answers) => {
            let answered = || world.both().iter().map(|vendor| vendor.request_count("")).sum::<usize>() as u64;
            once(|| answered() >= answers).await;
        }
        Moment::Runs(runs) => {
            metrics_once(serving.address, "runs", |families| ended(families) >= runs as f64).await;
        }
        Moment::Looks(looks) => {
            becomes(serving.address, "a cycle", &world.expected()).await;
            let mut pace = interval(PACE);
            for _ in 0..looks {
                pace.tick().await;
                serving.get("/metrics").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_that_is_shown_existed() {
    let mut world = World::start().await;
    let home = Home::new();
    let keys = "interval = \"1s\"\nstale_after = \"1h\"";
    let cloud = home.cloud("cloud", &world.prisma, &format!("rate_limit = \"1000/1s\"\n{keys}"));
    home.configure(&(state(&home) + &home.source("prod", &world.qualys, keys) + &cloud));
    let mut fell = Fell::default();
    let mut known = BTreeMap::new();
    let mut was_walking = false;
    for life in 0..LIVES {
        if life > 0 && draw(life, "step", 10) < 6 {
            world.step();
        }
        let gates = world.both().map(|vendor| {
            vendor.clear_faults();
            vendor.forget_requests();
            let gate = hold(vendor);
            // So that walks take a while.
            vendor.inject(always("/list?limit=", FaultKind::Stall(Duration::from_millis(15))));
            gate
        });
        let moment = Moment::of(life);
        let Ended { code, stderr, .. } = if let Moment::Start(milliseconds) = moment {
            gates.iter().for_each(|gate| gate.close());
            let process = Running::start(home.command(&[]));
            let mut ticks = 0;
            once(|| {
                ticks += 1;
                ticks > milliseconds
            })
            .await;
            process.signal("KILL");
            process.end().await
        } else {
            let serving = home.serve(&[]).await;
            let first = metrics(serving.address, Format::OpenMetrics).await.families();
            world.check(life, &first, &mut known);
            fell.checked += 1;
            gates.iter().for_each(|gate| gate.close());
            lives_until(moment, &serving, &world).await;
            serving.end("KILL").await
        };
        assert_eq!(code, None, "life {life}, {moment:?}: it ended by itself: {stderr}");
        for word in ["level=error", "damaged", "set aside", "panicked"] {
            assert!(!stderr.contains(word), "life {life}, {moment:?}: {stderr}");
        }
        let kept = kept(&home);
        let is_walking = kept.as_ref().is_some_and(|kept| kept.values().any(|saved| saved.walk.is_some()));
        assert!(kept.is_some() || known.is_empty(), "life {life}, {moment:?}: the store cannot be read");
        let requests = world.qualys.requests();
        let resumed = ["/csapi/v1.3/containers/list", "/csapi/v1.3/images/list"].iter().any(|path| {
            let first = requests.iter().find(|request| request.path == *path);
            first.is_some_and(|first| first.query.contains("paginationQuery") && !first.query.contains("filter="))
        });
        fell.walk += usize::from(is_walking);
        fell.resumed += usize::from(was_walking && resumed);
        fell.start += usize::from(!stderr.contains("message=serving "));
        fell.idle += usize::from(matches!(moment, Moment::Looks(_)) && !is_walking);
        was_walking = is_walking;
    }
    assert!(fell.checked >= 60 && fell.start >= 10 && fell.idle >= 10, "not all moments were hit: {fell:?}");
    assert!(fell.walk >= 10 && fell.resumed >= 3, "not all moments were hit: {fell:?}");

    world.both().iter().for_each(|vendor| vendor.clear_faults());
    let serving = home.serve(&[]).await;
    becomes(serving.address, "at last", &world.expected()).await;
    assert_eq!(serving.end("TERM").await.code, Some(0));
    eprintln!("{fell:?}");
    world.qualys.stop().await;
    world.prisma.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_just_being_made_is_none_to_be_wary_of() {
    let world = World::start().await;
    let home = Home::new();
    home.configure(&(state(&home) + &home.source("prod", &world.qualys, "")));
    let mut unfinished = 0;
    for life in 0..40 {
        let _gates = world.both().map(hold);
        let process = Running::start(home.command(&[]));
        let store = home.path("state").join(STORE);
        once(|| store.exists()).await;
        let mut ticks = 0;
        once(|| {
            ticks += 1;
            ticks > draw(life, "making", 12)
        })
        .await;
        process.signal("KILL");
        let ended = process.end().await;
        unfinished += usize::from(!ended.stderr.contains("message=serving "));
        let serving = home.serve(&[]).await;
        let Ended { code, stderr, .. } = serving.end("TERM").await;
        assert_eq!(code, Some(0), "life {life}: {stderr}");
        assert!(!stderr.contains("level=warn"), "life {life}: {stderr}");
        assert_eq!(files(&home.path("state")), [STORE], "life {life}");
        std::fs::remove_dir_all(home.path("state")).expect("it was there");
    }
    assert!(unfinished >= 5, "only {unfinished} were killed before they served");
    world.qualys.stop().await;
    world.prisma.stop().await;
}
