//! Decodes, maps and upserts both listings, and compares this with a bare typed decode of the same bytes.

use std::sync::Arc;
use std::sync::LazyLock;

use container_security_exporter::source::qualys::containers::{BulkHalf, PageHalf, Staging};
use container_security_exporter::source::qualys::wire::{BulkRow, Page, PageRow};
use container_security_exporter::wire::{Keyed, Nested, Row};
use divan::Bencher;
use divan::counter::BytesCount;

use crate::best::{nanoseconds_each, say, seconds, timed};
use crate::rows::Fleet;

/// The pages of a complete walk, so that tables and names grow as in production.
const FLEET: Fleet = Fleet { containers: 10_000, replicas: 5, whole: true };

static BULK: LazyLock<Vec<String>> = LazyLock::new(|| FLEET.bulk().collect());
static PAGE: LazyLock<Vec<String>> = LazyLock::new(|| FLEET.page().collect());

fn bytes(pages: &[String]) -> usize {
    pages.iter().map(String::len).sum()
}

fn bare<'a, T: Row<'a> + Keyed>(pages: &'a [String]) -> usize {
    let rows = |page: &'a String| {
        let page: Page<Nested<T>> = serde_json::from_str(page).expect("a page of the generator");
        let rows = page.data.expect("rows").rows().expect("no more than a page has");
        rows.iter().filter(|row| row.0.as_ref().is_some_and(|row| !row.key().is_empty())).count()
    };
    pages.iter().map(rows).sum()
}

fn staged(pages: &[String], take: impl Fn(&Arc<Staging>, &[u8]) -> usize) -> Arc<Staging> {
    let staging = Staging::new(Arc::from(["team".to_owned()]));
    let taken: usize = pages.iter().map(|page| take(&staging, page.as_bytes())).sum();
    assert_eq!(taken, FLEET.containers);
    staging
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn bulk_1_bare(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(bytes(&BULK))).bench_local(|| timed("bulk bare", || bare::<BulkRow<'_>>(&BULK)));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn bulk_2_upserted(bencher: Bencher<'_, '_>) {
    // The bare decode runs before each measurement as well, so that both see the same load.
    let beside = || timed("bulk bare", || bare::<BulkRow<'_>>(&BULK));
    bencher.counter(BytesCount::new(bytes(&BULK))).with_inputs(beside).bench_local_values(|_| {
        timed("bulk", || {
            staged(&BULK, |staging, page| {
                staging.read::<BulkHalf>(page).expect("a page of the generator").store().taken
            })
        })
    });
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn page_1_bare(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(bytes(&PAGE))).bench_local(|| timed("page bare", || bare::<PageRow<'_>>(&PAGE)));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn page_2_upserted(bencher: Bencher<'_, '_>) {
    // The bare decode runs before each measurement as well, so that both see the same load.
    let beside = || timed("page bare", || bare::<PageRow<'_>>(&PAGE));
    bencher.counter(BytesCount::new(bytes(&PAGE))).with_inputs(beside).bench_local_values(|_| {
        timed("page", || {
            staged(&PAGE, |staging, page| {
                staging.read::<PageHalf>(page).expect("a page of the generator").store().taken
            })
        })
    });
}

/// Prints the rates of both listings, and their ratios to the bare decode.
pub(crate) fn summary() {
    for (list, all, bare, pages) in [("bulk", "bulk", "bulk bare", &BULK), ("page", "page", "page bare", &PAGE)] {
        if let (Some(all), Some(bare)) = (seconds(all), seconds(bare)) {
            let bytes = bytes(pages);
            // Bytes per nanosecond are gigabytes per second.
            let rate = |seconds| nanoseconds_each(seconds, bytes).recip();
            say(&format!(
                "decode {list} list, {} bytes per row: decode + map + upsert {:.2} GB/s, bare decode {:.2} GB/s, ratio {:.2}",
                bytes / FLEET.containers,
                rate(all),
                rate(bare),
                bare / all,
            ));
        }
    }
}
