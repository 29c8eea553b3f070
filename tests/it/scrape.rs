//! Scrape-driven mode: a scrape that finds stale data triggers one collection for all scrapers, and never waits for it
//! longer than its scraper does.

use std::time::Duration;

use futures_util::future::join_all;
use simulator::exposition::{self, Format};
use simulator::oracle::Families;
use simulator::server::FaultKind;
use simulator::tenant::{Shape, Tenant};
use tokio::time::timeout;

use crate::support::{ALL, Bench, NOW, PATIENCE, always, runs, sum, value, wrong};

/// A scraper with the longest wait that the exporter allows.
const PATIENT: [(&str, &str); 1] = [("X-Prometheus-Scrape-Timeout-Seconds", "1000")];

/// A scraper with a short timeout.
const HASTY: [(&str, &str); 1] = [("X-Prometheus-Scrape-Timeout-Seconds", "0.75")];

fn tenant(seed: u64) -> Tenant {
    Tenant::generate(&Shape::small(seed, NOW).containers(60))
}

async fn scrape(bench: &Bench, headers: &[(&str, &str)]) -> Families {
    let answer = bench.get("/metrics", headers).await;
    assert_eq!(answer.status, 200);
    exposition::parse(&answer.text(), Format::Text).unwrap_or_else(|error| panic!("{error}")).families()
}

fn ended(families: &Families) -> f64 {
    sum(families, "container_security_collector_runs_total", &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn scrapes_share_one_collection_while_its_data_is_fresh() {
    let bench = Bench::start(tenant(71), "[collection]\nmode = \"scrape\"\nmin_age = \"1h\"").await;
    let expected = bench.expected();
    // The very first scrape waits for the first collection, and so do all others.
    for families in join_all((0..40).map(|_| scrape(&bench, &PATIENT))).await {
        assert_eq!(ended(&families), *ALL);
        let wrong = wrong(&expected, &families);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    // While its data is fresh, no requests are sent.
    let asked = bench.vendor.requests();
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    for families in join_all((0..40).map(|_| scrape(&bench, &PATIENT))).await {
        assert_eq!(ended(&families), *ALL);
        assert!(wrong(&expected, &families).is_empty());
    }
    assert_eq!(bench.vendor.requests(), asked);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_that_finds_old_data_waits_for_new() {
    let bench = Bench::start(tenant(73), "[collection]\nmode = \"scrape\"\nmin_age = \"1s\"").await;
    // Collectors whose first run has ended already run again for the first scrape.
    let mut before = ended(&scrape(&bench, &PATIENT).await);
    assert!(before >= *ALL);
    for _ in 0..3 {
        let families = scrape(&bench, &PATIENT).await;
        assert_eq!(ended(&families), before + *ALL);
        before = ended(&families);
        let wrong = wrong(&bench.expected(), &families);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        bench.advance(Duration::from_secs(1));
        bench.tenant.lock().expect("no panic elsewhere").step(bench.now());
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scraper_that_cannot_wait_gets_the_current_data() {
    let options = "[collection]\nmode = \"scrape\"\nmin_age = \"1s\"\n[[source.qualys]]\nhttp.read_timeout = \"2h\"\nhttp.timeout = \"2h\"";
    let bench = Bench::start(tenant(72), options).await;
    let first = scrape(&bench, &PATIENT).await;
    assert!(ended(&first) >= *ALL);
    let lists = || bench.vendor.request_count("/csapi/v1.3/containers/list");
    let before = lists();
    bench.vendor.inject(always("/containers/list", FaultKind::StallInside(Duration::from_hours(1))));
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    let others_are_new = async {
        loop {
            let families = scrape(&bench, &HASTY).await;
            if runs(&families, "sensors", "success") > runs(&first, "sensors", "success") && lists() > before {
                break families;
            }
        }
    };
    let families = timeout(PATIENCE, others_are_new).await.expect("the other families never changed");
    // The containers are the old ones, as their collector's own families show.
    assert_eq!(runs(&families, "containers", "success"), runs(&first, "containers", "success"));
    assert_eq!(value(&families, "container_security_collector_complete", &[("collector", "containers")]), 1.0);
    for families in join_all((0..40).map(|_| scrape(&bench, &HASTY))).await {
        assert!(families.contains_key("container_security_containers"));
    }
    assert_eq!(lists(), before + 1, "one collection at a time");
    bench.stop().await;
}
