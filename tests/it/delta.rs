//! Incremental collection of Qualys containers and images: after each cycle everything matches the oracle.

use std::time::Duration;

use simulator::tenant::{Shape, Tenant};

use crate::support::{Bench, NOW};

/// Changes some containers and images and purges none, since a delta does not report purges.
pub(crate) fn change(tenant: &mut Tenant, cycle: usize, now: i64) {
    for container in tenant.containers.iter_mut().skip(cycle).step_by(50) {
        container.risk_score = container.risk_score.map(|risk| 1000 - risk);
        container.is_drift = Some(container.is_drift != Some(true));
        if let Some(pod) = &mut container.pod {
            pod.namespace = format!("moved-{cycle}");
        }
        container.updated = now;
    }
    for image in tenant.images.iter_mut().skip(cycle).step_by(10) {
        image.containers = image.containers.map(|containers| u32::from(containers == 0));
        image.detections = image.detections.take().map(|detections| detections.into_iter().skip(1).collect());
        image.updated = now;
    }
    tenant.touch();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cycle_is_exact() {
    let options = "[[source.qualys]]\ninterval = \"1s\"";
    let bench = Bench::start(Tenant::generate(&Shape::small(3, NOW)), options).await;
    bench.becomes("at first", &bench.expected()).await;
    bench.vendor.forget_requests();
    for cycle in 1..=4 {
        bench.advance(Duration::from_mins(5));
        let now = NOW + i64::try_from(cycle).expect("a small number") * 300_000;
        change(&mut bench.tenant.lock().expect("no panic elsewhere"), cycle, now);
        bench.becomes(&format!("cycle {cycle}"), &bench.expected()).await;
    }
    // Only the changes were requested.
    for request in bench.vendor.requests() {
        let bulk = request.path.ends_with("/containers/list") || request.path.ends_with("/images/list");
        assert!(!bulk || request.query.contains("filter=updated"), "{}?{}", request.path, request.query);
    }
    // As time passes, some records are purged, which deltas do not report.
    for cycle in 5..=7 {
        bench.advance(Duration::from_mins(5));
        bench.tenant.lock().expect("no panic elsewhere").step(NOW + cycle * 300_000);
        bench.becomes(&format!("cycle {cycle}"), &bench.expected()).await;
    }
    bench.stop().await;
}
