//! Behaviour of a healthy vendor that its documentation does not mention.

use std::collections::BTreeSet;

use simulator::server::{FaultKind, LinkForm, Options};
use simulator::tenant::{Shape, Tenant};

use crate::support::{ALL, Bench, NOW, always, of_vendor, runs, sum, value};

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_millisecond_are_walked_by_number_and_a_repeated_page_is_detected() {
    let mut tenant = Tenant::generate(&Shape::small(12, NOW).containers(2600));
    let mut times: Vec<i64> = tenant.containers.iter().map(|container| container.updated).collect();
    times.sort_unstable();
    let middle = times[700];
    for container in &mut tenant.containers {
        // More than one page of them, with some before and after.
        if (middle..times[1900]).contains(&container.updated) {
            container.updated = middle;
        }
    }
    tenant.touch();
    let bench = Bench::start(tenant, "").await;
    bench.collected().await;
    bench.is_exact().await;
    let asked: BTreeSet<_> = bench
        .vendor
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("/containers"))
        .map(|request| request.query)
        .collect();
    assert!(asked.iter().any(|query| query.contains("pageNumber=2")), "{asked:?}");
    let tenant = bench.tenant.lock().expect("no panic elsewhere").clone();
    bench.stop().await;

    let repeat = always("pageNumber=2", FaultKind::RepeatPage);
    let bench = Bench::start_struck(tenant, "", Options::default(), [repeat]).await;
    let families =
        bench.metrics_once("a failed run", |families| runs(families, "containers", "bad_response") == 1.0).await;
    assert_eq!(sum(&families, "container_security_collector_up", &[("collector", "containers")]), 0.0);
    let page = bench.landing_page().await;
    assert!(page.contains("a page repeats"), "{page}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_rows_are_counted_and_the_rest_of_the_page_is_kept() {
    let tenant = Tenant::generate(&Shape::small(13, NOW).hostile(true));
    let expected = [
        ("containers", tenant.unreadable_page_rows() + tenant.unreadable_bulk_rows()),
        ("sensors", tenant.unreadable_sensor_rows()),
        ("posture", tenant.unreadable_posture_rows() + tenant.unreadable_resource_rows()),
        ("images", tenant.unreadable_image_page_rows() + tenant.unreadable_image_bulk_rows()),
        ("reports", tenant.unreadable_report_rows()),
        ("registries", tenant.unreadable_registry_rows()),
        ("policies", tenant.unreadable_policy_rows()),
    ];
    let bench = Bench::start(tenant, "").await;
    bench.collected().await;
    let families = bench.families().await;
    for (collector, rows) in expected {
        let rejected =
            sum(&families, "container_security_collector_rejected_records_total", &[("collector", collector)]);
        assert!(rows > 0, "{collector}: the tenant is not hostile");
        assert_eq!(rejected, f64::from(u32::try_from(rows).expect("few rows")), "{collector}");
    }
    let each = |reason| sum(&families, "container_security_collector_rejected_records_total", &[("reason", reason)]);
    assert!(each("unidentified") > 0.0 && each("unreadable") > 0.0);
    bench.is_exact().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_not_a_failure() {
    let mut tenant = Tenant::generate(&Shape::small(20, NOW));
    tenant.containers.clear();
    tenant.sensors.clear();
    tenant.controls.clear();
    tenant.images.clear();
    tenant.posture_resources.clear();
    tenant.reports.clear();
    tenant.registries.clear();
    tenant.policies.clear();
    tenant.touch();
    let bench = Bench::start(tenant, "").await;
    let families = bench
        .metrics_once("complete data of all collectors", |families| {
            sum(families, "container_security_collector_complete", &[]) == *ALL
        })
        .await;
    assert!(
        bench
            .vendor
            .requests()
            .iter()
            .filter(|request| request.path.starts_with("/csapi"))
            .all(|request| request.status == 204)
    );
    assert_eq!(sum(&families, "container_security_collector_up", &[]), *ALL);
    assert_eq!(sum(&families, "container_security_collector_records", &[]), 0.0);
    let nothing = ["container_security_exporter_folded_groups"];
    assert!(of_vendor(&families).keys().eq(nothing), "{:?}", families.keys());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_beyond_the_page_list_limit_are_all_found() {
    let tenant = Tenant::generate(&Shape::small(14, NOW).containers(4500));
    let vendor = Options { window: 2000, ..Options::default() };
    let bench = Bench::start_with(tenant, "", vendor).await;
    bench.collected().await;
    let families = bench.families().await;
    bench.is_exact().await;
    let records = value(&families, "container_security_collector_records", &[("collector", "containers")]);
    assert!(records > 4000.0, "{records}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_sensor_list_is_used_where_the_new_one_is_missing() {
    let tenant = Tenant::generate(&Shape::small(21, NOW));
    let vendor = Options { sensors_v13: false, ..Options::default() };
    let bench = Bench::start_with(tenant, "[[source.qualys]]\ninterval = \"1s\"", vendor).await;
    bench.collected().await;
    bench.is_exact().await;
    bench.metrics_once("a second run", |families| runs(families, "sensors", "success") >= 2.0).await;
    // The exporter remembers that the list is missing.
    assert_eq!(bench.vendor.request_count("/csapi/v1.3/sensors"), 1);
    assert!(bench.vendor.request_count("/csapi/v1.1/sensors") >= 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_link_is_followed_with_and_without_compression() {
    for (link_form, seed, gzip) in [
        (LinkForm::WellFormed, 15, false),
        (LinkForm::Malformed, 15, true),
        (LinkForm::Rotate, 16, true),
        (LinkForm::Rotate, 17, false),
        (LinkForm::Rotate, 18, true),
        (LinkForm::Rotate, 19, true),
    ] {
        let tenant = Tenant::generate(&Shape::small(seed, NOW).containers(1100));
        let bench = Bench::start_with(tenant, "", Options { link_form, gzip, ..Options::default() }).await;
        bench.collected().await;
        bench.is_exact().await;
        let pages = bench.vendor.request_count("/csapi/v1.3/containers/list");
        assert!(pages >= 4, "{link_form:?}, seed {seed}: {pages} pages");
        bench.stop().await;
    }
}
