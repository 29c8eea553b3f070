//! The exporter's own metrics, read and evaluated at each scrape or push.
//!
//! Owns the walk over the catalog's rows about the exporter itself. What they say of a collector's data is the status
//! of the data that is published, never of better data that is not shown yet.

use std::sync::Arc;

use crate::catalog;
use crate::checkpoint::Store;
use crate::clock::Clock;
use crate::metric::{GroupingCache, Kind, Series};
use crate::process;
use crate::snapshot::Snapshot;
use crate::telemetry::{EndpointReading, LATENCY_BOUNDS, SourceReading, Telemetry};
use crate::view::{CollectorReading, FamilyReading, FieldReading, Program, RequestReading, SelfReading, View};

/// The exporter's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, empty where that is not known.
pub const REVISION: &str = env!("CSE_REVISION");

/// The compiler it was built with.
pub const RUSTC: &str = env!("CSE_RUSTC");

/// Everything that the exporter's own families are read from.
#[derive(Debug)]
pub struct SelfMetrics {
    /// The live instruments.
    pub telemetry: Arc<Telemetry>,
    /// The checkpoint store, if there is one.
    pub store: Option<Arc<Store>>,
    /// The time.
    pub clock: Clock,
}

impl SelfMetrics {
    /// Evaluates the exporter's own families now, to be shown with `snapshot`. It reads `/proc`: not for an async thread.
    pub fn evaluate(&self, snapshot: &Snapshot) -> Vec<Series> {
        let mut reading = self.read(snapshot);
        let mut groupings = GroupingCache::default();
        let live = catalog::all().filter(|metric| metric.is_live());
        let view = View::of_exporter(&reading);
        let mut own: Vec<Series> =
            live.map(|metric| metric.evaluate(&view, &snapshot.settings, &mut groupings)).collect();
        // Twice, as the families that show sizes have sizes themselves.
        for _ in 0..2 {
            reading.families = snapshot.families.iter().chain(&own).map(size).collect();
            let view = View::of_exporter(&reading);
            // Groups of the readings before are not those of these.
            let mut groupings = GroupingCache::default();
            for series in own.iter_mut().filter(|series| series.metric.holds_sizes()) {
                *series = series.metric.evaluate(&view, &snapshot.settings, &mut groupings);
            }
        }
        own
    }

    /// The collectors of all sources, with the status of the data that `snapshot` shows.
    pub fn collectors(&self, snapshot: &Snapshot) -> Vec<CollectorReading> {
        collectors(&self.telemetry.read().0, snapshot)
    }

    fn read(&self, snapshot: &Snapshot) -> SelfReading {
        let (sources, reload) = self.telemetry.read();
        let checkpoints = self.store.as_ref().map(|store| store.written());
        let collectors = collectors(&sources, snapshot);
        let endpoints: Vec<_> = sources.iter().flat_map(|source| source.endpoints.iter().cloned()).collect();
        SelfReading {
            program: vec![Program {
                version: VERSION,
                revision: REVISION,
                rustc: RUSTC,
                reload,
                checkpoints: checkpoints.map(|written| [written.succeeded, written.failed]),
            }],
            process: vec![process::read()],
            pushes: self.telemetry.read_pushes().into_iter().collect(),
            requests: endpoints.iter().flat_map(requests).collect(),
            endpoints,
            fields: collectors.iter().flat_map(fields).collect(),
            collectors,
            sources,
            families: Vec::new(),
        }
    }
}

fn collectors(sources: &[SourceReading], snapshot: &Snapshot) -> Vec<CollectorReading> {
    let of = |source: &SourceReading| -> Vec<_> {
        let reading = |(collector, runs): &(&'static str, _)| CollectorReading {
            source: source.source.clone(),
            vendor: source.vendor,
            collector,
            runs: Clone::clone(runs),
            data: snapshot.status(&source.source, collector).cloned().unwrap_or_default(),
        };
        source.collectors.iter().map(reading).collect()
    };
    sources.iter().flat_map(of).collect()
}

fn fields(reading: &CollectorReading) -> impl Iterator<Item = FieldReading> {
    reading.data.fields.iter().map(|(field, rows)| FieldReading {
        source: reading.source.clone(),
        collector: reading.collector,
        field: field.into(),
        rows: *rows,
    })
}

fn requests(endpoint: &EndpointReading) -> impl Iterator<Item = RequestReading> {
    endpoint.by_code.iter().map(|(code, count)| RequestReading {
        source: endpoint.source.clone(),
        endpoint: endpoint.endpoint,
        code: code.clone(),
        count: *count,
    })
}

/// How large a family is.
fn size(series: &Series) -> FamilyReading {
    let lines = match series.metric.kind() {
        Kind::Gauge | Kind::Counter => 1,
        // A line for each bound, one without a bound, the sum and the count.
        Kind::Histogram => LATENCY_BOUNDS.len() + 3,
    };
    FamilyReading {
        family: series.metric.name(),
        series: (series.len() * lines) as u64,
        folded: series.metric.is_limited().then_some(series.folded),
    }
}

#[cfg(test)]
mod tests;
