//! A vendor with scripted responses.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A received request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    /// The bearer token.
    pub(super) token: Option<String>,
    query: BTreeMap<String, String>,
}

impl Asked {
    /// A query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A numeric query parameter.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }
}

/// A response.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// A JSON response with this status.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    /// A response with a body of this content type.
    pub(super) fn raw(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), kind.to_owned())], body: body.into() }
    }

    /// An answer without a body.
    pub(super) fn nothing() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A server on loopback.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _connections: JoinSet<()>,
}

impl Scripted {
    /// Starts a server. `answer` gets each request and the number of earlier requests for its path.
    pub(super) async fn start(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answer, noted) = (Arc::new(answer), Arc::clone(&asked));
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                let service = service_fn(move |request: Request<Incoming>| {
                    let asked = read(&request);
                    let mut all = noted.lock().expect("no panic elsewhere");
                    let before = all.iter().filter(|one| one.path == asked.path).count();
                    all.push(asked.clone());
                    let reply = answer(&asked, before);
                    async move { Ok::<_, Infallible>(written(reply)) }
                });
                // A client that has disconnected does not need a response.
                clients.spawn(async move {
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, asked, _connections: connections }
    }

    /// The number of requests so far for this path.
    pub(super) fn requests(&self, path: &str) -> usize {
        self.asked.lock().expect("no panic elsewhere").iter().filter(|asked| asked.path == path).count()
    }
}

fn read(request: &Request<Incoming>) -> Asked {
    let query = request.uri().query().unwrap_or_default();
    let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    Asked {
        path: request.uri().path().to_owned(),
        token: token.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
        query: query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

fn written(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(reply.body.into())).expect("a status and headers that exist")
}

/// A token in either vendor's format that is valid until 2096.
pub(super) fn token(number: usize) -> String {
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(serde_json::json!({"alg": "RS256", "typ": "JWT"}));
    let payload =
        part(serde_json::json!({"exp": 4_000_000_000_u64, "modulesAllowed": ["CS"], "jti": number.to_string()}));
    format!("{header}.{payload}.signature")
}
