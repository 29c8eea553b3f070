//! The vendor's rate limit: a number of requests per listing in a sliding window.

use std::collections::{HashMap, VecDeque};

/// The length of the window.
const WINDOW_MS: i64 = 30_000;
/// The number of requests per listing in the window.
const MOST: usize = 30;

/// The requests in the last window by listing.
#[derive(Default)]
pub(super) struct Limits {
    recent: HashMap<&'static str, VecDeque<i64>>,
}

impl Limits {
    /// Counts a request of a listing and returns whether it is allowed. Refused requests do not count.
    pub(super) fn allows(&mut self, listing: &'static str, now: i64) -> bool {
        let recent = self.recent.entry(listing).or_default();
        while recent.front().is_some_and(|time| time + WINDOW_MS <= now) {
            recent.pop_front();
        }
        if recent.len() == MOST {
            return false;
        }
        recent.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn the_window_slides() {
        let mut limits = Limits::default();
        for _ in 0..30 {
            assert!(limits.allows("containers", 1_000));
        }
        assert!(!limits.allows("containers", 30_999));
        assert!(limits.allows("images", 30_999));
        assert!(limits.allows("containers", 31_000));
    }
}
