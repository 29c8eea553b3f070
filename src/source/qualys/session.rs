//! One account's calls: each is sent with a token that is good, and its refusal is explained.
//!
//! Owns the token. All of an account's collectors share one session, so that it logs in once for all of them,
//! whatever they find out about the token at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::login::{AUTH, Login};
use super::token::{self, Validity};
use crate::clock::Clock;
use crate::http::{Answer, ApiError, Call, Client, Endpoint, Unreadable};
use crate::setting::Secret;
use crate::telemetry::{Failure, Rejection, SourceTelemetry};

use super::wire::Rejected;

/// A token that is read from a file or variable is read again after so long.
const REREAD_MS: i64 = 60 * 1000;

/// A token that could not be replaced ahead of its end is tried to be replaced again after so long.
const AGAIN_MS: i64 = 30 * 1000;

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
    warned: AtomicBool,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// How the last attempt failed, if it did.
    refusal: Option<(Failure, String)>,
}

struct Token {
    secret: Secret,
    /// The attempt that got it.
    attempt: u64,
    validity: Validity,
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
            warned: AtomicBool::new(false),
        }
    }

    /// Sends a call, if need be after logging in, and once more if its token is refused.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        listing: &'static Listing,
        call: Call,
        read: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + Clone + 'static,
    ) -> Result<T, ApiError> {
        let (secret, attempt) = self.token(None).await?;
        let error = match self.client.call(&call.clone().bearer(&secret), read.clone()).await {
            Err(error) if error.status() == Some(401) => error,
            other => return other.map_err(|error| explain(listing, error)),
        };
        tracing::debug!(
            source = self.telemetry.source(),
            expired = error.mentions("expired"),
            "the vendor refused the token; logging in again"
        );
        let (renewed, _) = self.token(Some(attempt)).await?;
        if !self.login.asks() && renewed == secret {
            return Err(self.explain_refusal(listing));
        }
        match self.client.call(&call.bearer(&renewed), read).await {
            Err(error) if error.status() == Some(401) => Err(self.explain_refusal(listing)),
            other => other.map_err(|error| explain(listing, error)),
        }
    }

    /// Counts what a collector could not take.
    pub(super) fn count_rejected(&self, collector: &str, rejected: Rejected) {
        let mut all = 0;
        for reason in Rejection::ALL {
            let records = rejected[reason as usize];
            self.telemetry.count_rejected(collector, reason, records);
            all += records;
        }
        if all > 0 {
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

    /// A token other than that of the attempt `refused`, and the attempt that got it.
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
            && let Some((failure, words)) = &state.refusal
        {
            // Tried and failed while we waited. Each further try with a wrong password brings a lock-out nearer.
            return Err(ApiError::new(&AUTH, *failure, words.as_str()));
        }
        state.refusal = None;
        let answer = self.login.token(&self.client).await;
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        match answer {
            Ok(secret) => {
                let now = self.clock.now();
                self.warn_of_modules(secret.expose());
                let validity = if self.login.asks() {
                    token::validity(secret.expose(), now)
                } else {
                    Validity { due: now.millis() + REREAD_MS, end: now.millis() + REREAD_MS }
                };
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
                let words = error.to_string();
                let words = words.strip_prefix("auth: ").unwrap_or(&words);
                state.refusal = Some((error.failure, words.to_owned()));
                state.token = None;
                Err(error)
            }
        }
    }

    fn warn_of_modules(&self, token: &str) {
        let lacks = token::lacks_module(token);
        if lacks && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                source = self.telemetry.source(),
                "the account can log in, but its subscription or role does not include Container Security (module CS): \
                 every listing will be refused; give the account the module in the vendor's user administration"
            );
        }
    }

    fn explain_refusal(&self, listing: &'static Listing) -> ApiError {
        let words = if self.login.asks() {
            "the vendor refuses a token that it gave out a moment ago; does the account still have API access, and is \
             base_url the gateway of the account's own platform?"
        } else {
            "the vendor refuses the token; it may have expired or been revoked: make a new one and put it in its place"
        };
        ApiError::new(&listing.endpoint, Failure::Unauthorized, words)
    }
}

/// What a refusal of a listing means.
fn explain(listing: &'static Listing, error: ApiError) -> ApiError {
    let Listing { endpoint, what, permission } = listing;
    let words = match error.status() {
        Some(403) => format!(
            "the account lacks the permission for {what} ({permission}); give it to the account's role, or leave this \
             collector out"
        ),
        Some(404) => format!("this tenant has no listing of {what}; is base_url the platform's gateway?"),
        Some(_) | None => return error,
    };
    ApiError::new(endpoint, error.failure, words)
}
