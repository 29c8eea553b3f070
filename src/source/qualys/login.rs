//! The ways to log in, and what a refusal means in plain words.

use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderName;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::token;
use crate::http::{Answer, ApiError, Call, Client, Endpoint, Unreadable};
use crate::setting::{Secret, SecretPlace};
use crate::telemetry::Failure;

/// Where tokens are had. The vendor exempts it from its rate limits, so its class has none.
pub(super) const AUTH: Endpoint = Endpoint { name: "auth", class: "auth" };

const WRONG_HOST: &str = "there is no log-in at this host; base_url must be the platform's gateway, such as \
                          https://gateway.qg1.apps.qualys.com, and not the address of the web interface or of the classic API";

/// What a secret is read from, such as a mount over the network, is waited for so long.
const LONGEST_READ: Duration = Duration::from_secs(10);

/// So long nobody logs in again with credentials that were refused; each further refusal doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How an account logs in.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// With a user name, given or in a file, and a password.
    Password { username: Result<Secret, SecretPlace>, password: SecretPlace },
    /// With a token made in the vendor's user interface.
    Token(SecretPlace),
    /// As an OAuth client.
    Client { id: Secret, secret: SecretPlace },
}

/// What an account logs in with, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    /// The user name or the client's id; nothing where there is a token only.
    name: Option<Secret>,
    /// The password, token or client secret.
    secret: Secret,
}

impl Login {
    /// What must be readable for it, with the settings that name it.
    pub(super) fn places(&self) -> Vec<(&'static str, &SecretPlace)> {
        self.name().and_then(Result::err).into_iter().chain([self.secret()]).collect()
    }

    /// The user name or the client's id, or where it is and the setting that says so.
    fn name(&self) -> Option<Result<&Secret, (&'static str, &SecretPlace)>> {
        match self {
            Self::Password { username, .. } => Some(username.as_ref().map_err(|place| ("username_file", place))),
            Self::Token(_) => None,
            Self::Client { id, .. } => Some(Ok(id)),
        }
    }

    /// Where the secret is, after the setting that says so.
    fn secret(&self) -> (&'static str, &SecretPlace) {
        let (file, env, place) = match self {
            Self::Password { password, .. } => ("password_file", "password_env", password),
            Self::Token(place) => ("token_file", "token_env", place),
            Self::Client { secret, .. } => ("client_secret_file", "client_secret_env", secret),
        };
        match place {
            SecretPlace::File(_) => (file, place),
            SecretPlace::Env(_) => (env, place),
        }
    }

    /// Whether the vendor is asked for a token, rather than one being read.
    pub(super) fn asks(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    /// Reads the credentials anew, so that they can be changed without a restart. `reading` has one permit for all
    /// reads of an account: one that is held up keeps its thread, and further ones must not take all there are.
    pub(super) async fn credentials(&self, reading: &Arc<Semaphore>) -> Result<Credentials, ApiError> {
        let failed =
            |words: &str| ApiError::new(&AUTH, Failure::Internal, format!("no credentials to log in with: {words}"));
        let read = async {
            let permit = Arc::clone(reading).acquire_owned().await.ok()?;
            let login = self.clone();
            let read = move || {
                let read = login.read();
                drop(permit);
                read
            };
            spawn_blocking(read).await.ok()
        };
        match timeout(LONGEST_READ, read).await {
            Ok(Some(read)) => read.map_err(|reason| failed(&reason)),
            Ok(None) => Err(failed("the program is stopping")),
            Err(_) => Err(failed(&format!(
                "{} could not be read within {} seconds; does the mount that it is on answer?",
                self.places().iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" or "),
                LONGEST_READ.as_secs()
            ))),
        }
    }

    fn read(&self) -> Result<Credentials, String> {
        let read = |(key, place): (&str, &SecretPlace)| place.read().map_err(|reason| format!("{key}: {reason}"));
        let name = self.name().map(|name| name.cloned().or_else(read)).transpose()?;
        Ok(Credentials { name, secret: read(self.secret())? })
    }

    /// Gets a token with the credentials.
    pub(super) async fn token(&self, client: &Client, credentials: &Credentials) -> Result<Secret, ApiError> {
        let Credentials { name, secret } = credentials;
        let call = match (self, name) {
            // Copied out of a page with its line breaks, more often than not.
            (Self::Token(_), _) | (_, None) => return Ok(Secret::new(secret.expose().trim())),
            (Self::Password { .. }, Some(username)) => {
                Call::post(&AUTH, "/auth").form("username", username).form("password", secret).form("token", "true")
            }
            (Self::Client { .. }, Some(id)) => Call::post(&AUTH, "/auth/oidc")
                .header(HeaderName::from_static("clientid"), id)
                .header(HeaderName::from_static("clientsecret"), secret),
        };
        let reply = client.call(&call, reply).await.map_err(|error| self.explain(error))?;
        match reply {
            Reply::Token(token) => Ok(token),
            Reply::WebPage => {
                Err(ApiError::new(&AUTH, Failure::BadResponse, format!("it answered with a web page: {WRONG_HOST}")))
            }
            Reply::Other(bytes) => Err(ApiError::new(
                &AUTH,
                Failure::BadResponse,
                format!("it answered with {bytes} bytes that are no token; is base_url the platform's gateway?"),
            )),
        }
    }

    fn explain(&self, error: ApiError) -> ApiError {
        let words = match (error.status(), self) {
            (Some(401), Self::Client { .. }) => {
                "wrong client_id or client secret: the vendor refused to log in with them"
            }
            (Some(401), Self::Password { .. } | Self::Token(_)) => {
                "wrong user name or password, or the account is locked: the vendor refused to log in with them"
            }
            (Some(403), _) => {
                "the account may not use the API; allow it API access in the vendor's user administration, or look \
                 for a rule that keeps this machine's address out"
            }
            // Not "not found": that is what a listing is which the tenant does not have, and collectors go on then.
            (Some(404 | 405), _) => return ApiError::new(&AUTH, Failure::BadResponse, WRONG_HOST),
            (Some(_) | None, _) => return error,
        };
        ApiError::new(&AUTH, error.failure, words)
    }
}

/// How a log-in failed, to be told to more than one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    failure: Failure,
    words: String,
}

impl Failed {
    pub(super) fn of(error: &ApiError) -> Self {
        let words = error.to_string();
        let words = words.strip_prefix("auth: ").unwrap_or(&words);
        Self { failure: error.failure, words: words.to_owned() }
    }

    pub(super) fn error(&self) -> ApiError {
        ApiError::new(&AUTH, self.failure, self.words.as_str())
    }
}

/// The credentials that the vendor refused last, and when to try them again: an account is locked after some tries with
/// a wrong password, for its people as well.
#[derive(Debug, Default)]
pub(super) struct Refusals(Option<Refusal>);

#[derive(Debug)]
struct Refusal {
    credentials: Credentials,
    failed: Failed,
    pause: Duration,
    until: Instant,
}

impl Refusals {
    /// How these credentials were refused, if it is too early to try them again.
    pub(super) fn of(&self, credentials: &Credentials, now: Instant) -> Option<&Failed> {
        let refusal = self.0.as_ref().filter(|refusal| refusal.credentials == *credentials && now < refusal.until);
        refusal.map(|refusal| &refusal.failed)
    }

    /// Learns from a log-in with the credentials.
    pub(super) fn heed(&mut self, credentials: Credentials, answer: Result<(), &ApiError>, now: Instant) {
        match answer {
            Ok(()) => self.0 = None,
            Err(error) if error.failure == Failure::Unauthorized || error.failure == Failure::Forbidden => {
                // Others were refused before: for the vendor, all of them count.
                let pause = self.0.as_ref().map_or(FIRST_PAUSE, |last| (last.pause * 2).min(LONGEST_PAUSE));
                self.0 = Some(Refusal { credentials, failed: Failed::of(error), pause, until: now + pause });
            }
            // Nothing was said about them.
            Err(_) => {}
        }
    }
}

enum Reply {
    Token(Secret),
    WebPage,
    Other(usize),
}

/// Reads the answer to a log-in: the bare token as text. Something else would not become one if asked for again.
#[expect(clippy::unnecessary_wraps, reason = "what a reader of answers returns")]
fn reply(answer: &Answer) -> Result<Reply, Unreadable> {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim().trim_matches('"');
    Ok(if token::is_token(text) {
        Reply::Token(Secret::new(text))
    } else if answer.is_html() || text.starts_with('<') {
        Reply::WebPage
    } else {
        Reply::Other(answer.body.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(secret: &str) -> Credentials {
        Credentials { name: None, secret: Secret::new(secret) }
    }

    #[test]
    fn refused_credentials_are_left_alone_for_longer_each_time() {
        let mut now = Instant::now();
        let (wrong, other) = (credentials("wrong"), credentials("other"));
        let refused = ApiError::new(&AUTH, Failure::Unauthorized, "wrong password");
        let down = ApiError::new(&AUTH, Failure::Unreachable, "nobody there");
        let mut refusals = Refusals::default();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(refusals.of(&wrong, now), None);
            refusals.heed(wrong.clone(), Err(&refused), now);
            now += Duration::from_secs(seconds);
            let last = refusals.of(&wrong, now.checked_sub(Duration::from_millis(1)).unwrap()).unwrap();
            assert_eq!(last.error().to_string(), refused.to_string());
            assert_eq!(refusals.of(&other, now.checked_sub(Duration::from_millis(1)).unwrap()), None);
        }
        // Neither a vendor that is down nor another wrong password is a success.
        refusals.heed(wrong.clone(), Err(&down), now);
        refusals.heed(other.clone(), Err(&refused), now);
        assert!(refusals.of(&other, now + Duration::from_secs(299)).is_some());
        refusals.heed(wrong.clone(), Ok(()), now);
        assert_eq!(refusals.of(&other, now), None);
        refusals.heed(wrong.clone(), Err(&refused), now);
        assert_eq!(refusals.of(&wrong, now + Duration::from_secs(1)), None, "the first again");
        assert!(!format!("{refusals:?}").contains("wrong\""), "{refusals:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_cannot_be_read_are_not_waited_for_without_end() {
        let login = Login::Token(SecretPlace::File("tests/config/password".into()));
        let free = Arc::new(Semaphore::new(1));
        for _ in 0..2 {
            assert!(login.credentials(&free).await.is_ok());
        }
        let held_up = Arc::new(Semaphore::new(0));
        let error = login.credentials(&held_up).await.unwrap_err();
        assert_eq!(error.failure, Failure::Internal);
        assert_eq!(
            error.to_string(),
            "auth: no credentials to log in with: token_file could not be read within 10 seconds; does the mount that it \
             is on answer?"
        );
        let login = Login::Token(SecretPlace::Env("S3cret".to_owned()));
        let error = login.credentials(&free).await.unwrap_err().to_string();
        assert!(error.contains("token_env: the environment variable") && !error.contains("S3cret"), "{error}");
    }
}
