//! Unreachable vendors, refused endpoints, and records that change during a walk: data stays until it is stale, nothing
//! else is affected, and the data is exact afterwards.

use simulator::console::{self, Console};
use simulator::oracle::Families;
use simulator::server::{Fault, FaultKind, Options, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::support::{BOTH, Bench, NOW, Simulated, all_collectors, always, first, runs_of, sum, value, wrong};

/// Short intervals, without retries.
const EAGER: &str = "[containers]\ngroup_by = []\n\
                     [[source.qualys]]\ninterval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 0\n\
                     [[source.prisma]]\ninterval = \"1s\"\nstale_after = \"10m\"\nhttp.retries = 0\nrate_limit = \"1000/1s\"";

const UP: &str = "container_security_collector_up";
const COMPLETE: &str = "container_security_collector_complete";

async fn start(containers: usize, options: &str, faults: [Vec<Fault>; 2]) -> Bench {
    let tenant = Tenant::generate(&Shape::small(93, NOW).containers(containers));
    let console = Console::generate(&console::Shape::small(93, NOW).containers(containers));
    let [of_qualys, of_prisma] = faults;
    let qualys = Options::default();
    let cloud = prisma::Options { page_limit: 20, ..prisma::Options::default() };
    Bench::start_both_as(
        options,
        Simulated { options: qualys, faults: of_qualys, ..tenant.into() },
        Simulated { options: cloud, faults: of_prisma, ..console.into() },
    )
    .await
}

fn of(families: &Families, family: &str, source: &str, collector: &str) -> f64 {
    value(families, family, &[("source", source), ("collector", collector)])
}

fn step(bench: &Bench) {
    bench.tenant.lock().expect("no panic elsewhere").step(NOW);
    bench.cloud().console.lock().expect("no panic elsewhere").step(NOW);
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_that_refuse_connections_for_a_while() {
    let mut bench = start(30, EAGER, [vec![], vec![]]).await;
    bench.collected().await;
    let expected = bench.expected();
    bench.becomes("good data", &expected).await;
    bench.vendor.close().await.expect("the vendor's port");
    let cloud = bench.cloud.as_mut().expect("started with one");
    cloud.vendor.close().await.expect("the console's port");
    let families = bench
        .metrics_once("refused connections", |families| {
            let wrong = wrong(&expected, families);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            all_collectors().all(|(source, name)| runs_of(families, source, name, "unreachable") >= 2.0)
        })
        .await;
    assert_eq!((sum(&families, UP, &[]), sum(&families, COMPLETE, &[])), (0.0, *BOTH));
    let page = bench.landing_page().await;
    assert!(page.contains("refused") && page.contains("check base_url, http.proxy and the firewall"), "{page}");
    step(&bench);
    bench.vendor.reopen().expect("the vendor's port");
    let cloud = bench.cloud.as_mut().expect("started with one");
    cloud.vendor.reopen().expect("the console's port");
    bench.becomes("the changed records", &bench.expected()).await;
    bench.metrics_once("success of all collectors", |families| sum(families, UP, &[]) == *BOTH).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_refused_after_good_data_fails_only_its_collector() {
    let endpoints = [
        ("/csapi/v1.3/containers?", "containers", "/containers?", "containers"),
        ("/csapi/v1.3/containers/list", "containers", "/images?", "images"),
        ("/csapi/v1.3/images?", "images", "/defenders/summary", "sensors"),
        ("/csapi/v1.3/images/list", "images", "/stats/vulnerabilities", "vulnerabilities"),
        ("/sensors", "sensors", "/version", "console"),
        ("/k8s_postures/list", "posture", "/containers?", "containers"),
        ("/k8s_postures/count", "posture", "/images?", "images"),
        ("/csapi/v1.3/reports", "reports", "/defenders/summary", "sensors"),
        ("/csapi/v1.3/registry", "registries", "/version", "console"),
        ("/centralizedPolicy?", "policies", "/version", "console"),
    ];
    let bench = start(30, EAGER, [vec![], vec![]]).await;
    bench.collected().await;
    let expected = bench.expected();
    bench.becomes("good data", &expected).await;
    for (at, (of_qualys, collector, of_prisma, cloud_collector)) in endpoints.into_iter().enumerate() {
        bench.metrics_once("success of all collectors", |families| sum(families, UP, &[]) == *BOTH).await;
        let status = [403, 404][at % 2];
        let refusal = || FaultKind::Status(status, Vec::new(), r#"{"message":"no"}"#.to_owned());
        bench.vendor.inject(always(of_qualys, refusal()));
        bench.cloud().vendor.inject(always(of_prisma, refusal()));
        // At most one run of each collector has begun before the fault.
        let before = bench.families().await;
        let what = format!("{status} at {of_qualys} and {of_prisma}");
        let struck = [("prod", collector), ("cloud", cloud_collector)];
        let ended = |families: &Families, (source, collector): (&str, &str)| {
            let labels = [("source", source), ("collector", collector)];
            sum(families, "container_security_collector_runs_total", &labels)
        };
        let families = bench
            .metrics_once(&what, |families| {
                let wrong = wrong(&expected, families);
                assert!(wrong.is_empty(), "{what}\n{}", wrong.join("\n"));
                struck.iter().all(|of| ended(families, *of) >= ended(&before, *of) + 2.0)
            })
            .await;
        for (source, name) in all_collectors() {
            let up = f64::from(u8::from(!struck.contains(&(source, name))));
            assert_eq!(of(&families, UP, source, name), up, "{what}: {source} {name}");
        }
        assert_eq!(sum(&families, COMPLETE, &[]), *BOTH, "{what}");
        bench.vendor.clear_faults();
        bench.cloud().vendor.clear_faults();
    }
    step(&bench);
    bench.becomes("the changed records", &bench.expected()).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_containers_of_a_console_disappear_and_come_back() {
    let options = EAGER.replacen(
        "[[source.prisma]]\ninterval = \"1s\"\nstale_after = \"10m\"",
        "[[source.prisma]]\ninterval = \"1s\"\nstale_after = \"3s\"",
        1,
    );
    let bench = start(30, &options, [vec![], vec![]]).await;
    bench.collected().await;
    bench.cloud().vendor.inject(always("/containers?", FaultKind::Html(503)));
    let families = bench
        .metrics_once("the end of the containers", |families| {
            of(families, COMPLETE, "cloud", "containers") == 0.0
                && sum(families, "container_security_containers", &[("source", "cloud")]) == 0.0
        })
        .await;
    assert_eq!(of(&families, "container_security_collector_records", "cloud", "containers"), 0.0);
    assert_eq!((sum(&families, UP, &[]), sum(&families, COMPLETE, &[])), (*BOTH - 1.0, *BOTH - 1.0));
    // The other vendor's containers are still there.
    assert!(sum(&families, "container_security_containers", &[("source", "prod")]) > 0.0);
    bench.cloud().vendor.clear_faults();
    bench.becomes("everything again", &bench.expected()).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_change_during_a_walk_are_exact_afterwards() {
    // A change before each page of both lists, and of the walks after that.
    let moving = |paths: [(&str, usize); 2]| {
        let steps = |(path, times): (&str, usize)| {
            let at = |number| NOW + i64::try_from(number).expect("few steps");
            let path = path.to_owned();
            (0..times).map(move |number| first(1, &path, FaultKind::Step(at(number))))
        };
        paths.into_iter().flat_map(steps).collect()
    };
    let faults = [
        moving([("/csapi/v1.3/containers", 9), ("/csapi/v1.3/images", 6)]),
        moving([("/containers?", 16), ("/images?", 3)]),
    ];
    let bench = start(300, EAGER, faults).await;
    let generations = |bench: &Bench| {
        let tenant = bench.tenant.lock().expect("no panic elsewhere").generation();
        (tenant, bench.cloud().console.lock().expect("no panic elsewhere").generation())
    };
    bench.metrics_once("the last change", |_| generations(&bench) == (15, 19)).await;
    bench.becomes("the changed records", &bench.expected()).await;
    let families = bench
        .metrics_once("success of all collectors", |families| {
            sum(families, UP, &[]) == *BOTH && sum(families, COMPLETE, &[]) == *BOTH
        })
        .await;
    for (source, name) in [("prod", "containers"), ("prod", "images"), ("cloud", "containers"), ("cloud", "images")] {
        assert_eq!(runs_of(&families, source, name, "bad_response"), 0.0, "{source} {name}");
    }
    bench.stop().await;
}
