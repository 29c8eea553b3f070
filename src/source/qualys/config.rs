//! `[[source.qualys]]`: every option of a Qualys account.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::login::Login;
use super::platform::{gateway_instead_of, path_added};
use crate::client;
use crate::session::preference::Preference;
use crate::setting::{ConfigErrors, HumanDuration, RateLimit, Secret};
use crate::source::CollectorConfig as Collector;
use crate::source::settings::{
    Wrong, check_intervals, check_login, check_named, no_password, no_username, one, place, username,
};

/// A Qualys Container Security account.
///
/// It logs in with a user name and password, with a token made in the vendor's user interface, or with an OAuth
/// client: exactly one of them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the account, the `source` label of its series. Required and unique.
    pub name: String,
    /// URL of the platform's gateway, such as `https://gateway.qg1.apps.qualys.com`. Must be set.
    pub base_url: String,
    /// User name to log in with.
    pub username: Option<String>,
    /// File that holds the user name.
    pub username_file: Option<PathBuf>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub password_env: Option<String>,
    /// File that holds a token made in the vendor's user interface.
    pub token_file: Option<PathBuf>,
    /// Environment variable that holds such a token.
    pub token_env: Option<String>,
    /// Id of an OAuth client.
    pub client_id: Option<String>,
    /// File that holds the OAuth client's secret.
    pub client_secret_file: Option<PathBuf>,
    /// Environment variable that holds the OAuth client's secret.
    pub client_secret_env: Option<String>,
    /// Time from the start of one run of a collector to the start of the next.
    pub interval: HumanDuration,
    /// How long the last good data is served once a collector fails. Unset: three times the longer of its interval
    /// and its last full walk.
    pub stale_after: Option<HumanDuration>,
    /// Time between full walks of containers and images; in between, only changes are requested. A container or image
    /// that the vendor purged can be shown for this long if the vendor does not count it out.
    pub full_resync: HumanDuration,
    /// Limits on its requests.
    pub rate_limits: RateLimits,
    /// The connection to it.
    pub http: client::Config,
    /// The collectors.
    pub collectors: Collectors,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::new(),
            base_url: String::new(),
            username: None,
            username_file: None,
            password_file: None,
            password_env: None,
            token_file: None,
            token_env: None,
            client_id: None,
            client_secret_file: None,
            client_secret_env: None,
            interval: HumanDuration::seconds(300),
            stale_after: None,
            full_resync: HumanDuration::seconds(24 * 60 * 60),
            rate_limits: RateLimits::default(),
            http: client::Config::default(),
            collectors: Collectors::default(),
        }
    }
}

/// Requests per window, as the vendor documents its limits. Lower them if others use the same account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// The bulk lists, `/containers/list` and `/images/list`, together.
    pub bulk: RateLimit,
    /// The page lists, `/containers` and `/images`, together.
    pub pages: RateLimit,
    /// Everything else except the log-in, which has no limit.
    pub other: RateLimit,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            bulk: RateLimit::per_seconds(120, 60),
            pages: RateLimit::per_seconds(5000, 60),
            other: RateLimit::per_seconds(1000, 60),
        }
    }
}

/// The collectors of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Collectors {
    /// Containers with their findings, risk, compliance and placement.
    pub containers: Collector,
    /// Images with their findings and fixes.
    pub images: Collector,
    /// Sensors.
    pub sensors: Collector,
    /// Kubernetes posture: controls, and the resources behind them.
    pub posture: Collector,
    /// Reports.
    pub reports: Collector,
    /// Registries with their images by scan state.
    pub registries: Collector,
    /// Centralized policies with their rules.
    pub policies: Collector,
}

impl Config {
    /// Adds an error for each invalid setting; `at` is their path.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        check_named(&self.name, at, errors);
        let key = format!("{at}.base_url");
        if self.base_url.is_empty() {
            errors.add(key, "must be set, to the platform's gateway, such as \"https://gateway.qg1.apps.qualys.com\"");
        } else if let Some(gateway) = gateway_instead_of(&self.base_url) {
            let words = "is the address of the web interface or of the classic API; Container Security is reached at the \
                         platform's gateway, here likely";
            errors.add(key, format!("{words} \"{gateway}\""));
        } else if let Some(path) = path_added(&self.base_url) {
            errors.add(key, format!("must end before \"/{path}\": that part of the path is added"));
        } else {
            client::check_base_url(&self.base_url, &key, errors);
        }
        check_login(self.login(), at, errors);
        check_intervals(self.intervals(), at, errors);
        self.http.check(&format!("{at}.http"), errors);
    }

    /// Only the settings that identify the account: where and how it logs in. A file or variable with a secret counts
    /// by its name.
    pub(super) fn account(&self) -> Self {
        let defaults = Self::default();
        Self {
            interval: defaults.interval,
            stale_after: None,
            full_resync: defaults.full_resync,
            rate_limits: defaults.rate_limits,
            http: defaults.http,
            collectors: defaults.collectors,
            ..self.clone()
        }
    }

    fn intervals(&self) -> [(&'static str, Option<HumanDuration>); 10] {
        let Collectors { containers, images, sensors, posture, reports, registries, policies } = &self.collectors;
        [
            ("interval", Some(self.interval)),
            ("stale_after", self.stale_after),
            ("full_resync", Some(self.full_resync)),
            ("collectors.containers.interval", containers.interval),
            ("collectors.images.interval", images.interval),
            ("collectors.sensors.interval", sensors.interval),
            ("collectors.posture.interval", posture.interval),
            ("collectors.reports.interval", reports.interval),
            ("collectors.registries.interval", registries.interval),
            ("collectors.policies.interval", policies.interval),
        ]
    }

    /// Returns how to log in, or which settings are wrong, and why.
    pub(super) fn login(&self) -> Result<Login, Wrong> {
        let mut wrong = Vec::new();
        let username = username(self.username.as_ref(), self.username_file.as_ref(), &mut wrong);
        let password =
            place("password_file", "password_env", self.password_file.as_ref(), self.password_env.as_ref(), &mut wrong);
        let token = place("token_file", "token_env", self.token_file.as_ref(), self.token_env.as_ref(), &mut wrong);
        let secret = place(
            "client_secret_file",
            "client_secret_env",
            self.client_secret_file.as_ref(),
            self.client_secret_env.as_ref(),
            &mut wrong,
        );
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let by_password = username.is_some() || password.is_some();
        let by_client = self.client_id.is_some() || secret.is_some();
        let ways = [by_password, token.is_some(), by_client].into_iter().filter(|way| *way).count();
        if ways > 1 {
            return one(
                "username",
                "there is more than one way to log in; leave only one of: a user name with its password, a token, a \
                 client_id with its secret",
            );
        }
        match (username, password, token, &self.client_id, secret) {
            (Some(username), Some(password), ..) => Ok(Login::Password { username, password }),
            (Some(_), None, ..) => no_password(),
            (None, Some(_), ..) => no_username(),
            (.., Some(token), _, _) => Ok(Login::Token(token)),
            (.., Some(id), Some(secret)) if !id.is_empty() => {
                Ok(Login::Client { id: Secret::new(id.as_str()), secret, endpoint: Preference::default() })
            }
            (.., Some(id), _) if !id.is_empty() => {
                one("client_secret_file", "must be set, or client_secret_env: client_id has no secret")
            }
            (.., Some(_), _) | (.., None, Some(_)) => {
                one("client_id", "must be set: the client secret has no client_id")
            }
            (.., None, None) => one(
                "username",
                "no credentials are configured; set username and password_file (or password_env), or token_file (or \
                 token_env), or client_id and client_secret_file (or client_secret_env)",
            ),
        }
    }
}
