//! The time of day, and the only place that asks the system for it.
//!
//! Everything else takes a [`Timestamp`] as an argument, or a [`Clock`] that a test can stop.

use std::fmt;
use std::num::NonZeroI64;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since 1970; never zero or less, which vendors send for "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(into = "i64", try_from = "i64")]
pub struct Timestamp(NonZeroI64);

impl Timestamp {
    /// The time `millis` after 1970, or none if that is not after it.
    pub fn from_millis(millis: i64) -> Option<Self> {
        NonZeroI64::new(millis).filter(|millis| millis.get() > 0).map(Self)
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.get()
    }

    /// How long it is since `earlier`; no time at all if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.millis().saturating_sub(earlier.millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Seconds since 1970, with the milliseconds as a fraction.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    pub fn seconds(self) -> f64 {
        self.0.get() as f64 / 1000.0
    }
}

impl From<Timestamp> for i64 {
    fn from(time: Timestamp) -> Self {
        time.millis()
    }
}

impl TryFrom<i64> for Timestamp {
    type Error = &'static str;

    fn try_from(millis: i64) -> Result<Self, Self::Error> {
        Self::from_millis(millis).ok_or("a time that is not after 1970")
    }
}

/// Returns the time; cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's own clock.
    pub fn system() -> Self {
        Self(Arc::new(|| {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            // A system whose clock stands before 1970 gets the first moment after it.
            let millis = since.map_or(1, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
            Timestamp(NonZeroI64::new(millis.max(1)).unwrap_or(NonZeroI64::MAX))
        }))
    }

    /// A clock that shows what `now` returns; for tests.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().millis())
    }
}
