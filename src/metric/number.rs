//! The value of a series: mostly a plain number, sometimes one that changes with time.

use std::sync::Arc;

use crate::telemetry::Latency;

/// The value of a series. Time-dependent values are computed at scrape time, so that an age is true at each scrape.
#[derive(Clone, Debug)]
pub enum Number {
    /// A constant.
    Fixed(f64),
    /// Seconds since this time; 0 for a time in the future.
    Age(f64),
    /// How many of these ascending times lie further back than this number of seconds.
    Before(Arc<[f64]>, f64),
    /// How many of these ascending times do not.
    Since(Arc<[f64]>, f64),
    /// A distribution.
    Distribution(Box<Latency>),
}

impl Number {
    /// The value at `now`, in seconds since 1970; for a distribution, the number of observations.
    pub fn at(&self, now: f64) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            // A time in the future is another clock's error.
            Self::Age(since) => (now - since).max(0.0),
            Self::Before(times, age) => as_f64(before(times, now - age)),
            Self::Since(times, age) => as_f64(times.len() - before(times, now - age)),
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 observations")]
            Self::Distribution(latency) => latency.buckets.iter().sum::<u64>() as f64,
        }
    }

    /// Whether it changes with time alone.
    pub fn depends_on_time(&self) -> bool {
        match self {
            Self::Fixed(_) | Self::Distribution(_) => false,
            Self::Age(_) | Self::Before(..) | Self::Since(..) => true,
        }
    }
}

/// How many of the ascending `times` lie before `moment`.
fn before(times: &[f64], moment: f64) -> usize {
    times.partition_point(|time| *time < moment)
}

#[expect(clippy::cast_precision_loss, reason = "a table has far fewer than 2^53 records")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_stale_counts_follow_the_clock() {
        let times: Arc<[f64]> = [f64::NEG_INFINITY, 100.0, 200.0, 200.0].into();
        let (stale, live) = (Number::Before(Arc::clone(&times), 50.0), Number::Since(times, 50.0));
        for (now, expected) in [(100.0, 1.0), (150.0, 1.0), (150.1, 2.0), (250.0, 2.0), (251.0, 4.0)] {
            assert_eq!((stale.at(now), live.at(now)), (expected, 4.0 - expected), "at {now}");
        }
        assert_eq!(Number::Age(100.0).at(160.5), 60.5);
        assert_eq!(Number::Age(200.0).at(160.5), 0.0);
        assert_eq!(Number::Fixed(7.0).at(160.5), 7.0);
    }
}
