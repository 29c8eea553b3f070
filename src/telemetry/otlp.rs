//! How pushes by OTLP went.

use std::sync::Mutex;

use crate::clock::Timestamp;
use crate::lock::lock;

/// Why a push failed. A closed set: these words are label values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushFailure {
    /// The receiver took the request and refused some of its points.
    PartialSuccess,
    /// The receiver refused the request for good.
    Refused,
    /// The receiver did not accept the credentials.
    Unauthorized,
    /// The credentials are not enough.
    Forbidden,
    /// The address or service does not exist.
    NotFound,
    /// The receiver redirects to another address.
    Redirected,
    /// One series alone is larger than the receiver takes.
    TooLarge,
    /// The receiver was asked too much of, until it was too late.
    RateLimited,
    /// The receiver was not able to take it, until it was too late.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// The connection could not be made safe.
    Tls,
    /// An answer that no receiver of OTLP gives.
    BadResponse,
    /// A fault of this program, or of this machine.
    Internal,
}

impl PushFailure {
    /// Every failure, in the order of their declaration.
    pub const ALL: [Self; 14] = [
        Self::PartialSuccess,
        Self::Refused,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Redirected,
        Self::TooLarge,
        Self::RateLimited,
        Self::Unavailable,
        Self::Timeout,
        Self::Unreachable,
        Self::Tls,
        Self::BadResponse,
        Self::Internal,
    ];

    /// The word for it in labels and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PartialSuccess => "partial_success",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Redirected => "redirected",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::BadResponse => "bad_response",
            Self::Internal => "internal",
        }
    }
}

/// What is known of the pushes.
#[derive(Clone, Debug, Default)]
pub struct PushReading {
    /// Pushes that succeeded.
    pub succeeded: u64,
    /// Pushes that failed, by reason, in the order of [`PushFailure::ALL`].
    pub failed: [u64; PushFailure::ALL.len()],
    /// When one last succeeded.
    pub last_success: Option<Timestamp>,
    /// Points that the receiver refused in requests that it took.
    pub rejected_points: u64,
    /// Points that were left out because one alone is larger than a request may be.
    pub oversized_points: u64,
}

/// The live instruments of the pushes.
#[derive(Debug, Default)]
pub struct PushTelemetry(Mutex<PushReading>);

impl PushTelemetry {
    /// Counts one push that succeeded at `now`, or failed.
    pub fn count_push(&self, outcome: Result<Timestamp, PushFailure>) {
        let mut reading = lock(&self.0);
        match outcome {
            Ok(now) => {
                reading.succeeded += 1;
                reading.last_success = Some(now);
            }
            Err(failure) => reading.failed[failure as usize] += 1,
        }
    }

    /// Counts points that did not arrive: those that the receiver rejected, and those that were too large to send.
    pub fn count_lost(&self, rejected: u64, oversized: u64) {
        let mut reading = lock(&self.0);
        reading.rejected_points += rejected;
        reading.oversized_points += oversized;
    }

    /// What they show now.
    pub fn read(&self) -> PushReading {
        lock(&self.0).clone()
    }
}
