//! A snapshot: every family's series at one moment, computed once and never changed.
//!
//! Owns the walk over the catalog: once over the rows about the inventory when it changes, and once over the rows
//! about the exporter itself each time somebody asks. It knows no output.

use std::sync::Arc;

use crate::catalog;
use crate::inventory::{Inventory, Served};
use crate::metric::{GroupingCache, Kind, Series, Settings};
use crate::telemetry::{CollectorReading, LATENCY_BOUNDS};
use crate::view::{FamilyReading, OwnReading, RequestReading, View};

/// The series about what the vendors told.
pub struct Snapshot {
    /// By family, in the catalog's order.
    pub families: Arc<Vec<Series>>,
    /// By source, what they were computed from.
    served: Vec<(Arc<str>, Vec<Served>)>,
    settings: Arc<Settings>,
}

impl Snapshot {
    /// Computes every family about the inventory. Takes a while for a large one: not for an async thread.
    pub fn take(inventory: &Inventory, settings: Arc<Settings>) -> Self {
        let view = View::of_inventory(inventory);
        let mut groupings = GroupingCache::default();
        let metrics = catalog::all().filter(|metric| !metric.is_live());
        let families = metrics.map(|metric| metric.evaluate(&view, &settings, &mut groupings)).collect();
        let served = inventory.sources.iter().map(|source| (Arc::clone(&source.source), source.served.clone()));
        Self { families: Arc::new(families), served: served.collect(), settings }
    }

    /// The series about the exporter itself, those about the size of all families included.
    pub fn own(&self, mut reading: OwnReading) -> Vec<Series> {
        // Of the data that is shown with it, and not of better that came since and is not shown yet.
        for CollectorReading { source, collector, state } in &mut reading.collectors {
            let served = self.served.iter().find(|(name, _)| **name == **source);
            let served = served.and_then(|(_, served)| served.iter().find(|served| served.collector == *collector));
            state.complete &= served.is_some_and(|served| served.complete);
            state.records = served.map_or(0, |served| served.records);
            // Where nothing is shown any more, when it was good last is still told.
            if let Some(served) = served {
                (state.last_success, state.last_walk) = (served.last_success, served.last_walk);
            }
        }
        reading.requests = reading
            .endpoints
            .iter()
            .flat_map(|endpoint| {
                endpoint.by_code.iter().map(|(code, count)| RequestReading {
                    source: endpoint.source.clone(),
                    endpoint: endpoint.endpoint,
                    code: code.clone(),
                    count: *count,
                })
            })
            .collect();
        // Once without sizes, once to learn how many series tell of sizes, and once to tell it.
        for _ in 0..2 {
            reading.families = self.sizes(&evaluate_own(&reading, &self.settings));
        }
        evaluate_own(&reading, &self.settings)
    }

    /// How large each family is, given the exporter's own series.
    fn sizes(&self, own: &[Series]) -> Vec<FamilyReading> {
        let lines = |series: &Series| {
            let each = match series.metric.kind() {
                Kind::Gauge | Kind::Counter => 1,
                // A line for each bound, one without a bound, the sum and the count.
                Kind::Histogram => LATENCY_BOUNDS.len() + 3,
            };
            (series.len() * each) as u64
        };
        let sizes = self.families.iter().chain(own).map(|series| FamilyReading {
            family: series.metric.name(),
            series: lines(series),
            folded: series.metric.is_limited().then_some(series.folded),
        });
        sizes.collect()
    }
}

fn evaluate_own(reading: &OwnReading, settings: &Settings) -> Vec<Series> {
    let view = View::of_own(reading);
    let mut groupings = GroupingCache::default();
    let live = catalog::all().filter(|metric| metric.is_live());
    live.map(|metric| metric.evaluate(&view, settings, &mut groupings)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::telemetry::CollectorState;

    /// What a family about a collector shows once a run has succeeded at 9 s, given what the data is from.
    fn shown(family: &str, served: &[Served]) -> Option<f64> {
        let snapshot = Snapshot {
            families: Arc::default(),
            served: vec![("prod".into(), served.to_vec())],
            settings: Arc::new(catalog::resolve(
                &catalog::Limits::default(),
                &catalog::Containers::default(),
                &catalog::Images::default(),
                &catalog::Sensors::default(),
            )),
        };
        let success = Timestamp::from_millis(9000);
        let state = CollectorState {
            complete: true,
            records: 9,
            last_success: success,
            last_walk: success,
            ..CollectorState::default()
        };
        let collectors = vec![CollectorReading { source: "prod".to_owned(), collector: "images", state }];
        let own = snapshot.own(OwnReading { collectors, ..OwnReading::default() });
        let series = own.iter().find(|series| series.metric.name() == format!("container_security_collector_{family}"));
        series.and_then(|series| series.iter().next().map(|(_, number)| number.at(0.0)))
    }

    #[test]
    fn how_good_data_is_comes_with_the_data() {
        let (last_success, last_walk) = (Timestamp::from_millis(5000), Timestamp::from_millis(3000));
        let before = Served { collector: "images", complete: false, records: 5, last_success, last_walk };
        for (family, with_data, without) in [
            ("complete", 0.0, 0.0),
            ("records", 5.0, 0.0),
            ("last_success_timestamp_seconds", 5.0, 9.0),
            ("last_full_walk_timestamp_seconds", 3.0, 9.0),
        ] {
            assert_eq!(shown(family, &[before]), Some(with_data), "{family}");
            assert_eq!(shown(family, &[]), Some(without), "{family}");
        }
    }
}
