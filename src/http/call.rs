//! What is asked of a vendor, how that becomes a request, and what a reader of the answer gets to see.

use std::convert::Infallible;
use std::fmt;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use reqwest::{RequestBuilder, Url};

use super::error::{ApiError, Fault};
use crate::setting::Secret;
use crate::telemetry::Failure;

/// One listing or service of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its fixed name: a label value, and the word for it in errors and logs.
    pub name: &'static str,
    /// Which of the client's rate limits it falls under.
    pub class: &'static str,
}

/// The value of a form's field.
#[derive(Clone, Debug)]
pub enum Field {
    /// A text that may be seen.
    Text(String),
    /// A secret.
    Secret(Secret),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&Secret> for Field {
    fn from(secret: &Secret) -> Self {
        Self::Secret(secret.clone())
    }
}

impl Field {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// One request as it is to be sent, as often as needed.
#[derive(Clone)]
pub struct Call {
    pub(super) endpoint: &'static Endpoint,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(HeaderName, Secret)>,
    pub(super) form: Vec<(&'static str, Field)>,
}

impl Call {
    /// Asks for `path` below the base URL. It is percent-encoded here; `.` and `..` in it do nothing.
    pub fn get(endpoint: &'static Endpoint, path: impl Into<String>) -> Self {
        Self::new(endpoint, Method::GET, path.into())
    }

    /// Posts to `path` below the base URL: the form, or nothing if it has no field.
    pub fn post(endpoint: &'static Endpoint, path: impl Into<String>) -> Self {
        Self::new(endpoint, Method::POST, path.into())
    }

    fn new(endpoint: &'static Endpoint, method: Method, path: String) -> Self {
        Self { endpoint, method, path, query: Vec::new(), headers: Vec::new(), form: Vec::new() }
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sends a header. Its value is held for a secret, whatever it is.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &Secret) -> Self {
        self.headers.push((name, value.clone()));
        self
    }

    /// Adds a field to the form that is posted.
    #[must_use]
    pub fn form(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        self.form.push((name, value.into()));
        self
    }

    /// The call as a request to `base`, with the token.
    pub(super) fn request(
        &self,
        client: &reqwest::Client,
        base: &Url,
        token: Option<&Secret>,
    ) -> Result<RequestBuilder, Fault> {
        let mut request = client.request(self.method.clone(), self.url(base.clone()));
        if let Some(token) = token {
            let value = Secret::new(format!("Bearer {}", token.expose()));
            request = request.header(header::AUTHORIZATION, sensitive(&value)?);
        }
        for (name, value) in &self.headers {
            request = request.header(name, sensitive(value)?);
        }
        if !self.form.is_empty() {
            let fields: Vec<_> = self.form.iter().map(|(name, value)| (name, value.as_str())).collect();
            request = request.form(&fields);
        } else if self.method == Method::POST {
            // hyper leaves it out for an empty body, and some gateways answer 411 then.
            request = request.header(header::CONTENT_LENGTH, 0);
        }
        Ok(request)
    }

    fn url(&self, mut url: Url) -> Url {
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.path.split('/').filter(|segment| !segment.is_empty()));
        }
        if !self.query.is_empty() {
            let query = url.query_pairs_mut().extend_pairs(&self.query).finish().query();
            // A plus of the query's own is %2B by now. Not every gateway takes the rest for spaces; %20 all do.
            let query = query.unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        url
    }
}

/// A header's value that is not shown, even in debugging output of the libraries.
fn sensitive(secret: &Secret) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        Fault::new(
            Failure::Unauthorized,
            "a credential holds a character that cannot be sent, such as a line break or a letter with an accent; \
             look into the file or variable it comes from",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Call {
    /// Only what may stand in a log: a path or query can name what the customer runs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {})", self.method, self.endpoint.name)
    }
}

/// Gives out the tokens that requests are sent with, as `Authorization: Bearer …`.
pub trait Bearer: Sync {
    /// A token that is good now. It is asked for each time a request is about to be sent, and not before: the wait for
    /// a rate limit can outlast a token.
    fn token(&self) -> impl Future<Output = Result<Secret, ApiError>> + Send;
}

/// Nobody, for calls without a token.
impl Bearer for Infallible {
    async fn token(&self) -> Result<Secret, ApiError> {
        match *self {}
    }
}

/// A whole answer with a status of success.
#[derive(Clone)]
pub struct Answer {
    /// 200 to 299; 204 and some 200 have an empty body.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
}

impl Answer {
    /// Whether it says to be a web page: a log-in form or an error of something between the vendor and us.
    pub fn is_html(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    }
}

impl fmt::Debug for Answer {
    /// Without headers and body, which hold what the customer runs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// What a reader says of an answer it cannot take: words for people, and nothing out of the answer that is not a
/// plain fact such as a count or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);
