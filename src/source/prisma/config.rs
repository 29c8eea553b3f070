//! `[[source.prisma]]`: every option of a Prisma Cloud Compute account.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::console_url::{instead_of, is_without_tenant};
use super::login::{AUTO, Login};
use crate::client::{self, ClientCertificate, Connection};
use crate::setting::{ConfigErrors, HumanDuration, RateLimit};
use crate::source::CollectorConfig as Collector;
use crate::source::settings::{
    Wrong, check_intervals, check_login, check_named, no_password, no_username, one, place, username,
};

/// The most rows per page that a self-hosted console returns (API reference, "Get Container Scan Results").
const MOST_PER_PAGE: u64 = 250;

/// A Prisma Cloud Compute account, in the vendor's cloud or on a self-hosted console.
///
/// It logs in with a user name and password, or with a client certificate: exactly one of them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the account, the `source` label of its series. Required and unique.
    pub name: String,
    /// URL of the console, with the tenant's path if it has one: what Compute > Manage > System > Utilities shows as
    /// "Path to Console". Must be set.
    pub base_url: String,
    /// Version of the console's API: `auto` asks the console; or such as `30.00`. A console supports its own version and
    /// some before it.
    pub api_version: String,
    /// How calls are authorised.
    pub login: Method,
    /// User name, or the id of an access key.
    pub username: Option<String>,
    /// File that holds the user name.
    pub username_file: Option<PathBuf>,
    /// File that holds the password, or the secret of an access key.
    pub password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub password_env: Option<String>,
    /// PEM file of a client certificate to log in with instead. Read at start, and on a reload that changes the
    /// account's settings.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file of its private key, without a password.
    pub client_key_file: Option<PathBuf>,
    /// The project to read. Unset: that of the console itself.
    pub project: Option<String>,
    /// Names of the collections that listings are limited to; empty for everything that the account may see.
    pub collections: Vec<String>,
    /// Rows per page of a listing, 1 to 250. The vendor's cloud returns at most 50.
    pub page_limit: u64,
    /// Limit on requests to each of the large listings, and to everything else. Lower it if others use the same
    /// account.
    pub rate_limit: RateLimit,
    /// Time from the start of one run of a collector to the start of the next.
    pub interval: HumanDuration,
    /// How long the last good data is served once a collector fails. Unset: three times the longer of its interval
    /// and its last full walk.
    pub stale_after: Option<HumanDuration>,
    /// Disable TLS certificate verification. Anyone in between can then read the password; put the console's own
    /// authority, available at `/api/v1/certs/ca.pem`, into `http.ca_file` instead.
    pub insecure_skip_verify: bool,
    /// The connection to it.
    pub http: client::Config,
    /// The collectors.
    pub collectors: Collectors,
}

/// How calls are authorised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// With a token that the console issues for the user name and password.
    #[default]
    Token,
    /// With the user name and password themselves.
    Basic,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::new(),
            base_url: String::new(),
            api_version: AUTO.to_owned(),
            login: Method::default(),
            username: None,
            username_file: None,
            password_file: None,
            password_env: None,
            client_certificate_file: None,
            client_key_file: None,
            project: None,
            collections: Vec::new(),
            page_limit: 50,
            rate_limit: RateLimit::per_seconds(30, 30),
            interval: HumanDuration::seconds(15 * 60),
            stale_after: None,
            insecure_skip_verify: false,
            http: client::Config::default(),
            collectors: Collectors::default(),
        }
    }
}

/// The collectors of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Collectors {
    /// Containers with their compliance and placement, and posture.
    pub containers: Collector,
    /// Images with their vulnerabilities.
    pub images: Collector,
    /// Defenders.
    pub sensors: Collector,
    /// Which images each vulnerability is in.
    pub vulnerabilities: Collector,
    /// Version and licence of the console.
    pub console: Collector,
}

impl Config {
    /// Adds an error for each invalid setting; `at` is their path.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        check_named(&self.name, at, errors);
        self.check_base_url(&format!("{at}.base_url"), errors);
        if self.api_version != AUTO && !is_version(&self.api_version) {
            errors.add(
                format!("{at}.api_version"),
                "must be \"auto\", or two numbers with a dot between them and no \"v\", as in \"30.00\"",
            );
        }
        check_login(self.login(), at, errors);
        if let Ok(connection) = self.connection()
            && let Some(certificate) = connection.client_certificate
            && let Err((key, reason)) = certificate.check()
        {
            errors.add(format!("{at}.{key}"), reason);
        }
        if self.project.as_deref() == Some("") {
            errors.add(format!("{at}.project"), "must not be empty; leave it out for the console's own project");
        }
        if self.collections.iter().any(|name| name.is_empty() || name.contains(',')) {
            errors.add(
                format!("{at}.collections"),
                "must be names of collections, each by itself and without a comma, as in [\"team-a\", \"team-b\"]",
            );
        }
        if !(1..=MOST_PER_PAGE).contains(&self.page_limit) {
            errors.add(
                format!("{at}.page_limit"),
                format!("must be 1 to {MOST_PER_PAGE}; the vendor's cloud gives 50 at most"),
            );
        }
        check_intervals(self.intervals(), at, errors);
        self.http.check(&format!("{at}.http"), errors);
    }

    fn check_base_url(&self, key: &str, errors: &mut ConfigErrors) {
        const PATH: &str = "the address that Compute > Manage > System > Utilities shows as \"Path to Console\"";
        if self.base_url.is_empty() {
            errors.add(key, format!("must be set, to {PATH}, such as \"https://console.example.com:8083\""));
        } else if let Some(words) = instead_of(&self.base_url) {
            errors.add(key, format!("{words} {PATH}"));
        } else if is_without_tenant(&self.base_url) {
            errors.add(
                key,
                format!(
                    "lacks the tenant's path, as in \"https://<region>.cloud.twistlock.com/<tenant>\"; write {PATH}"
                ),
            );
        } else {
            client::check_base_url(&self.base_url, key, errors);
        }
    }

    /// Only the settings that identify the account: where and how it logs in and what it sees there. A file or variable
    /// with a secret counts by its name.
    pub(super) fn account(&self) -> Self {
        let defaults = Self::default();
        Self {
            api_version: defaults.api_version,
            login: defaults.login,
            page_limit: defaults.page_limit,
            rate_limit: defaults.rate_limit,
            interval: defaults.interval,
            stale_after: None,
            insecure_skip_verify: false,
            http: defaults.http,
            collectors: defaults.collectors,
            ..self.clone()
        }
    }

    fn intervals(&self) -> [(&'static str, Option<HumanDuration>); 7] {
        let Collectors { containers, images, sensors, vulnerabilities, console } = &self.collectors;
        [
            ("interval", Some(self.interval)),
            ("stale_after", self.stale_after),
            ("collectors.containers.interval", containers.interval),
            ("collectors.images.interval", images.interval),
            ("collectors.sensors.interval", sensors.interval),
            ("collectors.vulnerabilities.interval", vulnerabilities.interval),
            ("collectors.console.interval", console.interval),
        ]
    }

    /// Returns the special settings of its connections, or which settings are wrong, and why.
    pub(super) fn connection(&self) -> Result<Connection, Wrong> {
        let client_certificate = match (&self.client_certificate_file, &self.client_key_file) {
            (Some(certificate_file), Some(key_file)) => {
                Some(ClientCertificate { certificate_file: certificate_file.clone(), key_file: key_file.clone() })
            }
            (None, None) => None,
            (Some(_), None) => {
                return one("client_key_file", "must be set: there is a client certificate without its key");
            }
            (None, Some(_)) => {
                return one("client_certificate_file", "must be set: there is a client key without its certificate");
            }
        };
        Ok(Connection { client_certificate, insecure_skip_verify: self.insecure_skip_verify })
    }

    /// Returns how to log in, or which settings are wrong, and why.
    pub(super) fn login(&self) -> Result<Login, Wrong> {
        let mut wrong = Vec::new();
        let username = username(self.username.as_ref(), self.username_file.as_ref(), &mut wrong);
        let password =
            place("password_file", "password_env", self.password_file.as_ref(), self.password_env.as_ref(), &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let by_certificate = self.connection()?.client_certificate.is_some();
        let login = |way| Ok(Login::new(way, &self.api_version));
        match (username, password, by_certificate) {
            (None, None, true) if self.login == Method::Basic => {
                one("login", "must be \"token\" with a client certificate, for which the console gives out a token")
            }
            (None, None, true) => login(super::login::Way::Certificate),
            (Some(_), _, true) | (_, Some(_), true) => one(
                "client_certificate_file",
                "there is more than one way to log in; leave only one of: a user name with its password, a client \
                 certificate with its key",
            ),
            (Some(username), Some(password), false) => {
                login(super::login::Way::Password { username, password, basic: self.login == Method::Basic })
            }
            (Some(_), None, false) => no_password(),
            (None, Some(_), false) => no_username(),
            (None, None, false) => one(
                "username",
                "no credentials are configured; set username and password_file (or password_env), or \
                 client_certificate_file and client_key_file",
            ),
        }
    }
}

/// Whether the text is digits, a dot and digits.
fn is_version(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| digits(major) && digits(minor))
}
