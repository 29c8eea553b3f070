//! Aggregates a table of containers into the series of every family.

use std::sync::{Arc, LazyLock};

use container_security_exporter::catalog::{Containers, Images, Limits, Sensors, resolve};
use container_security_exporter::inventory::Inventory;
use container_security_exporter::metric::{Series, Settings};
use container_security_exporter::snapshot::Snapshot;
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::best::{nanoseconds_each, say, seconds, timed};
use crate::rows::Fleet;

const SMALL: Fleet = Fleet { containers: 100_000, replicas: 40, whole: false };
const LARGE: Fleet = Fleet { containers: 1_000_000, replicas: 400, whole: false };

static SMALL_INVENTORY: LazyLock<Inventory> = LazyLock::new(|| SMALL.inventory());
static LARGE_INVENTORY: LazyLock<Inventory> = LazyLock::new(|| LARGE.inventory());

/// Groups by cluster and namespace.
fn default_settings() -> Arc<Settings> {
    Arc::new(resolve(&Limits::default(), &Containers::default(), &Images::default(), &Sensors::default()))
}

/// Groups by workload as well, without a series limit.
fn fine_settings() -> Arc<Settings> {
    let mut containers = Containers::default();
    containers.group_by.push("k8s_workload_name".to_owned());
    Arc::new(resolve(
        &Limits { max_series_per_family: usize::MAX, ..Limits::default() },
        &containers,
        &Images::default(),
        &Sensors::default(),
    ))
}

/// A benchmark: its name, its number of containers, and their grouping.
struct Case {
    name: &'static str,
    fleet: Fleet,
    inventory: &'static LazyLock<Inventory>,
    settings: fn() -> Arc<Settings>,
}

static DEFAULT_SMALL: Case = Case {
    name: "100,000 containers by namespace",
    fleet: SMALL,
    inventory: &SMALL_INVENTORY,
    settings: default_settings,
};
static FINE_SMALL: Case =
    Case { name: "100,000 containers by workload", fleet: SMALL, inventory: &SMALL_INVENTORY, settings: fine_settings };
static DEFAULT_LARGE: Case = Case {
    name: "1,000,000 containers by namespace",
    fleet: LARGE,
    inventory: &LARGE_INVENTORY,
    settings: default_settings,
};
static FINE_LARGE: Case = Case {
    name: "1,000,000 containers by workload",
    fleet: LARGE,
    inventory: &LARGE_INVENTORY,
    settings: fine_settings,
};

impl Case {
    fn bench(&'static self, bencher: Bencher<'_, '_>) {
        let (inventory, settings) = (&**self.inventory, (self.settings)());
        let bencher = bencher.counter(ItemsCount::new(self.fleet.containers));
        bencher.bench_local(|| timed(self.name, || Snapshot::take(inventory, Arc::clone(&settings))));
    }
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn by_namespace_100k(bencher: Bencher<'_, '_>) {
    DEFAULT_SMALL.bench(bencher);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn by_workload_100k(bencher: Bencher<'_, '_>) {
    FINE_SMALL.bench(bencher);
}

#[divan::bench(sample_count = 4, sample_size = 1)]
fn by_namespace_1m(bencher: Bencher<'_, '_>) {
    DEFAULT_LARGE.bench(bencher);
}

#[divan::bench(sample_count = 4, sample_size = 1)]
fn by_workload_1m(bencher: Bencher<'_, '_>) {
    FINE_LARGE.bench(bencher);
}

/// Prints the time per container over all families.
pub(crate) fn summary() {
    for case in [&DEFAULT_SMALL, &FINE_SMALL, &DEFAULT_LARGE, &FINE_LARGE] {
        if let Some(took) = seconds(case.name) {
            let snapshot = Snapshot::take(case.inventory, (case.settings)());
            let series: usize = snapshot.families.iter().map(Series::len).sum();
            say(&format!(
                "aggregate {}: {:.0} ns per container, {series} series, {:.0} ms",
                case.name,
                nanoseconds_each(took, case.fleet.containers),
                took * 1e3,
            ));
        }
    }
}
