//! Scrape-driven mode: data is collected when a scrape finds it too old, once for all who ask, and never waited for
//! longer than the scraper does.

use std::time::Duration;

use futures_util::future::join_all;
use simulator::exposition::{self, Format};
use simulator::oracle::Families;
use simulator::server::FaultKind;
use simulator::tenant::{Shape, Tenant};
use tokio::time::timeout;

use crate::support::{ALL, Bench, NOW, PATIENCE, always, runs, sum, value, wrong};

/// A scraper that waits for as long as the exporter lets one wait.
const PATIENT: [(&str, &str); 1] = [("X-Prometheus-Scrape-Timeout-Seconds", "1000")];

/// One that gives up soon.
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
async fn scrapes_share_one_collection_while_its_data_is_new() {
    let bench = Bench::start(tenant(71), "[collection]\nmode = \"scrape\"\nmin_age = \"1h\"").await;
    let expected = bench.expected();
    // The very first scrape waits for the first collection, and so do all others.
    for families in join_all((0..40).map(|_| scrape(&bench, &PATIENT))).await {
        assert_eq!(ended(&families), *ALL);
        let wrong = wrong(&expected, &families);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    // As long as its data is not too old, the vendor is left alone.
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
    for collections in [1.0, 2.0, 3.0] {
        let families = scrape(&bench, &PATIENT).await;
        assert_eq!(ended(&families), collections * *ALL);
        let wrong = wrong(&bench.expected(), &families);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        bench.advance(Duration::from_secs(1));
        bench.tenant.lock().expect("no panic elsewhere").step(bench.now());
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scraper_that_cannot_wait_is_given_what_there_is() {
    let options = "[collection]\nmode = \"scrape\"\nmin_age = \"1s\"\n[[source.qualys]]\nhttp.read_timeout = \"2h\"\nhttp.timeout = \"2h\"";
    let bench = Bench::start(tenant(72), options).await;
    assert_eq!(ended(&scrape(&bench, &PATIENT).await), *ALL);
    let lists = || bench.vendor.request_count("/csapi/v1.3/containers/list");
    let before = lists();
    bench.vendor.inject(always("/containers/list", FaultKind::StallInside(Duration::from_hours(1))));
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    let others_are_new = async {
        loop {
            let families = scrape(&bench, &HASTY).await;
            if runs(&families, "sensors", "success") >= 2.0 && lists() > before {
                break families;
            }
        }
    };
    let families = timeout(PATIENCE, others_are_new).await.expect("the others are never new");
    // The containers are those of before, and say so by their collector's own families.
    assert_eq!(runs(&families, "containers", "success"), 1.0);
    assert_eq!(value(&families, "container_security_collector_complete", &[("collector", "containers")]), 1.0);
    for families in join_all((0..40).map(|_| scrape(&bench, &HASTY))).await {
        assert!(families.contains_key("container_security_containers"));
    }
    assert_eq!(lists(), before + 1, "one collection at a time");
    bench.stop().await;
}
