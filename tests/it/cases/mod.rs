//! Small inputs from vendor documentation and bug reports, each with the expected samples.
//!
//! A Prisma Cloud case is a file in `tests/cases/prisma`: the console's responses (`console`), extra configuration
//! (`config`), the expected samples (`expect`; null means that there must not be such a sample), and texts that must
//! not appear in the log (`never_says`). `why` names the origin of the case.

mod console;
mod gateway;
mod qualys;
mod scripted;

use simulator::exposition::{self, Exposition, Format};
use simulator::oracle::Labels;

use crate::process::{Ended, Home};

/// The output of one collection.
struct Shown {
    metrics: Exposition,
    log: String,
}

/// Collects once from these sources.
async fn collect(home: &Home, sources: &str) -> Shown {
    home.configure(sources);
    let Ended { stdout, stderr, .. } = home.run(&["once"]).await;
    let metrics = exposition::parse(&stdout, Format::Text).unwrap_or_else(|error| panic!("{error}\n{stderr}"));
    Shown { metrics, log: stderr }
}

impl Shown {
    /// The sum of the samples of a family, named without its prefix, that have these labels; `None` if there are none.
    fn sum(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let families = self.metrics.families();
        let series = families.get(&format!("container_security_{family}"))?;
        let has = |set: &Labels| labels.iter().all(|(name, value)| set.get(*name).is_some_and(|has| has == value));
        let mut found = series.iter().filter(|(set, _)| has(set)).map(|(_, value)| *value).peekable();
        found.peek()?;
        Some(found.sum())
    }

    /// Fails unless that sum is `value`.
    fn is(&self, family: &str, labels: &[(&str, &str)], value: f64) {
        assert_eq!(self.sum(family, labels), Some(value), "{family} {labels:?}\n{}", self.log);
    }
}
