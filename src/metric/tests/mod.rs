//! Properties of the engine, on containers of all sorts and whatever limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{GroupingCache, Series, Settings};
use crate::catalog;
use crate::clock::Timestamp;
use crate::inventory::{Inventory, SourceInventory, Table, Tables};
use crate::record::{
    BulkListFields, Container, Identity, PageListFields, QualysFields, Score, Sensor, Vendor, VendorFields,
};
use crate::setting::HumanDuration;
use crate::view::View;

#[derive(Clone, Debug)]
struct Sample {
    source: usize,
    state: usize,
    namespace: usize,
    criticality: usize,
    findings: Option<[u32; 5]>,
    risk: Option<u16>,
    sensor: usize,
}

const STATES: [&str; 2] = ["running", "deleted"];
const NAMESPACES: [&str; 7] = ["a", "b", "c", "d", "e", "_other", ""];
const NOW: f64 = 1_000_000.0;

fn containers() -> impl Strategy<Value = Vec<Sample>> {
    let known = (
        0..2_usize,
        0..STATES.len(),
        0..NAMESPACES.len(),
        0..3_usize,
        proptest::option::of(proptest::array::uniform5(0..9_u32)),
        proptest::option::of(0..1001_u16),
        0..4_usize,
    );
    let known = known.prop_map(|(source, state, namespace, criticality, findings, risk, sensor)| Sample {
        source,
        state,
        namespace,
        criticality,
        findings,
        risk,
        sensor,
    });
    proptest::collection::vec(known, 0..60)
}

/// Sensor 0 is live, 1 stale, 2 never registered, 3 missing.
fn sensors() -> Table<Sensor> {
    let mut table = Table::default();
    for (number, last) in [(0, 999_000), (1, 1_000), (2, 999_000)] {
        let uuid = table.names.intern(&number.to_string());
        let sensor = Sensor {
            uuid,
            registered: number != 2,
            last_checkin: Timestamp::from_millis(last * 1000),
            ..Sensor::default()
        };
        table.put(&number.to_string(), sensor);
    }
    table
}

fn inventory(containers: &[Sample]) -> Inventory {
    let source = |source: usize| {
        let mut table: Table<Container> = Table::default();
        for (number, known) in containers.iter().enumerate().filter(|(_, known)| known.source == source) {
            let names = &mut table.names;
            let page = PageListFields {
                identity: Identity::new(&number.to_string(), ""),
                state: names.intern(STATES[known.state]),
                vendor: VendorFields::Qualys(QualysFields {
                    criticality: names.intern(&known.criticality.to_string()),
                    findings: known.findings.map(|counts| counts.map(u64::from).into()),
                    risk: Score::new(known.risk.map(f64::from)),
                    ..QualysFields::default()
                }),
                ..PageListFields::default()
            };
            let bulk = BulkListFields {
                namespace: names.intern(NAMESPACES[known.namespace]),
                sensor: names.intern(&known.sensor.to_string()),
                ..BulkListFields::default()
            };
            table.put(&number.to_string(), Container { page: Some(page), bulk: Some(bulk) });
        }
        SourceInventory {
            source: format!("source{source}").into(),
            vendor: Vendor::Qualys,
            tables: Tables {
                containers: Some(Arc::new(table)),
                sensors: Some(Arc::new(sensors())),
                ..Tables::default()
            },
            statuses: Vec::new(),
        }
    };
    Inventory { sources: vec![source(0), source(1)] }
}

fn settings(limit: usize) -> Settings {
    let limits = catalog::Limits { max_series_per_family: limit, ..Default::default() };
    let containers = catalog::Containers { group_by: vec!["k8s_namespace_name".to_owned()], ..Default::default() };
    catalog::resolve(
        &limits,
        &containers,
        &catalog::Images::default(),
        &catalog::Sensors { stale_after: HumanDuration::seconds(86_400) },
    )
}

fn evaluate(inventory: &Inventory, settings: &Settings, family: &str) -> Series {
    let metric = catalog::all().find(|metric| metric.name() == family).expect("a family of the catalog");
    metric.evaluate(&View::of_inventory(inventory), settings, &mut GroupingCache::default())
}

/// Values by the labels that `keep` keeps, added up.
fn totals(series: &Series, keep: &[&str]) -> BTreeMap<Vec<String>, f64> {
    let mut totals = BTreeMap::new();
    for (values, number) in series.iter() {
        let labels = series.labels.iter().zip(values).filter(|(name, _)| keep.contains(&&***name));
        let labels = labels.map(|(_, value)| value.to_string()).collect();
        *totals.entry(labels).or_default() += number.at(NOW);
    }
    totals
}

const SUMMED: [(&str, &[&str]); 5] = [
    ("container_security_containers", &["source", "state"]),
    ("container_security_container_vulnerabilities", &["source", "state", "severity"]),
    ("container_security_containers_by_highest_severity", &["source", "state", "severity"]),
    ("container_security_containers_by_criticality", &["source", "state", "criticality"]),
    ("container_security_containers_by_sensor_state", &["source", "state", "sensor_state"]),
];

proptest! {
    #[test]
    fn folding_changes_no_total_and_keeps_the_limit(containers in containers(), limit in 1..80_usize) {
        let inventory = inventory(&containers);
        for (family, kept) in SUMMED {
            let unfolded = evaluate(&inventory, &settings(usize::MAX), family);
            let folded = evaluate(&inventory, &settings(limit), family);
            prop_assert_eq!(totals(&unfolded, kept), totals(&folded, kept), "{}", family);
            prop_assert!(unfolded.len() > limit || folded.folded == 0, "{}", family);
            // Where even one group for each source and state is too many, that is what is shown.
            let names_left: Vec<_> = folded.iter().filter(|(labels, _)| {
                folded.labels.iter().zip(*labels).any(|(name, value)| &**name == "k8s_namespace_name" && &**value != "_other")
            }).collect();
            prop_assert!(folded.len() <= limit || names_left.is_empty(), "{}", family);
        }
    }

    #[test]
    fn folded_averages_and_maxima_are_those_of_all_folded_records(containers in containers()) {
        let inventory = inventory(&containers);
        // A limit of one leaves nothing but `_other`, so each source and state is a single group.
        for (family, of) in [
            ("container_security_container_risk_score_average", average as fn(&[f64]) -> f64),
            ("container_security_container_risk_score_max", max),
        ] {
            let series = evaluate(&inventory, &settings(1), family);
            let mut scores: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
            for known in &containers {
                scores.entry((known.source, known.state)).or_default().extend(known.risk.map(f64::from));
            }
            scores.retain(|_, scores| !scores.is_empty());
            let groups: std::collections::BTreeSet<_> = containers.iter()
                .filter(|known| known.risk.is_some())
                .map(|known| (known.source, known.state, known.namespace))
                .collect();
            if groups.len() <= 1 {
                continue;
            }
            let expected: BTreeMap<Vec<String>, f64> = scores.iter()
                .map(|((source, state), scores)| (vec![format!("source{source}"), STATES[*state].to_owned()], of(scores)))
                .collect();
            let actual = totals(&series, &["source", "state"]);
            prop_assert_eq!(actual.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (labels, value) in actual {
                prop_assert!((value - expected[&labels]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn the_riskiest_are_shown_whatever_order_they_came_in(containers in containers()) {
        let series = evaluate(&inventory(&containers), &settings(usize::MAX), "container_security_top_container_risk_score");
        let mut expected = BTreeMap::new();
        for source in 0..2 {
            let mut scored: Vec<(u16, String)> = containers.iter().enumerate()
                .filter(|(_, known)| known.source == source && STATES[known.state] != "deleted")
                .filter_map(|(number, known)| Some((known.risk?, number.to_string())))
                .collect();
            scored.sort_by(|(one, a), (other, b)| other.cmp(one).then(a.cmp(b)));
            for (risk, id) in scored.into_iter().take(20) {
                expected.insert(vec![format!("source{source}"), id], f64::from(risk));
            }
        }
        prop_assert_eq!(totals(&series, &["source", "container_id"]), expected);
    }
}

fn average(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / f64::from(u32::try_from(scores.len()).expect("a few"))
}

fn max(scores: &[f64]) -> f64 {
    scores.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The families that join containers with another listing are absent while that listing is not known; no other changes.
#[test]
fn a_joined_family_is_absent_while_its_listing_is_not_known() {
    let sample = Sample { source: 0, state: 0, namespace: 0, criticality: 0, findings: None, risk: Some(7), sensor: 0 };
    let settings = settings(usize::MAX);
    let complete = inventory(std::slice::from_ref(&sample));
    let mut without = inventory(&[sample]);
    without.sources[0].tables.sensors = None;
    for metric in catalog::all().filter(|metric| !metric.is_live() && !metric.name().contains("sensor")) {
        let (before, after) =
            (evaluate(&complete, &settings, metric.name()), evaluate(&without, &settings, metric.name()));
        if metric.name() == "container_security_containers_by_runtime" {
            assert!(!before.is_empty() && after.is_empty());
        } else {
            let shown = |series: &Series| {
                series.iter().map(|(labels, number)| (labels.to_vec(), number.at(NOW))).collect::<Vec<_>>()
            };
            assert_eq!(shown(&before), shown(&after), "{}", metric.name());
        }
    }
}

#[test]
fn grouping_by_image_needs_the_images() {
    let sample = Sample { source: 0, state: 0, namespace: 0, criticality: 0, findings: None, risk: Some(7), sensor: 0 };
    let settings = catalog::resolve(
        &catalog::Limits::default(),
        &catalog::Containers { group_by: vec!["container_image_name".to_owned()], ..Default::default() },
        &catalog::Images::default(),
        &catalog::Sensors::default(),
    );
    let mut inventory = inventory(&[sample]);
    let (grouped, top) = ("container_security_containers", "container_security_top_container_risk_score");
    assert!(evaluate(&inventory, &settings, grouped).is_empty());
    assert_eq!(evaluate(&inventory, &settings, top).len(), 1);
    inventory.sources[0].tables.images = Some(Arc::default());
    assert_eq!(
        totals(&evaluate(&inventory, &settings, grouped), &["container_image_name"]),
        BTreeMap::from([(vec![String::new()], 1.0)])
    );
}

#[test]
fn values_that_become_equal_when_cut_are_added_up() {
    let sample = Sample { source: 0, state: 0, namespace: 0, criticality: 0, findings: None, risk: None, sensor: 0 };
    let mut inventory = inventory(&[sample.clone(), sample]);
    let table = Arc::get_mut(inventory.sources[0].tables.containers.as_mut().unwrap()).unwrap();
    for (key, ending) in [("0", "a"), ("1", "b")] {
        let namespace = table.names.intern(&format!("{}{ending}", "é".repeat(600)));
        table.get_mut(key).unwrap().bulk.as_mut().unwrap().namespace = namespace;
    }
    let series = evaluate(&inventory, &settings(usize::MAX), "container_security_containers");
    let cut = format!("{}…", "é".repeat(510));
    assert_eq!(totals(&series, &["k8s_namespace_name"]), BTreeMap::from([(vec![cut], 2.0)]));
}
