//! Rate limits: which requests may be sent now, and which wait for how long.
//!
//! One [`RateLimiter`] per class of endpoints, shared by all its callers. It keeps an exact sliding window: the server
//! never sees a window with more requests than allowed. For that, a request takes its permit when it is sent and
//! returns it one window after its response began, because the server counted it somewhere in between. Counting from
//! the sending alone would be too early by the difference in how long two requests travel.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::retry::RateLimitHeaders;
use crate::lock::lock;
use crate::setting::RateLimit;

#[cfg(test)]
mod tests;

/// A server's limit above this is ignored.
const MOST_REQUESTS: u32 = 100_000;

/// Lets requests of one class through, in order of arrival.
#[derive(Debug)]
pub(super) struct RateLimiter {
    /// Locked by the first in line while it waits; tokio's mutex is fair, so the others keep their order.
    line: tokio::sync::Mutex<()>,
    /// Notifies the first in line that something it waits for has changed.
    changed: Notify,
    state: Mutex<LimiterState>,
    /// A hold that lasts longer than this is not waited for: the collector fails, and its next run retries.
    patience: Duration,
    /// The longest hold.
    max_wait: Duration,
}

/// A permit to send a request. Dropped when the response begins, or when it is known that there will be none.
#[derive(Debug)]
pub(super) struct Permit<'limiter>(&'limiter RateLimiter);

/// The class is held for longer than the limiter's patience: for this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocked(pub(super) Duration);

impl RateLimiter {
    /// Creates a limiter with this limit, or without any. A hold lasts `max_wait` at most, and callers wait for it
    /// unless more than `patience` of it remains.
    pub(super) fn new(limit: Option<RateLimit>, patience: Duration, max_wait: Duration) -> Self {
        Self {
            patience,
            max_wait,
            line: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            state: Mutex::new(LimiterState { ours: limit, ..LimiterState::default() }),
        }
    }

    /// Waits until a request may be sent.
    pub(super) async fn enter(&self) -> Result<Permit<'_>, Blocked> {
        let _first = self.line.lock().await;
        loop {
            let turn = self.state().take(Instant::now(), self.patience);
            match turn {
                Admission::Now => return Ok(Permit(self)),
                Admission::Blocked(remaining) => return Err(Blocked(remaining)),
                // A change since `take` has left its notification in `changed`, so it is not missed.
                Admission::At(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.changed.notified() => {}
                },
                Admission::AfterAnAnswer => self.changed.notified().await,
            }
        }
    }

    /// Lets no request through for `time` from now, `max_wait` at most, or longer if an earlier hold lasts longer.
    pub(super) fn hold(&self, time: Duration) {
        self.state().hold_until(Instant::now() + time.min(self.max_wait));
        self.changed.notify_one();
    }

    /// The longest window of its limits; zero without limits.
    pub(super) fn window(&self) -> Duration {
        self.state().window()
    }

    /// Applies the server's rate-limit headers. The pause after a refusal is set with [`RateLimiter::hold`].
    pub(super) fn observe(&self, headers: &RateLimitHeaders, refused: bool) {
        let now = Instant::now();
        let mut state = self.state();
        state.learn(headers);
        if headers.remaining == Some(0) && !refused {
            let until = match (headers.to_wait, headers.window) {
                (Some(wait), _) => Some(now + wait.min(self.max_wait)),
                // The oldest request in the server's window is at least as old as the oldest of ours in it, so room
                // appears when that one leaves, and not only a whole window from now.
                (None, Some(window)) => {
                    let window = window.min(self.patience).min(self.max_wait);
                    let oldest = state.ended.iter().find(|ended| **ended + window > now);
                    Some(*oldest.unwrap_or(&now) + window)
                }
                (None, None) => None,
            };
            if let Some(until) = until {
                state.hold_until(until);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        // The state is never half-changed when a panic could occur.
        lock(&self.state)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // Read under the lock, so that `ended` stays in order.
        state.leave(Instant::now());
        drop(state);
        self.0.changed.notify_one();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Now,
    At(Instant),
    AfterAnAnswer,
    Blocked(Duration),
}

/// The state of a limiter; pure, with the time as an argument.
#[derive(Debug, Default)]
struct LimiterState {
    /// The configured limit. It holds whatever the server says.
    ours: Option<RateLimit>,
    /// The server's limit, as sent last.
    theirs: Option<RateLimit>,
    /// Requests in flight: their response has not begun.
    sent: usize,
    /// When the responses to the last requests began, oldest first.
    ended: VecDeque<Instant>,
    held: Option<Instant>,
}

impl LimiterState {
    /// Takes a permit if there is one, or returns what to wait for.
    fn take(&mut self, now: Instant, patience: Duration) -> Admission {
        let mut at = now;
        if let Some(held) = self.held {
            let remaining = held.saturating_duration_since(now);
            if remaining > patience {
                return Admission::Blocked(remaining);
            }
            at = at.max(held);
        }
        self.forget(now);
        for limit in self.limits() {
            match self.room(limit, now) {
                Some(room) => at = at.max(room),
                None => return Admission::AfterAnAnswer,
            }
        }
        if at > now {
            return Admission::At(at);
        }
        self.sent += 1;
        Admission::Now
    }

    /// When there is room under `limit`; `None` if a response must come first.
    fn room(&self, limit: RateLimit, now: Instant) -> Option<Instant> {
        let requests = usize::try_from(limit.requests).unwrap_or(usize::MAX);
        let gone = self.ended.partition_point(|ended| *ended + limit.window <= now);
        let counted = self.sent + self.ended.len() - gone;
        if counted < requests {
            return Some(now);
        }
        // This many must leave, the oldest first.
        let leaving = counted - requests;
        self.ended.get(gone + leaving).map(|last| *last + limit.window)
    }

    fn leave(&mut self, now: Instant) {
        self.sent -= 1;
        if self.limits().next().is_some() {
            self.ended.push_back(now);
        }
    }

    /// Drops the times that are outside every window.
    fn forget(&mut self, now: Instant) {
        let longest = self.window();
        while self.ended.front().is_some_and(|ended| *ended + longest <= now) {
            self.ended.pop_front();
        }
    }

    fn window(&self) -> Duration {
        self.limits().map(|limit| limit.window).max().unwrap_or_default()
    }

    fn learn(&mut self, headers: &RateLimitHeaders) {
        if let Some(requests) = headers.limit
            && let Some(window) = headers.window.or(self.ours.map(|ours| ours.window))
        {
            // Replaced each time, so that one odd response does not slow the client down forever.
            self.theirs = (requests <= MOST_REQUESTS).then_some(RateLimit { requests, window });
        }
    }

    fn hold_until(&mut self, until: Instant) {
        self.held = Some(self.held.map_or(until, |held| held.max(until)));
    }

    fn limits(&self) -> impl Iterator<Item = RateLimit> + use<> {
        self.ours.into_iter().chain(self.theirs)
    }
}
