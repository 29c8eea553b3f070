//! What is asked of a vendor, and how that becomes a request.

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

/// The value of a field of what is posted.
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

impl Serialize for Field {
    /// As a text. A secret as well: this is how it gets into a request, and nothing else serialises a field.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The fields that are posted, and how they are written.
#[derive(Clone)]
pub(super) enum Body {
    /// As those of a web form; with none, nothing is posted.
    Form(Vec<(&'static str, Field)>),
    /// As a JSON object.
    Json(BTreeMap<&'static str, Field>),
}

/// One request as it is to be sent, as often as needed.
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
    /// Asks for `path` below the base URL. It is percent-encoded here; `.` and `..` in it do nothing.
    pub fn get(endpoint: &'static Endpoint, path: impl Into<String>) -> Self {
        Self::new(endpoint, Method::GET, path.into())
    }

    /// Posts to `path` below the base URL: the form, the JSON object, or nothing if there is no field.
    pub fn post(endpoint: &'static Endpoint, path: impl Into<String>) -> Self {
        Self::new(endpoint, Method::POST, path.into())
    }

    fn new(endpoint: &'static Endpoint, method: Method, path: String) -> Self {
        Self { endpoint, method, path, query: Vec::new(), headers: Vec::new(), body: Body::Form(Vec::new()) }
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

    /// Adds a field to the form that is posted. A JSON object that was begun is dropped: there is one body.
    #[must_use]
    pub fn form(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        match &mut self.body {
            Body::Form(fields) => fields.push((name, value.into())),
            Body::Json(_) => self.body = Body::Form(vec![(name, value.into())]),
        }
        self
    }

    /// Adds a member to the JSON object that is posted. A form that was begun is dropped: there is one body.
    #[must_use]
    pub fn json(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        match &mut self.body {
            Body::Json(members) => drop(members.insert(name, value.into())),
            Body::Form(_) => self.body = Body::Json(BTreeMap::from([(name, value.into())])),
        }
        self
    }

    /// The call as a request to `base`, with what authorises it.
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
            // hyper leaves it out for an empty body, and some gateways answer 411 then.
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
            // A plus of the query's own is %2B by now. Not every gateway takes the rest for spaces; %20 all do.
            let query = query.unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        url
    }
}

/// A header's value that is not shown, even in debugging output of the libraries.
fn sensitive(secret: &Secret) -> Result<HeaderValue, AttemptError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        AttemptError::new(
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

/// What a request is sent with so that the vendor knows who asks.
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

/// Gives out what requests are sent with.
pub trait Authorize: Sync {
    /// What is good now. It is asked for each time a request is about to be sent, and not before: the wait for a rate
    /// limit can outlast a token.
    fn authorization(&self) -> BoxFuture<'_, Result<Authorization, ApiError>>;
}
