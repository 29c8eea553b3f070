//! The ways to log in, and what refusals mean in plain words.

use http::{HeaderName, header};

use crate::client::{Answer, ApiError, Authorization, Call, Client, Endpoint};
use crate::clock::Timestamp;
use crate::session::credentials::{Credentials, Wrong, read};
use crate::session::preference::Preference;
use crate::session::token::{Validity, copied, is_cut_off, is_jwt};
use crate::session::{self, Listing};
use crate::setting::{Secret, SecretPlace};
use crate::telemetry::Failure;

mod token;

/// The endpoint that issues tokens. The vendor exempts it from its rate limits, so its class has none.
pub(crate) const AUTH: Endpoint = Endpoint { name: "auth", class: "auth" };

const WRONG_HOST: &str = "this host has no log-in endpoint; base_url must be the platform's gateway, such as \
                          https://gateway.qg1.apps.qualys.com, and not the address of the web interface or of the classic API";

/// Why every listing is refused, if the token shows it.
const NO_MODULE: &str = "the account's subscription or role does not include Container Security (module CS), without which \
                         every listing is refused; give the account the module in the vendor's user administration";

/// How an account logs in.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// With a user name, given or in a file, and a password.
    Password { username: Result<Secret, SecretPlace>, password: SecretPlace },
    /// With a token made in the vendor's user interface.
    Token(SecretPlace),
    /// As an OAuth client.
    Client { id: Secret, secret: SecretPlace, endpoint: Preference },
}

impl Login {
    /// The user name or the client id, or the place that holds it with its setting.
    fn name(&self) -> Option<Result<&Secret, (&'static str, &SecretPlace)>> {
        match self {
            Self::Password { username, .. } => Some(username.as_ref().map_err(|place| ("username_file", place))),
            Self::Token(_) => None,
            Self::Client { id, .. } => Some(Ok(id)),
        }
    }

    /// The place of the secret, after its setting.
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

    /// Explains an error of the log-in.
    fn explain_log_in(&self, error: ApiError) -> ApiError {
        let words = match (error.status(), self) {
            (Some(401), Self::Client { .. }) => {
                "wrong client_id or client secret: the vendor refused to log in with them"
            }
            (Some(401), Self::Password { .. } | Self::Token(_)) => {
                "wrong user name or password, a locked account, a user of another platform than that of base_url, one \
                 without API access, or one who may only log in by single sign-on: the vendor refused to log in with them"
            }
            (Some(403), _) => {
                "the account may not use the API; allow it API access in the vendor's user administration, or look \
                 for a rule that keeps this machine's address out"
            }
            // Not "not found": that means that the tenant does not have a listing, and other collectors continue.
            (Some(404 | 405), _) => return ApiError::new(&AUTH, Failure::BadResponse, WRONG_HOST),
            (Some(_) | None, _) => return error,
        };
        ApiError::new(&AUTH, error.failure, words)
    }
}

impl session::Login for Login {
    const ENDPOINT: &'static Endpoint = &AUTH;

    fn asks(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    fn places(&self) -> Vec<(&'static str, &SecretPlace)> {
        self.name().and_then(Result::err).into_iter().chain([self.secret()]).collect()
    }

    fn read(&self) -> Result<Credentials, Wrong> {
        let name = self.name().map(|name| name.cloned().or_else(read)).transpose()?;
        let (key, place) = self.secret();
        let mut secret = read((key, place))?;
        if matches!(self, Self::Token(_)) {
            secret = copied(secret.expose()).map_err(|reason| (key, format!("it {reason}")))?;
        }
        Ok(Credentials { name, secret: Some(secret) })
    }

    async fn log_in(&self, client: &Client, credentials: &Credentials) -> Result<Authorization, ApiError> {
        let Credentials { name, secret } = credentials;
        let secret = secret.as_ref().ok_or_else(|| ApiError::new(&AUTH, Failure::Internal, "the secret is missing"))?;
        let answer = match (self, name) {
            (Self::Token(_), _) | (_, None) => return Ok(Authorization::Bearer(secret.clone())),
            (Self::Password { .. }, Some(username)) => {
                let call = Call::post(&AUTH, "/auth").form("username", username);
                client.exchange(&call.form("password", secret).form("token", "true"), None).answer().await
            }
            (Self::Client { endpoint, .. }, Some(id)) => {
                // Strict gateways answer 415 without a content type, although the body is empty.
                let form = Secret::new("application/x-www-form-urlencoded");
                let calls = CLIENT_ENDPOINTS.map(|path| {
                    Call::post(&AUTH, path)
                        .header(HeaderName::from_static("clientid"), id)
                        .header(HeaderName::from_static("clientsecret"), secret)
                        .header(header::CONTENT_TYPE, &form)
                });
                let none = || ApiError::new(&AUTH, Failure::Internal, "no endpoint for OAuth clients is known");
                let is_elsewhere = |status| matches!(status, 400 | 401 | 403 | 404 | 405);
                endpoint.answer(client, &calls, is_elsewhere, none).await
            }
        };
        let answer = answer.map_err(|error| self.explain_log_in(error))?;
        match reply(&answer) {
            Reply::Token(token) => Ok(Authorization::Bearer(token)),
            Reply::WebPage => {
                Err(ApiError::new(&AUTH, Failure::BadResponse, format!("it answered with a web page: {WRONG_HOST}")))
            }
            Reply::CutOff => Err(ApiError::new(
                &AUTH,
                Failure::BadResponse,
                "it answered with a token that is cut off; does a proxy in between shorten responses?",
            )),
            Reply::Other(bytes) => Err(ApiError::new(
                &AUTH,
                Failure::BadResponse,
                format!("it answered with {bytes} bytes that are not a token; is base_url the platform's gateway?"),
            )),
        }
    }

    fn validity(&self, token: &str, now: Timestamp) -> Validity {
        token::validity(token, now)
    }

    fn hopeless(&self, token: &str) -> Option<&'static str> {
        token::lacks_module(token).then_some(NO_MODULE)
    }

    fn refusal(&self) -> &'static str {
        if session::Login::asks(self) {
            "the vendor refuses a token that it gave out a moment ago; does the account still have API access, and is \
             base_url the gateway of the account's own platform?"
        } else {
            "the vendor refuses the token; it may have expired or been revoked: create a new one and replace it"
        }
    }

    fn explain(&self, listing: &Listing, status: u16) -> Option<String> {
        let Listing { endpoint: _, what, permission } = listing;
        match status {
            403 => Some(format!(
                "the account lacks the permission for {what} ({permission}); give it to the account's role, or leave \
                 this collector out"
            )),
            404 => Some(format!(
                "the listing of {what} was not found; check that base_url is the platform's gateway and that the tenant \
                 has the module"
            )),
            _ => None,
        }
    }
}

/// The endpoints for OAuth clients: of users, and of subscriptions. Nothing in the credentials says which they are for.
const CLIENT_ENDPOINTS: [&str; 2] = ["/auth/oidc", "/auth/oauth"];

enum Reply {
    Token(Secret),
    CutOff,
    WebPage,
    Other(usize),
}

/// Reads the response to a log-in: the bare token as text.
fn reply(answer: &Answer) -> Reply {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim().trim_matches('"');
    if is_jwt(text) {
        Reply::Token(Secret::new(text))
    } else if is_cut_off(text) {
        Reply::CutOff
    } else if answer.is_html() || text.starts_with('<') {
        Reply::WebPage
    } else {
        Reply::Other(answer.body.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::session::credentials::credentials;

    #[tokio::test(start_paused = true)]
    async fn reading_credentials_times_out() {
        let login = Login::Token(SecretPlace::File("tests/config/password".into()));
        let free = Arc::new(Semaphore::new(1));
        for _ in 0..2 {
            assert!(credentials(&login, &free).await.is_ok());
        }
        let held_up = Arc::new(Semaphore::new(0));
        let error = credentials(&login, &held_up).await.unwrap_err();
        assert_eq!(error.failure, Failure::Internal);
        assert_eq!(
            error.to_string(),
            "auth: no credentials to log in with: token_file could not be read within 10 seconds; does its mount \
             respond?"
        );
        let login = Login::Token(SecretPlace::Env("S3cret".to_owned()));
        let error = credentials(&login, &free).await.unwrap_err().to_string();
        assert!(error.contains("token_env: the environment variable") && !error.contains("S3cret"), "{error}");
    }
}
