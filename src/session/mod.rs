//! One account's calls: each is sent with a token that is good, and its refusal is explained.
//!
//! Owns the token; how it is had, and what a refusal means, is the vendor's `Login`. All of an account's collectors
//! share one session, so that it logs in once for all of them, whatever they find out about the token at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as PlainMutex};

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::client::{ApiError, Authorization, Authorize, Call, Client, Decode, Endpoint};
use crate::clock::{Clock, Timestamp};
use crate::lock::lock;
use crate::setting::SecretPlace;
use crate::telemetry::{Failure, Rejection, SourceTelemetry};

use crate::wire::Rejected;
use credentials::{Credentials, Failed, Refusals};
use token::Validity;

pub(crate) mod credentials;
pub(crate) mod token;

/// A token that is read from a file or variable is read again after so long.
const REREAD_MS: i64 = 60 * 1000;

/// A token that could not be replaced ahead of its end is tried to be replaced again after so long.
const AGAIN_MS: i64 = 30 * 1000;

/// A call is given up if so many new tokens were of no use to it.
const MOST_RENEWALS: usize = 2;

/// A listing of the vendor.
pub(crate) struct Listing {
    pub(crate) endpoint: Endpoint,
    /// What it lists, for people.
    pub(crate) what: &'static str,
    /// The permission it needs, as the vendor words it, for people.
    pub(crate) permission: &'static str,
}

/// How accounts of a vendor log in, and what it means that the vendor refuses something.
pub(crate) trait Login: Clone + Send + Sync + 'static {
    /// Where accounts log in. Its class has no calls but these: a call that has its place waits for the log-in.
    const ENDPOINT: &'static Endpoint;

    /// Whether the vendor is asked for a token, rather than what was read being sent with each call.
    fn asks(&self) -> bool;

    /// What must be readable for it, with the settings that name it.
    fn places(&self) -> Vec<(&'static str, &SecretPlace)>;

    /// Reads the credentials. This can take long, or not come to an end.
    fn read(&self) -> Result<Credentials, String>;

    /// Logs in with the credentials.
    fn log_in(
        &self,
        client: &Client,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<Authorization, ApiError>> + Send;

    /// When a token that was given out `now` must be replaced.
    fn validity(&self, token: &str, now: Timestamp) -> Validity;

    /// Why every listing will be refused, where a token tells it, in words for people.
    fn hopeless(&self, _token: &str) -> Option<&'static str> {
        None
    }

    /// What it means that a listing answers 401 to what must be good, in words for people.
    fn refusal(&self) -> &'static str;

    /// What it means that a listing answers with this status, in words for people; none where there is nothing to add.
    fn explain(&self, listing: &Listing, status: u16) -> Option<String>;
}

/// The calls of one account.
pub(crate) struct Session<L> {
    client: Client,
    login: L,
    clock: Clock,
    telemetry: Arc<SourceTelemetry>,
    state: Mutex<LoginState>,
    /// How many attempts to log in have ended: tells those who waited for the lock that one did meanwhile.
    attempts: AtomicU64,
    /// Lets one thread at a time read the credentials.
    reading: Arc<Semaphore>,
    /// Why every listing will be refused, where the last token tells it.
    hopeless: PlainMutex<Option<&'static str>>,
    rejected_records: RejectedRecords,
    /// Most records of a listing that may be rejected before a run is incomplete, in percent.
    max_rejected_percent: f64,
}

/// How many records each collector left out when that was last told.
#[derive(Default)]
struct RejectedRecords(PlainMutex<BTreeMap<&'static str, u64>>);

impl RejectedRecords {
    /// Whether it is to be told. Such records stay from run to run: told each time, they would drown the rest.
    fn is_news(&self, collector: &'static str, records: u64) -> bool {
        records > 0 && lock(&self.0).insert(collector, records) != Some(records)
    }
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
    /// The attempt that got it first.
    attempt: u64,
    validity: Validity,
}

/// Gives a call its tokens.
struct TokenSource<'s, L> {
    session: &'s Session<L>,
    /// The attempt whose token the vendor refused.
    refused: Option<u64>,
    /// The attempt whose token was given out last.
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
            attempts: AtomicU64::new(0),
            reading: Arc::new(Semaphore::new(1)),
            hopeless: PlainMutex::default(),
            rejected_records: RejectedRecords::default(),
            max_rejected_percent,
        }
    }

    /// Sends a call, if need be after logging in, and again with a new token if its own is refused.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        listing: &'static Listing,
        call: Call,
        decode: Decode<T>,
    ) -> Result<T, ApiError> {
        let mut tokens = TokenSource { session: self, refused: None, given: AtomicU64::new(0) };
        for _ in 0..MOST_RENEWALS {
            match self.client.exchange(&call, Some(&tokens)).decoded(&decode).await {
                Err(error) if error.status() == Some(401) => self.renew(listing, &mut tokens, &error).await?,
                other => return other.map_err(|error| self.explain(listing, error)),
            }
        }
        match self.client.exchange(&call, Some(&tokens)).decoded(&decode).await {
            Err(error) if error.status() == Some(401) => Err(self.explain_refusal(listing)),
            other => other.map_err(|error| self.explain(listing, error)),
        }
    }

    /// Logs in again for a call whose token was refused with this `error`; fails if that is of no use.
    async fn renew(
        &self,
        listing: &'static Listing,
        tokens: &mut TokenSource<'_, L>,
        error: &ApiError,
    ) -> Result<(), ApiError> {
        if tokens.refused.is_some() && lock(&self.hopeless).is_some() {
            return Err(self.explain_refusal(listing));
        }
        tracing::debug!(
            source = self.telemetry.source(),
            expired = error.mentions("expired"),
            "token refused; logging in again"
        );
        let refused = tokens.given.load(Ordering::Relaxed);
        let (_, renewed) = self.token(Some(refused)).await?;
        if renewed == refused {
            return Err(self.explain_refusal(listing));
        }
        self.telemetry.count_retry(Failure::Unauthorized);
        tokens.refused = Some(refused);
        Ok(())
    }

    /// Counts the records that a collector rejected. `listings` are what it rejected of each listing, and what it read;
    /// returns why the run is incomplete if one of them lost too many.
    pub(crate) fn count_rejected(&self, collector: &'static str, listings: &[(Rejected, u64)]) -> Option<String> {
        let mut all = 0;
        for reason in Rejection::ALL {
            let records = listings.iter().map(|(rejected, _)| rejected[reason as usize]).sum();
            self.telemetry.count_rejected(collector, reason, records);
            all += records;
        }
        if self.rejected_records.is_news(collector, all) {
            tracing::warn!(
                source = self.telemetry.source(),
                collector,
                records = all,
                "records that cannot be read were left out"
            );
        }
        let rejected = |rejected: &Rejected| rejected.iter().sum::<u64>();
        let mut listings = listings.iter().map(|(of_each, read)| (rejected(of_each), *read));
        let (rejected, read) = listings.find(|(rejected, read)| self.is_too_many(*rejected, *read))?;
        let limit = self.max_rejected_percent;
        Some(format!(
            "Too many rejected records: {rejected} of {read} in one listing cannot be read, more than {limit} % \
             (limits.max_rejected_percent)"
        ))
    }

    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
    fn is_too_many(&self, rejected: u64, read: u64) -> bool {
        rejected > 1 && rejected as f64 * 100.0 > self.max_rejected_percent * read as f64
    }

    /// The name of the account, for logs.
    pub(crate) fn source(&self) -> &str {
        self.telemetry.source()
    }

    /// A token other than that of the attempt `refused`, and the attempt that got it first. It is that one still if the
    /// token is only read, and there is no other.
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
            // Tried while we waited: it would fail again.
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
                    tracing::warn!(source = self.telemetry.source(), %error, "cannot replace the token ahead of its end; trying again later");
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
        if let Some(failed) = refusals.of(&credentials, Instant::now()) {
            return Err(failed.error());
        }
        let answer = self.login.log_in(&self.client, &credentials).await;
        let outcome = answer.as_ref().map(drop).map_err(|error| Failed::of(L::ENDPOINT, error));
        refusals.heed(credentials, outcome, Instant::now());
        answer
    }

    /// When what was just had must be had anew. Tells if it is of no use.
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

    /// What it means that a listing refuses what must be good.
    fn explain_refusal(&self, listing: &'static Listing) -> ApiError {
        let words = lock(&self.hopeless).unwrap_or_else(|| self.login.refusal());
        ApiError::new(&listing.endpoint, Failure::Unauthorized, words)
    }

    /// What an error of a listing means.
    fn explain(&self, listing: &'static Listing, error: ApiError) -> ApiError {
        let hopeless = lock(&self.hopeless).map(str::to_owned).filter(|_| error.status() == Some(403));
        let words = hopeless.or_else(|| self.login.explain(listing, error.status()?));
        match words {
            Some(words) => ApiError::new(&listing.endpoint, error.failure, words),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_when_it_changes() {
        let rejected_records = RejectedRecords::default();
        for (records, news) in [(0, false), (3, true), (3, false), (0, false), (3, false), (4, true), (3, true)] {
            assert_eq!(rejected_records.is_news("containers", records), news, "{records}");
        }
        assert!(rejected_records.is_news("sensors", 3));
    }
}
