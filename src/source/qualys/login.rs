//! The ways to log in, and what a refusal means in plain words.

use ::http::HeaderName;

use super::token;
use crate::http::{Answer, ApiError, Call, Client, Endpoint, Unreadable};
use crate::setting::{Secret, SecretPlace};
use crate::telemetry::Failure;

/// Where tokens are had. The vendor exempts it from its rate limits, so its class has none.
pub(super) const AUTH: Endpoint = Endpoint { name: "auth", class: "auth" };

const WRONG_HOST: &str = "there is no log-in at this host; base_url must be the platform's gateway, such as \
                          https://gateway.qg1.apps.qualys.com, and not the address of the web interface or of the classic API";

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

impl Login {
    /// What must be readable for it, with the settings that name it.
    pub(super) fn places(&self) -> Vec<(&'static str, &SecretPlace)> {
        let key = |place: &SecretPlace, file, env| match place {
            SecretPlace::File(_) => file,
            SecretPlace::Env(_) => env,
        };
        match self {
            Self::Password { username, password } => {
                let username = username.as_ref().err().map(|place| ("username_file", place));
                let password = (key(password, "password_file", "password_env"), password);
                username.into_iter().chain([password]).collect()
            }
            Self::Token(place) => vec![(key(place, "token_file", "token_env"), place)],
            Self::Client { secret, .. } => vec![(key(secret, "client_secret_file", "client_secret_env"), secret)],
        }
    }

    /// Whether the vendor is asked for a token, rather than one being read.
    pub(super) fn asks(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    /// Gets a token. What it is made of is read anew, so that it can be changed without a restart.
    pub(super) async fn token(&self, client: &Client) -> Result<Secret, ApiError> {
        let call = match self {
            Self::Token(place) => {
                // Copied out of a page with its line breaks, more often than not.
                return Ok(Secret::new(read(place)?.expose().trim()));
            }
            Self::Password { username, password } => {
                let username = match username {
                    Ok(name) => name.clone(),
                    Err(place) => read(place)?,
                };
                Call::post(&AUTH, "/auth")
                    .form("username", &username)
                    .form("password", &read(password)?)
                    .form("token", "true")
            }
            Self::Client { id, secret } => Call::post(&AUTH, "/auth/oidc")
                .header(HeaderName::from_static("clientid"), id)
                .header(HeaderName::from_static("clientsecret"), &read(secret)?),
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

fn read(place: &SecretPlace) -> Result<Secret, ApiError> {
    place
        .read()
        .map_err(|reason| ApiError::new(&AUTH, Failure::Internal, format!("no credentials to log in with: {reason}")))
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
    Ok(if token::is_jwt(text) {
        Reply::Token(Secret::new(text))
    } else if answer.is_html() || text.starts_with('<') {
        Reply::WebPage
    } else {
        Reply::Other(answer.body.len())
    })
}
