//! Runs a call: sends it, waits for the response, and retries it where that helps.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::poll_immediate;
use reqwest::RequestBuilder;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span};

use super::Client;
use super::answer::{Answer, Unreadable};
use super::body::{BodyEnd, receive};
use super::call::{Authorize, Call};
use super::error::{ApiError, AttemptError, PROBE_BYTES};
use super::limit::{Blocked, Permit, RateLimiter};
use super::retry::{self, RateLimitHeaders};
use crate::setting::HumanDuration;
use crate::telemetry::{Failure, span};

/// Decodes a response. It may run for long, and more than once: a request whose response is unreadable is retried.
pub type Decode<T> = Arc<dyn Fn(&Answer) -> Result<T, Unreadable> + Send + Sync>;

/// Maximum number of unreadable responses of one call: a complete but unreadable response rarely changes.
const MOST_UNREADABLE: u32 = 4;

/// A call under way.
pub struct Exchange<'c> {
    client: &'c Client,
    call: &'c Call,
    authorize: Option<&'c dyn Authorize>,
    limiter: &'c RateLimiter,
    started: Instant,
    tries: u32,
    /// When the first attempt failed.
    failing_since: Option<Instant>,
    /// Unreadable responses with a status of success.
    unreadable: u32,
    /// The span of the last request; it ends once the response has been read.
    span: Span,
}

/// Why an attempt got no response.
enum SendError {
    /// The request was not sent, because its authorization is missing.
    Unauthorized(ApiError),
    Attempt(AttemptError),
}

impl From<AttemptError> for SendError {
    fn from(error: AttemptError) -> Self {
        Self::Attempt(error)
    }
}

impl<'c> Exchange<'c> {
    pub(super) fn new(client: &'c Client, call: &'c Call, authorize: Option<&'c dyn Authorize>) -> Self {
        let limiter = client.limiters.get(call.endpoint.class).unwrap_or(&client.unlimited);
        Self {
            client,
            call,
            authorize,
            limiter,
            started: Instant::now(),
            tries: 0,
            failing_since: None,
            unreadable: 0,
            span: Span::none(),
        }
    }

    /// Returns the first successful response that `decode` can read. An unreadable one is retried: a page can be broken
    /// once.
    pub async fn decoded<T: Send + 'static>(mut self, decode: &Decode<T>) -> Result<T, ApiError> {
        loop {
            let answer = self.answer().await?;
            let status = answer.status;
            let decode = Arc::clone(decode);
            match spawn_blocking(move || decode(&answer))
                .await
                .map_err(|error| ApiError::unfinished(self.call.endpoint, error))?
            {
                Ok(value) => return Ok(value),
                Err(Unreadable(words)) => {
                    let error =
                        AttemptError { status: Some(status), ..AttemptError::transient(Failure::BadResponse, words) };
                    span::failed(&self.span, error.failure, &error.words);
                    self.unreadable += 1;
                    self.back_off(error).await?;
                }
            }
        }
    }

    /// Returns the next successful response.
    pub async fn answer(&mut self) -> Result<Answer, ApiError> {
        loop {
            match self.attempt().await {
                Ok(answer) => return Ok(answer),
                Err(SendError::Unauthorized(error)) => return Err(error),
                Err(SendError::Attempt(error)) => self.back_off(error).await?,
            }
        }
    }

    /// Waits until the call may be retried; returns its error if it is not retryable.
    async fn back_off(&mut self, error: AttemptError) -> Result<(), ApiError> {
        let Self { client, call, limiter, tries, .. } = *self;
        let failing_since = *self.failing_since.get_or_insert_with(Instant::now);
        let pause = retry::backoff(client.first_pause, tries, crate::random::bits());
        let is_refused = error.failure == Failure::RateLimited;
        if is_refused && error.retry {
            // Applies to the whole class, even if this call is given up: the other calls would be refused, too.
            if let Some(asked) = error.wait.filter(|asked| *asked > client.max_wait) {
                let (source, endpoint) = (client.telemetry.source(), call.endpoint.name);
                let (asked, limit) = (HumanDuration(asked), HumanDuration(client.max_wait));
                tracing::warn!(source, endpoint, %asked, %limit, "pause requested by the vendor cut to http.max_wait");
            }
            limiter.hold(error.wait.unwrap_or_else(|| pause.max(retry::part_of_window(limiter.window(), tries))));
        }
        let wait = error.wait.map(|wait| wait.min(client.max_wait));
        if let Some(asked) = error.wait.filter(|asked| error.retry && *asked > client.retry_for) {
            return Err(self.failed(error.too_long(asked)));
        }
        let used_up = client.retries.is_some_and(|most| tries > most)
            || self.unreadable > MOST_UNREADABLE
            || failing_since.elapsed() + wait.unwrap_or_default() >= client.retry_for;
        if !error.retry || used_up {
            return Err(self.failed(error));
        }
        client.telemetry.count_retry(error.failure);
        let reason = error.failure.as_str();
        tracing::debug!(endpoint = call.endpoint.name, host = client.host, reason, "retrying");
        if !is_refused {
            sleep(wait.unwrap_or_default().max(pause)).await;
        }
        Ok(())
    }

    fn failed(&self, error: AttemptError) -> ApiError {
        ApiError::of_call(self.call.endpoint, &self.client.host, error, self.tries, self.started.elapsed())
    }

    /// Sends the call once, when its rate limit allows it.
    async fn attempt(&mut self) -> Result<Answer, SendError> {
        let Self { client, call, limiter, .. } = *self;
        let waiting = client.telemetry.wait_for_limit();
        let mut entering = pin!(limiter.enter());
        let permit = match poll_immediate(entering.as_mut()).await {
            Some(permit) => permit,
            None => entering.instrument(span::of_wait(call.endpoint.name)).await,
        };
        drop(waiting);
        let permit = permit.map_err(|Blocked(remaining)| {
            AttemptError::new(Failure::RateLimited, "skipped after an earlier response").too_long(remaining)
        })?;
        let authorization = match self.authorize {
            Some(authorize) => Some(authorize.authorization().await.map_err(SendError::Unauthorized)?),
            None => None,
        };
        let request = call.request(&client.http, &client.base, authorization.as_ref())?;
        self.span = span::of_request(call.method.as_str(), call.endpoint.name, &client.host, self.tries);
        self.tries += 1;
        let answer = self.send(request, permit).instrument(self.span.clone()).await;
        let answer = if authorization.is_some() { refusal_of_token(answer) } else { answer };
        Ok(answer.inspect_err(|error| span::failed(&self.span, error.failure, &error.words))?)
    }

    /// Sends the request, which has its `permit`, and receives the response.
    async fn send(&self, request: RequestBuilder, permit: Permit<'_>) -> Result<Answer, AttemptError> {
        let Self { client, call, limiter, .. } = *self;
        let sent = Instant::now();
        let count = |status, bytes| {
            let took = sent.elapsed();
            client.telemetry.count_request(call.endpoint.name, status, took, bytes);
            span::answered(status, bytes);
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let (source, endpoint) = (client.telemetry.source(), call.endpoint.name);
            tracing::debug!(source, endpoint, status, milliseconds, bytes, "request finished");
        };
        let answer = request.send().await;
        drop(permit);
        let mut response = answer.map_err(|error| {
            count(None, 0);
            AttemptError::of_transport(&error.without_url())
        })?;
        let status = response.status();
        let limits = RateLimitHeaders::read(response.headers(), client.clock.now());
        let refused = retry::of_status(status).0 == Failure::RateLimited;
        limiter.observe(&limits, refused);
        if !status.is_success() {
            // The reason as far as it is received; a refusal stays one if its body is cut off.
            let (mut probe, _) = receive(&mut response, PROBE_BYTES as u64).await;
            count(Some(status.as_u16()), probe.len() as u64);
            probe.truncate(PROBE_BYTES);
            let wait = if refused { limits.wait() } else { limits.retry_after };
            return Err(AttemptError::of_status(status, wait, probe));
        }
        let headers = std::mem::take(response.headers_mut());
        let (body, end) = receive(&mut response, client.max_body_bytes).await;
        let bytes = body.len() as u64;
        match end {
            BodyEnd::Whole => count(Some(status.as_u16()), bytes),
            BodyEnd::TooLarge => {
                count(Some(status.as_u16()), bytes);
                let most = client.max_body_bytes;
                return Err(AttemptError::new(
                    Failure::TooLarge,
                    format!(
                        "the response is larger than {most} bytes; request smaller pages where that can be set, or \
                         raise http.max_body_bytes"
                    ),
                ));
            }
            BodyEnd::Broken(error) => {
                count(None, bytes);
                return Err(AttemptError::of_transport(&error));
            }
        }
        Ok(Answer { status, headers, body: Bytes::from(body) })
    }
}

/// Marks the responses to a request with a token that say that the token is refused.
fn refusal_of_token(answer: Result<Answer, AttemptError>) -> Result<Answer, AttemptError> {
    match answer {
        Ok(answer) if answer.is_log_in_page() => Err(AttemptError::of_log_in_page(answer.status)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(error.of_token()),
    }
}
