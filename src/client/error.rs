//! Why a call failed, for people and for code. Messages contain no URL, no credential and nothing from a response but
//! its status and a short error code.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::task::JoinError;

use super::endpoint::Endpoint;
use super::retry;
use crate::setting::HumanDuration;
use crate::telemetry::Failure;

/// Bytes of the body of a refused request that are kept for [`ApiError::mentions`].
pub(super) const PROBE_BYTES: usize = 4 * 1024;

/// A failed call to a vendor.
pub struct ApiError {
    /// The reason, as a label value.
    pub failure: Failure,
    detail: Box<Detail>,
}

struct Detail {
    endpoint: &'static str,
    host: Option<String>,
    attempt: AttemptError,
    tries: u32,
    over: Duration,
}

impl ApiError {
    /// An error that a vendor's module found: `words` say what is wrong and what to do, and contain no secret.
    pub fn new(endpoint: &'static Endpoint, failure: Failure, words: impl Into<String>) -> Self {
        Self {
            failure,
            detail: Box::new(Detail {
                endpoint: endpoint.name,
                host: None,
                attempt: AttemptError::new(failure, words),
                tries: 0,
                over: Duration::ZERO,
            }),
        }
    }

    /// The error of blocking work, part of a call to `endpoint`, that the program stops before it ends. A panic of that
    /// work continues in the caller instead: what it leaves half done must not be used.
    pub fn unfinished(endpoint: &'static Endpoint, error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Self::new(endpoint, Failure::Internal, "the program is stopping"),
        }
    }

    pub(super) fn of_call(
        endpoint: &'static Endpoint,
        host: &str,
        attempt: AttemptError,
        tries: u32,
        over: Duration,
    ) -> Self {
        Self {
            failure: attempt.failure,
            detail: Box::new(Detail { endpoint: endpoint.name, host: Some(host.to_owned()), attempt, tries, over }),
        }
    }

    /// The HTTP status of the last response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.detail.attempt.status.map(|status| status.as_u16())
    }

    /// Whether the vendor refused the token of the request: by status, or by what it says.
    pub fn refuses_token(&self) -> bool {
        self.detail.attempt.refuses_token
    }

    /// Whether the start of the refusal's body (4 KiB) contains `text`, ignoring case. The body itself is not exposed:
    /// it can name the user.
    pub fn mentions(&self, text: &str) -> bool {
        let body = String::from_utf8_lossy(&self.detail.attempt.probe).to_ascii_lowercase();
        body.contains(&text.to_ascii_lowercase())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { endpoint, host, attempt, tries, over } = &*self.detail;
        f.write_str(endpoint)?;
        if let Some(host) = host {
            write!(f, " at {host}")?;
        }
        write!(f, ": {}", attempt.words)?;
        if let Some(code) = error_code(&attempt.probe) {
            write!(f, " (the vendor's code: {code})")?;
        }
        if *tries > 1 {
            let over = Duration::from_millis(u64::try_from(over.as_millis()).unwrap_or(u64::MAX));
            write!(f, "; tried {tries} times over {}", HumanDuration(over))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    /// As it is displayed: the kept part of the response stays hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({}, {self})", self.failure.as_str())
    }
}

impl Error for ApiError {}

/// How one attempt failed.
pub(super) struct AttemptError {
    pub(super) failure: Failure,
    /// Whether to retry.
    pub(super) retry: bool,
    /// The pause that the server requested before the retry.
    pub(super) wait: Option<Duration>,
    pub(super) status: Option<StatusCode>,
    pub(super) words: String,
    /// Whether another token may help.
    pub(super) refuses_token: bool,
    /// The start of a refusal's body.
    pub(super) probe: Vec<u8>,
}

impl AttemptError {
    /// An error that is not retried.
    pub(super) fn new(failure: Failure, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { failure, retry: false, wait: None, status: None, words, refuses_token: false, probe: Vec::new() }
    }

    /// An error that is retried.
    pub(super) fn transient(failure: Failure, words: impl Into<String>) -> Self {
        Self { retry: true, ..Self::new(failure, words) }
    }

    /// Makes the error final, because the server requests a longer pause than the client waits for.
    pub(super) fn too_long(mut self, wait: Duration) -> Self {
        let wait = HumanDuration(Duration::from_secs(wait.as_secs()));
        self.retry = false;
        self.words = format!("{}; the vendor requested a pause of {wait}, longer than http.retry_for", self.words);
        self
    }

    pub(super) fn of_status(status: StatusCode, wait: Option<Duration>, probe: Vec<u8>) -> Self {
        let (failure, retry) = retry::of_status(status);
        let words = words_of_status(status, failure);
        Self { failure, retry, wait, status: Some(status), words, refuses_token: false, probe }
    }

    /// The error of a request that was sent with a token: a vendor that refuses the token does not always answer 401.
    pub(super) fn of_token(mut self) -> Self {
        let refused = match self.status.map(|status| status.as_u16()) {
            Some(401 | 403) => true,
            Some(500..=599) => speaks_of_token(&self.probe),
            _ => false,
        };
        if refused {
            self.refuses_token = true;
            self.retry = false;
        }
        self
    }

    /// The error of a request with a token that is answered with the vendor's log-in page.
    pub(super) fn of_log_in_page(status: StatusCode) -> Self {
        let words = "answered with a log-in page instead of data";
        Self { status: Some(status), refuses_token: true, ..Self::new(Failure::BadResponse, words) }
    }
}

/// Whether the body of a server error blames the token ("JWT parsing failed", "invalid token").
fn speaks_of_token(body: &[u8]) -> bool {
    const FAULTS: [&str; 6] = ["invalid", "expired", "revoked", "missing", "authenti", "authori"];
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    let mut words = body.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let has_fault = || FAULTS.iter().any(|fault| body.contains(fault));
    // A parser's "unexpected token" is another one.
    words.any(|word| word == "jwt" || (word == "token" && has_fault()))
}

fn words_of_status(status: StatusCode, failure: Failure) -> String {
    let said = status.as_u16();
    if status == StatusCode::NOT_MODIFIED {
        return "answered 304: not modified, although it was not asked for changes; a cache in between answers instead of \
                the vendor"
            .to_owned();
    }
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return "answered 407: the proxy requires a user name and password; put them into the URL in the environment \
                variable HTTPS_PROXY"
            .to_owned();
    }
    if status.is_redirection() {
        return format!(
            "answered {said}: it redirects to another place; credentials are not sent there; check base_url"
        );
    }
    let meaning = if failure == Failure::Unauthorized {
        "the credentials were not accepted"
    } else if failure == Failure::Forbidden {
        "the account may not do this; give its role the permission, or leave this collector out"
    } else if failure == Failure::NotFound {
        "not found; check base_url, or leave this collector out if the tenant does not have the module"
    } else if failure == Failure::RateLimited {
        "too many requests; lower the rate limit in the configuration if others use this account too"
    } else if status.is_server_error() {
        "a fault on the vendor's side"
    } else {
        "the request was refused"
    };
    format!("answered {said}: {meaning}")
}

/// The vendor's error code, if the body has one that is certainly nothing more.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "errorCode")]
        code: String,
    }
    let code = serde_json::from_slice::<Refusal>(body).ok()?.code;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-');
    (!code.is_empty() && code.len() <= 40 && code.chars().all(plain)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Endpoint = Endpoint { name: "list", class: "list" };

    fn refused(status: u16, body: &str) -> ApiError {
        let attempt = AttemptError::of_status(StatusCode::from_u16(status).unwrap(), None, body.as_bytes().to_vec());
        ApiError::of_call(&LIST, "gateway.example", attempt, 3, Duration::from_millis(2_500))
    }

    #[test]
    fn a_refusal_is_reported_without_the_vendors_message() {
        let error = refused(403, r#"{"errorCode":"403 FORBIDDEN","message":"user jdoe may not","timestamp":1}"#);
        assert_eq!(
            error.to_string(),
            "list at gateway.example: answered 403: the account may not do this; give its role the permission, or \
             leave this collector out (the vendor's code: 403 FORBIDDEN); tried 3 times over 2s 500ms"
        );
        assert_eq!((error.failure, error.status()), (Failure::Forbidden, Some(403)));
        assert!(error.mentions("JDOE MAY") && !error.mentions("John"));
        assert!(!format!("{error:?}").contains("jdoe"));
    }

    #[test]
    fn a_server_error_that_blames_the_token_is_recognised() {
        let refuses = |status, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            AttemptError::of_status(status, None, body.as_bytes().to_vec()).of_token().refuses_token
        };
        for (status, body) in [
            (401, ""),
            (403, "{}"),
            (500, r#"{"message":"JWT parsing failed"}"#),
            (502, "The access token expired"),
            (500, "Invalid token."),
        ] {
            assert!(refuses(status, body), "{status} {body}");
        }
        for (status, body) in [
            (500, ""),
            (500, "Unexpected token < in JSON at position 0"),
            (503, "tokens: 3"),
            (404, "JWT"),
            (429, "JWT"),
        ] {
            assert!(!refuses(status, body), "{status} {body}");
        }
    }

    #[test]
    fn an_error_code_that_could_be_more_than_a_code_is_not_shown() {
        let long = format!(r#"{{"errorCode":"{}"}}"#, "x".repeat(41));
        for body in [r#"{"errorCode":"user=jdoe@example.com"}"#, r#"{"errorCode":""}"#, r#"{"errorCode":7}"#, &long, ""]
        {
            assert!(!refused(500, body).to_string().contains("code:"), "{body}");
        }
    }

    #[test]
    fn an_error_of_the_vendors_module_keeps_its_words() {
        let error = ApiError::new(&LIST, Failure::Incomplete, "page 3 came twice");
        assert_eq!((error.to_string().as_str(), error.status()), ("list: page 3 came twice", None));
    }
}
