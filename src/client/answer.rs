//! The part of a response that a decoder sees.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::clock::Timestamp;

/// The time when a response was sent, by the server's clock, if it has a `Date` header.
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?.trim()).ok()
}

/// A complete response with a status of success.
#[derive(Clone)]
pub struct Answer {
    /// 200 to 299; 204 and some 200 have an empty body.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
}

impl Answer {
    /// The server's time.
    pub fn date(&self) -> Option<Timestamp> {
        let millis = date(&self.headers)?.duration_since(UNIX_EPOCH).ok()?.as_millis();
        Timestamp::from_millis(i64::try_from(millis).ok()?)
    }

    /// Whether the response claims to be a web page: a log-in form or an error of a proxy in between.
    pub fn is_html(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    }

    /// Whether the response is a web page that asks for a log-in.
    pub fn is_log_in_page(&self) -> bool {
        /// A form comes after a page's head, which can be long.
        const SEARCHED_BYTES: usize = 64 * 1024;
        let start = &self.body[..self.body.len().min(SEARCHED_BYTES)];
        if !self.is_html() && !start.trim_ascii_start().starts_with(b"<") {
            return false;
        }
        let page = String::from_utf8_lossy(start).to_ascii_lowercase();
        ["login", "log in", "log-in", "logon", "signin", "sign in", "sign-in", "password"]
            .iter()
            .any(|word| page.contains(word))
    }
}

impl fmt::Debug for Answer {
    /// Without headers and body, which hold what the customer runs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// Why a decoder rejects a response, in plain words. Contains nothing from the response but plain facts such as a count
/// or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);
