//! What a process stores in its state directory, seen from outside, and what it must show of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use container_security_exporter::checkpoint::{Saved, Store};
use container_security_exporter::clock::Clock;
use container_security_exporter::config;
use container_security_exporter::source::RowRules;
use container_security_exporter::telemetry::Telemetry;
use simulator::console::Console;
use simulator::exposition::Format;
use simulator::oracle::{self, Families, Question, Truth};
use simulator::server::{FaultKind, Server};
use simulator::tenant::Tenant;
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};

use crate::process::Home;
use crate::support::{PACE, PATIENCE, all_collectors, always, metrics, metrics_as_many, sum, wrong_but_for_ages};

/// The file name of the store in the state directory.
pub(crate) const STORE: &str = "checkpoint.redb";

/// The stored data of every collector, by source and collector name.
pub(crate) type Kept = BTreeMap<(String, &'static str), Saved>;

/// Lines of configuration that enable the state directory `state` in the home.
pub(crate) fn state(home: &Home) -> String {
    format!("[state]\ndir = '{}'\n", home.path("state").display())
}

/// The stored data, read from a copy; `None` while it is being changed or if the store is unreadable.
pub(crate) fn kept(home: &Home) -> Option<Kept> {
    kept_in(&home.path(""))
}

fn kept_in(home: &Path) -> Option<Kept> {
    let copy = tempfile::tempdir().expect("a directory for a copy");
    std::fs::copy(home.join("state").join(STORE), copy.path().join(STORE)).ok()?;
    let clock = Clock::system();
    let config = config::load(Some(&home.join("config.toml")), &[]).unwrap_or_else(|error| panic!("{error}"));
    let promote_labels = config.containers.promote_labels.as_slice().into();
    let rules = RowRules { promote_labels, max_rejected_percent: config.limits.max_rejected_percent };
    let sources = config.source.build(&rules, &Telemetry::new(clock.now()), &clock).expect("sources");
    let store = Store::open(copy.path()).ok()?;
    if files(copy.path()) != [STORE] {
        return None;
    }
    let mut kept = Kept::new();
    for source in sources {
        for collector in source.collector_names() {
            let saved = store.slot(&source.name, source.vendor, collector, source.identity).load();
            kept.insert((source.name.clone(), collector), saved);
        }
    }
    Some(kept)
}

/// Waits until the stored data is as wanted.
pub(crate) async fn kept_once(home: &Home, what: &str, wanted: impl Fn(&Kept) -> bool) -> Kept {
    let looked = async {
        let mut pace = interval(PACE);
        loop {
            // On a separate thread, so that it does not block other futures.
            let home = home.path("");
            let looked = tokio::task::spawn_blocking(move || kept_in(&home));
            if let Some(kept) = looked.await.expect("no panic").filter(&wanted) {
                return kept;
            }
            pace.tick().await;
        }
    };
    timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("never kept: {what}"))
}

/// Whether complete data of all collectors is stored.
pub(crate) fn is_all(kept: &Kept) -> bool {
    kept.values().all(|saved| saved.served.as_ref().is_some_and(|(_, data)| data.status.complete))
}

/// The names of the files in a directory, sorted.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Makes the vendor hold all responses until the returned semaphore is closed.
pub(crate) fn hold(vendor: &Server) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    vendor.inject(always("/auth", FaultKind::Hold(Arc::clone(&gate))));
    gate
}

/// Lets held vendors respond.
pub(crate) fn let_go(gates: &[Arc<Semaphore>]) {
    for gate in gates {
        gate.close();
    }
}

/// What the oracle expects of an exporter with default settings, an account named `prod` and a console named `cloud`.
pub(crate) fn expected(tenant: &Tenant, console: Option<&Console>) -> Families {
    let question = |source: &str| Question::usual(source, Clock::system().now().seconds());
    let (of_tenant, of_console) = (question("prod"), question("cloud"));
    let mut truths = vec![(Truth::Qualys(tenant), &of_tenant)];
    truths.extend(console.map(|console| (Truth::Prisma(console), &of_console)));
    oracle::expected_of(&truths)
}

/// The values of a collector family by source and collector, where there is a series.
pub(crate) fn by_collector(families: &Families, family: &str) -> BTreeMap<(&'static str, &'static str), f64> {
    let series = families.get(&format!("container_security_collector_{family}"));
    let value = |(source, collector): (&str, &str)| {
        let mut series = series?.iter();
        let own = series.find(|(labels, _)| labels["source"] == source && labels["collector"] == collector);
        own.map(|(_, value)| *value)
    };
    all_collectors().filter_map(|collector| Some((collector, value(collector)?))).collect()
}

/// The number of finished runs.
pub(crate) fn ended(families: &Families) -> f64 {
    sum(families, "container_security_collector_runs_total", &[])
}

/// Waits until the families about the vendors match the expected ones.
pub(crate) async fn becomes(address: SocketAddr, what: &str, expected: &Families) -> Families {
    let asked = async {
        let mut pace = interval(PACE);
        loop {
            if let Some(families) = metrics_as_many(address, expected).await
                && wrong_but_for_ages(expected, &families).is_empty()
            {
                return families;
            }
            pace.tick().await;
        }
    };
    if let Ok(families) = timeout(PATIENCE, asked).await {
        return families;
    }
    panic!(
        "{what}:\n{}",
        wrong_but_for_ages(expected, &metrics(address, Format::OpenMetrics).await.families()).join("\n")
    );
}
