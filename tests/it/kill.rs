//! Kills at random moments, more than a hundred in the gate: the exporter always restarts with a state that existed.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use container_security_exporter::clock::Clock;
use foldhash::fast::FixedState;
use simulator::console::{self, Console};
use simulator::exposition::Format;
use simulator::oracle::Families;
use simulator::server::{FaultKind, Options, Server};
use simulator::tenant::{Shape, Tenant};
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};

use crate::kept::{STORE, becomes, by_collector, ended, expected, files, hold, kept, kept_once, let_go, state};
use crate::process::{self, Ended, Home, Running, Serving, vendor_with};
use crate::support::{PACE, PATIENCE, all_collectors, always, is_thorough, metrics, metrics_once, wrong_but_for_ages};

/// How often it is killed: by default, and in a thorough run.
const LIVES: [u32; 2] = [15, 120];

/// How often it is killed while it creates its store.
const BEGINNINGS: [u32; 2] = [6, 40];

/// The seed of the moments. What the process is doing at a moment still depends on the machine.
const SEED: u64 = 1;

/// The listings with long walks.
const BULK: [&str; 2] = ["/csapi/v1.3/containers/list", "/csapi/v1.3/images/list"];

/// A number below `bound`, derived from a life and a purpose.
fn draw(life: u32, what: &str, bound: u32) -> u32 {
    u32::try_from(FixedState::with_seed(SEED).hash_one((life, what)) % u64::from(bound)).expect("below a u32")
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// This many milliseconds after its start.
    Start(u32),
    /// Once the vendors have answered this many requests.
    Answers(u32),
    /// Once this many pages of the bulk list of containers have arrived, no more arrive, and the walk is stored. The
    /// walk is a full one, since some containers were purged.
    Pages(u32),
    /// Once this many collectors have finished a run and their data is being stored.
    Runs(u32),
    /// After this many looks at the metrics once everything is exact.
    Looks(u32),
}

impl Moment {
    fn of(life: u32) -> Self {
        match draw(life, "moment", 10) {
            0..=2 => Self::Start(draw(life, "milliseconds", 80)),
            3..=4 => Self::Answers(1 + draw(life, "answers", 45)),
            5..=7 => Self::Pages(1 + draw(life, "pages", 3)),
            8 => Self::Runs(1 + draw(life, "runs", 11)),
            _ => Self::Looks(draw(life, "looks", 12)),
        }
    }
}

/// The state of both vendors from a moment on, in Unix milliseconds.
struct Version {
    since: i64,
    tenant: Tenant,
    console: Console,
}

/// Both vendors and all their past states. They change only while no process is alive.
struct World {
    qualys: Server,
    prisma: Server,
    versions: Vec<Version>,
    /// How far the account's clock is ahead. Rate limits, which depend on it, are not what this test is about.
    ahead: Arc<AtomicI64>,
}

impl World {
    async fn start() -> Self {
        let now = Clock::system().now().millis();
        let tenant = Tenant::generate(&Shape::small(91, now).containers(900));
        let ahead = Arc::new(AtomicI64::new(0));
        let by = Arc::clone(&ahead);
        let clock = Arc::new(move || Clock::system().now().millis() + by.load(Ordering::Relaxed));
        let qualys = vendor_with(tenant, Options { clock, ..Options::default() }).await;
        let prisma = process::cloud(Console::generate(&console::Shape::small(91, now).containers(120))).await;
        let mut world = Self { qualys, prisma, versions: Vec::new(), ahead };
        world.note();
        world
    }

    fn both(&self) -> [&Server; 2] {
        [&self.qualys, &self.prisma]
    }

    /// How many pages of the bulk list of containers have arrived: of the changes, and of the full list.
    fn walked(&self) -> [usize; 2] {
        let requests = self.qualys.requests();
        let pages = || requests.iter().filter(|request| request.path == BULK[0]);
        let changes = pages().filter(|request| request.query.contains("filter=")).count();
        [changes, pages().count() - changes]
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

    /// The families that match the current state.
    fn expected(&self) -> Families {
        let Version { tenant, console, .. } = self.versions.last().expect("noted at the start");
        expected(tenant, Some(console))
    }

    /// The expected families if each collector shows the state of its last success, and nothing if it never succeeded.
    fn expected_of(&self, success: &BTreeMap<(&str, &str), f64>) -> Families {
        let version = |source: &'static str, collector: &'static str| {
            #[expect(clippy::cast_possible_truncation, reason = "a time of this century in milliseconds")]
            let at = (success.get(&(source, collector))? * 1000.0).round() as i64;
            Some(
                self.versions
                    .iter()
                    .rfind(|version| version.since <= at)
                    .expect("no run succeeds before the first version"),
            )
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
        tenant.registries = of("registries").map(|of| of.registries.clone()).unwrap_or_default();
        tenant.policies = of("policies").map(|of| of.policies.clone()).unwrap_or_default();
        let of = |collector| version("cloud", collector).map(|version| &version.console);
        console.containers = of("containers").map(|of| of.containers.clone()).unwrap_or_default();
        console.images = of("images").map(|of| of.images.clone()).unwrap_or_default();
        console.defenders = of("sensors").map(|of| of.defenders.clone()).unwrap_or_default();
        console.take_statistics(of("vulnerabilities"));
        if let Some(of) = of("console") {
            console.version.clone_from(&of.version);
            console.licence_expiry = of.licence_expiry;
        }
        expected(&tenant, Some(&console))
    }

    /// Fails if a process starts with a state that never existed, or with one older than an earlier process showed.
    fn check(&self, life: u32, first: &Families, known: &mut BTreeMap<(&'static str, &'static str), f64>) {
        assert_eq!(ended(first), 0.0, "life {life}: a run has finished without a response");
        let success = by_collector(first, "last_success_timestamp_seconds");
        for (collector, complete) in by_collector(first, "complete") {
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
        if success.len() < all_collectors().count() {
            // The oracle also has zeros for collectors without data.
            expected.retain(|name, _| first.contains_key(name));
        }
        let wrong = wrong_but_for_ages(&expected, first);
        assert!(wrong.is_empty(), "life {life}, {success:?}:\n{}", wrong.join("\n"));
        *known = success;
    }
}

/// What the kills interrupted, for the reader of the test's output: it depends on the machine.
#[derive(Debug, Default)]
struct Fell {
    start: usize,
    walk: usize,
    resumed: usize,
    idle: usize,
}

/// Waits until the condition holds, checking often.
async fn once(mut wanted: impl FnMut() -> bool) {
    let mut pace = interval(Duration::from_millis(1));
    while !wanted() {
        pace.tick().await;
    }
}

/// Waits for this many milliseconds.
async fn ticks(milliseconds: u32) {
    let mut left = milliseconds;
    once(|| {
        let is_over = left == 0;
        left = left.saturating_sub(1);
        is_over
    })
    .await;
}

/// Watches a process that serves until its moment has come.
async fn lives_until(moment: Moment, home: &Home, serving: &Serving, world: &World, held: &Semaphore) {
    match moment {
        Moment::Start(_) => {}
        Moment::Answers(answers) => {
            let answered = || world.both().iter().map(|vendor| vendor.request_count("")).sum::<usize>();
            once(|| answered() >= answers as usize).await;
        }
        Moment::Pages(pages) => {
            let is_walking = async {
                let mut let_through = 0;
                once(|| {
                    // Pages of the changes do not count.
                    let [changes, all] = world.walked();
                    held.add_permits(changes - let_through);
                    let_through = changes;
                    all >= pages as usize
                })
                .await;
                kept_once(home, "a walk", |kept| kept.values().any(|saved| saved.walk.is_some())).await;
            };
            // A walk that resumes has fewer pages left.
            let expected = world.expected();
            tokio::select! {
                () = is_walking => {}
                _ = becomes(serving.address, "a walk", &expected) => {}
            }
        }
        Moment::Runs(runs) => {
            metrics_once(serving.address, "runs", |families| ended(families) >= f64::from(runs)).await;
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

/// An exporter that is killed repeatedly.
struct Victim {
    home: Home,
    /// The time of each collector's last success, as the last process showed at its start.
    known: BTreeMap<(&'static str, &'static str), f64>,
    /// Whether the last process was killed during a walk of which a part was stored.
    was_walking: bool,
    fell: Fell,
}

impl Victim {
    /// Lets a process live until its moment, then kills it.
    async fn live(&mut self, life: u32, moment: Moment, world: &World) {
        let pages = if let Moment::Pages(pages) = moment { pages } else { 0 };
        let held = Arc::new(Semaphore::new(pages as usize));
        let gates = world.both().map(|vendor| {
            vendor.clear_faults();
            vendor.forget_requests();
            let gate = hold(vendor);
            if let Moment::Pages(_) = moment {
                vendor.inject(always(&format!("{}?limit=", BULK[0]), FaultKind::Hold(Arc::clone(&held))));
            }
            // Makes walks take a while.
            vendor.inject(always("s/list?limit=", FaultKind::Stall(Duration::from_millis(40))));
            gate
        });
        let Ended { code, stderr, .. } = if let Moment::Start(milliseconds) = moment {
            let_go(&gates);
            let process = Running::start(self.home.command(&[]));
            ticks(milliseconds).await;
            process.signal("KILL");
            process.end().await
        } else {
            let serving = self.home.serve(&[]).await;
            let first = metrics(serving.address, Format::OpenMetrics).await.families();
            world.check(life, &first, &mut self.known);
            let_go(&gates);
            let lived = timeout(PATIENCE, lives_until(moment, &self.home, &serving, world, &held)).await;
            assert!(lived.is_ok(), "life {life}: {moment:?} never came");
            serving.end("KILL").await
        };
        assert_eq!(code, None, "life {life}, {moment:?}: it exited by itself: {stderr}");
        for word in ["level=error", "damaged", "set aside", "panicked"] {
            assert!(!stderr.contains(word), "life {life}, {moment:?}: {stderr}");
        }
        let kept = kept(&self.home);
        assert!(kept.is_some() || self.known.is_empty(), "life {life}, {moment:?}: the store cannot be read");
        let is_walking = kept.is_some_and(|kept| kept.values().any(|saved| saved.walk.is_some()));
        let requests = world.qualys.requests();
        let resumed = BULK.iter().any(|path| {
            let first = requests.iter().find(|request| request.path == *path);
            first.is_some_and(|first| first.query.contains("paginationQuery") && !first.query.contains("filter="))
        });
        self.fell.walk += usize::from(is_walking);
        self.fell.resumed += usize::from(self.was_walking && resumed);
        self.fell.start += usize::from(!stderr.contains("message=serving "));
        self.fell.idle += usize::from(matches!(moment, Moment::Looks(_)) && !is_walking);
        self.was_walking = is_walking;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_shown_after_a_kill_existed() {
    let mut world = World::start().await;
    let home = Home::new();
    let keys = "interval = \"1s\"\nstale_after = \"1h\"";
    let cloud = home.cloud("cloud", &world.prisma, &format!("rate_limit = \"1000/1s\"\n{keys}"));
    home.configure(&(state(&home) + &home.source("prod", &world.qualys, keys) + &cloud));
    let mut victim = Victim { home, known: BTreeMap::new(), was_walking: false, fell: Fell::default() };
    for life in 0..LIVES[usize::from(is_thorough())] {
        let moment = Moment::of(life);
        if life > 0 && (matches!(moment, Moment::Pages(_)) || draw(life, "step", 2) == 0) {
            world.step();
        }
        world.ahead.fetch_add(60_000, Ordering::Relaxed);
        victim.live(life, moment, &world).await;
    }
    println!("{:?}", victim.fell);
    assert!(victim.fell.walk > 0, "no process was killed during a walk");

    world.both().iter().for_each(|vendor| vendor.clear_faults());
    let serving = victim.home.serve(&[]).await;
    becomes(serving.address, "at last", &world.expected()).await;
    assert_eq!(serving.end("TERM").await.code, Some(0));
    world.qualys.stop().await;
    world.prisma.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_created_store_is_used_without_a_warning() {
    let world = World::start().await;
    let home = Home::new();
    home.configure(&(state(&home) + &home.source("prod", &world.qualys, "")));
    let mut unfinished = 0;
    for life in 0..BEGINNINGS[usize::from(is_thorough())] {
        let _gates = world.both().map(hold);
        let process = Running::start(home.command(&[]));
        let dir = home.path("state");
        once(|| dir.exists() && !files(&dir).is_empty()).await;
        ticks(draw(life, "making", 12)).await;
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
    println!("{unfinished} were killed before they served");
    world.qualys.stop().await;
    world.prisma.stop().await;
}
