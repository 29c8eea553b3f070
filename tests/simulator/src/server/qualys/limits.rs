//! The vendor's rate limits: a number of requests per class in a sliding minute.

use std::collections::{HashMap, VecDeque};

use super::super::answer::Answer;

const WINDOW_MS: i64 = 60_000;

/// The requests in the last minute by class.
#[derive(Default)]
pub(super) struct Limits {
    recent: HashMap<Class, VecDeque<i64>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Bulk,
    Pages,
    Others,
}

impl Class {
    fn of(path: &str) -> Self {
        if path.ends_with("/containers/list") || path.ends_with("/images/list") {
            Self::Bulk
        } else if path.contains("/containers") || path.contains("/images") {
            Self::Pages
        } else {
            Self::Others
        }
    }

    fn limit(self) -> usize {
        match self {
            Self::Bulk => 120,
            Self::Pages => 5000,
            Self::Others => 1000,
        }
    }
}

/// A request's position within the limit of its class.
pub(super) struct Usage {
    limit: usize,
    used: usize,
    wait_ms: i64,
}

impl Limits {
    /// Counts a request. Requests over the limit do not count.
    pub(super) fn count(&mut self, path: &str, now: i64) -> Usage {
        let class = Class::of(path);
        let recent = self.recent.entry(class).or_default();
        while recent.front().is_some_and(|time| time + WINDOW_MS <= now) {
            recent.pop_front();
        }
        let used = recent.len() + 1;
        if used <= class.limit() {
            recent.push_back(now);
        }
        let wait_ms = recent.front().map_or(0, |oldest| oldest + WINDOW_MS - now);
        Usage { limit: class.limit(), used, wait_ms }
    }
}

impl Usage {
    pub(super) fn is_exceeded(&self) -> bool {
        self.used > self.limit
    }

    /// Seconds until a request is allowed again, at least 1.
    pub(super) fn wait_seconds(&self) -> i64 {
        (self.wait_ms + 999).div_euclid(1000).max(1)
    }

    pub(super) fn add_headers(&self, answer: Answer) -> Answer {
        let answer = answer
            .with_header("x-ratelimit-limit", self.limit.to_string())
            .with_header("x-ratelimit-remaining", self.limit.saturating_sub(self.used).to_string())
            .with_header("x-ratelimit-window-sec", (WINDOW_MS / 1000).to_string());
        if self.is_exceeded() {
            answer.with_header("x-ratelimit-towait-sec", self.wait_seconds().to_string())
        } else {
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn the_window_slides() {
        let mut limits = Limits::default();
        let bulk = "/csapi/v1.3/containers/list";
        for _ in 0..120 {
            assert!(!limits.count(bulk, 1_000).is_exceeded());
        }
        let over = limits.count(bulk, 31_000);
        assert!(over.is_exceeded());
        assert_eq!(over.wait_seconds(), 30);
        assert!(!limits.count("/csapi/v1.3/containers", 31_000).is_exceeded());
        assert!(!limits.count(bulk, 61_000).is_exceeded());
    }
}
