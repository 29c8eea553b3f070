//! Scrape-driven mode: data is collected when a scrape finds it too old, once for all who ask, and never waited for
//! longer than the scraper does.

use std::time::Duration;

use futures_util::future::join_all;
use simulator::server::FaultKind;
use simulator::tenant::{Shape, Tenant};
use tokio::time::Instant;

use crate::support::{ALL, Bench, NOW, PATIENCE, always, runs, sum, value};

fn tenant(seed: u64) -> Tenant {
    Tenant::generate(&Shape::small(seed, NOW).containers(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn scrapes_share_one_collection_and_find_its_data() {
    let bench = Bench::start(tenant(71), "[collection]\nmode = \"scrape\"\nmin_age = \"3s\"").await;
    let started = Instant::now();
    let ended = |families: &_| sum(families, "container_security_collector_runs_total", &[]);
    // The very first scrape waits for the first collection, and so do all others.
    let first = join_all((0..40).map(|_| bench.families())).await;
    for families in &first {
        assert_eq!(ended(families), ALL);
        let wrong = bench.wrong(families, &[]);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    // As long as that is not too old, nobody asks the vendor; then the first who finds it so has it collected.
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    let families = loop {
        let families = bench.families().await;
        if ended(&families) > ALL {
            break families;
        }
        assert!(started.elapsed() < PATIENCE, "never collected again");
    };
    let wrong = bench.wrong(&families, &[]);
    assert!(wrong.is_empty(), "the scrape that found old data did not wait for the new:\n{}", wrong.join("\n"));
    let most = started.elapsed().as_secs() / 3 + 1;
    let most = f64::from(u32::try_from(most).expect("a short test")) * ALL;
    assert!(ended(&families) <= most, "{} runs in {:?}", ended(&families), started.elapsed());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scraper_that_cannot_wait_is_given_what_there_is() {
    let options = "[collection]\nmode = \"scrape\"\nmin_age = \"1s\"\n[[source.qualys]]\nhttp.read_timeout = \"2h\"\nhttp.timeout = \"2h\"";
    let bench = Bench::start(tenant(72), options).await;
    bench.collected().await;
    bench.vendor.inject(always("/containers/list", FaultKind::Stall(Duration::from_hours(1))));
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    let families =
        bench.metrics_once("the others are new", |families| runs(families, "sensors", "success") >= 2.0).await;
    // The containers are those of before, and say so by their collector's own families.
    assert_eq!(runs(&families, "containers", "success"), 1.0);
    assert_eq!(value(&families, "container_security_collector_complete", &[("collector", "containers")]), 1.0);
    let timeout = [("X-Prometheus-Scrape-Timeout-Seconds", "0.75")];
    let asked = bench.vendor.request_count("/csapi/v1.3/containers/list");
    for answer in join_all((0..40).map(|_| bench.get("/metrics", &timeout))).await {
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("\ncontainer_security_containers{"));
    }
    assert_eq!(bench.vendor.request_count("/csapi/v1.3/containers/list"), asked, "one collection at a time");
    bench.stop().await;
}
