//! The Prisma Cloud Compute API: options and routes.

mod container_rows;
mod image_rows;
mod limits;
mod listing;
mod login;
mod moment;
mod summaries;
mod writing;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{Answer, Call};
use super::lock;
use super::qualys::Clock;
use crate::SECRET_MARKERS;
use crate::console::Console;
use limits::Limits;
use listing::{Kind, Listing};
use login::Logins;

/// The API version at which every console reports its own version.
const VERSION: &str = "/api/v1/version";

const FIRST_VERSION: &str = "/api/v1/";

/// The API's behaviour.
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
#[derive(Clone)]
pub struct Options {
    /// The user name of the account.
    pub username: String,
    /// The password of the account.
    pub password: String,
    /// The path before `/api`, such as `/us-1-111573457`.
    pub prefix: String,
    /// The version in the paths, without the `v`.
    pub api_version: String,
    /// Whether it has everything at `/api/v1` as well.
    pub first_version: bool,
    /// The lifetime of a token, by [`Options::clock`].
    pub token_lifetime: Duration,
    /// The longest page of a listing; requests for more get this many.
    pub page_limit: usize,
    /// Whether to answer 429 past 30 requests of a listing in 30 s. Off by default, so that tests do not wait.
    pub enforce_limits: bool,
    /// The project that requests for listings, defenders and statistics must name; otherwise they get 400.
    pub project: Option<String>,
    /// The collections that requests for listings and statistics must name, in any order; otherwise they get 400.
    pub collections: Vec<String>,
    /// Resources that answer 404, as `settings/license` does where the vendor hosts the console. The oracle only reads
    /// the state, so clear the licence's expiry there, too.
    pub absent: Vec<String>,
    /// Whether listings send their length in `Total-Count`.
    pub total_count: bool,
    /// Whether to compress for clients that accept it.
    pub gzip: bool,
    /// The clock for tokens and limits.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            username: String::from("exporter"),
            password: format!("{}&p%ss=wörd:+\"", SECRET_MARKERS[8]),
            prefix: String::new(),
            api_version: String::from("30.00"),
            token_lifetime: Duration::from_mins(30),
            page_limit: 50,
            enforce_limits: false,
            project: None,
            collections: Vec::new(),
            absent: Vec::new(),
            total_count: true,
            gzip: true,
            first_version: true,
            clock: super::Options::default().clock,
        }
    }
}

/// The API of one console.
pub(super) struct Prisma {
    console: Arc<Mutex<Console>>,
    options: Options,
    logins: Mutex<Logins>,
    limits: Mutex<Limits>,
    containers: Mutex<Listing>,
    compact_images: Mutex<Listing>,
    images: Mutex<Listing>,
}

impl Prisma {
    pub(super) fn new(console: Arc<Mutex<Console>>, options: Options) -> Self {
        Self {
            console,
            options,
            logins: Mutex::default(),
            limits: Mutex::default(),
            containers: Mutex::new(Listing::new(Kind::Containers)),
            compact_images: Mutex::new(Listing::new(Kind::CompactImages)),
            images: Mutex::new(Listing::new(Kind::Images)),
        }
    }

    pub(super) fn console(&self) -> Arc<Mutex<Console>> {
        Arc::clone(&self.console)
    }

    pub(super) fn revoke_tokens(&self) {
        *lock(&self.logins) = Logins::default();
    }

    pub(super) fn answer(&self, call: &Call) -> Answer {
        let now = (self.options.clock)();
        let path = call.path.strip_prefix(self.options.prefix.as_str()).unwrap_or_default();
        let versioned = format!("/api/v{}/", self.options.api_version);
        // At the first version of the API, a console has what it has at its own.
        let resource = path
            .strip_prefix(versioned.as_str())
            .or((path == VERSION).then_some(VERSION))
            .or(path.strip_prefix(FIRST_VERSION).filter(|_| self.options.first_version));
        match (call.method.as_str(), resource) {
            ("POST", Some("authenticate")) => lock(&self.logins).authenticate(call, &self.options, now),
            ("POST", Some("authenticate-client")) => lock(&self.logins).authenticate_client(call, &self.options, now),
            (_, Some("authenticate")) => problem(405, "method not allowed"),
            ("GET", Some(resource)) => self.resource(call, resource, now).unwrap_or_else(|refusal| refusal),
            (_, Some(_)) => problem(405, "method not allowed"),
            (_, None) => problem(404, "page not found"),
        }
    }

    /// The response to an authorized client.
    fn resource(&self, call: &Call, resource: &str, now: i64) -> Result<Answer, Answer> {
        lock(&self.logins).check(call, &self.options, now)?;
        if self.options.absent.iter().any(|absent| absent == resource) {
            return Err(problem(404, "page not found"));
        }
        let (by_project, by_collection) = match resource {
            "containers" | "images" | "stats/vulnerabilities" => (true, true),
            "defenders/summary" => (true, false),
            _ => (false, false),
        };
        self.scope(call, by_project, by_collection)?;
        let summary = |value: fn(&Console) -> Value| Ok(Answer::json(200, value(&lock(&self.console)).to_string()));
        match resource {
            "containers" => self.listed(call, &self.containers, "containers", now),
            "images" if call.parameter("compact") == Some("true") => {
                self.listed(call, &self.compact_images, "images", now)
            }
            "images" => self.listed(call, &self.images, "images", now),
            "defenders/summary" => summary(summaries::defenders),
            "stats/vulnerabilities" => {
                let number = |name: &str, none| call.parameter(name).map_or(Some(none), |sent| sent.parse().ok());
                let (Some(offset), Some(limit)) = (number("offset", 0), number("limit", usize::MAX)) else {
                    return Err(problem(400, "offset and limit are numbers"));
                };
                let console = lock(&self.console);
                let days = summaries::vulnerabilities(&console);
                let answer = Answer::json(200, summaries::page(days, offset, limit).to_string());
                let total = summaries::total(&console).to_string();
                Ok(if self.options.total_count { answer.with_header("total-count", total) } else { answer })
            }
            "settings/license" => summary(summaries::licence),
            "version" | VERSION => summary(|console| json!(console.version)),
            _ => Err(problem(404, "page not found")),
        }
    }

    fn listed(&self, call: &Call, listing: &Mutex<Listing>, name: &'static str, now: i64) -> Result<Answer, Answer> {
        if self.options.enforce_limits && !lock(&self.limits).allows(name, now) {
            return Err(problem(429, "rate limit exceeded"));
        }
        Ok(lock(listing).page(&lock(&self.console), call, &self.options))
    }

    /// Checks that the request names the required project and collections, where they apply.
    fn scope(&self, call: &Call, by_project: bool, by_collection: bool) -> Result<(), Answer> {
        if by_project && self.options.project.is_some() && call.parameter("project") != self.options.project.as_deref()
        {
            return Err(problem(400, "unknown project"));
        }
        let sent = call.parameter("collections").unwrap_or_default().split(',').filter(|name| !name.is_empty());
        let wanted = self.options.collections.iter().map(String::as_str);
        if by_collection && sent.collect::<BTreeSet<_>>() != wanted.collect() {
            return Err(problem(400, "unknown collections"));
        }
        Ok(())
    }
}

/// An error in the vendor's format.
fn problem(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({"err": message}).to_string())
}
