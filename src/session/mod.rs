//! Sends one account's calls with a valid token and explains refusals.
//!
//! Owns the token; the vendor's `Login` knows how to get one and what a refusal means. All collectors of an account
//! share one session, so that it logs in once for all of them, even if several find at once that the token is refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as PlainMutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::client::{ApiError, Authorization, Authorize, Call, Client, Decode, Endpoint};
use crate::clock::{Clock, Timestamp};
use crate::lock::lock;
use crate::setting::SecretPlace;
use crate::telemetry::{Failure, SourceTelemetry};
use crate::wire::Rejected;
use credentials::{Credentials, Failed, Refusals, Wrong};
use rejected::RejectedRecords;
use token::Validity;

pub(crate) mod credentials;
pub(crate) mod preference;
mod rejected;
pub(crate) mod token;

/// How long a token from a file or variable is used before it is read again.
const REREAD_MS: i64 = 60 * 1000;

/// How long to wait before the next attempt to replace a token that has not expired yet.
const AGAIN_MS: i64 = 30 * 1000;

/// How long an endpoint that refused a new token is not tried with another one.
const DENIED_FOR: Duration = Duration::from_secs(10);

/// A listing of the vendor.
pub(crate) struct Listing {
    pub(crate) endpoint: Endpoint,
    /// What it lists, in plain words.
    pub(crate) what: &'static str,
    /// The permission it needs, in the vendor's words.
    pub(crate) permission: &'static str,
}

/// How accounts of a vendor log in, and what the vendor's refusals mean.
pub(crate) trait Login: Clone + Send + Sync + 'static {
    /// The endpoint for log-ins. Its class has no other calls: a call that holds a permit waits for the log-in.
    const ENDPOINT: &'static Endpoint;

    /// Whether the vendor issues the token, rather than the configured one being sent with each call.
    fn asks(&self) -> bool;

    /// The secrets it must be able to read, with the settings that name them.
    fn places(&self) -> Vec<(&'static str, &SecretPlace)>;

    /// Reads the credentials. This can take long, or never finish.
    fn read(&self) -> Result<Credentials, Wrong>;

    /// Logs in with the credentials.
    fn log_in(
        &self,
        client: &Client,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<Authorization, ApiError>> + Send;

    /// When a token that was issued `now` must be replaced.
    fn validity(&self, token: &str, now: Timestamp) -> Validity;

    /// Why every listing will be refused, if the token shows it, in plain words.
    fn hopeless(&self, _token: &str) -> Option<&'static str> {
        None
    }

    /// What it means that a listing answers 401 to a token that must be valid, in plain words.
    fn refusal(&self) -> &'static str;

    /// What it means that a listing answers with this status, in plain words; `None` if there is nothing to add.
    fn explain(&self, listing: &Listing, status: u16) -> Option<String>;
}

/// The calls of one account.
pub(crate) struct Session<L> {
    client: Client,
    login: L,
    clock: Clock,
    telemetry: Arc<SourceTelemetry>,
    state: Mutex<LoginState>,
    /// When each endpoint last refused a new token as well.
    denied: PlainMutex<BTreeMap<&'static str, Instant>>,
    /// How many log-in attempts have ended: shows those who waited for the lock that one ended meanwhile.
    attempts: AtomicU64,
    /// Whether secrets that anyone can read have been looked for.
    warned: AtomicBool,
    /// Allows one thread at a time to read the credentials.
    reading: Arc<Semaphore>,
    /// Why every listing will be refused, if the last token shows it.
    hopeless: PlainMutex<Option<&'static str>>,
    rejected_records: RejectedRecords,
}

#[derive(Default)]
struct LoginState {
    token: Option<Token>,
    /// How the last attempt failed, if it did.
    failed: Option<Failed>,
    refusals: Refusals,
}

struct Token {
    authorization: Authorization,
    /// The attempt that obtained it first.
    attempt: u64,
    validity: Validity,
}

/// Supplies a call with tokens.
struct TokenSource<'s, L> {
    session: &'s Session<L>,
    /// The attempt whose token the vendor refused.
    refused: Option<u64>,
    /// The attempt whose token was handed out last.
    given: AtomicU64,
}

impl<L: Login> Authorize for TokenSource<'_, L> {
    fn authorization(&self) -> BoxFuture<'_, Result<Authorization, ApiError>> {
        Box::pin(async {
            let (authorization, attempt) = self.session.token(self.refused).await?;
            self.given.store(attempt, Ordering::Relaxed);
            Ok(authorization)
        })
    }
}

impl<L: Login> Session<L> {
    pub(crate) fn new(
        client: Client,
        login: L,
        clock: Clock,
        telemetry: Arc<SourceTelemetry>,
        max_rejected_percent: f64,
    ) -> Self {
        Self {
            client,
            login,
            clock,
            telemetry,
            state: Mutex::default(),
            denied: PlainMutex::default(),
            attempts: AtomicU64::new(0),
            warned: AtomicBool::new(false),
            reading: Arc::new(Semaphore::new(1)),
            hopeless: PlainMutex::default(),
            rejected_records: RejectedRecords::new(max_rejected_percent),
        }
    }

    /// Sends a call, after logging in if necessary. If the token is refused, logs in again and retries it once: what is
    /// refused with a new token as well is a matter of permissions.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        listing: &'static Listing,
        call: Call,
        decode: Decode<T>,
    ) -> Result<T, ApiError> {
        let mut tokens = TokenSource { session: self, refused: None, given: AtomicU64::new(0) };
        let endpoint = listing.endpoint.name;
        let mut answer = self.client.exchange(&call, Some(&tokens)).decoded(&decode).await;
        if let Err(error) = &answer
            && error.refuses_token()
            && !self.is_denied(endpoint)
            && self.renew(&mut tokens, error).await?
        {
            answer = self.client.exchange(&call, Some(&tokens)).decoded(&decode).await;
        }
        match answer {
            Ok(value) => {
                lock(&self.denied).remove(endpoint);
                Ok(value)
            }
            Err(error) if error.refuses_token() => {
                if tokens.refused.is_some() {
                    lock(&self.denied).insert(endpoint, Instant::now());
                }
                Err(self.explain_refusal(listing, error))
            }
            Err(error) => Err(self.explain(listing, error)),
        }
    }

    /// Whether the endpoint refused a new token a moment ago: a run may have many calls to it, and logs in again once.
    fn is_denied(&self, endpoint: &'static str) -> bool {
        lock(&self.denied).get(endpoint).is_some_and(|denied| denied.elapsed() < DENIED_FOR)
    }

    /// Logs in again for a call whose token was refused with this `error`; returns whether there is another token.
    async fn renew(&self, tokens: &mut TokenSource<'_, L>, error: &ApiError) -> Result<bool, ApiError> {
        tracing::debug!(
            source = self.telemetry.source(),
            expired = error.mentions("expired"),
            "token refused; logging in again"
        );
        let refused = tokens.given.load(Ordering::Relaxed);
        let (_, renewed) = self.token(Some(refused)).await?;
        tokens.refused = Some(refused);
        if renewed != refused {
            self.telemetry.count_retry(Failure::Unauthorized);
        }
        Ok(renewed != refused)
    }

    /// Counts the records that a collector rejected. `listings` has the rejected rows and the number of read rows of
    /// each listing; returns why the run is incomplete if one of them lost too many.
    pub(crate) fn count_rejected(&self, collector: &'static str, listings: &[(Rejected, u64)]) -> Option<String> {
        self.rejected_records.count(&self.telemetry, collector, listings)
    }

    /// How the account logs in.
    pub(crate) fn login(&self) -> &L {
        &self.login
    }

    /// The name of the account, for logs.
    pub(crate) fn source(&self) -> &str {
        self.telemetry.source()
    }

    /// Returns a token other than that of the attempt `refused`, and the attempt that obtained it first. It is the same
    /// attempt if the token is only read and has not changed.
    async fn token(&self, refused: Option<u64>) -> Result<(Authorization, u64), ApiError> {
        let before = self.attempts.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(token) = &state.token
            && Some(token.attempt) != refused
            && now.millis() < token.validity.due
        {
            return Ok((token.authorization.clone(), token.attempt));
        }
        if before != self.attempts.load(Ordering::Acquire)
            && let Some(failed) = &state.failed
        {
            // Another attempt failed while this one waited: it would fail, too.
            return Err(failed.error());
        }
        state.failed = None;
        let answer = self.log_in(&mut state.refusals).await;
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        match answer {
            Ok(authorization) => {
                let validity = self.look_into(&authorization);
                let same =
                    state.token.take().filter(|token| !self.login.asks() && token.authorization == authorization);
                let attempt = same.map_or(attempt, |token| token.attempt);
                state.token = Some(Token { authorization: authorization.clone(), attempt, validity });
                Ok((authorization, attempt))
            }
            Err(error) => {
                if let Some(token) = &mut state.token
                    && Some(token.attempt) != refused
                    && now.millis() < token.validity.end
                {
                    token.validity.due = now.millis() + AGAIN_MS;
                    let source = self.telemetry.source();
                    tracing::warn!(source, %error, "cannot replace the token before it expires; retrying later");
                    return Ok((token.authorization.clone(), token.attempt));
                }
                state.failed = Some(Failed::of(L::ENDPOINT, &error));
                state.token = None;
                Err(error)
            }
        }
    }

    /// Logs in, but not with credentials that were refused a moment ago.
    async fn log_in(&self, refusals: &mut Refusals) -> Result<Authorization, ApiError> {
        let credentials = credentials::credentials(&self.login, &self.reading).await?;
        self.warn_of_readable_secrets();
        if let Some(failed) = refusals.of(&credentials, Instant::now()) {
            return Err(failed.error());
        }
        let answer = self.login.log_in(&self.client, &credentials).await;
        let outcome = answer.as_ref().map(drop).map_err(|error| Failed::of(L::ENDPOINT, error));
        refusals.observe(credentials, outcome, Instant::now());
        answer
    }

    /// Warns once of secrets that every user of the machine can read.
    fn warn_of_readable_secrets(&self) {
        if self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        for (setting, _) in self.login.places().iter().filter(|(_, place)| place.is_world_readable()) {
            tracing::warn!(
                source = self.telemetry.source(),
                setting,
                "every user of this machine can read the file of a secret; take away the permission with chmod o-r"
            );
        }
    }

    /// Returns when new credentials must be replaced. Logs if they cannot be used for any listing.
    fn look_into(&self, authorization: &Authorization) -> Validity {
        let now = self.clock.now();
        if let Authorization::Bearer(token) = authorization {
            let hopeless = self.login.hopeless(token.expose());
            if std::mem::replace(&mut *lock(&self.hopeless), hopeless).is_none()
                && let Some(why) = hopeless
            {
                tracing::warn!(source = self.telemetry.source(), "the account can log in, but {why}");
            }
            if self.login.asks() {
                return self.login.validity(token.expose(), now);
            }
        }
        Validity { due: now.millis() + REREAD_MS, end: now.millis() + REREAD_MS }
    }

    /// Explains that a listing refuses a new token as well.
    fn explain_refusal(&self, listing: &'static Listing, error: ApiError) -> ApiError {
        let hopeless = *lock(&self.hopeless);
        let permission = || self.login.explain(listing, 403).unwrap_or_default();
        let (failure, words) = match (error.status(), hopeless) {
            (Some(403), _) => return self.explain(listing, error),
            (_, Some(why)) => (Failure::Unauthorized, why.to_owned()),
            (Some(401), None) => {
                let words = format!("{}; if its other listings are answered, {}", self.login.refusal(), permission());
                (Failure::Unauthorized, words)
            }
            (Some(status), None) if status >= 500 => {
                let words = format!("answered {status} and blamed the token, a new one as well: {}", permission());
                (Failure::Forbidden, words)
            }
            (_, None) => {
                (Failure::Forbidden, format!("answered with a log-in page, a new token as well: {}", permission()))
            }
        };
        ApiError::new(&listing.endpoint, failure, words)
    }

    /// Explains an error of a listing.
    fn explain(&self, listing: &'static Listing, error: ApiError) -> ApiError {
        let hopeless = lock(&self.hopeless).map(str::to_owned).filter(|_| error.status() == Some(403));
        let words = hopeless.or_else(|| self.login.explain(listing, error.status()?));
        match words {
            Some(words) => ApiError::new(&listing.endpoint, error.failure, words),
            None => error,
        }
    }
}
