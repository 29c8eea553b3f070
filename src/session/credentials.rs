//! The credentials of an account, and those that the vendor refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::Login;
use crate::client::{ApiError, Endpoint};
use crate::setting::{Secret, SecretPlace};
use crate::telemetry::Failure;

/// How long to wait for a secret, which can be on a network mount.
const LONGEST_READ: Duration = Duration::from_secs(10);

/// How long refused credentials are not tried again; each further refusal doubles it, up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The credentials of an account, as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user name or the like; `None` if a secret or a client certificate is enough.
    pub(crate) name: Option<Secret>,
    /// The password, token or the like; `None` if a client certificate is enough.
    pub(crate) secret: Option<Secret>,
}

/// The setting that names a place, and why what it holds cannot be used.
pub(crate) type Wrong = (&'static str, String);

/// Reads the secret in a place; the setting before it names the place.
pub(crate) fn read((key, place): (&'static str, &SecretPlace)) -> Result<Secret, Wrong> {
    place.read().map_err(|reason| (key, reason))
}

/// Reads the credentials each time, so that they can be changed without a restart. `reading` has one permit for all
/// reads of an account: a blocked read keeps its thread, and further ones must not use up all threads.
pub(crate) async fn credentials<L: Login>(login: &L, reading: &Arc<Semaphore>) -> Result<Credentials, ApiError> {
    let failed =
        |words: &str| ApiError::new(L::ENDPOINT, Failure::Internal, format!("no credentials to log in with: {words}"));
    let read = async {
        let permit = Arc::clone(reading).acquire_owned().await.ok()?;
        let login = login.clone();
        let read = move || {
            let read = login.read();
            drop(permit);
            read
        };
        spawn_blocking(read).await.ok()
    };
    match timeout(LONGEST_READ, read).await {
        Ok(Some(read)) => read.map_err(|(key, reason)| failed(&format!("{key}: {reason}"))),
        Ok(None) => Err(failed("the program is stopping")),
        Err(_) => Err(failed(&format!(
            "{} could not be read within {} seconds; does its mount respond?",
            login.places().iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" or "),
            LONGEST_READ.as_secs()
        ))),
    }
}

/// How a log-in failed, for everyone who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    endpoint: &'static Endpoint,
    failure: Failure,
    words: String,
}

impl Failed {
    pub(crate) fn of(endpoint: &'static Endpoint, error: &ApiError) -> Self {
        let words = error.to_string();
        let prefix = format!("{}: ", endpoint.name);
        let words = words.strip_prefix(&prefix).unwrap_or(&words);
        Self { endpoint, failure: error.failure, words: words.to_owned() }
    }

    pub(crate) fn error(&self) -> ApiError {
        ApiError::new(self.endpoint, self.failure, self.words.as_str())
    }
}

/// The credentials that the vendor refused last, and when to try them again: vendors lock an account, for its users as
/// well, after several attempts with a wrong password.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Option<Refusal>);

#[derive(Debug)]
struct Refusal {
    credentials: Credentials,
    failed: Failed,
    pause: Duration,
    until: Instant,
}

impl Refusals {
    /// Returns how these credentials were refused, if it is too early to try them again.
    pub(crate) fn of(&self, credentials: &Credentials, now: Instant) -> Option<&Failed> {
        let refusal = self.0.as_ref().filter(|refusal| refusal.credentials == *credentials && now < refusal.until);
        refusal.map(|refusal| &refusal.failed)
    }

    /// Records the result of a log-in with these credentials.
    pub(crate) fn observe(&mut self, credentials: Credentials, answer: Result<(), Failed>, now: Instant) {
        match answer {
            Ok(()) => self.0 = None,
            Err(failed) if matches!(failed.failure, Failure::Unauthorized | Failure::Forbidden) => {
                // Other credentials may have been refused before: the vendor counts all attempts.
                let pause = self.0.as_ref().map_or(FIRST_PAUSE, |last| (last.pause * 2).min(LONGEST_PAUSE));
                self.0 = Some(Refusal { credentials, failed, pause, until: now + pause });
            }
            // The vendor did not judge them.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTH: Endpoint = Endpoint { name: "auth", class: "auth" };

    fn credentials(secret: &str) -> Credentials {
        Credentials { name: None, secret: Some(Secret::new(secret)) }
    }

    #[test]
    fn the_pause_after_refused_credentials_grows() {
        let mut now = Instant::now();
        let (wrong, other) = (credentials("wrong"), credentials("other"));
        let error = ApiError::new(&AUTH, Failure::Unauthorized, "wrong password");
        let refused = Failed::of(&AUTH, &error);
        let down = Failed::of(&AUTH, &ApiError::new(&AUTH, Failure::Unreachable, "nobody there"));
        let mut refusals = Refusals::default();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(refusals.of(&wrong, now), None);
            refusals.observe(wrong.clone(), Err(refused.clone()), now);
            now += Duration::from_secs(seconds);
            let last = refusals.of(&wrong, now.checked_sub(Duration::from_millis(1)).unwrap()).unwrap();
            assert_eq!(last.error().to_string(), error.to_string());
            assert_eq!(refusals.of(&other, now.checked_sub(Duration::from_millis(1)).unwrap()), None);
        }
        // Neither a vendor that is down nor another wrong password is a success.
        refusals.observe(wrong.clone(), Err(down), now);
        refusals.observe(other.clone(), Err(refused.clone()), now);
        assert!(refusals.of(&other, now + Duration::from_secs(299)).is_some());
        refusals.observe(wrong.clone(), Ok(()), now);
        assert_eq!(refusals.of(&other, now), None);
        refusals.observe(wrong.clone(), Err(refused.clone()), now);
        assert_eq!(refusals.of(&wrong, now + Duration::from_secs(1)), None, "the first pause again");
        assert!(!format!("{refusals:?}").contains("wrong\""), "{refusals:?}");
    }
}
