//! A full walk interrupted by a crash resumes where it was.

use std::sync::Arc;

use container_security_exporter::clock::Clock;
use simulator::server::{FaultKind, Options, Server};
use simulator::tenant::{Shape, Tenant};
use tokio::sync::Semaphore;

use crate::delta::change;
use crate::kept::{Kept, becomes, by_collector, expected, is_all, kept, kept_once, state};
use crate::process::{Home, Serving, vendor_with};
use crate::support::always;

/// Containers of the account.
const ALL: usize = 3000;

/// Rows per page of each list.
const PAGE_OF_PAGES: usize = 1000;
const PAGE_OF_BULK: usize = 250;

/// The page list of containers.
const PAGES: &str = "/csapi/v1.3/containers";

/// The bulk list of containers.
const BULK: &str = "/csapi/v1.3/containers/list";

/// An account, and the home of an exporter that stores its data.
async fn start(seed: u64) -> (Server, Home) {
    let tenant = Tenant::generate(&Shape::small(seed, Clock::system().now().millis()).containers(ALL));
    let vendor = vendor_with(tenant, Options::default()).await;
    let home = Home::new();
    home.configure(&(state(&home) + &home.source("prod", &vendor, "")));
    (vendor, home)
}

/// How many containers of the page list and of the bulk list a stored walk has.
fn walked(kept: &Kept) -> (usize, usize) {
    let kept = &kept[&("prod".to_owned(), "containers")];
    assert!(kept.served.is_none(), "the walk was not broken off");
    let Some(containers) = kept.walk.as_ref().and_then(|(tables, _)| tables.containers.as_ref()) else { return (0, 0) };
    let pages = containers.iter().filter(|(_, container)| container.page.is_some());
    (pages.count(), containers.iter().filter(|(_, container)| container.bulk.is_some()).count())
}

/// Lets a process read one more page of a listing and store it, then kills it. Returns how many are stored then.
async fn one_page(vendor: &Server, home: &Home, listing: &str) -> (usize, usize) {
    let before = kept(home).map_or((0, 0), |kept| walked(&kept));
    // The count of records is requested as well, and is not held.
    for (each, query) in [(PAGES, "?pageNumber=1&pageSize=1000"), (BULK, "?")] {
        let permits = usize::from(each == listing);
        vendor.inject(always(&format!("{each}{query}"), FaultKind::Hold(Arc::new(Semaphore::new(permits)))));
    }
    let serving = home.serve(&[]).await;
    let kept = kept_once(home, "one more page", |kept| walked(kept) != before).await;
    assert_eq!(serving.end("KILL").await.code, None);
    vendor.clear_faults();
    walked(&kept)
}

/// Interrupts a full walk of containers repeatedly, one page further each time. Returns how many are stored then.
async fn broken_off(vendor: &Server, home: &Home) -> (usize, usize) {
    let mut kept = (0, 0);
    for listing in [PAGES, PAGES, BULK, BULK, BULK, BULK, BULK, BULK] {
        kept = one_page(vendor, home, listing).await;
    }
    // A page begins with the last row of the previous one.
    assert!((2 * PAGE_OF_PAGES - 1..=2 * PAGE_OF_PAGES).contains(&kept.0), "{kept:?}");
    assert!((6 * PAGE_OF_BULK - 6..=6 * PAGE_OF_BULK).contains(&kept.1), "{kept:?}");
    vendor.forget_requests();
    kept
}

/// The container queries of a process until everything is exact.
async fn gone_on(vendor: &Server, home: &Home) -> (Serving, Vec<String>, Vec<String>) {
    let truth = expected(&vendor.tenant().lock().expect("no panic elsewhere"), None);
    let serving = home.serve(&[]).await;
    let families = becomes(serving.address, "the resumed walk", &truth).await;
    assert!(by_collector(&families, "complete").values().all(|complete| *complete == 1.0));
    let requests = vendor.requests();
    let of = |path: &str| {
        let own = requests.iter().filter(|request| request.path == path);
        own.map(|request| request.query.clone()).collect()
    };
    (serving, of(PAGES), of(BULK))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_walk_requests_only_the_rest() {
    let (vendor, home) = start(71).await;
    let (_, rows) = broken_off(&vendor, &home).await;
    let (serving, pages, bulk) = gone_on(&vendor, &home).await;
    let left = (ALL - rows).div_ceil(PAGE_OF_BULK);
    assert!((left - 1..=left + 1).contains(&bulk.len()), "{rows} rows were stored; requested {bulk:?}");
    assert!(bulk.iter().all(|query| query.contains("paginationQuery=")), "it started over: {bulk:?}");
    let pages: Vec<_> = pages.iter().filter(|query| !query.contains("pageSize=1&")).collect();
    assert!(
        pages.len() <= 2 && pages.iter().all(|query| query.contains("filter=updated")),
        "it started over: {pages:?}"
    );
    // Now it is stored completely, and a delta continues from there.
    kept_once(&home, "all", is_all).await;
    drop(serving);
    vendor.forget_requests();
    let (_serving, _, bulk) = gone_on(&vendor, &home).await;
    assert!(bulk.iter().all(|query| query.contains("filter=updated")), "{bulk:?}");
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_during_an_interruption_are_collected() {
    let (vendor, home) = start(72).await;
    broken_off(&vendor, &home).await;
    change(&mut vendor.tenant().lock().expect("no panic elsewhere"), 7, Clock::system().now().millis());
    let (_serving, _, bulk) = gone_on(&vendor, &home).await;
    assert!(bulk.len() < ALL / PAGE_OF_BULK, "{bulk:?}");
    assert!(bulk.iter().all(|query| query.contains("paginationQuery=")), "it started over: {bulk:?}");
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purges_during_an_interruption_cause_a_full_walk() {
    let (vendor, home) = start(73).await;
    broken_off(&vendor, &home).await;
    {
        let tenant = vendor.tenant();
        let mut tenant = tenant.lock().expect("no panic elsewhere");
        // The same number is new, so the total is unchanged.
        let now = Clock::system().now().millis();
        tenant.containers.sort_by_key(|container| container.updated);
        let purged: Vec<_> = tenant.containers.drain(..40).collect();
        for (at, mut container) in purged.into_iter().enumerate() {
            container.uuid = format!("0b0e{at:04}-0000-3000-b000-000000000000");
            container.updated = now;
            tenant.containers.push(container);
        }
        tenant.touch();
    }
    let (_serving, _, bulk) = gone_on(&vendor, &home).await;
    assert!(bulk.iter().any(|query| !query.contains("paginationQuery=")), "it was not walked again: {bulk:?}");
    vendor.stop().await;
}
