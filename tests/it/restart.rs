//! Data survives a restart: it is served at once with its true age, and kept fresh from there.

use std::sync::Arc;
use std::time::Duration;

use container_security_exporter::clock::{Clock, Timestamp};
use simulator::console::{self, Console};
use simulator::exposition::Format;
use simulator::oracle::Families;
use simulator::server::{FaultKind, Server};
use simulator::tenant::{Shape, Tenant};
use tokio::sync::Semaphore;

use crate::delta::change;
use crate::kept::{STORE, becomes, by_collector, ended, expected, hold, is_all, kept_once, let_go, state};
use crate::process::{self, Home, Serving, vendor};
use crate::support::{BOTH, Bench, NOW, all_collectors, always, metrics, metrics_once, of_vendor, wrong_but_for_ages};

/// Both vendors of a home, and the requests they receive.
struct Vendors {
    qualys: Server,
    prisma: Server,
}

impl Vendors {
    async fn start(seed: u64) -> Self {
        let now = Clock::system().now().millis();
        let console = Console::generate(&console::Shape::small(seed, now));
        Self { qualys: vendor(Tenant::generate(&Shape::small(seed, now))).await, prisma: process::cloud(console).await }
    }

    fn both(&self) -> [&Server; 2] {
        [&self.qualys, &self.prisma]
    }

    /// A configuration of both, with these keys for each.
    fn configured(&self, home: &Home, keys: &str) -> String {
        let cloud = home.cloud("cloud", &self.prisma, &format!("rate_limit = \"1000/1s\"\n{keys}"));
        state(home) + &home.source("prod", &self.qualys, keys) + &cloud
    }

    fn expected(&self) -> Families {
        let (tenant, console) = (self.qualys.tenant(), self.prisma.console());
        expected(&tenant.lock().expect("no panic elsewhere"), Some(&console.lock().expect("no panic elsewhere")))
    }

    /// Holds the responses of both, and forgets the requests.
    fn hold(&self) -> [Arc<Semaphore>; 2] {
        self.both().map(|vendor| {
            vendor.forget_requests();
            hold(vendor)
        })
    }

    async fn stop(self) {
        self.qualys.stop().await;
        self.prisma.stop().await;
    }
}

/// The metrics of a process that has not received a response yet.
async fn at_start(serving: &Serving) -> Families {
    let families = metrics(serving.address, Format::OpenMetrics).await.families();
    assert_eq!(ended(&families), 0.0, "a run has ended");
    families
}

/// Whether there are no series about a vendor.
fn shows_nothing(families: &Families) -> bool {
    of_vendor(families).iter().all(|(_, series)| series.values().all(|folded| *folded == 0.0))
}

/// Serves until everything is exact and stored; returns the last metrics.
async fn collected(home: &Home, serving: &Serving, truth: &Families) -> Families {
    let families = becomes(serving.address, "at first", truth).await;
    let success = by_collector(&families, "last_success_timestamp_seconds");
    kept_once(home, "all that is served", |kept| {
        is_all(kept)
            && kept.iter().all(|((source, collector), saved)| {
                let status = saved.served.as_ref().map(|(_, data)| &data.status);
                let last = status.and_then(|status| status.last_success).map(Timestamp::seconds);
                last == success.get(&(source, *collector)).copied()
            })
    })
    .await;
    families
}

async fn is_served_at_once_after(signal: &str) {
    let vendors = Vendors::start(61).await;
    let home = Home::new();
    home.configure(&vendors.configured(&home, ""));
    let truth = vendors.expected();
    let serving = home.serve(&[]).await;
    let before = collected(&home, &serving, &truth).await;
    let ended = serving.end(signal).await;
    assert_eq!(ended.code, (signal == "TERM").then_some(0), "{}", ended.stderr);

    // Other intervals do not make it another account.
    home.configure(&vendors.configured(&home, "interval = \"1s\"\nstale_after = \"1h\"\nhttp.retries = 0"));
    let gates = vendors.hold();
    let serving = home.serve(&[]).await;
    let first = at_start(&serving).await;
    let is_as_before = |families: &Families| {
        let wrong = wrong_but_for_ages(&truth, families);
        assert!(wrong.is_empty(), "{signal}: {}", wrong.join("\n"));
        for family in ["complete", "records", "last_success_timestamp_seconds", "last_full_walk_timestamp_seconds"] {
            assert_eq!(by_collector(families, family), by_collector(&before, family), "{signal}: {family}");
        }
        assert!(by_collector(families, "up").values().all(|up| *up == 0.0), "{signal}: a collector is up");
    };
    is_as_before(&first);
    assert_eq!(by_collector(&first, "complete").values().sum::<f64>(), *BOTH);
    assert!(vendors.both().iter().all(|vendor| vendor.requests().is_empty()), "a vendor received a request before");

    // Both vendors fail when they are reached at last, and the data stays.
    for (vendor, gate) in vendors.both().iter().zip(gates) {
        vendor.clear_faults();
        vendor.inject(always("", FaultKind::Status(503, Vec::new(), String::new())));
        gate.close();
    }
    let families = metrics_once(serving.address, "a failure of each collector", |families| {
        by_collector(families, "last_duration_seconds").len() == all_collectors().count()
    })
    .await;
    is_as_before(&families);
    let now = Clock::system().now().millis();
    vendors.qualys.tenant().lock().expect("no panic elsewhere").step(now);
    vendors.prisma.console().lock().expect("no panic elsewhere").step(now);
    vendors.both().iter().for_each(|vendor| vendor.clear_faults());
    becomes(serving.address, "both vendors after the failure", &vendors.expected()).await;
    let ended = serving.end("TERM").await;
    assert!(!ended.stderr.contains("set aside") && !ended.stderr.contains("damaged"), "{}", ended.stderr);
    vendors.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_data_is_served_at_once_with_its_age() {
    tokio::join!(is_served_at_once_after("TERM"), is_served_at_once_after("KILL"));
}

/// A bench of both vendors with a state directory, and the options that enable it.
async fn keeping(seed: u64, keys: &str) -> (Bench, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory for the state");
    let options =
        format!("[state]\ndir = '{}'\n[[source.qualys]]\n{keys}\n[[source.prisma]]\n{keys}", dir.path().display());
    let console = Console::generate(&console::Shape::small(seed, NOW));
    let bench = Bench::start_both(Tenant::generate(&Shape::small(seed, NOW)), console, &options).await;
    bench.collected().await;
    (bench, options, dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_data_is_not_served_after_a_restart() {
    let (mut bench, options, _dir) = keeping(62, "stale_after = \"1h\"").await;
    let before = bench.families().await;
    let gates = [hold(&bench.vendor), hold(&bench.cloud().vendor)];
    for (minutes, is_served) in [(59, true), (1, false)] {
        bench.advance(Duration::from_mins(minutes));
        bench = bench.restart(&options).await;
        let families = bench.families().await;
        assert_eq!(ended(&families), 0.0);
        if is_served {
            // Ages follow the current time.
            bench.is_exact().await;
        } else {
            assert!(shows_nothing(&families), "{families:?}");
        }
        // The time of the last success is always shown.
        let success = "last_success_timestamp_seconds";
        assert_eq!(by_collector(&families, success), by_collector(&before, success));
        for (family, each) in [("complete", 1.0), ("up", 0.0)] {
            let values = by_collector(&families, family);
            assert!(
                values.len() == all_collectors().count()
                    && values.values().all(|value| *value == if is_served { each } else { 0.0 })
            );
        }
    }
    let_go(&gates);
    bench.collected().await;
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_changes_are_requested_after_a_restart() {
    let (mut bench, options, _dir) = keeping(63, "stale_after = \"1d\"").await;
    let bulk = |bench: &Bench| {
        let requests = bench.vendor.requests().into_iter();
        let bulk = requests.filter(|request| request.path.ends_with("s/list") && !request.path.contains("k8s"));
        bulk.map(|request| request.query).collect::<Vec<_>>()
    };
    let walked = by_collector(&bench.families().await, "last_full_walk_timestamp_seconds");
    let at_first = bulk(&bench).len();
    // By default there is a full walk after a day.
    for (cycle, hours) in [(1, 0), (2, 23), (3, 25)] {
        let now = NOW + i64::from(hours) * 3_600_000 + 300_000;
        bench.advance(Duration::from_millis((now - bench.now()).unsigned_abs()));
        change(&mut bench.tenant.lock().expect("no panic elsewhere"), cycle, now);
        bench.cloud().console.lock().expect("no panic elsewhere").step(now);
        bench.vendor.forget_requests();
        bench = bench.restart(&options).await;
        let families = bench.becomes("what has changed", &bench.expected()).await;
        let asked = bulk(&bench);
        let walked_again = by_collector(&families, "last_full_walk_timestamp_seconds");
        for collector in [("prod", "containers"), ("prod", "images")] {
            assert_eq!(walked_again[&collector] > walked[&collector], hours > 24, "{collector:?}");
        }
        if hours < 24 {
            assert!(asked.iter().all(|query| query.contains("filter=updated")), "{asked:?}");
            assert!(asked.len() >= 2 && asked.len() < at_first, "{asked:?}, where {at_first} were all");
        }
    }
    // A delta does not report those that were purged during the downtime.
    for _ in 0..2 {
        bench.advance(Duration::from_mins(5));
        bench.tenant.lock().expect("no panic elsewhere").step(bench.now());
        bench = bench.restart(&options).await;
        bench.becomes("what was purged", &bench.expected()).await;
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_another_account_is_never_shown() {
    let vendors = Vendors::start(64).await;
    let other = Vendors::start(65).await;
    let home = Home::new();
    let own = vendors.configured(&home, "");
    home.configure(&own);
    let serving = home.serve(&[]).await;
    let truth = vendors.expected();
    collected(&home, &serving, &truth).await;
    assert_eq!(serving.end("TERM").await.code, Some(0));
    let (store, spare) = (home.path("state").join(STORE), home.path("spare"));
    std::fs::copy(&store, &spare).expect("a spare copy");

    let swapped = own.replace("name = \"prod\"", "name = \"x\"").replace("name = \"cloud\"", "name = \"prod\"");
    for (what, configuration) in [
        ("another user", own.replace("username = \"exporter\"", "username = \"somebody\"")),
        ("another place", other.configured(&home, "")),
        ("other labels", format!("[containers]\npromote_labels = [\"tier\"]\n{own}")),
        ("the other vendor", swapped.replace("name = \"x\"", "name = \"cloud\"")),
        ("other names", own.replace("name = \"prod\"", "name = \"one\"").replace("name = \"cloud\"", "name = \"two\"")),
    ] {
        std::fs::copy(&spare, &store).expect("a store from the spare copy");
        home.configure(&configuration);
        let _gates = (vendors.hold(), other.hold());
        let serving = home.serve(&[]).await;
        let first = at_start(&serving).await;
        assert!(shows_nothing(&first), "{what}: {first:?}");
        assert_eq!(serving.end("TERM").await.code, Some(0), "{what}");
        // Nor when the configuration is for this account again: unusable data is not kept.
        home.configure(&own);
        let serving = home.serve(&[]).await;
        let first = at_start(&serving).await;
        assert!(shows_nothing(&first), "{what}, and back: {first:?}");
        assert_eq!(serving.end("TERM").await.code, Some(0), "{what}");
    }
    std::fs::copy(&spare, &store).expect("a store from the spare copy");
    let serving = home.serve(&[]).await;
    let wrong = wrong_but_for_ages(&truth, &at_start(&serving).await);
    assert!(wrong.is_empty(), "the spare copy is not usable: {}", wrong.join("\n"));
    serving.end("TERM").await;
    vendors.stop().await;
    other.stop().await;
}
