//! Times in Go's format.

use serde_json::{Value, json};

use crate::random::Random;
use crate::server::calendar::iso;

/// Go's zero time.
const ZERO: &str = "0001-01-01T00:00:00Z";

/// A time in one of its exact formats, or one of the ways to write a missing one.
pub(super) fn moment(ms: Option<i64>, random: &mut Random) -> Value {
    match ms {
        Some(ms) => json!(written(ms, random.below(3))),
        None if random.percent(50) => json!(ZERO),
        None => Value::Null,
    }
}

/// The time without a fraction if it has none, with milliseconds, or with nanoseconds.
fn written(ms: i64, form: usize) -> String {
    match form {
        0 if ms.rem_euclid(1000) == 0 => iso(ms, "Z").replace(".000Z", "Z"),
        0 | 1 => iso(ms, "Z"),
        _ => iso(ms, "000000Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn known_moments() {
        assert_eq!(written(1_683_622_035_854, 0), "2023-05-09T08:47:15.854Z");
        assert_eq!(written(951_782_400_000, 0), "2000-02-29T00:00:00Z");
        assert_eq!(written(1_735_689_599_999, 2), "2024-12-31T23:59:59.999000000Z");
    }
}
