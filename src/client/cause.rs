//! Why a request could not be sent, or its response not received: the chain of causes of reqwest's errors, in words.

use std::error::Error;
use std::io;

use super::error::AttemptError;
use crate::telemetry::Failure;

impl AttemptError {
    /// Explains a failure to send or to receive. Shows only the innermost reason: the outer ones contain the URL.
    pub(super) fn of_transport(error: &reqwest::Error) -> Self {
        let causes = Causes::of(error);
        if let Some(reason) = causes.refused {
            return Self::new(
                Failure::Tls,
                format!(
                    "TLS handshake failed: connection closed by peer: {reason}; if it requires a client certificate, \
                     check that it trusts the configured one"
                ),
            );
        }
        if let Some(reason) = causes.tls {
            return Self::new(
                Failure::Tls,
                format!(
                    "TLS handshake failed: {reason}; if a private authority signs its certificate, or that of a proxy \
                     in between, set http.ca_file"
                ),
            );
        }
        if error.is_timeout() {
            let words = if error.is_connect() {
                "timed out connecting; check base_url, http.proxy and the network, or raise http.connect_timeout"
            } else {
                "timed out reading the response; raise http.read_timeout or http.timeout, or request smaller pages"
            };
            return Self::transient(Failure::Timeout, words);
        }
        let innermost = causes.innermost;
        if error.is_builder() {
            return Self::new(Failure::Internal, format!("the request could not be built: {innermost}"));
        }
        if error.is_dns() {
            return Self::transient(
                Failure::Unreachable,
                format!("DNS lookup failed: {innermost}; check base_url, http.proxy and the DNS"),
            );
        }
        if error.is_connect() {
            return Self::transient(
                Failure::Unreachable,
                format!("cannot connect: {innermost}; check base_url, http.proxy and the firewall"),
            );
        }
        if causes.garbled {
            return Self::transient(Failure::BadResponse, format!("malformed response: {innermost}"));
        }
        Self::transient(Failure::Unreachable, format!("connection lost: {innermost}"))
    }
}

/// Explains a failure to send or to receive, in words that fit any server.
pub(super) fn plain(error: &reqwest::Error) -> (Failure, String) {
    let failure = AttemptError::of_transport(error).failure;
    let words = if failure == Failure::Timeout {
        "timed out waiting for the response".to_owned()
    } else {
        let Causes { refused, tls, innermost, .. } = Causes::of(error);
        refused.or(tls).unwrap_or(innermost)
    };
    (failure, words)
}

/// The reason that a client could not be built.
pub(super) fn of_build(error: &reqwest::Error) -> String {
    Causes::of(error).innermost
}

/// What the chain of causes below a transport error shows.
struct Causes {
    tls: Option<String>,
    /// The peer's TLS alert, if it ended the handshake.
    refused: Option<String>,
    /// Whether the received bytes are not HTTP, or not compressed as declared.
    garbled: bool,
    innermost: String,
}

impl Causes {
    fn of(error: &reqwest::Error) -> Self {
        let mut tls = None;
        let mut refused = None;
        let mut garbled = false;
        let mut innermost = None;
        let mut next = error.source();
        while let Some(cause) = next {
            next = cause.source();
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                garbled |= matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
                // `source` of an I/O error skips the error it wraps, which holds the reason from rustls.
                next = error.get_ref().map(|inner| inner as &(dyn Error + 'static)).or(next);
            }
            if let Some(error) = cause.downcast_ref::<hyper::Error>() {
                garbled |= error.is_parse();
            }
            if let Some(error) = cause.downcast_ref::<rustls::Error>() {
                tls = Some(safe(&error.to_string()));
                refused = matches!(error, rustls::Error::AlertReceived(_)).then(|| safe(&error.to_string()));
            }
            innermost = Some(safe(&cause.to_string()));
        }
        Self { tls, refused, garbled, innermost: innermost.unwrap_or_else(|| "no reason is given".to_owned()) }
    }
}

/// Makes a reason fit for a log: short, on one line, and without a URL. The libraries below are not known to include
/// one, but it could contain a credential, so nothing relies on that.
fn safe(reason: &str) -> String {
    if reason.contains("://") {
        return "the reason holds a URL and is not shown".to_owned();
    }
    let line = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_a_url_or_control_characters_is_not_repeated() {
        assert!(!safe("cannot get https://user:pass@host/").contains("pass"));
        assert_eq!(safe("a\nb\u{1b}c"), "a b c");
        assert_eq!(safe(&"é".repeat(500)).chars().count(), 200);
    }
}
