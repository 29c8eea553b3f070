//! The only outbound HTTP client.
//!
//! Owns everything between a vendor's module and the network: TLS and proxy, deadlines, rate limits, what is worth
//! asking again, the largest answer, and the words for what went wrong. It must not know any vendor: not its paths,
//! not its log-in, not its JSON. A vendor's module describes a [`Call`] and gives a reader for the [`Answer`].
//!
//! Credentials go to the configured host only: no redirect is followed, no cookie kept, no referrer sent. Nothing
//! printed here holds a URL, for its query can be a credential.

#![expect(clippy::disallowed_types, reason = "reqwest's client is banned everywhere else")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_immediate;
use reqwest::{RequestBuilder, Response, Url, redirect};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::setting::RateLimit;
use crate::telemetry::{Failure, SourceTelemetry, span};

mod answer;
mod call;
mod config;
mod endpoint;
mod error;
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
pub use identity::{ClientCertificate, Connection};
pub use post::{Posted, Poster};

use config::{is_loopback, read_base_url, read_certificates, read_proxy};
use error::{AttemptError, PROBE_BYTES};
use limit::{Blocked, LONGEST_HOLD, Permit, RateLimiter};
use retry::RateLimitHeaders;

/// Asks one vendor account. Shared by all its collectors, so that its limits hold across them.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// Host and, where it is not the usual one, port: all of the base URL that is ever shown.
    host: String,
    max_body_bytes: u64,
    retries: u32,
    first_pause: Duration,
    limiters: BTreeMap<&'static str, RateLimiter>,
    /// For classes without a limit of their own; a vendor that refuses one of them is left alone by all of them.
    unlimited: RateLimiter,
    telemetry: Arc<SourceTelemetry>,
    clock: Clock,
}

impl Client {
    /// A client for the vendor at `base_url`, which may have a path, reached as `connection` says. `limits` are by
    /// [`Endpoint::class`]; a class without one is not limited. The error says in words what is wrong with the settings.
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
        Ok(Self {
            http: build(&base, config, connection)?,
            base,
            host,
            max_body_bytes: config.max_body_bytes,
            retries: config.retries,
            first_pause: retry::FIRST_PAUSE,
            limiters: limits.iter().map(|(class, limit)| (*class, RateLimiter::new(Some(*limit)))).collect(),
            unlimited: RateLimiter::new(None),
            telemetry,
            clock,
        })
    }

    /// Sends the call, again where that is worth it, and hands an answer of success to `read`. An answer that it
    /// cannot read is asked for again: a page can be broken once.
    pub async fn call<T: Send + 'static>(
        &self,
        call: &Call,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + Clone + 'static,
    ) -> Result<T, ApiError> {
        self.send(call, None::<&Infallible>, read).await
    }

    /// As [`Client::call`], each try with what `authorize` gives out. If there is nothing to be had, that error is
    /// returned.
    pub async fn call_with<T: Send + 'static>(
        &self,
        call: &Call,
        authorize: &impl Authorize,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + Clone + 'static,
    ) -> Result<T, ApiError> {
        self.send(call, Some(authorize), read).await
    }

    async fn send<T: Send + 'static>(
        &self,
        call: &Call,
        authorize: Option<&impl Authorize>,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + Clone + 'static,
    ) -> Result<T, ApiError> {
        let started = Instant::now();
        let limiter = self.limiters.get(call.endpoint.class).unwrap_or(&self.unlimited);
        let mut tries = 0;
        let error = loop {
            let error = match self.attempt(call, authorize, limiter, &mut tries, read.clone()).await {
                Ok(value) => return Ok(value),
                Err(SendError::Unauthorized(error)) => return Err(error),
                Err(SendError::Attempt(error)) => error,
            };
            let pause = retry::backoff(self.first_pause, tries, crate::random::bits());
            let is_refused = error.failure == Failure::RateLimited;
            if is_refused && error.retry {
                // Known to all of the class, and even if this call is given up: the others would meet it too.
                limiter.hold(error.wait.unwrap_or_else(|| pause.max(retry::part_of_window(limiter.window(), tries))));
            }
            if let Some(wait) = error.wait.filter(|wait| *wait > LONGEST_HOLD) {
                break error.too_long(wait);
            }
            if !error.retry || tries > self.retries {
                break error;
            }
            self.telemetry.count_retry(error.failure);
            tracing::debug!(
                endpoint = call.endpoint.name,
                host = self.host,
                reason = error.failure.as_str(),
                "asking again"
            );
            if !is_refused {
                sleep(error.wait.unwrap_or_default().max(pause)).await;
            }
        };
        Err(ApiError::of_call(call.endpoint, &self.host, error, tries, started.elapsed()))
    }

    /// Sends the call once, when its class allows it, and reads the answer.
    async fn attempt<T: Send + 'static>(
        &self,
        call: &Call,
        authorize: Option<&impl Authorize>,
        limiter: &RateLimiter,
        tries: &mut u32,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, SendError> {
        let waiting = self.telemetry.wait_for_limit();
        let mut entering = pin!(limiter.enter());
        let permit = match poll_immediate(entering.as_mut()).await {
            Some(permit) => permit,
            None => entering.instrument(span::of_wait(call.endpoint.name)).await,
        };
        drop(waiting);
        let permit = permit.map_err(|Blocked(remaining)| {
            AttemptError::new(Failure::RateLimited, "not asked, because of an earlier answer").too_long(remaining)
        })?;
        let authorization = match authorize {
            Some(authorize) => Some(authorize.authorization().await.map_err(SendError::Unauthorized)?),
            None => None,
        };
        let request = call.request(&self.http, &self.base, authorization.as_ref())?;
        let span = span::of_request(call.method.as_str(), call.endpoint.name, &self.host, *tries);
        *tries += 1;
        let answer = self.exchange(call.endpoint, request, limiter, permit, read).instrument(span.clone()).await;
        Ok(answer.inspect_err(|error| span::failed(&span, error.failure, &error.words))?)
    }

    /// Sends the request, which has its `permit`, and reads the answer.
    async fn exchange<T: Send + 'static>(
        &self,
        endpoint: &Endpoint,
        request: RequestBuilder,
        limiter: &RateLimiter,
        permit: Permit<'_>,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, AttemptError> {
        let sent = Instant::now();
        let count = |status, bytes| {
            let took = sent.elapsed();
            self.telemetry.count_request(endpoint.name, status, took, bytes);
            span::answered(status, bytes);
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let source = self.telemetry.source();
            tracing::debug!(source, endpoint = endpoint.name, status, milliseconds, bytes, "asked the vendor");
        };
        let answer = request.send().await;
        drop(permit);
        let mut response = answer.map_err(|error| {
            count(None, 0);
            AttemptError::of_transport(&error.without_url())
        })?;
        let status = response.status();
        let limits = RateLimitHeaders::read(response.headers(), self.clock.now());
        let refused = retry::of_status(status).0 == Failure::RateLimited;
        limiter.observe(&limits, refused);
        if !status.is_success() {
            // What can be had of the reason; a refusal stays one if its body breaks off.
            let (mut probe, _) = receive(&mut response, PROBE_BYTES as u64).await;
            count(Some(status.as_u16()), probe.len() as u64);
            probe.truncate(PROBE_BYTES);
            let wait = if refused { limits.wait() } else { limits.retry_after };
            return Err(AttemptError::of_status(status, wait, probe));
        }
        let headers = std::mem::take(response.headers_mut());
        let (body, end) = receive(&mut response, self.max_body_bytes).await;
        let bytes = body.len() as u64;
        match end {
            BodyEnd::Whole => count(Some(status.as_u16()), bytes),
            BodyEnd::TooLarge => {
                count(Some(status.as_u16()), bytes);
                let most = self.max_body_bytes;
                return Err(AttemptError::new(
                    Failure::TooLarge,
                    format!(
                        "its answer is larger than {most} bytes; ask for smaller pages where that can be set, or raise \
                         http.max_body_bytes"
                    ),
                ));
            }
            BodyEnd::Broken(error) => {
                count(None, bytes);
                return Err(AttemptError::of_transport(&error));
            }
        }
        let answer = Answer { status, headers, body: Bytes::from(body) };
        // Whoever reads may wait for others, or have much to do.
        let value = match tokio::task::spawn_blocking(move || read(&answer)).await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                // As if it had been read here.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(AttemptError::new(Failure::Internal, "the program is stopping")),
            },
        };
        value.map_err(|Unreadable(words)| AttemptError {
            status: Some(status),
            ..AttemptError::transient(Failure::BadResponse, words)
        })
    }
}

impl fmt::Debug for Client {
    /// Without the path of the base URL, which can name the tenant, and without the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.host)
    }
}

/// Why a try brought nothing.
enum SendError {
    /// It was not sent, for want of what authorises it.
    Unauthorized(ApiError),
    Attempt(AttemptError),
}

impl From<AttemptError> for SendError {
    fn from(error: AttemptError) -> Self {
        Self::Attempt(error)
    }
}

/// How the body of an answer ended.
enum BodyEnd {
    Whole,
    TooLarge,
    Broken(reqwest::Error),
}

/// Receives a body piece by piece, for its decompressed size is known only then. Stops after the piece that makes
/// it larger than `most`; the connection is closed when the response is dropped before its end.
async fn receive(response: &mut Response, most: u64) -> (Vec<u8>, BodyEnd) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return (body, BodyEnd::Whole),
            Err(error) => return (body, BodyEnd::Broken(error.without_url())),
        }
        if body.len() as u64 > most {
            return (body, BodyEnd::TooLarge);
        }
    }
}

/// reqwest asks the process for its cryptography, and panics if there is none. That it is set already is fine.
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
        // No certificate will be looked at, and a bare container has none to load, which would be an error.
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
        let reason = error::of_build(&error);
        format!(
            "the HTTP client cannot be set up: {reason}; the system's certificates are needed (package \
             ca-certificates), or http.ca_file"
        )
    })
}
