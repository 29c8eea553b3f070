//! The best run of each benchmark, and the lines of the summary.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

static BEST: Mutex<BTreeMap<&'static str, Duration>> = Mutex::new(BTreeMap::new());

/// Runs the work and records its duration if it is the shortest so far.
pub(crate) fn timed<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    let took = start.elapsed();
    let mut best = BEST.lock().unwrap_or_else(PoisonError::into_inner);
    let known = best.entry(what).or_insert(took);
    *known = took.min(*known);
    done
}

/// The duration of the shortest run in seconds; `None` if it did not run.
pub(crate) fn seconds(what: &str) -> Option<f64> {
    let best = BEST.lock().unwrap_or_else(PoisonError::into_inner);
    best.get(what).map(Duration::as_secs_f64)
}

/// Prints a line of the summary.
#[expect(clippy::print_stdout, reason = "a benchmark prints its results")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Nanoseconds per thing.
#[expect(clippy::cast_precision_loss, reason = "a few millions")]
pub(crate) fn nanoseconds_each(seconds: f64, things: usize) -> f64 {
    seconds * 1e9 / things as f64
}
