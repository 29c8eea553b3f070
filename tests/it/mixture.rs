//! Random mixtures of faults at both vendors at once. While they last, no sample is wrong; the first runs without them
//! bring everything. A failure names its seed; `SEED=7 cargo test --test it mixture` runs that seed alone.

use std::time::Duration;

use simulator::console::{self, Console};
use simulator::oracle::Families;
use simulator::server::{Fault, FaultKind, Options, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::support::{Bench, NOW, Simulated, all_collectors, is_thorough, of_vendor, runs_of, wrong};

/// More than one page of every paged listing, so that faults also strike in the middle of walks.
const CONTAINERS: usize = 300;

const EAGER: &str = "[[source.qualys]]\ninterval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 1\n\
                     http.read_timeout = \"1s\"\nhttp.max_body_bytes = 4000000\nrate_limits.pages = \"1000/1s\"\n\
                     rate_limits.bulk = \"1000/1s\"\nrate_limits.other = \"1000/1s\"\n\
                     [[source.prisma]]\ninterval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 1\n\
                     http.read_timeout = \"1s\"\nhttp.max_body_bytes = 4000000\nrate_limit = \"1000/1s\"";

/// Requests that faults strike, by a part of their path and query.
const OF_QUALYS: [&str; 10] = [
    "/csapi/v1.3/containers?",
    "/csapi/v1.3/containers/list",
    "/csapi/v1.3/images?",
    "/csapi/v1.3/images/list",
    "paginationQuery",
    "/sensors",
    "/k8s_postures/list",
    "/k8s_postures/count",
    "/reports",
    "/centralizedPolicy",
];
const OF_PRISMA: [&str; 7] =
    ["/containers", "/images", "offset=49", "/defenders", "/stats/", "/version", "/authenticate"];

/// A deterministic random number generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)) >> 33;
        usize::try_from(mixed).expect("31 bits") % end
    }

    fn kind(&mut self) -> FaultKind {
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let status = |status, headers| FaultKind::Status(status, headers, "{\"message\":\"no\"}".to_owned());
        let replaced = |name: &str, value: &str| FaultKind::WithHeader(name.to_owned(), value.to_owned());
        match self.below(32) {
            0 => status(429, header("retry-after", "1")),
            1 => status(429, header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")),
            2 => status(429, header("x-ratelimit-towait-sec", "1")),
            3 => status(429, header("x-ratelimit-window-sec", "1")),
            4 => status(429, Vec::new()),
            5 => status(409, Vec::new()),
            6 => status(500, Vec::new()),
            7 => FaultKind::Html(502),
            8 => FaultKind::Html(503),
            9 => FaultKind::Html(200),
            10 => status(401, Vec::new()),
            11 => FaultKind::Revoke,
            12 => FaultKind::Html(403),
            13 => status(404, Vec::new()),
            14 => FaultKind::Reset,
            15 => FaultKind::Truncate,
            16 => FaultKind::Garbage,
            17 => FaultKind::Stall(Duration::from_secs(3)),
            18 => FaultKind::StallInside(Duration::from_secs(3)),
            19 => FaultKind::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
            20 => FaultKind::BigBody(8 << 20),
            21 => FaultKind::GzipBomb(8 << 20),
            22 => FaultKind::RepeatPage,
            23 => FaultKind::WithoutHeader("link".to_owned()),
            24 => replaced("link", "null"),
            25 => replaced("link", "see the manual"),
            26 => replaced("link", "<http://127.0.0.1:1/list?paginationQuery=a<;rel=next"),
            27 => replaced("total-count", "9999"),
            28 => replaced("content-type", "text/html"),
            29 => replaced("content-type", "application/octet-stream"),
            30 => FaultKind::WithoutHeader("total-count".to_owned()),
            _ => FaultKind::Empty,
        }
    }

    fn faults(&mut self, places: &[&str]) -> Vec<Fault> {
        let count = 4 + self.below(6);
        let fault = |_| Fault {
            path_contains: places[self.below(places.len())].to_owned(),
            times: [1, 2, 5, usize::MAX][self.below(4)],
            skip: self.below(3),
            kind: self.kind(),
        };
        (0..count).map(fault).collect()
    }
}

fn truths(seed: u64) -> (Tenant, Console) {
    (
        Tenant::generate(&Shape::small(seed, NOW).containers(CONTAINERS)),
        Console::generate(&console::Shape::small(seed, NOW).containers(CONTAINERS)),
    )
}

/// Samples that are unexpected or have a wrong value.
fn wrong_samples(expected: &Families, actual: &Families) -> Vec<String> {
    let mut found = Vec::new();
    for (family, series) in of_vendor(actual) {
        let true_series = expected.get(&family);
        for (labels, value) in series {
            let truth = true_series.and_then(|series| series.get(&labels)).copied();
            if truth.is_none_or(|truth| truth.to_bits() != value.to_bits()) {
                found.push(format!("{family}{labels:?} is {value}, and should be {truth:?}"));
            }
        }
    }
    found
}

/// Like [`wrong_samples`], without those of a source that reports a collector as incomplete.
pub(crate) fn unflagged_wrong_samples(expected: &Families, actual: &Families) -> Vec<String> {
    let series = actual.get("container_security_collector_complete").into_iter().flatten();
    let unsure: Vec<_> =
        series.filter(|(_, complete)| **complete < 1.0).map(|(labels, _)| labels["source"].clone()).collect();
    let is_flagged =
        |sample: &String| unsure.iter().any(|source| sample.contains(&format!("\"source\": \"{source}\"")));
    wrong_samples(expected, actual).into_iter().filter(|sample| !is_flagged(sample)).collect()
}

/// Whether every collector has finished at least two more runs, whatever the outcome.
fn all_ran(before: &Families, now: &Families) -> bool {
    let ended = |families: &Families, source: &str, collector: &str| {
        let series = families.get("container_security_collector_runs_total").into_iter().flatten();
        let of_one = series.filter(|(labels, _)| labels["source"] == source && labels["collector"] == collector);
        of_one.map(|(_, value)| value).sum::<f64>()
    };
    all_collectors().all(|(source, name)| ended(now, source, name) >= ended(before, source, name) + 2.0)
}

async fn faults_after_good_data(seed: u64) {
    let mut dice = Dice(seed);
    let (tenant, console) = truths(seed);
    let (options, cloud) = (Options::default(), prisma::Options::default());
    let bench = Bench::start_both_as(
        EAGER,
        Simulated { options, ..tenant.into() },
        Simulated { options: cloud, ..console.into() },
    )
    .await;
    bench.collected().await;
    let expected = bench.expected();
    bench.becomes("good data", &expected).await;
    let (of_qualys, of_prisma) = (dice.faults(&OF_QUALYS), dice.faults(&OF_PRISMA));
    let what = format!("seed {seed}: {of_qualys:?}, {of_prisma:?}");
    for fault in of_qualys {
        bench.vendor.inject(fault);
    }
    for fault in of_prisma {
        bench.cloud().vendor.inject(fault);
    }
    let before = bench.families().await;
    // Complete data was there and is not stale: each scrape shows exactly all of it.
    bench
        .metrics_once(&what, |families| {
            let wrong = wrong(&expected, families);
            assert!(wrong.is_empty(), "{what}\n{}", wrong.join("\n"));
            all_ran(&before, families)
        })
        .await;
    bench.vendor.clear_faults();
    bench.cloud().vendor.clear_faults();
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    bench.cloud().console.lock().expect("no panic elsewhere").step(NOW);
    bench.becomes(&what, &bench.expected()).await;
    bench.stop().await;
}

async fn faults_from_the_start(seed: u64) {
    let mut dice = Dice(seed);
    let (tenant, console) = truths(seed);
    let (options, cloud) = (Options::default(), prisma::Options::default());
    let (of_qualys, of_prisma) = (dice.faults(&OF_QUALYS), dice.faults(&OF_PRISMA));
    let what = format!("seed {seed}, from the start: {of_qualys:?}, {of_prisma:?}");
    let bench = Bench::start_both_as(
        EAGER,
        Simulated { options, faults: of_qualys, ..tenant.into() },
        Simulated { options: cloud, faults: of_prisma, ..console.into() },
    )
    .await;
    let expected = bench.expected();
    let nothing = Families::new();
    // All samples are correct, unless a collector of their source is reported as incomplete.
    bench
        .metrics_once(&what, |families| {
            let wrong_samples = unflagged_wrong_samples(&expected, families);
            assert!(wrong_samples.is_empty(), "{what}\n{}", wrong_samples.join("\n"));
            all_ran(&nothing, families)
        })
        .await;
    bench.vendor.clear_faults();
    bench.cloud().vendor.clear_faults();
    let families = bench.becomes(&what, &expected).await;
    assert!(runs_of(&families, "cloud", "console", "success") >= 1.0);
    bench.stop().await;
}

fn seeds() -> Vec<u64> {
    #[expect(clippy::disallowed_methods, reason = "the caller chooses whether to run a single seed")]
    let one = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let usual = if is_thorough() { 7..=11 } else { 7..=8 };
    one.map_or_else(|| usual.collect(), |seed| vec![seed])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_is_wrong_while_faults_strike_good_data() {
    for seed in seeds() {
        faults_after_good_data(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_is_wrong_while_faults_strike_from_the_start() {
    for seed in seeds() {
        faults_from_the_start(seed).await;
    }
}
