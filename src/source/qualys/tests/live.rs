//! Whole collectors against the simulated vendor: log-in, walks, and failures on the way.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use simulator::server::{Fault, FaultKind, Options, Server};
use simulator::tenant::{Shape, Tenant};

use crate::checkpoint::{SavedData, Slot};
use crate::client::ApiError;
use crate::clock::{Clock, Timestamp};
use crate::inventory::DataStatus;
use crate::record::Vendor;
use crate::setting::HumanDuration;
use crate::source::qualys::{Collectors, Config};
use crate::source::{self, CollectOutput, Collector, Source};
use crate::telemetry::{Failure, Telemetry};

pub(crate) const NOW: i64 = 1_750_000_000_000;

/// A simulated account and the exporter's side of it, under one clock.
pub(crate) struct Bench {
    pub(crate) server: Server,
    source: Source,
    telemetry: Telemetry,
    now: Arc<AtomicI64>,
    secrets: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new(containers: usize, change: impl FnOnce(&mut Options, &mut Config)) -> Self {
        Self::of(Shape::small(7, NOW).containers(containers), change).await
    }

    async fn of(shape: Shape, change: impl FnOnce(&mut Options, &mut Config)) -> Self {
        let now = Arc::new(AtomicI64::new(NOW));
        let time = Arc::clone(&now);
        let mut options = Options { clock: Arc::new(move || time.load(Ordering::Relaxed)), ..Options::default() };
        let secrets = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = secrets.path().join(name);
            std::fs::write(&path, format!("{text}\n")).unwrap();
            path
        };
        let mut config = Config {
            name: "account".to_owned(),
            username: Some(options.username.clone()),
            password_file: Some(file("password", &options.password)),
            http: crate::client::Config { retries: Some(0), ..Default::default() },
            // Each run is a full walk, unless a test needs deltas.
            full_resync: HumanDuration::seconds(0),
            ..Config::default()
        };
        file("client", &options.client_secret);
        file("token", "a-token-of-the-ui");
        file("wrong", "wrong");
        config.password_file = Some(secrets.path().join("password"));
        change(&mut options, &mut config);
        for path in [&mut config.password_file, &mut config.client_secret_file, &mut config.token_file] {
            *path = path.take().map(|name| secrets.path().join(name));
        }
        let server = Server::start(Arc::new(Mutex::new(Tenant::generate(&shape))), options).await.unwrap();
        config.base_url = server.base_url();
        let telemetry = Telemetry::new(Timestamp::from_millis(NOW).unwrap());
        let time = Arc::clone(&now);
        let clock = Clock::from_fn(move || Timestamp::from_millis(time.load(Ordering::Relaxed)).unwrap());
        let rules = source::RowRules { promote_labels: ["team".to_owned()].into(), max_rejected_percent: 100.0 };
        let all = source::Config { qualys: vec![config], ..source::Config::default() };
        let source = all.build(&rules, &telemetry, &clock).unwrap().remove(0);
        telemetry.arrange([(Arc::clone(&source.telemetry), source.collector_names())]);
        Self { server, source, telemetry, now, secrets }
    }

    pub(crate) fn collector(&self, name: &str) -> &Collector {
        self.source.collectors.iter().find(|known| known.name == name).unwrap()
    }

    pub(crate) async fn run(&self, collector: &str) -> Result<CollectOutput, ApiError> {
        self.collector(collector).listing.collect(&|| {}).await
    }

    /// Sets the clock of both.
    pub(crate) fn set_clock(&self, now: i64) {
        self.now.store(now, Ordering::Relaxed);
    }

    fn log_ins(&self) -> usize {
        self.server.request_count("/auth")
    }

    pub(crate) fn fault(&self, path: &str, times: usize, kind: FaultKind) {
        self.server.inject(Fault { path_contains: path.to_owned(), times, skip: 0, kind });
    }

    /// A fault for all requests of a kind after the first `skip`.
    pub(crate) fn fault_after(&self, skip: usize, path: &str, kind: FaultKind) {
        self.server.inject(Fault { path_contains: path.to_owned(), times: usize::MAX, skip, kind });
    }

    pub(crate) fn rejected(&self, collector: &str) -> [u64; 2] {
        let (sources, _) = self.telemetry.read();
        sources[0].collectors.iter().find(|(name, _)| *name == collector).unwrap().1.rejected
    }
}

/// Stores the output of a run, as if it was served `after` milliseconds after the start of the clock.
pub(crate) fn store(slot: &Slot, output: &CollectOutput, after: i64) {
    let data = SavedData {
        since: Timestamp::from_millis(NOW + after).unwrap(),
        status: DataStatus { complete: true, records: output.records, ..DataStatus::default() },
        resume_state: output.resume_state.clone(),
    };
    slot.save(&output.tables, &data).unwrap();
}

/// Why a run failed: with an error, or with records missing.
#[track_caller]
pub(crate) fn refusal(failed: Result<CollectOutput, ApiError>) -> (Failure, String) {
    match failed {
        Ok(output) => (output.failure, output.missing.expect("a run that failed")),
        Err(error) => (error.failure, error.to_string()),
    }
}

#[tokio::test]
async fn a_whole_tenant_is_collected() {
    let bench = Bench::new(2_600, |_, _| {}).await;
    assert_eq!((bench.source.name.as_str(), bench.source.vendor), ("account", Vendor::Qualys));
    let tenant = bench.server.tenant();
    let pages = AtomicUsize::new(0);
    let containers = bench.source.collectors.iter().find(|known| known.name == "containers").unwrap();
    let count = || {
        pages.fetch_add(1, Ordering::Relaxed);
    };
    let output = containers.listing.collect(&count).await.unwrap();
    let table = output.tables.containers.unwrap();
    let expected = tenant.lock().unwrap().containers.iter().filter(|container| container.exists()).count();
    assert_eq!((table.len(), output.records, output.missing), (expected, expected as u64, None));
    assert!(pages.into_inner() > 10);
    let output = bench.run("sensors").await.unwrap();
    let expected = tenant.lock().unwrap().sensors.len() as u64;
    assert_eq!((output.records, output.missing), (expected, None));
    let output = bench.run("posture").await.unwrap();
    let table = output.tables.controls.unwrap();
    for control in &tenant.lock().unwrap().controls {
        let known = table.get(&control.cid.to_string()).unwrap();
        let category = control.category.as_deref().filter(|_| control.has_detail).unwrap_or_default();
        assert_eq!(table.names.text(known.category), category);
    }
    assert_eq!(bench.log_ins(), 1);
    assert_eq!(bench.rejected("containers"), [0, 0]);
}

#[tokio::test]
async fn a_hostile_tenant_is_collected_but_for_its_unreadable_rows() {
    let bench = Bench::of(Shape::small(3, NOW).containers(2_000).hostile(true), |_, _| {}).await;
    let tenant = bench.server.tenant();
    let output = bench.run("containers").await.unwrap();
    let expected = tenant.lock().unwrap().containers.iter().filter(|container| container.exists()).count();
    assert_eq!(output.records, expected as u64);
    let tenant = tenant.lock().unwrap().clone();
    for (collector, rows) in [
        ("sensors", tenant.unreadable_sensor_rows()),
        ("posture", tenant.unreadable_posture_rows() + tenant.unreadable_resource_rows()),
        ("images", tenant.unreadable_image_page_rows() + tenant.unreadable_image_bulk_rows()),
        ("reports", tenant.unreadable_report_rows()),
        ("policies", tenant.unreadable_policy_rows()),
    ] {
        bench.run(collector).await.unwrap();
        assert_eq!(bench.rejected(collector).iter().sum::<u64>(), rows as u64, "{collector}");
    }
}

#[tokio::test]
async fn collectors_that_find_an_expired_token_together_log_in_once() {
    let bench = Bench::new(300, |options, _| options.jwt_lifetime = Duration::from_mins(10)).await;
    let all = || async { join_all(["containers", "sensors", "posture"].map(|name| bench.run(name))).await };
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(bench.log_ins(), 1);
    bench.server.revoke_tokens();
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(bench.log_ins(), 2, "after the token was refused");
    bench.now.store(NOW + 500_000, Ordering::Relaxed);
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(bench.log_ins(), 2);
    bench.server.forget_requests();
    bench.now.store(NOW + 560_000, Ordering::Relaxed);
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(bench.log_ins(), 1, "before it expires");
    assert!(bench.server.requests().iter().all(|request| request.status != 401));
}

#[tokio::test]
async fn a_token_that_cannot_be_replaced_is_used_until_it_expires() {
    let bench = Bench::new(50, |options, _| options.jwt_lifetime = Duration::from_mins(10)).await;
    bench.run("sensors").await.unwrap();
    bench.fault("/auth", usize::MAX, FaultKind::Html(503));
    bench.now.store(NOW + 560_000, Ordering::Relaxed);
    bench.run("sensors").await.unwrap();
    bench.run("sensors").await.unwrap();
    assert_eq!(bench.log_ins(), 2, "not for every call");
    bench.now.store(NOW + 601_000, Ordering::Relaxed);
    assert_eq!(refusal(bench.run("sensors").await).0, Failure::BadResponse);
}

#[tokio::test]
async fn refusals_are_explained() {
    let bench = Bench::new(20, |_, config| config.password_file = Some("wrong".into())).await;
    let all = join_all(["containers", "sensors", "posture"].map(|name| bench.run(name))).await;
    for failed in all {
        let (failure, words) = refusal(failed);
        assert_eq!(failure, Failure::Unauthorized);
        assert!(words.contains("wrong user name or password"), "{words}");
    }
    assert_eq!(bench.log_ins(), 1, "a wrong password is not tried by everyone who waits");

    let bench = Bench::new(20, |_, _| {}).await;
    for (kind, words) in [
        (FaultKind::Html(404), "must be the platform's gateway"),
        (FaultKind::Html(200), "web page"),
        (FaultKind::Status(200, vec![], "not today".to_owned()), "not a token"),
        (FaultKind::Empty, "not a token"),
    ] {
        bench.fault("/auth", 1, kind);
        let (failure, message) = refusal(bench.run("sensors").await);
        assert!(failure == Failure::BadResponse && message.contains(words), "{message}");
    }
    bench.fault("/sensors", 2, FaultKind::Status(403, vec![], "{}".to_owned()));
    let (failure, words) = refusal(bench.run("sensors").await);
    assert!(failure == Failure::Forbidden && words.contains("lacks the permission for sensors"), "{words}");
    bench.run("sensors").await.unwrap();
    let log_ins = bench.log_ins();
    bench.fault("/sensors", 3, FaultKind::Status(401, vec![], "{}".to_owned()));
    for _ in 0..2 {
        let (failure, words) = refusal(bench.run("sensors").await);
        assert!(failure == Failure::Unauthorized && words.contains("a moment ago"), "{words}");
        assert!(words.contains("the account lacks the permission for sensors"), "{words}");
        assert_eq!(bench.log_ins(), log_ins + 1, "another new token just afterwards does not help");
    }
    bench.server.clear_faults();
    bench.run("sensors").await.unwrap();
    bench.fault("/sensors", 1, FaultKind::Status(401, vec![], "{}".to_owned()));
    bench.run("sensors").await.unwrap();
    bench.fault("/sensors", 2, FaultKind::Html(404));
    let (failure, words) = refusal(bench.run("sensors").await);
    assert!(failure == Failure::NotFound && words.contains("the listing of sensors was not found"), "{words}");
}

#[tokio::test]
async fn a_missing_module_is_reported_instead_of_a_permission() {
    let bench = Bench::new(20, |options, _| options.modules = vec!["VM".to_owned()]).await;
    for (status, failure) in [(403, Failure::Forbidden), (401, Failure::Unauthorized)] {
        bench.fault("/sensors", 2, FaultKind::Status(status, vec![], "{}".to_owned()));
        let (found, words) = refusal(bench.run("sensors").await);
        assert!(found == failure && words.contains("does not include Container Security (module CS)"), "{words}");
        bench.server.clear_faults();
    }
    assert_eq!(bench.log_ins(), 2, "another new token would not have it either");
}

#[tokio::test]
async fn a_wrong_password_is_not_retried_until_it_changes() {
    let bench = Bench::new(20, |_, config| config.password_file = Some("changing".into())).await;
    let file = bench.secrets.path().join("changing");
    std::fs::write(&file, "wrong").unwrap();
    // The clock stops while a thread blocks; otherwise it would run ahead when all tasks wait for the network.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let block = tokio::task::spawn_blocking(move || ended.recv());
    tokio::time::pause();
    for (seconds, log_ins) in [(0, 1), (0, 1), (1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let (failure, words) = refusal(bench.run("sensors").await);
        assert!(failure == Failure::Unauthorized && words.contains("auth: wrong user name or password"), "{words}");
        assert_eq!(bench.log_ins(), log_ins);
    }
    std::fs::write(&file, "wrong too").unwrap();
    assert_eq!(refusal(bench.run("sensors").await).0, Failure::Unauthorized);
    assert_eq!(bench.log_ins(), 5);
    std::fs::copy(bench.secrets.path().join("password"), &file).unwrap();
    bench.run("sensors").await.unwrap();
    drop(end);
    block.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn other_ways_to_log_in() {
    let by_client = Bench::new(20, |options, config| {
        (config.username, config.password_file) = (None, None);
        config.client_id = Some(options.client_id.clone());
        config.client_secret_file = Some("client".into());
    });
    by_client.await.run("sensors").await.unwrap();
    let with_token = |token: &'static str| {
        Bench::new(20, move |options, config| {
            (config.username, config.password_file) = (None, None);
            options.static_token = Some("a-token-of-the-ui".to_owned());
            config.token_file = Some(token.into());
        })
    };
    let bench = with_token("token").await;
    bench.run("sensors").await.unwrap();
    assert_eq!(bench.log_ins(), 0);
    let bench = with_token("wrong").await;
    let (failure, words) = refusal(bench.run("sensors").await);
    assert!(failure == Failure::Unauthorized && words.contains("create a new one"), "{words}");
    assert_eq!(bench.server.request_count("/csapi"), 1, "the same token is not tried twice");
}

#[tokio::test]
async fn old_sensors_and_no_posture() {
    let bench = Bench::new(20, |options, config| {
        options.sensors_v13 = false;
        config.collectors = Collectors::default();
        config.interval = HumanDuration::seconds(60);
    })
    .await;
    let first = bench.run("sensors").await.unwrap().records;
    assert_eq!(bench.run("sensors").await.unwrap().records, first);
    assert_eq!(bench.server.request_count("/csapi/v1.3/sensors"), 1, "requested only once");
    bench.fault("/k8s_postures/list", 1, FaultKind::Html(404));
    let output = bench.run("posture").await.unwrap();
    assert_eq!((output.records, output.tables.controls.map(|table| table.len())), (0, Some(0)));
    assert!(bench.source.collectors.iter().all(|collector| collector.interval == HumanDuration::seconds(60)));
}

#[tokio::test]
async fn categories_are_requested_once() {
    const CONTROL: &str = "/csapi/v1.3/k8s_postures/control/";
    let bench = Bench::new(20, |_, _| {}).await;
    bench.fault(CONTROL, 1, FaultKind::Html(500));
    let controls = bench.run("posture").await.unwrap().tables.controls.map_or(0, |table| table.len());
    assert_eq!(bench.server.request_count(CONTROL), controls);
    bench.run("posture").await.unwrap();
    assert_eq!(bench.server.request_count(CONTROL), controls + 1, "the one that failed");
    bench.run("posture").await.unwrap();
    assert_eq!(bench.server.request_count(CONTROL), controls + 1);
}

#[tokio::test]
async fn pages_that_repeat_or_break_fail_the_run() {
    let bench = Bench::new(1_200, |_, _| {}).await;
    bench.fault("/containers/list", usize::MAX, FaultKind::RepeatPage);
    assert_eq!(refusal(bench.run("containers").await).0, Failure::BadResponse);
    bench.server.clear_faults();
    bench.fault("/containers?", 1, FaultKind::Truncate);
    assert_eq!(refusal(bench.run("containers").await).0, Failure::BadResponse);
    bench.run("containers").await.unwrap();
}
