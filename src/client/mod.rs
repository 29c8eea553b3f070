//! The only outbound HTTP client.
//!
//! Owns everything between a vendor's module and the network: TLS and proxy, deadlines, rate limits, retries, the
//! largest response, and the error messages. It must not know any vendor: not its paths, not its log-in, not its JSON.
//! A vendor's module describes a [`Call`] and reads the [`Answer`].
//!
//! Credentials go to the configured host only: redirects are not followed, cookies not kept, referrers not sent.
//! Messages never contain a URL, because its query can be a credential.

#![expect(clippy::disallowed_types, reason = "reqwest's client is banned everywhere else")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Url, redirect};

use crate::clock::Clock;
use crate::setting::RateLimit;
use crate::telemetry::SourceTelemetry;

mod answer;
mod body;
mod call;
mod cause;
mod config;
mod endpoint;
mod error;
mod exchange;
mod identity;
mod limit;
mod post;
mod retry;
#[cfg(test)]
pub(crate) mod tests;

pub use answer::{Answer, Unreadable};
pub use call::{Authorization, Authorize, Call, Field};
pub use config::{Config, check_base_url, check_ca_file};
pub use endpoint::Endpoint;
pub use error::ApiError;
pub use exchange::{Decode, Exchange};
pub use identity::{ClientCertificate, Connection};
pub use post::{Posted, Poster};

use config::{is_loopback, read_base_url, read_certificates, read_proxy};
use limit::RateLimiter;

/// Sends calls to one vendor account. Shared by all its collectors, so that its limits hold across them.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// Host and, if it is not the default, port: the only part of the base URL that is ever shown.
    host: String,
    max_body_bytes: u64,
    retries: Option<u32>,
    retry_for: Duration,
    max_wait: Duration,
    first_pause: Duration,
    limiters: BTreeMap<&'static str, RateLimiter>,
    /// For classes without their own limit; if the vendor refuses a call of one of them, all of them pause.
    unlimited: RateLimiter,
    telemetry: Arc<SourceTelemetry>,
    clock: Clock,
}

impl Client {
    /// Creates a client for the vendor at `base_url`, which may have a path, reached over `connection`. `limits` are by
    /// [`Endpoint::class`]; a class without one is not limited. The error says in plain words what is wrong with the
    /// settings.
    pub fn new(
        base_url: &str,
        config: &Config,
        connection: &Connection,
        limits: &[(&'static str, RateLimit)],
        telemetry: Arc<SourceTelemetry>,
        clock: Clock,
    ) -> Result<Self, String> {
        let base = read_base_url(base_url).map_err(|reason| format!("base_url {reason}"))?;
        let host = base.host_str().unwrap_or_default();
        let host = base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let limiter = |limit| RateLimiter::new(limit, config.retry_for.0, config.max_wait.0);
        Ok(Self {
            http: build(&base, config, connection)?,
            base,
            host,
            max_body_bytes: config.max_body_bytes,
            retries: config.retries,
            retry_for: config.retry_for.0,
            max_wait: config.max_wait.0,
            first_pause: retry::FIRST_PAUSE,
            limiters: limits.iter().map(|(class, limit)| (*class, limiter(Some(*limit)))).collect(),
            unlimited: limiter(None),
            telemetry,
            clock,
        })
    }

    /// Begins a call, each request of which is sent with the authorization from `authorize`, if given.
    pub fn exchange<'c>(&'c self, call: &'c Call, authorize: Option<&'c dyn Authorize>) -> Exchange<'c> {
        Exchange::new(self, call, authorize)
    }
}

impl fmt::Debug for Client {
    /// Without the path of the base URL, which can name the tenant, and without the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.host)
    }
}

/// Sets the process's default cryptography provider, without which reqwest panics. Does nothing if it is already set.
pub fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}

fn build(base: &Url, config: &Config, connection: &Connection) -> Result<reqwest::Client, String> {
    provide_cryptography();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("container-security-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(config.connect_timeout.0)
        .read_timeout(config.read_timeout.0)
        .timeout(config.timeout.0)
        .gzip(true)
        .https_only(base.scheme() == "https");
    if is_loopback(base) {
        builder = builder.no_proxy();
    } else if let Some(proxy) = &config.proxy {
        builder = builder.proxy(read_proxy(proxy).map_err(|reason| format!("http.proxy {reason}"))?);
    }
    if base.scheme() == "http" {
        // No certificate is checked, and a bare container has none to load, which would be an error.
        builder = builder.tls_certs_only([]);
    } else if let Some(path) = &config.ca_file {
        let certificates = read_certificates(path).map_err(|reason| format!("http.ca_file: {reason}"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(certificate) = &connection.client_certificate {
        builder = builder.identity(certificate.read().map_err(|(key, reason)| format!("{key}: {reason}"))?);
    }
    if connection.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| {
        let reason = cause::of_build(&error);
        format!(
            "the HTTP client cannot be set up: {reason}; the system's certificates are needed (package \
             ca-certificates), or http.ca_file"
        )
    })
}
