//! One account's calls: each is sent with a token that is good, and its refusal is explained.
//!
//! Owns the token. All of an account's collectors share one session, so that it logs in once for all of them,
//! whatever they find out about the token at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as PlainMutex};

use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::login::{Failed, Login, Refusals};
use super::token::{self, Validity};
use crate::clock::Clock;
use crate::http::{Answer, ApiError, Bearer, Call, Client, Endpoint, Unreadable};
use crate::lock::lock;
use crate::setting::Secret;
use crate::telemetry::{Failure, Rejection, SourceTelemetry};

use crate::source::wire::Rejected;

/// A token that is read from a file or variable is read again after so long.
const REREAD_MS: i64 = 60 * 1000;

/// A token that could not be replaced ahead of its end is tried to be replaced again after so long.
const AGAIN_MS: i64 = 30 * 1000;

/// A call is given up if so many new tokens were of no use to it.
const MOST_RENEWALS: usize = 2;

/// Why every listing is refused, where the token tells it.
const NO_MODULE: &str = "the account's subscription or role does not include Container Security (module CS), without which \
                         every listing is refused; give the account the module in the vendor's user administration";

/// A listing of the vendor.
pub(super) struct Listing {
    pub(super) endpoint: Endpoint,
    /// What it lists, for people.
    pub(super) what: &'static str,
    /// The permission it needs, as the vendor words it, for people.
    pub(super) permission: &'static str,
}

/// The calls of one account.
pub(super) struct Session {
    client: Client,
    login: Login,
    clock: Clock,
    telemetry: Arc<SourceTelemetry>,
    state: Mutex<State>,
    /// How many attempts to log in have ended: tells those who waited for the lock that one did meanwhile.
    attempts: AtomicU64,
    /// Lets one thread at a time read the credentials.
    reading: Arc<Semaphore>,
    /// Whether the last token tells that the account may not use the vendor's module.
    lacks_module: AtomicBool,
    left_out: LeftOut,
}

/// How many records each collector left out when that was last told.
#[derive(Default)]
struct LeftOut(PlainMutex<BTreeMap<&'static str, u64>>);

impl LeftOut {
    /// Whether it is to be told. Such records stay from run to run: told each time, they would drown the rest.
    fn is_news(&self, collector: &'static str, records: u64) -> bool {
        records > 0 && lock(&self.0).insert(collector, records) != Some(records)
    }
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// How the last attempt failed, if it did.
    failed: Option<Failed>,
    refusals: Refusals,
}

struct Token {
    secret: Secret,
    /// The attempt that got it first.
    attempt: u64,
    validity: Validity,
}

/// Gives a call its tokens.
struct Pass<'s> {
    session: &'s Session,
    /// The attempt whose token the vendor refused.
    refused: Option<u64>,
    /// The attempt whose token was given out last.
    given: AtomicU64,
}

impl Bearer for Pass<'_> {
    async fn token(&self) -> Result<Secret, ApiError> {
        let (secret, attempt) = self.session.token(self.refused).await?;
        self.given.store(attempt, Ordering::Relaxed);
        Ok(secret)
    }
}

impl Session {
    pub(super) fn new(client: Client, login: Login, clock: Clock, telemetry: Arc<SourceTelemetry>) -> Self {
        Self {
            client,
            login,
            clock,
            telemetry,
            state: Mutex::default(),
            attempts: AtomicU64::new(0),
            reading: Arc::new(Semaphore::new(1)),
            lacks_module: AtomicBool::new(false),
            left_out: LeftOut::default(),
        }
    }

    /// Sends a call, if need be after logging in, and again with a new token if its own is refused.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        listing: &'static Listing,
        call: Call,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + Clone + 'static,
    ) -> Result<T, ApiError> {
        let mut pass = Pass { session: self, refused: None, given: AtomicU64::new(0) };
        for _ in 0..MOST_RENEWALS {
            let error = match self.client.call_with(&call, &pass, read.clone()).await {
                Err(error) if error.status() == Some(401) => error,
                other => return other.map_err(|error| self.explain(listing, error)),
            };
            if pass.refused.is_some() && self.lacks_module.load(Ordering::Relaxed) {
                return Err(self.explain_refusal(listing));
            }
            tracing::debug!(
                source = self.telemetry.source(),
                expired = error.mentions("expired"),
                "the vendor refused the token; logging in again"
            );
            let refused = pass.given.load(Ordering::Relaxed);
            let (_, renewed) = self.token(Some(refused)).await?;
            if renewed == refused {
                return Err(self.explain_refusal(listing));
            }
            self.telemetry.count_retry(Failure::Unauthorized);
            pass.refused = Some(refused);
        }
        match self.client.call_with(&call, &pass, read).await {
            Err(error) if error.status() == Some(401) => Err(self.explain_refusal(listing)),
            other => other.map_err(|error| self.explain(listing, error)),
        }
    }

    /// Counts what a collector could not take.
    pub(super) fn count_rejected(&self, collector: &'static str, rejected: Rejected) {
        let mut all = 0;
        for reason in Rejection::ALL {
            let records = rejected[reason as usize];
            self.telemetry.count_rejected(collector, reason, records);
            all += records;
        }
        if self.left_out.is_news(collector, all) {
            tracing::warn!(
                source = self.telemetry.source(),
                collector,
                records = all,
                "records that cannot be read were left out"
            );
        }
    }

    /// The name of the account, for logs.
    pub(super) fn source(&self) -> &str {
        self.telemetry.source()
    }

    /// A token other than that of the attempt `refused`, and the attempt that got it first. It is that one still if the
    /// token is only read, and there is no other.
    async fn token(&self, refused: Option<u64>) -> Result<(Secret, u64), ApiError> {
        let before = self.attempts.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(token) = &state.token
            && Some(token.attempt) != refused
            && now.millis() < token.validity.due
        {
            return Ok((token.secret.clone(), token.attempt));
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
            Ok(secret) => {
                let now = self.clock.now();
                self.note_module(secret.expose());
                let validity = if self.login.asks() {
                    token::validity(secret.expose(), now)
                } else {
                    Validity { due: now.millis() + REREAD_MS, end: now.millis() + REREAD_MS }
                };
                let same = state.token.take().filter(|token| !self.login.asks() && token.secret == secret);
                let attempt = same.map_or(attempt, |token| token.attempt);
                state.token = Some(Token { secret: secret.clone(), attempt, validity });
                Ok((secret, attempt))
            }
            Err(error) => {
                if let Some(token) = &mut state.token
                    && Some(token.attempt) != refused
                    && now.millis() < token.validity.end
                {
                    token.validity.due = now.millis() + AGAIN_MS;
                    tracing::warn!(source = self.telemetry.source(), %error, "cannot replace the token ahead of its end; trying again later");
                    return Ok((token.secret.clone(), token.attempt));
                }
                state.failed = Some(Failed::of(&error));
                state.token = None;
                Err(error)
            }
        }
    }

    /// Logs in, but not with credentials that were refused a moment ago.
    async fn log_in(&self, refusals: &mut Refusals) -> Result<Secret, ApiError> {
        let credentials = self.login.credentials(&self.reading).await?;
        if let Some(failed) = refusals.of(&credentials, Instant::now()) {
            return Err(failed.error());
        }
        let answer = self.login.token(&self.client, &credentials).await;
        refusals.heed(credentials, answer.as_ref().map(drop), Instant::now());
        answer
    }

    fn note_module(&self, token: &str) {
        let lacks = token::lacks_module(token);
        if !self.lacks_module.swap(lacks, Ordering::Relaxed) && lacks {
            tracing::warn!(source = self.telemetry.source(), "the account can log in, but {NO_MODULE}");
        }
    }

    /// What it means that a listing refuses a token that must be good.
    fn explain_refusal(&self, listing: &'static Listing) -> ApiError {
        let words = if self.lacks_module.load(Ordering::Relaxed) {
            NO_MODULE
        } else if self.login.asks() {
            "the vendor refuses a token that it gave out a moment ago; does the account still have API access, and is \
             base_url the gateway of the account's own platform?"
        } else {
            "the vendor refuses the token; it may have expired or been revoked: make a new one and put it in its place"
        };
        ApiError::new(&listing.endpoint, Failure::Unauthorized, words)
    }

    /// What an error of a listing means.
    fn explain(&self, listing: &'static Listing, error: ApiError) -> ApiError {
        let Listing { endpoint, what, permission } = listing;
        let words = match error.status() {
            Some(403) if self.lacks_module.load(Ordering::Relaxed) => NO_MODULE.to_owned(),
            Some(403) => format!(
                "the account lacks the permission for {what} ({permission}); give it to the account's role, or leave \
                 this collector out"
            ),
            Some(404) => format!("this tenant has no listing of {what}; is base_url the platform's gateway?"),
            Some(_) | None => return error,
        };
        ApiError::new(endpoint, error.failure, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_when_it_changes() {
        let left_out = LeftOut::default();
        for (records, news) in [(0, false), (3, true), (3, false), (0, false), (3, false), (4, true), (3, true)] {
            assert_eq!(left_out.is_news("containers", records), news, "{records}");
        }
        assert!(left_out.is_news("sensors", 3));
    }
}
