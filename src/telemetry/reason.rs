//! Why things fail or are left out: closed sets of words, fit for labels.

/// Why a request or a run failed. A closed set: these words are label values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Records are known to be missing from what was read.
    Incomplete,
    /// The vendor did not accept the credentials.
    Unauthorized,
    /// The account may not read this listing.
    Forbidden,
    /// The vendor has no such listing.
    NotFound,
    /// The vendor's rate limit was met, and waiting for it would have taken too long.
    RateLimited,
    /// No answer, or no whole answer, in time.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// The connection could not be made safe.
    Tls,
    /// An answer that is not what the vendor documents: an error status, not JSON, a page that repeats.
    BadResponse,
    /// An answer larger than the limit.
    TooLarge,
    /// A fault of this program, or of this machine.
    Internal,
}

impl Failure {
    /// Every failure, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::Incomplete,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::RateLimited,
        Self::Timeout,
        Self::Unreachable,
        Self::Tls,
        Self::BadResponse,
        Self::TooLarge,
        Self::Internal,
    ];

    /// The word for it in labels and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::BadResponse => "bad_response",
            Self::TooLarge => "too_large",
            Self::Internal => "internal",
        }
    }
}

/// Why a record was left out of a listing that is otherwise kept. A closed set: these words are label values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is not an object, or has no identity.
    Unidentified,
    /// A field that is read has a value that cannot be what the vendor documents.
    Unreadable,
}

impl Rejection {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Self; 2] = [Self::Unidentified, Self::Unreadable];

    /// The word for it in labels and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unidentified => "unidentified",
            Self::Unreadable => "unreadable",
        }
    }
}
