//! Renders 100,000 series with four labels as text, compared with a copy of the same bytes and a minimal loop.

use std::sync::{Arc, LazyLock};

use container_security_exporter::catalog::{self, Containers, Images, Limits, Sensors, resolve};
use container_security_exporter::metric::{GroupingCache, Series};
use container_security_exporter::output::compress::Head;
use container_security_exporter::output::{openmetrics, text};
use container_security_exporter::view::View;
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::best::{nanoseconds_each, say, seconds, timed};
use crate::rows::Fleet;

const SERIES: usize = 100_000;

/// One family with a series for each container.
static FAMILIES: LazyLock<Arc<Vec<Series>>> = LazyLock::new(|| {
    let inventory = Fleet { containers: SERIES, replicas: 1, whole: false }.inventory();
    let group_by = vec!["k8s_cluster_name".to_owned(), "k8s_workload_name".to_owned()];
    let containers = Containers { group_by, ..Containers::default() };
    let limits = Limits { max_series_per_family: usize::MAX, ..Limits::default() };
    let settings = resolve(&limits, &containers, &Images::default(), &Sensors::default());
    let family = catalog::all().find(|metric| metric.name() == "container_security_containers");
    let family = family.expect("it is in the catalog");
    let series = family.evaluate(&View::of_inventory(&inventory), &settings, &mut GroupingCache::default());
    assert_eq!((series.len(), series.labels.len()), (SERIES, 4));
    Arc::new(vec![series])
});

static TEXT: LazyLock<String> = LazyLock::new(|| text::write(&FAMILIES, |_| true, 0.0));

/// The output of a loop that trusts its input.
fn bare() -> String {
    let mut out = String::new();
    for series in FAMILIES.iter() {
        for (values, number) in series.iter() {
            out.push_str(series.metric.name());
            for ((label, value), before) in series.labels.iter().zip(values).zip(["{", ",", ",", ","]) {
                for part in [before, label, "=\"", value, "\""] {
                    out.push_str(part);
                }
            }
            out.push_str("} ");
            #[expect(clippy::cast_possible_truncation, reason = "a count")]
            out.push_str(itoa::Buffer::new().format(number.at(0.0) as i64));
            out.push('\n');
        }
    }
    out
}

fn bench(bencher: Bencher<'_, '_>, what: &'static str, write: fn() -> String) {
    LazyLock::force(&TEXT);
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| timed(what, write));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn render_1_copy(bencher: Bencher<'_, '_>) {
    bench(bencher, "copy", || TEXT.clone());
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn render_2_bare(bencher: Bencher<'_, '_>) {
    bench(bencher, "bare", bare);
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn render_3_text(bencher: Bencher<'_, '_>) {
    bench(bencher, "text", || text::write(&FAMILIES, |_| true, 0.0));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn render_4_openmetrics(bencher: Bencher<'_, '_>) {
    bench(bencher, "openmetrics", || openmetrics::write(&FAMILIES, |_| true, 0.0).expect("it can be encoded"));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn render_5_gzip(bencher: Bencher<'_, '_>) {
    let bencher = bencher.counter(ItemsCount::new(SERIES)).with_inputs(|| TEXT.clone());
    bencher.bench_local_values(|text| timed("gzip", || Head::new(text)));
}

/// Prints the time per series.
pub(crate) fn summary() {
    let each = |what| seconds(what).map(|took| nanoseconds_each(took, SERIES));
    let bytes = || TEXT.len() / SERIES;
    if let (Some(copy), Some(bare)) = (each("copy"), each("bare")) {
        for what in ["text", "openmetrics"] {
            if let Some(took) = each(what) {
                let (bytes, ratio) = (bytes(), bare / took);
                say(&format!(
                    "render {what}: {took:.0} ns per series of {bytes} bytes; a bare loop {bare:.0} ns, ratio {ratio:.2}; a copy of the text {copy:.0} ns"
                ));
            }
        }
    }
    if let Some(took) = each("gzip") {
        say(&format!("render gzip: {took:.0} ns more per series of {} bytes", bytes()));
    }
}
