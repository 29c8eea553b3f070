//! Full walks of containers that resume where another process was interrupted.

use simulator::server::FaultKind;
use tempfile::TempDir;

use super::delta::{bench, change, collected, edit, truth};
use super::live::{Bench, NOW, refusal, store};
use crate::checkpoint::{Saved, Slot, Store};
use crate::clock::Timestamp;
use crate::record::Vendor;
use crate::source::qualys::two_listings::walk_checkpoint::WalkPosition;
use crate::source::{CollectOutput, WalkKind};
use crate::telemetry::Failure;

const BULK: &str = "/csapi/v1.3/containers/list";

/// An account whose walk was interrupted in the middle of the bulk list, and its store.
struct BrokenOff {
    bench: Bench,
    slot: Slot,
    _dir: TempDir,
}

impl BrokenOff {
    async fn new() -> Self {
        let bench = bench(1_600).await;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let slot = store.slot("account", Vendor::Qualys, "containers", 1);
        bench.collector("containers").listing.resume(slot.clone(), Saved::default());
        bench.fault_after(4, BULK, FaultKind::Status(403, vec![], "{}".to_owned()));
        assert_eq!(refusal(bench.run("containers").await).0, Failure::Forbidden);
        bench.server.clear_faults();
        // Another thread stores it in the background.
        while slot.load().walk.is_none() {
            tokio::task::yield_now().await;
        }
        Self { bench, slot, _dir: dir }
    }

    /// The next run, as if in another process; returns its requests of the bulk list and its output.
    async fn run(&self) -> (usize, CollectOutput) {
        self.bench.collector("containers").listing.resume(self.slot.clone(), self.slot.load());
        self.bench.server.forget_requests();
        let output = self.bench.run("containers").await.unwrap();
        assert_eq!((output.missing.as_deref(), collected(&output)), (None, truth(&self.bench)));
        (self.bench.server.request_count(BULK), output)
    }
}

#[tokio::test]
async fn the_same_process_continues_a_failed_walk() {
    let walk = BrokenOff::new().await;
    walk.bench.fault_after(1, BULK, FaultKind::Status(503, vec![], "{}".to_owned()));
    walk.bench.server.forget_requests();
    assert_eq!(refusal(walk.bench.run("containers").await).0, Failure::BadResponse);
    walk.bench.server.clear_faults();
    let output = walk.bench.run("containers").await.unwrap();
    assert_eq!((output.walk_kind, collected(&output)), (WalkKind::Resumed, truth(&walk.bench)));
    assert!(output.missing.is_none());
    let asked = walk.bench.server.request_count(BULK);
    assert!(asked < 7, "{asked} of 7 pages in two runs");
}

#[tokio::test]
async fn what_was_purged_is_not_shown_while_the_bulk_list_goes_on_failing() {
    let walk = BrokenOff::new().await;
    walk.bench.fault_after(0, BULK, FaultKind::Status(403, vec![], "{}".to_owned()));
    edit(&walk.bench, |tenant| drop(tenant.containers.drain(100..120)));
    let output = walk.bench.run("containers").await.unwrap();
    assert_eq!((output.failure, output.records), (Failure::Forbidden, truth(&walk.bench).len() as u64));
    walk.bench.server.clear_faults();
    let output = walk.bench.run("containers").await.unwrap();
    assert_eq!((output.missing.as_deref(), collected(&output)), (None, truth(&walk.bench)));
}

#[tokio::test]
async fn a_walk_resumes_where_it_was() {
    let walk = BrokenOff::new().await;
    change(&walk.bench, (0..1_500).step_by(70), 1_000, |container| container.risk_score = Some(903));
    let (asked, output) = walk.run().await;
    assert_eq!(output.walk_kind, WalkKind::Resumed);
    assert!(asked < 7, "{asked} of 7 pages");
    // Deltas continue from it.
    change(&walk.bench, [7], 300_000, |container| container.risk_score = Some(904));
    let output = walk.bench.run("containers").await.unwrap();
    assert_eq!((output.walk_kind, collected(&output)), (WalkKind::Incremental, truth(&walk.bench)));
    assert!(output.resume_state.is_some());
}

#[tokio::test]
async fn a_walk_whose_records_were_purged_meanwhile_starts_over() {
    let walk = BrokenOff::new().await;
    edit(&walk.bench, |tenant| drop(tenant.containers.drain(100..120)));
    assert_eq!(walk.run().await.1.walk_kind, WalkKind::Full);
}

#[tokio::test]
async fn a_walk_that_is_too_old_starts_over() {
    let walk = BrokenOff::new().await;
    walk.bench.set_clock(NOW + 86_400_000);
    assert_eq!(walk.run().await.1.walk_kind, WalkKind::Full);
}

#[tokio::test]
async fn a_walk_resumes_once_the_vendor_is_back() {
    let walk = BrokenOff::new().await;
    walk.bench.collector("containers").listing.resume(walk.slot.clone(), walk.slot.load());
    for path in ["pageSize=1&", "/csapi/v1.3/containers?", BULK] {
        walk.bench.fault(path, 2, FaultKind::Status(403, vec![], "{}".to_owned()));
        assert_eq!(refusal(walk.bench.run("containers").await).0, Failure::Forbidden);
        walk.bench.server.clear_faults();
    }
    let output = walk.bench.run("containers").await.unwrap();
    assert_eq!((output.walk_kind, collected(&output)), (WalkKind::Resumed, truth(&walk.bench)));
}

#[tokio::test]
async fn served_data_is_the_base_for_deltas() {
    let walk = BrokenOff::new().await;
    let (_, output) = walk.run().await;
    store(&walk.slot, &output, 1);
    assert!(walk.slot.load().walk.is_none());
    change(&walk.bench, [9], 300_000, |container| container.risk_score = Some(905));
    assert_eq!(walk.run().await.1.walk_kind, WalkKind::Incremental);

    // A stored walk that began before that is outdated.
    let table = walk.slot.load().served.unwrap().0.containers.unwrap();
    let position = WalkPosition::start(Timestamp::from_millis(NOW).unwrap());
    walk.slot.save_walk(&*table, &postcard::to_stdvec(&position).unwrap()).unwrap();
    assert!(walk.slot.load().walk.is_some());
    change(&walk.bench, [9], 600_000, |container| container.risk_score = Some(906));
    assert_eq!(walk.run().await.1.walk_kind, WalkKind::Incremental);
}
