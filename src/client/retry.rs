//! Decides what to retry, and when: statuses, the server's rate-limit headers, backoff. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, StatusCode, header};

use super::answer::date;
use crate::clock::Timestamp;
use crate::telemetry::Failure;

/// The longest first pause; each further one is up to twice as long as the one before.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause that the client chooses itself.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that is accepted from a server, whatever number it sends.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What an unsuccessful status means, and whether a retry may help.
pub(super) fn of_status(status: StatusCode) -> (Failure, bool) {
    match status.as_u16() {
        // Qualys' classic API answers 409 instead of 429.
        429 | 409 => (Failure::RateLimited, true),
        408 | 500 | 502..=504 | 520..=527 | 598 | 599 => (Failure::BadResponse, true),
        401 => (Failure::Unauthorized, false),
        403 => (Failure::Forbidden, false),
        404 => (Failure::NotFound, false),
        _ => (Failure::BadResponse, false),
    }
}

/// How long to pause after a server refuses a request for a limit of this window and does not say for how long: an
/// eighth of the window at first, because room may come soon, and twice as long each time, so that the pauses outlast a
/// full window.
pub(super) fn part_of_window(window: Duration, tries: u32) -> Duration {
    (window / 8).saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_PAUSE)
}

/// How long to pause after this many attempts: exponential with full jitter, so that clients that failed together do
/// not retry together. `random` is any number, spread evenly over all 64 bits.
pub(super) fn backoff(first: Duration, tries: u32, random: u64) -> Duration {
    let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    let most = first.saturating_mul(doubled).min(LONGEST_PAUSE).as_nanos();
    // The upper half of the product is the number scaled to 0..most; it is below `LONGEST_PAUSE` and so fits.
    let nanos = (most * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The rate-limit headers of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateLimitHeaders {
    /// `X-RateLimit-Limit`: requests per window; more than zero.
    pub(super) limit: Option<u32>,
    /// `X-RateLimit-Remaining`: requests left.
    pub(super) remaining: Option<u32>,
    /// `X-RateLimit-Window-Sec`: length of the window; more than zero.
    pub(super) window: Option<Duration>,
    /// `X-RateLimit-ToWait-Sec`: when to retry.
    pub(super) to_wait: Option<Duration>,
    /// `Retry-After`, in seconds or as a date: when to retry.
    pub(super) retry_after: Option<Duration>,
}

impl RateLimitHeaders {
    /// Reads the headers; an unreadable one counts as missing. `now` is for a server that does not send its own time.
    pub(super) fn read(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let count = |name: &str| text(name)?.parse::<u32>().ok();
        let seconds = |name: &str| text(name).and_then(seconds);
        // A date is by the server's clock, which can be a day away from ours.
        let our_now = || UNIX_EPOCH + Duration::from_millis(now.millis().unsigned_abs());
        Self {
            limit: count("x-ratelimit-limit").filter(|limit| *limit > 0),
            remaining: count("x-ratelimit-remaining"),
            window: seconds("x-ratelimit-window-sec").filter(|window| !window.is_zero()),
            to_wait: seconds("x-ratelimit-towait-sec"),
            retry_after: text(header::RETRY_AFTER.as_str())
                .and_then(|text| seconds_or_date(text, || date(headers).unwrap_or_else(our_now))),
        }
    }

    /// The pause that the server requests, if any: zero makes no sense after a refusal.
    pub(super) fn wait(&self) -> Option<Duration> {
        let wait = self.retry_after.or(self.to_wait).or(self.window);
        wait.filter(|wait| !wait.is_zero())
    }
}

fn seconds_or_date(text: &str, now: impl Fn() -> SystemTime) -> Option<Duration> {
    seconds(text).or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        // A past date means now.
        Some(date.duration_since(now()).unwrap_or_default().min(LONGEST_WAIT))
    })
}

fn seconds(text: &str) -> Option<Duration> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    // Parsed as a float, because some servers send fractions, and a number that is too large for an integer means
    // "long", too.
    let seconds = text.parse::<f64>().ok()?.min(LONGEST_WAIT.as_secs_f64());
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn read(headers: &[(&'static str, &str)]) -> RateLimitHeaders {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap()));
        RateLimitHeaders::read(&headers.collect(), Timestamp::from_millis(NOW).unwrap())
    }

    fn seconds_of(text: &str) -> Option<u64> {
        read(&[("retry-after", text)]).retry_after.map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_in_each_form() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("1.9", Some(1)),
            ("99999999999999999999999999", Some(86_400)),
            ("1e400", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:00:00 GMT", Some(86_400)),
            ("", None),
            ("-5", None),
            ("nan", None),
            ("inf", None),
            ("soon", None),
            ("5 minutes", None),
        ] {
            assert_eq!(seconds_of(text), seconds, "{text:?}");
        }
    }

    #[test]
    fn a_date_is_read_by_the_clock_of_the_server_that_sent_it() {
        let until = ("retry-after", "Mon, 07 Nov 1994 08:50:07 GMT");
        for (date, seconds) in [
            ("Mon, 07 Nov 1994 08:49:37 GMT", 30),
            ("Mon, 07 Nov 1994 08:51:00 GMT", 0),
            ("yesterday", 86_400),
            ("", 86_400),
        ] {
            let wait = read(&[("date", date), until]).retry_after;
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{date:?}");
        }
    }

    #[test]
    fn the_most_precise_requested_pause_counts() {
        let all = [
            ("retry-after", "1"),
            ("x-ratelimit-towait-sec", "2"),
            ("x-ratelimit-window-sec", "3"),
            ("x-ratelimit-limit", "120"),
            ("x-ratelimit-remaining", "0"),
        ];
        for (from, seconds) in [(0, Some(1)), (1, Some(2)), (2, Some(3)), (3, None)] {
            assert_eq!(read(&all[from..]).wait(), seconds.map(Duration::from_secs));
        }
        let headers = read(&all);
        assert_eq!((headers.limit, headers.remaining), (Some(120), Some(0)));
        // Zero is useless after a refusal, and as a divisor.
        assert_eq!(read(&[("retry-after", "0")]).wait(), None);
        assert_eq!(read(&[("x-ratelimit-limit", "0"), ("x-ratelimit-window-sec", "0")]), RateLimitHeaders::default());
        assert_eq!(
            read(&[("x-ratelimit-limit", "many"), ("x-ratelimit-remaining", "-1")]),
            RateLimitHeaders::default()
        );
    }

    #[test]
    fn only_transient_failures_are_retried() {
        for (status, failure, again) in [
            (429, Failure::RateLimited, true),
            (409, Failure::RateLimited, true),
            (408, Failure::BadResponse, true),
            (500, Failure::BadResponse, true),
            (502, Failure::BadResponse, true),
            (503, Failure::BadResponse, true),
            (504, Failure::BadResponse, true),
            (520, Failure::BadResponse, true),
            (527, Failure::BadResponse, true),
            (598, Failure::BadResponse, true),
            (599, Failure::BadResponse, true),
            (501, Failure::BadResponse, false),
            (505, Failure::BadResponse, false),
            (528, Failure::BadResponse, false),
            (400, Failure::BadResponse, false),
            (401, Failure::Unauthorized, false),
            (403, Failure::Forbidden, false),
            (404, Failure::NotFound, false),
            (405, Failure::BadResponse, false),
            (302, Failure::BadResponse, false),
        ] {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap()), (failure, again), "{status}");
        }
    }

    proptest! {
        #[test]
        fn pauses_double_up_to_a_limit(tries in any::<u32>(), random in any::<u64>()) {
            let most = FIRST_PAUSE * 2_u32.pow(tries.saturating_sub(1).min(10));
            prop_assert!(backoff(FIRST_PAUSE, tries, random) <= most.min(LONGEST_PAUSE));
            let longest = backoff(FIRST_PAUSE, tries, u64::MAX) + Duration::from_nanos(1);
            prop_assert!(longest >= most.min(LONGEST_PAUSE));
            prop_assert_eq!(backoff(FIRST_PAUSE, tries, 0), Duration::ZERO);
        }
    }
}
