//! A client that sends bytes to one address: for pushes, not for vendors.
//!
//! It sends each request once, follows no redirects, and leaves the meaning of a response to the caller.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use reqwest::{Url, redirect};

use super::body::{BodyEnd, receive};
use super::cause::{of_build, plain};
use super::config::{is_loopback, read_certificates};
use super::identity::ClientCertificate;
use super::retry::RateLimitHeaders;
use crate::clock::Timestamp;
use crate::telemetry::Failure;

/// The largest response to a push that is read.
const MOST_ANSWER: u64 = 64 * 1024;

/// Sends bytes to one address.
pub struct Poster {
    http: reqwest::Client,
    url: Url,
}

/// A response with any status.
pub struct Posted {
    /// Its status.
    pub status: StatusCode,
    /// Its declared content type.
    pub content_type: Option<String>,
    /// The requested pause before the next attempt.
    pub retry_after: Option<Duration>,
    /// Its body.
    pub body: Bytes,
}

impl Poster {
    /// Creates a client for `url`. It trusts the certificates of `ca_file` in addition to the system's, and presents
    /// `certificate`. As for vendors, the proxy comes from the environment, and this machine is reached without one.
    pub fn new(url: &str, ca_file: Option<&Path>, certificate: Option<&ClientCertificate>) -> Result<Self, String> {
        super::provide_cryptography();
        let url = Url::parse(url).map_err(|error| format!("endpoint is not an absolute URL: {error}"))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("container-security-exporter/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .https_only(url.scheme() == "https");
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        } else if let Some(path) = ca_file {
            builder = builder.tls_certs_merge(read_certificates(path).map_err(|reason| format!("ca_file: {reason}"))?);
        }
        if let Some(certificate) = certificate {
            builder = builder.identity(certificate.read().map_err(|(key, reason)| format!("{key}: {reason}"))?);
        }
        let http = builder.build().map_err(|error| {
            format!(
                "the HTTP client cannot be set up: {}; the system's certificates are needed, or ca_file",
                of_build(&error)
            )
        })?;
        Ok(Self { http, url })
    }

    /// Sends one request, and reads the response within `patience`. An error does not contain the address.
    pub async fn post(
        &self,
        headers: HeaderMap,
        body: Bytes,
        patience: Duration,
        now: Timestamp,
    ) -> Result<Posted, (Failure, String)> {
        let request = self.http.post(self.url.clone()).headers(headers).body(body).timeout(patience);
        let mut response = request.send().await.map_err(|error| plain(&error.without_url()))?;
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let retry_after = RateLimitHeaders::read(response.headers(), now).retry_after;
        let (body, end) = receive(&mut response, MOST_ANSWER).await;
        match end {
            BodyEnd::Broken(error) if response.status().is_success() => return Err(plain(&error)),
            // The received part is enough.
            BodyEnd::Whole | BodyEnd::TooLarge | BodyEnd::Broken(_) => {}
        }
        Ok(Posted { status: response.status(), content_type, retry_after, body: body.into() })
    }
}
