//! Small inputs from published vendor material and bug reports, each with the numbers that must come of it.
//!
//! A case of Prisma Cloud is a file of `tests/cases/prisma`: what the console answers (`console`), what to configure
//! beside it (`config`), the samples expected (`expect`; a null value means no such sample), and texts that the log must
//! not have (`never_says`). `why` says where it comes from.

mod console;
mod gateway;
mod qualys;
mod scripted;

use simulator::exposition::{self, Exposition, Format};
use simulator::oracle::Labels;

use crate::process::{Ended, Home};

/// What one collection of a configuration shows.
struct Shown {
    metrics: Exposition,
    log: String,
}

/// Collects once with these sources.
async fn collect(home: &Home, sources: &str) -> Shown {
    home.configure(sources);
    let Ended { stdout, stderr, .. } = home.run(&["once"]).await;
    let metrics = exposition::parse(&stdout, Format::Text).unwrap_or_else(|error| panic!("{error}\n{stderr}"));
    Shown { metrics, log: stderr }
}

impl Shown {
    /// The sum of the samples of a family, named without its prefix, that have these labels; none where there is no
    /// such sample.
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
