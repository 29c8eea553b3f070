//! Tokens that expire at awkward moments, and vendors whose clocks differ from ours: every run still succeeds.

use std::time::{Duration, UNIX_EPOCH};

use simulator::console::{self, Console};
use simulator::oracle::Families;
use simulator::server::{Fault, FaultKind, Options, Server, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::support::{BOTH, Bench, CLOUD_COLLECTORS, COLLECTORS, NOW, Simulated, first, runs_of, sum};

const DAY: i64 = 86_400_000;

/// Vendors that receive few requests per run, with records from around this time.
fn truths(now: i64) -> (Simulated<Tenant, Options>, Simulated<Console, prisma::Options>) {
    let mut tenant = Tenant::generate(&Shape::small(92, now).containers(30));
    tenant.controls.truncate(2);
    tenant.posture_resources.retain(|resource| tenant.controls.iter().any(|control| control.cid == resource.cid));
    tenant.policies.truncate(2);
    tenant.touch();
    let console = Console::generate(&console::Shape::small(92, now).containers(30));
    let options = prisma::Options::default();
    (tenant.into(), Simulated { options, ..console.into() })
}

fn succeeded(families: &Families, times: f64) -> bool {
    let all = |source, names: &[&str]| names.iter().all(|name| runs_of(families, source, name, "success") >= times);
    all("prod", &COLLECTORS) && all("cloud", &CLOUD_COLLECTORS)
}

/// The number of runs that did not succeed.
fn failed(families: &Families) -> f64 {
    let family = "container_security_collector_runs_total";
    sum(families, family, &[]) - sum(families, family, &[("outcome", "success")])
}

fn log_ins(vendor: &Server) -> usize {
    vendor.requests().iter().filter(|request| request.method == "POST").count()
}

fn refusals(vendor: &Server) -> usize {
    vendor.requests().iter().filter(|request| request.status == 401).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_at_any_request_is_replaced_once() {
    for skip in 0.. {
        let (mut qualys, mut cloud) = truths(NOW);
        // From that request on, the vendor refuses the token, also in requests already sent.
        let ends_at = |path| Fault { skip, ..first(1, path, FaultKind::Revoke) };
        qualys.faults.push(ends_at("/csapi/"));
        cloud.faults.push(ends_at("/api/v"));
        let bench = Bench::start_both_as("", qualys, cloud).await;
        let what = format!("a token that ends at request {skip}");
        bench.becomes(&what, &bench.expected()).await;
        let complete = |families: &Families| sum(families, "container_security_collector_complete", &[]) == *BOTH;
        let families = bench.metrics_once(&what, |families| complete(families) && succeeded(families, 1.0)).await;
        assert_eq!(failed(&families), 0.0, "{what}");
        let mut struck = 0;
        for vendor in [&bench.vendor, &bench.cloud().vendor] {
            let refused = usize::from(refusals(vendor) > 0);
            struck += refused;
            assert_eq!(log_ins(vendor), 1 + refused, "{what}: {:?}", vendor.requests());
        }
        bench.stop().await;
        if struck == 0 {
            assert!(skip > 9, "only {skip} requests");
            break;
        }
    }
}

/// `at` as an HTTP date.
fn date(at: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(at.unsigned_abs()))
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_whose_clock_is_a_day_off_are_read() {
    for ahead in [DAY, -DAY] {
        let (mut qualys, mut cloud) = truths(NOW + ahead);
        let headers = [("date", date(NOW + ahead)), ("retry-after", date(NOW + ahead + 2_000))];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let refusal = FaultKind::Status(429, headers, String::new());
        qualys.faults.push(first(1, "/csapi/v1.3/containers?", refusal.clone()));
        cloud.faults.push(first(1, "/containers?", refusal));
        (qualys.ahead, cloud.ahead) = (ahead, ahead);
        let options =
            "[[source.qualys]]\ninterval = \"1s\"\n[[source.prisma]]\ninterval = \"1s\"\nrate_limit = \"1000/1s\"";
        let bench = Bench::start_both_as(options, qualys, cloud).await;
        let what = format!("a vendor {ahead} ms ahead");
        bench.becomes(&what, &bench.expected()).await;
        // Past the expiry of both tokens, by either clock.
        let mut runs = 1.0;
        for hours in [0, 5, 5] {
            bench.advance(Duration::from_hours(hours));
            runs += 2.0;
            bench.metrics_once(&what, |families| succeeded(families, runs)).await;
        }
        let families = bench.becomes(&what, &bench.expected()).await;
        assert_eq!(failed(&families), 0.0, "{what}");
        for vendor in [&bench.vendor, &bench.cloud().vendor] {
            assert!((3..=4).contains(&log_ins(vendor)), "{what}: {} log-ins", log_ins(vendor));
        }
        // Changes arrive, whichever clock dates them.
        bench.tenant.lock().expect("no panic elsewhere").step(NOW + ahead + 36_000_000);
        bench.cloud().console.lock().expect("no panic elsewhere").step(NOW + ahead + 36_000_000);
        bench.becomes(&what, &bench.expected()).await;
        bench.stop().await;
    }
}
