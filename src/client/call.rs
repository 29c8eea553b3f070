//! The calls to a vendor, and the requests they become.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method, header};
use reqwest::{RequestBuilder, Url};
use serde::{Serialize, Serializer};

use super::endpoint::Endpoint;
use super::error::{ApiError, AttemptError};
use crate::setting::Secret;
use crate::telemetry::Failure;

/// The value of a posted field.
#[derive(Clone, Debug)]
pub enum Field {
    /// A text that may be shown.
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

impl Serialize for Field {
    /// Serialises the value as text, a secret as well: this is how it gets into a request, and nothing else serialises
    /// a field.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The posted fields and their encoding.
#[derive(Clone)]
pub(super) enum Body {
    /// As a web form; without fields, nothing is posted.
    Form(Vec<(&'static str, Field)>),
    /// As a JSON object.
    Json(BTreeMap<&'static str, Field>),
}

/// One request, to be sent as often as needed.
#[derive(Clone)]
pub struct Call {
    pub(super) endpoint: &'static Endpoint,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(HeaderName, Secret)>,
    pub(super) body: Body,
}

impl Call {
    /// A GET of `path` below the base URL. The path is percent-encoded here; `.` and `..` in it have no effect.
    pub fn get(endpoint: &'static Endpoint, path: impl Into<String>) -> Self {
        Self::new(endpoint, Method::GET, path.into())
    }

    /// A POST to `path` below the base URL: the form, the JSON object, or nothing if there are no fields.
    pub fn post(endpoint: &'static Endpoint, path: impl Into<String>) -> Self {
        Self::new(endpoint, Method::POST, path.into())
    }

    fn new(endpoint: &'static Endpoint, method: Method, path: String) -> Self {
        Self { endpoint, method, path, query: Vec::new(), headers: Vec::new(), body: Body::Form(Vec::new()) }
    }

    /// Puts `path` before its path.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        self.path = format!("{path}/{}", self.path.trim_start_matches('/'));
        self
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header. Its value is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &Secret) -> Self {
        self.headers.push((name, value.clone()));
        self
    }

    /// Adds a field to the posted form. Drops a JSON object that was begun: there is one body.
    #[must_use]
    pub fn form(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        match &mut self.body {
            Body::Form(fields) => fields.push((name, value.into())),
            Body::Json(_) => self.body = Body::Form(vec![(name, value.into())]),
        }
        self
    }

    /// Adds a member to the posted JSON object. Drops a form that was begun: there is one body.
    #[must_use]
    pub fn json(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        match &mut self.body {
            Body::Json(members) => drop(members.insert(name, value.into())),
            Body::Form(_) => self.body = Body::Json(BTreeMap::from([(name, value.into())])),
        }
        self
    }

    /// Builds the request to `base`, with its authorization.
    pub(super) fn request(
        &self,
        client: &reqwest::Client,
        base: &Url,
        authorization: Option<&Authorization>,
    ) -> Result<RequestBuilder, AttemptError> {
        let mut request = client.request(self.method.clone(), self.url(base.clone()));
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, sensitive(&authorization.header())?);
        }
        for (name, value) in &self.headers {
            request = request.header(name, sensitive(value)?);
        }
        Ok(match &self.body {
            Body::Form(fields) if !fields.is_empty() => request.form(fields),
            // hyper omits the header for an empty body, and some gateways answer 411 then.
            Body::Form(_) if self.method == Method::POST => request.header(header::CONTENT_LENGTH, 0),
            Body::Form(_) => request,
            Body::Json(members) => {
                let body = serde_json::to_vec(members)
                    .map_err(|_| AttemptError::new(Failure::Internal, "the request could not be built"))?;
                request.header(header::CONTENT_TYPE, "application/json").body(body)
            }
        })
    }

    fn url(&self, mut url: Url) -> Url {
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.path.split('/').filter(|segment| !segment.is_empty()));
        }
        if !self.query.is_empty() {
            let query = url.query_pairs_mut().extend_pairs(&self.query).finish().query();
            // A literal plus is %2B by now. Not every gateway reads the remaining ones as spaces; all of them accept
            // %20.
            let query = query.unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        url
    }
}

/// Builds a header value that is hidden even in the debug output of libraries.
fn sensitive(secret: &Secret) -> Result<HeaderValue, AttemptError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        AttemptError::new(
            Failure::Unauthorized,
            "a credential holds a character that cannot be sent, such as a line break or a letter with an accent; \
             check the file or variable it comes from",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Call {
    /// Only what may be logged: a path or query can name the customer's workloads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {})", self.method, self.endpoint.name)
    }
}

/// The credentials that a request is sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// A token, as `Authorization: Bearer …`.
    Bearer(Secret),
    /// A user name and its password, as `Authorization: Basic …`.
    Basic {
        /// The user name.
        user: Secret,
        /// The password.
        password: Secret,
    },
}

impl Authorization {
    fn header(&self) -> Secret {
        Secret::new(match self {
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
            Self::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{}:{}", user.expose(), password.expose())))
            }
        })
    }
}

/// Supplies the authorization of requests.
pub trait Authorize: Sync {
    /// Returns an authorization that is valid now. Called right before each request is sent, and not earlier: the wait
    /// for a rate limit can outlast a token.
    fn authorization(&self) -> BoxFuture<'_, Result<Authorization, ApiError>>;
}
