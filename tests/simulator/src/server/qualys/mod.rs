//! The Qualys Container Security API: options and routes.

mod container_rows;
mod cursor;
mod image_rows;
mod limits;
mod listing;
mod login;
mod oddity;
mod policy_rows;
mod posture_rows;
mod registry_rows;
mod report_rows;
mod resource_rows;
mod sensor_rows;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::answer::{Answer, Call};
use super::lock;
use crate::SECRET_MARKERS;
use crate::tenant::Tenant;
use cursor::{Filter, Order};
use limits::Limits;
use listing::{Kind, Listing};
use login::Logins;

/// A clock that returns Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The format of the bulk list's `Link` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkForm {
    /// All formats in turn.
    Rotate,
    /// `<…>;rel=next`, and no header at the end.
    WellFormed,
    /// `<…<;rel=next` as in the vendor's documentation, and `null` at the end.
    Malformed,
}

/// The response of `k8s_postures/count`, which the vendor's documentation leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostureCount {
    /// A page of resources, with one row per resource and control.
    Rows,
    /// A count and groups without rows.
    Groups,
    /// `{"count":3160}`.
    Number,
    /// `3160`.
    Bare,
}

/// The API's behaviour.
#[derive(Clone)]
pub struct Options {
    /// The user name of the account.
    pub username: String,
    /// The password of the account.
    pub password: String,
    /// The client id for `/auth/oidc`.
    pub client_id: String,
    /// The client secret for `/auth/oidc`.
    pub client_secret: String,
    /// A token from the vendor's UI that never expires.
    pub static_token: Option<String>,
    /// The lifetime of a token, by [`Options::clock`].
    pub jwt_lifetime: Duration,
    /// The token's `modulesAllowed`.
    pub modules: Vec<String>,
    /// Whether to send rate limit headers, and to answer 429 past 120 bulk, 5000 page and 1000 other requests in 60 s.
    /// Off by default, so that tests do not wait.
    pub enforce_limits: bool,
    /// The number of records that a page list returns.
    pub window: usize,
    /// The longest query that is accepted, as sent; longer ones get 414.
    pub longest_query: usize,
    /// Whether to compress for clients that accept it.
    pub gzip: bool,
    /// Whether `v1.3/sensors` exists (`v1.1/sensors` always does).
    pub sensors_v13: bool,
    /// The format of the link to the next page.
    pub link_form: LinkForm,
    /// The response of `k8s_postures/count`.
    pub posture_count: PostureCount,
    /// The clock for tokens and limits.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            username: String::from("exporter"),
            password: format!("{}&p%ss=wörd+", SECRET_MARKERS[3]),
            client_id: String::from("simulated-client"),
            client_secret: format!("{}-secret", SECRET_MARKERS[4]),
            static_token: None,
            jwt_lifetime: Duration::from_hours(4),
            modules: vec![String::from("CS")],
            enforce_limits: false,
            window: 10_000,
            longest_query: usize::MAX,
            gzip: true,
            sensors_v13: true,
            link_form: LinkForm::Rotate,
            posture_count: PostureCount::Rows,
            clock: Arc::new(system_time),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the default clock: real clients use real time")]
fn system_time() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(elapsed.as_millis()).expect("milliseconds fit an i64")
}

/// The API of one account.
pub(super) struct Qualys {
    tenant: Arc<Mutex<Tenant>>,
    options: Options,
    logins: Mutex<Logins>,
    limits: Mutex<Limits>,
    page_list: Mutex<Listing>,
    bulk_list: Mutex<Listing>,
    sensors: Mutex<Listing>,
    postures: Mutex<Listing>,
    image_page_list: Mutex<Listing>,
    image_bulk_list: Mutex<Listing>,
    resources: Mutex<Listing>,
    reports: Mutex<Listing>,
    registries: Mutex<Listing>,
    policies: Mutex<Listing>,
}

impl Qualys {
    pub(super) fn new(tenant: Arc<Mutex<Tenant>>, options: Options) -> Self {
        Self {
            tenant,
            options,
            logins: Mutex::default(),
            limits: Mutex::default(),
            page_list: Mutex::new(Listing::new(Kind::Page)),
            bulk_list: Mutex::new(Listing::new(Kind::Bulk)),
            sensors: Mutex::new(Listing::new(Kind::Sensors)),
            postures: Mutex::new(Listing::new(Kind::Postures)),
            image_page_list: Mutex::new(Listing::new(Kind::ImagePage)),
            image_bulk_list: Mutex::new(Listing::new(Kind::ImageBulk)),
            resources: Mutex::new(Listing::new(Kind::Resources)),
            reports: Mutex::new(Listing::new(Kind::Reports)),
            registries: Mutex::new(Listing::new(Kind::Registries)),
            policies: Mutex::new(Listing::new(Kind::Policies)),
        }
    }

    pub(super) fn revoke_tokens(&self) {
        *lock(&self.logins) = Logins::default();
    }

    pub(super) fn answer(&self, call: &Call) -> Answer {
        let now = (self.options.clock)();
        match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/auth") => lock(&self.logins).with_password(call, &self.options, now),
            ("POST", "/auth/oidc") => lock(&self.logins).with_client(call, &self.options, now),
            ("GET", path) if path.starts_with("/csapi/") => self.guarded(call, now),
            (_, path) if path.starts_with("/csapi/") || path.starts_with("/auth") => {
                problem(405, "Method Not Allowed", "read only", now)
            }
            _ => problem(404, "NOT_FOUND", "no such path", now),
        }
    }

    fn guarded(&self, call: &Call, now: i64) -> Answer {
        if let Err(refusal) = lock(&self.logins).check(call, &self.options, now) {
            return refusal;
        }
        if call.raw_query.len() > self.options.longest_query {
            return problem(414, "URI_TOO_LONG", "too long", now);
        }
        let answer = || self.listed(call, now).unwrap_or_else(|reason| problem(400, "BAD_REQUEST", &reason, now));
        if !self.options.enforce_limits {
            return answer();
        }
        let usage = lock(&self.limits).count(&call.path, now);
        let answer = if usage.is_exceeded() {
            problem(429, "TOO_MANY_REQUESTS", "rate limit exceeded", now)
                .with_header("retry-after", usage.wait_seconds().to_string())
        } else {
            answer()
        };
        usage.add_headers(answer)
    }

    fn listed(&self, call: &Call, now: i64) -> Result<Answer, String> {
        match call.path.as_str() {
            "/csapi/v1.3/containers" => self.pages(call, &self.page_list),
            "/csapi/v1.3/containers/list" => self.bulk(call, &self.bulk_list),
            "/csapi/v1.3/images" => self.pages(call, &self.image_page_list),
            "/csapi/v1.3/images/list" => self.bulk(call, &self.image_bulk_list),
            "/csapi/v1.3/sensors" if !self.options.sensors_v13 => Ok(problem(404, "NOT_FOUND", "no such path", now)),
            "/csapi/v1.3/sensors" => self.sensors(call, "pageNumber"),
            "/csapi/v1.1/sensors" => self.sensors(call, "pageNo"),
            "/csapi/v1.3/k8s_postures/list" => {
                let mut page = page(call, "pageNumber", usize::MAX)?;
                page.size = page.size.min(1000);
                self.as_held(call, &self.postures, page)
            }
            "/csapi/v1.3/k8s_postures/count" => {
                let page = resource_rows::page(
                    page(call, "pageNumber", usize::MAX)?,
                    number(call, "limit", resource_rows::MOST)?,
                )?;
                let counted = resource_rows::without_rows(&lock(&self.tenant), self.options.posture_count);
                counted.map_or_else(|| self.as_held(call, &self.resources, page), Ok)
            }
            "/csapi/v1.3/reports" => self.as_held(call, &self.reports, page(call, "pageNumber", 1000)?),
            "/csapi/v1.3/registry" => self.as_held(call, &self.registries, page(call, "pageNumber", 1000)?),
            "/csapi/v1.3/centralizedPolicy" => self.as_held(call, &self.policies, page(call, "pageNumber", 1000)?),
            path => Ok(match self.detail(path) {
                Some(detail) => Answer::json(200, detail),
                None => problem(404, "NOT_FOUND", "no such resource", now),
            }),
        }
    }

    /// The detail page of one record.
    fn detail(&self, path: &str) -> Option<String> {
        let tenant = lock(&self.tenant);
        if let Some(cid) = path.strip_prefix("/csapi/v1.3/k8s_postures/control/") {
            return posture_rows::detail(&tenant, cid);
        }
        policy_rows::detail(&tenant, path.strip_prefix("/csapi/v1.3/centralizedPolicy/")?)
    }

    fn pages(&self, call: &Call, list: &Mutex<Listing>) -> Result<Answer, String> {
        let order = Order::parse(call.parameter("sort").unwrap_or("created:desc"), &["updated", "created"])?;
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?;
        let page = page(call, "pageNumber", 1000)?;
        Ok(lock(list).page(&lock(&self.tenant), &filter, order, page, self.options.window))
    }

    /// A page of a list in the tenant's order.
    fn as_held(&self, call: &Call, list: &Mutex<Listing>, page: Page) -> Result<Answer, String> {
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?;
        Ok(lock(list).page(&lock(&self.tenant), &filter, Order::Listed, page, usize::MAX))
    }

    fn sensors(&self, call: &Call, number: &str) -> Result<Answer, String> {
        let order =
            Order::parse(call.parameter("sort").unwrap_or("created:desc"), &["updated", "lastCheckedIn", "created"])?;
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?;
        let page = page(call, number, 1000)?;
        Ok(lock(&self.sensors).page(&lock(&self.tenant), &filter, order, page, usize::MAX))
    }

    fn bulk(&self, call: &Call, list: &Mutex<Listing>) -> Result<Answer, String> {
        let limit = number(call, "limit", 50)?;
        if limit == 0 || limit > 250 {
            return Err(format!("limit {limit} is not in 1..=250"));
        }
        let filter = Filter::parse(call.parameter("filter").unwrap_or_default())?
            .and(Filter::parse(call.parameter("paginationQuery").unwrap_or_default())?);
        Ok(lock(list).bulk(&lock(&self.tenant), &filter, limit, self.options.link_form))
    }
}

/// The page number, from 1, and the page size.
#[derive(Clone, Copy)]
struct Page {
    number: usize,
    size: usize,
}

fn page(call: &Call, number_name: &str, largest: usize) -> Result<Page, String> {
    let page = Page { number: number(call, number_name, 1)?, size: number(call, "pageSize", 50)? };
    if page.number == 0 || page.size == 0 || page.size > largest {
        return Err(format!("page {} of {} records is out of range", page.number, page.size));
    }
    Ok(page)
}

fn number(call: &Call, name: &str, default: usize) -> Result<usize, String> {
    let Some(text) = call.parameter(name) else { return Ok(default) };
    text.parse().map_err(|_| format!("{name}={text} is not a number"))
}

/// An error in the vendor's format.
fn problem(status: u16, word: &str, message: &str, now: i64) -> Answer {
    let body = json!({"errorCode": format!("{status} {word}"), "message": message, "timestamp": now});
    Answer::json(status, body.to_string())
}

#[cfg(test)]
mod tests;
