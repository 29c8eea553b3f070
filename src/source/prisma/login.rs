//! The ways to log in, and what refusals mean in plain words.

use serde::Deserialize;

use crate::client::{Answer, ApiError, Authorization, Call, Client, Endpoint};
use crate::clock::Timestamp;
use crate::session::credentials::{Credentials, Wrong, read};
use crate::session::preference::Preference;
use crate::session::token::{Validity, is_token, lifetime};
use crate::session::{self, Listing};
use crate::setting::{Secret, SecretPlace};
use crate::telemetry::Failure;
use crate::wire::text;

/// The endpoint that issues tokens. Its class has no limit and no other calls: a call that waits for a token holds a
/// permit already.
pub(super) const AUTHENTICATE: Endpoint = Endpoint { name: "authenticate", class: "authenticate" };

/// The version. Consoles return it at every version of the API, or only at the first one.
pub(super) const VERSION: Listing = Listing {
    endpoint: Endpoint { name: "version", class: "other" },
    what: "the console's version",
    permission: "any role",
};

/// How long a token without an expiry time is valid (Compute's docs, "Access the API": 30 minutes on a self-hosted
/// console).
const USUAL_LIFETIME_MS: i64 = 30 * 60 * 1000;

/// The age at which a token is replaced, unless half its lifetime is less. Tokens of the vendor's cloud claim to be
/// valid for an hour, but contain one of ten minutes; its docs advise to renew them every five.
const MOST_AGE_MS: i64 = 5 * 60 * 1000;

/// The setting that has the console asked for its version.
pub(super) const AUTO: &str = "auto";

/// The versions at which consoles are looked for: that of every console, and the oldest in use.
const LOG_IN_VERSIONS: [&str; 2] = ["1", "30.00"];

/// The hint for an address at which the API does not answer.
const WRONG_PLACE: &str = "base_url must be the console's address with the tenant's path, which Compute > Manage > System \
                           > Utilities shows as \"Path to Console\"";

/// How an account logs in, and at which version of the API.
#[derive(Clone, Debug)]
pub(super) struct Login {
    way: Way,
    /// `None`: the version that the console has.
    api_version: Option<String>,
    /// At which version the console's log-in was found last.
    found: Preference,
}

/// The ways to log in.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// With a user name, given or in a file, and a password.
    Password {
        username: Result<Secret, SecretPlace>,
        password: SecretPlace,
        /// Whether the credentials themselves are sent with each call, rather than a token.
        basic: bool,
    },
    /// With the client certificate.
    Certificate,
}

impl Login {
    pub(super) fn new(way: Way, api_version: &str) -> Self {
        let api_version = (api_version != AUTO).then(|| api_version.to_owned());
        Self { way, api_version, found: Preference::default() }
    }

    /// The version of the API at which the log-in was found.
    pub(super) fn found_at(&self) -> &str {
        let found = || LOG_IN_VERSIONS.get(self.found.last()).copied().unwrap_or(LOG_IN_VERSIONS[0]);
        self.api_version.as_deref().unwrap_or_else(found)
    }

    /// Explains an error of the log-in.
    fn explain_log_in(&self, error: ApiError) -> ApiError {
        let words = match (error.status(), &self.way) {
            // A console also answers 400 to unknown credentials.
            (Some(400 | 401), Way::Password { .. }) => {
                "wrong user name or password, a locked account, a user of another console, or one who may only log in by \
                 single sign-on: the console refused to log in with them"
            }
            (Some(400 | 401), Way::Certificate) => {
                "the console refused to log in with the client certificate; is certificate-based authentication set up \
                 there, with the authority of this certificate, and is there a user of its name?"
            }
            (Some(403), _) => {
                "the account may not use the API; give its user a role in Compute that can, or look for a rule that \
                 keeps this machine's address out"
            }
            // Not "not found": that means that the console does not have a listing.
            (Some(404 | 405), _) => {
                let version = self.api_version.as_ref();
                let version = version.map(|version| format!("does the console know API version v{version}? "));
                let words = format!("no log-in endpoint found; {}{WRONG_PLACE}", version.unwrap_or_default());
                return ApiError::new(&AUTHENTICATE, Failure::BadResponse, words);
            }
            (Some(_) | None, _) => return error,
        };
        let failure = if error.failure == Failure::Forbidden { Failure::Forbidden } else { Failure::Unauthorized };
        ApiError::new(&AUTHENTICATE, failure, words)
    }
}

impl session::Login for Login {
    const ENDPOINT: &'static Endpoint = &AUTHENTICATE;

    fn asks(&self) -> bool {
        !matches!(self.way, Way::Password { basic: true, .. })
    }

    fn places(&self) -> Vec<(&'static str, &SecretPlace)> {
        match &self.way {
            Way::Password { username, password, .. } => {
                let username = username.as_ref().err().map(|place| ("username_file", place));
                username.into_iter().chain([password_place(password)]).collect()
            }
            Way::Certificate => Vec::new(),
        }
    }

    fn read(&self) -> Result<Credentials, Wrong> {
        match &self.way {
            Way::Password { username, password, .. } => {
                let name = username.clone().or_else(|place| read(("username_file", &place)))?;
                Ok(Credentials { name: Some(name), secret: Some(read(password_place(password))?) })
            }
            Way::Certificate => Ok(Credentials::default()),
        }
    }

    async fn log_in(&self, client: &Client, credentials: &Credentials) -> Result<Authorization, ApiError> {
        let below = |call: Call| -> Vec<_> {
            let versions = self.api_version.as_deref().map_or(LOG_IN_VERSIONS.to_vec(), |version| vec![version]);
            versions.iter().map(|version| call.clone().below(&format!("/api/v{version}"))).collect()
        };
        let call = match (&self.way, &credentials.name, &credentials.secret) {
            (Way::Password { basic: true, .. }, Some(user), Some(password)) => {
                return Ok(Authorization::Basic { user: user.clone(), password: password.clone() });
            }
            (_, Some(user), Some(password)) => {
                Call::post(&AUTHENTICATE, "authenticate").json("username", user).json("password", password)
            }
            (..) => Call::post(&AUTHENTICATE, "authenticate-client"),
        };
        let none = || ApiError::new(&AUTHENTICATE, Failure::Internal, "no version to log in at is known");
        let is_elsewhere = |status| matches!(status, 404 | 405);
        let answer = self.found.answer(client, &below(call), is_elsewhere, none).await;
        let answer = answer.map_err(|error| self.explain_log_in(error))?;
        let words = match reply(&answer) {
            Reply::Token(token) => return Ok(Authorization::Bearer(token)),
            Reply::WebPage => format!("it answered with a web page: {WRONG_PLACE}"),
            Reply::Other(bytes) => format!("it answered with {bytes} bytes without a token: {WRONG_PLACE}"),
        };
        Err(ApiError::new(&AUTHENTICATE, Failure::BadResponse, words))
    }

    fn validity(&self, token: &str, now: Timestamp) -> Validity {
        let lifetime = lifetime(token, now).unwrap_or(USUAL_LIFETIME_MS);
        let now = now.millis();
        Validity { due: now + (lifetime / 2).min(MOST_AGE_MS), end: now.saturating_add(lifetime) }
    }

    fn refusal(&self) -> &'static str {
        if session::Login::asks(self) {
            "the console refuses a token that it gave out a moment ago; does the account still have access to the API, \
             and does the configured project accept it?"
        } else {
            "wrong user name or password, or the account is locked: the console refuses them; if they are right, it may \
             not take them with each call: set login to \"token\""
        }
    }

    fn explain(&self, listing: &Listing, status: u16) -> Option<String> {
        let Listing { endpoint, what, permission } = listing;
        match status {
            403 => Some(format!(
                "the account lacks the permission for {what} ({permission}); give it to the account's role, or leave \
                 this collector out"
            )),
            // The version endpoint is the same at every version of the API.
            404 if *endpoint == VERSION.endpoint => Some(format!("this is not a console; {WRONG_PLACE}")),
            404 => Some(match &self.api_version {
                Some(version) => format!(
                    "this console does not know API version v{version}, or base_url lacks the tenant's path; {WRONG_PLACE}"
                ),
                None => {
                    format!("this console does not have {what}, or base_url lacks the tenant's path; {WRONG_PLACE}")
                }
            }),
            _ => None,
        }
    }
}

/// The place of the password, after its setting.
fn password_place(place: &SecretPlace) -> (&'static str, &SecretPlace) {
    match place {
        SecretPlace::File(_) => ("password_file", place),
        SecretPlace::Env(_) => ("password_env", place),
    }
}

enum Reply {
    Token(Secret),
    WebPage,
    Other(usize),
}

/// Reads the response to a log-in, `{"token": …}`.
fn reply(answer: &Answer) -> Reply {
    #[derive(Deserialize)]
    struct Given {
        token: String,
    }

    let text = text(&answer.body);
    match serde_json::from_str::<Given>(&text) {
        Ok(Given { token }) if is_token(&token) => Reply::Token(Secret::new(token)),
        _ if answer.is_html() || text.trim_start().starts_with('<') => Reply::WebPage,
        Ok(_) | Err(_) => Reply::Other(answer.body.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Login as _;
    use crate::session::token::tests::token;

    #[test]
    fn a_token_is_renewed_after_half_its_lifetime_and_five_minutes_at_most() {
        let login = Login::new(Way::Certificate, "30.00");
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        let at = |millis: i64| 1_700_000_000_000 + millis;
        for (claims, due, end) in [
            (r#"{"exp":1700003600}"#, 300_000, 3_600_000),
            (r#"{"exp":1700000120}"#, 60_000, 120_000),
            ("{}", 300_000, 1_800_000),
            ("nonsense", 300_000, 1_800_000),
        ] {
            assert_eq!(login.validity(&token(claims), now), Validity { due: at(due), end: at(end) }, "{claims}");
        }
    }
}
