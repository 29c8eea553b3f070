//! Compares every series of every family with the oracle, for both vendors, several seeds and groupings, clean and
//! hostile data, and both formats.

use std::time::Duration;

use simulator::console::{self, Console};
use simulator::exposition::{Format, differences};
use simulator::tenant::{Shape, Tenant};

use crate::support::{Bench, NOW, is_thorough, of_vendor};

/// Lines of configuration, each with a different grouping.
const GROUPINGS: [&str; 5] = [
    "",
    "[containers]\ngroup_by = []\ntop_k = 0\n[images]\ngroup_by = []\ntop_k = 0",
    "[containers]\ngroup_by = [\"k8s_cluster_name\", \"k8s_node_name\", \"k8s_workload_kind\", \"k8s_workload_name\", \
     \"host_name\", \"container_image_name\"]\ntop_k = 3\n[images]\ngroup_by = [\"image_repository\", \"registry\"]\ntop_k = 5\n\
     [limits]\nmax_label_value_length = 32",
    "[containers]\ngroup_by = [\"cloud_provider\", \"cloud_account_id\", \"cloud_region\", \"origin\", \"label_tier\"]\n\
     promote_labels = [\"tier\", \"app.kubernetes.io/name\"]\n[sensors]\nstale_after = \"1h\"",
    "[limits]\nmax_series_per_family = 37\n[containers]\ngroup_by = [\"k8s_cluster_name\", \"k8s_namespace_name\"]",
];

async fn is_exact(seed: u64, hostile: bool, options: &str) {
    let tenant = Tenant::generate(&Shape::small(seed, NOW).hostile(hostile));
    let console = Console::generate(&console::Shape::small(seed, NOW).hostile(hostile));
    let mut bench = Bench::start_both(tenant, console, options).await;
    bench.collected().await;
    same_as_oracle(&bench, &format!("seed {seed}, hostile {hostile}, {options}")).await;

    // Both vendors change and are collected again, since to the exporter another address is another account.
    bench.advance(Duration::from_mins(10));
    bench.tenant.lock().expect("no panic elsewhere").step(NOW + 600_000);
    bench.cloud().console.lock().expect("no panic elsewhere").step(NOW + 600_000);
    let options = format!("{options}\n[[source.qualys]]\ninterval = \"2h\"\n[[source.prisma]]\ninterval = \"2h\"");
    let mut config = bench.load(&options).expect("a good configuration");
    config.source.qualys[0].base_url.push('/');
    config.source.prisma[0].base_url.push('/');
    bench.app.reload(Ok(config)).await.expect("a good configuration");
    bench.collected().await;
    same_as_oracle(&bench, &format!("after a change: seed {seed}, hostile {hostile}, {options}")).await;
    bench.stop().await;
}

async fn same_as_oracle(bench: &Bench, what: &str) {
    let expected = bench.expected();
    for format in [Format::OpenMetrics, Format::Text] {
        let actual = of_vendor(&bench.metrics(format).await.families());
        let differences = differences(&expected, &actual);
        assert!(differences.is_empty(), "{what}, {format:?}:\n{}", differences.join("\n"));
    }
}

/// Defines one test for each grouping and kind of tenant, over one seed or five.
macro_rules! exact {
    ($($name:ident: $grouping:literal, $hostile:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for seed in 1..=if is_thorough() { 5 } else { 1 } {
                is_exact(seed, $hostile, GROUPINGS[$grouping]).await;
            }
        }
    )*};
}

exact! {
    clean_by_default_labels: 0, false;
    clean_ungrouped: 1, false;
    clean_by_workload_and_host: 2, false;
    clean_by_cloud_and_promoted_labels: 3, false;
    clean_folded: 4, false;
    hostile_by_default_labels: 0, true;
    hostile_ungrouped: 1, true;
    hostile_by_workload_and_host: 2, true;
    hostile_by_cloud_and_promoted_labels: 3, true;
    hostile_folded: 4, true;
}
