//! What is served when runs fail, stall, wait or return too little, with a paused clock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};

use super::{CurrentData, Runner};
use crate::client::{ApiError, Endpoint};
use crate::clock::{Clock, Timestamp};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::record::Vendor;
use crate::setting::HumanDuration;
use crate::source::{Collect, CollectOutput, Collector};
use crate::telemetry::{Failure, SourceTelemetry, Telemetry};
use crate::view::CollectorReading;

static ENDPOINT: Endpoint = Endpoint { name: "list", class: "list" };

/// What a run does.
#[derive(Clone, Copy)]
enum Script {
    /// Returns this many records at once.
    Brings(u64),
    /// Returns this many records, and knows that there are more.
    BringsSome(u64),
    /// Fails at once.
    Fails,
    /// Never ends, with a page every this many seconds, if any.
    Stalls(Option<u64>),
    /// Reads a page every ten seconds for this many seconds, and returns some records at the end.
    BringsSomeAfter(u64, u64),
    /// Reads a page and then nothing, and never ends.
    GetsStuck,
    /// Waits for a rate limit for this many seconds, then returns a record.
    WaitsForLimit(u64),
    /// Panics.
    Panics,
}

/// Runs a script, and then fails forever.
struct Scripted {
    script: Mutex<VecDeque<Script>>,
    telemetry: Arc<SourceTelemetry>,
}

fn output(records: u64, missing: Option<&str>) -> CollectOutput {
    let tables = Tables { sensors: Some(Arc::new(Table::default())), ..Tables::default() };
    let records = usize::try_from(records).unwrap();
    CollectOutput { missing: missing.map(str::to_owned), ..CollectOutput::full(records, tables) }
}

impl Collect for Scripted {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        let next = lock(&self.script).pop_front().unwrap_or(Script::Fails);
        Box::pin(async move {
            match next {
                Script::Brings(records) => Ok(output(records, None)),
                Script::BringsSome(records) => Ok(output(records, Some("there are more"))),
                Script::Fails => Err(ApiError::new(&ENDPOINT, Failure::Unreachable, "no connection")),
                Script::Stalls(page) => loop {
                    sleep(Duration::from_secs(page.unwrap_or(3600))).await;
                    if page.is_some() {
                        progress();
                    }
                },
                Script::BringsSomeAfter(seconds, records) => {
                    for _ in 0..seconds / 10 {
                        progress();
                        sleep(Duration::from_secs(10)).await;
                    }
                    Ok(output(records, Some("there are more")))
                }
                Script::GetsStuck => {
                    progress();
                    std::future::pending().await
                }
                Script::WaitsForLimit(seconds) => {
                    let wait = self.telemetry.wait_for_limit();
                    sleep(Duration::from_secs(seconds)).await;
                    drop(wait);
                    Ok(output(9, None))
                }
                Script::Panics => panic!("as scripted"),
            }
        })
    }
}

/// A collector that runs a script, once a minute, with data that is good for three minutes.
struct Rehearsal {
    telemetry: Telemetry,
    collection: Arc<CurrentData>,
    _tasks: JoinSet<()>,
}

impl Rehearsal {
    fn new(script: &[Script]) -> Self {
        let clock = Clock::from_fn(|| Timestamp::from_millis(1_000_000).unwrap());
        let telemetry = Telemetry::new(clock.now());
        let source = telemetry.source("prod", "qualys", &["list"], &["sensors"]);
        telemetry.arrange([(Arc::clone(&source), vec!["sensors"])]);
        let collection = Arc::new(CurrentData::default());
        collection.arrange([("prod", Vendor::Qualys, vec!["sensors"])], &[]);
        let listing =
            Box::new(Scripted { script: Mutex::new(script.iter().copied().collect()), telemetry: Arc::clone(&source) });
        let collector = Collector { name: "sensors", interval: HumanDuration::seconds(60), listing };
        let runner = Runner::new(collector, None, source, Arc::clone(&collection), clock);
        let mut tasks = JoinSet::new();
        tasks.spawn(runner.run_forever());
        Self { telemetry, collection, _tasks: tasks }
    }

    /// Lets this many seconds pass, one by one.
    async fn after(&self, seconds: u64) -> (bool, CollectorReading) {
        for _ in 0..seconds {
            advance(Duration::from_secs(1)).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        let (sources, _) = self.telemetry.read();
        let (collector, runs) = sources[0].collectors[0].clone();
        let known = self.collection.inventory().sources.swap_remove(0);
        let data = known.statuses.first().map(|(_, status)| status.clone()).unwrap_or_default();
        let source = "prod".to_owned();
        (known.tables.sensors.is_some(), CollectorReading { source, vendor: "qualys", collector, runs, data })
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_collector_serves_its_last_good_data_until_that_is_too_old() {
    let rehearsal = Rehearsal::new(&[Script::Brings(7), Script::Fails, Script::Fails, Script::Fails, Script::Fails]);
    let (served, state) = rehearsal.after(1).await;
    assert!(served && state.is_up() && state.data.complete && state.data.records == 7 && state.runs.answered);
    let (served, state) = rehearsal.after(70).await;
    assert!(served && !state.is_up() && state.data.complete && state.data.records == 7, "down, and still served");
    assert!(state.runs.last_error.unwrap().contains("no connection"));
    let (served, _) = rehearsal.after(105).await;
    assert!(served, "good for three minutes");
    let (served, state) = rehearsal.after(10).await;
    assert!(!served && !state.is_up() && !state.data.complete && state.data.records == 0, "and not longer");
    assert!(state.runs.succeeded == 1 && state.runs.failed[Failure::Unreachable as usize] >= 2, "each run is counted");
    assert!(state.data.last_success.is_some(), "dropped data still shows when it was good");
}

#[tokio::test(start_paused = true)]
async fn it_recovers_by_itself() {
    let rehearsal = Rehearsal::new(&[Script::Fails, Script::Panics, Script::Brings(7)]);
    let (served, state) = rehearsal.after(1).await;
    assert!(!served && !state.is_up() && state.runs.answered, "a failure is an answer");
    let (_, state) = rehearsal.after(65).await;
    assert_eq!(
        state.runs.failed[Failure::Internal as usize],
        1,
        "a panic of the collector ends its run and nothing else"
    );
    let (served, state) = rehearsal.after(65).await;
    assert!(served && state.is_up() && state.runs.last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_run_ages_the_data_and_one_that_makes_progress_does_not() {
    for (page, kept) in [(None, false), (Some(50), true)] {
        let rehearsal = Rehearsal::new(&[Script::Brings(7), Script::Stalls(page)]);
        let (served, _) = rehearsal.after(170).await;
        assert!(served);
        let (served, state) = rehearsal.after(30).await;
        assert_eq!(served, kept, "pages every {page:?}");
        assert_eq!(state.data.records, if kept { 7 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_gets_stuck_is_failing_some_minutes_after_its_last_page() {
    let rehearsal = Rehearsal::new(&[Script::Brings(7), Script::GetsStuck]);
    let (served, _) = rehearsal.after(350).await;
    assert!(served);
    let (served, state) = rehearsal.after(20).await;
    assert!(!served && state.data.records == 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_its_turn_is_not_failing() {
    let rehearsal = Rehearsal::new(&[Script::Brings(7), Script::WaitsForLimit(600)]);
    for minute in 0..10 {
        let (served, state) = rehearsal.after(60).await;
        assert!(served && state.data.records == 7, "minute {minute}");
    }
    let (served, state) = rehearsal.after(70).await;
    assert!(served && state.data.records == 9);
}

#[tokio::test(start_paused = true)]
async fn complete_data_is_never_replaced_by_incomplete_data() {
    let rehearsal =
        Rehearsal::new(&[Script::BringsSome(3), Script::BringsSome(4), Script::Brings(7), Script::BringsSome(5)]);
    let (served, state) = rehearsal.after(1).await;
    assert!(
        served && !state.is_up() && !state.data.complete && state.data.records == 3,
        "better than nothing, and flagged"
    );
    let (_, state) = rehearsal.after(65).await;
    assert!(!state.data.complete && state.data.records == 4);
    let (_, state) = rehearsal.after(65).await;
    assert!(state.is_up() && state.data.complete && state.data.records == 7);
    let (_, state) = rehearsal.after(65).await;
    assert!(!state.is_up() && state.data.complete && state.data.records == 7, "complete data stays");
    assert_eq!(state.runs.failed[Failure::Incomplete as usize], 3);
}

#[tokio::test(start_paused = true)]
async fn incomplete_data_is_better_than_data_that_became_too_old() {
    let rehearsal = Rehearsal::new(&[Script::Brings(7), Script::BringsSomeAfter(200, 5)]);
    let (served, state) = rehearsal.after(250).await;
    assert!(served && state.data.complete && state.data.records == 7, "a run that makes progress is not failing");
    let (served, state) = rehearsal.after(20).await;
    assert!(served && !state.is_up() && !state.data.complete && state.data.records == 5, "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn changed_sources_start_over_and_others_keep_their_data() {
    let rehearsal = Rehearsal::new(&[Script::Brings(7)]);
    rehearsal.after(1).await;
    let sensors = || vec!["sensors"];
    rehearsal
        .collection
        .arrange([("other", Vendor::Qualys, sensors()), ("prod", Vendor::Qualys, sensors())], &["prod"]);
    let inventory = rehearsal.collection.inventory();
    let known: Vec<_> =
        inventory.sources.iter().map(|source| (&*source.source, source.tables.sensors.is_some())).collect();
    assert_eq!(known, [("other", false), ("prod", true)]);
    for (collectors, kept) in [(vec!["containers"], vec!["prod"]), (sensors(), vec![])] {
        rehearsal.collection.arrange([("prod", Vendor::Qualys, collectors)], &kept);
        assert!(rehearsal.collection.inventory().sources[0].tables.sensors.is_none());
    }
}
