//! The receiver of the exporter's OTLP pushes: forwards requests to another receiver, or accepts and drops them.
//!
//! The other receiver is a separate process, outside of tokio's clock. Requests to it run on a blocking thread, and the
//! clock stands still meanwhile.

use std::convert::Infallible;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Longer than any response takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver. It stops when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    is_away: Arc<AtomicBool>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    /// Listens on loopback, and forwards to `to`, a `host:port`.
    pub(crate) async fn start(to: Option<String>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, is_away) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, to.map(Into::into), Arc::clone(&is_away)));
        Ok(Self { address, is_away, _accepting: accepting })
    }

    /// Refuses all requests from now on, or accepts them again.
    pub(crate) fn be_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, to: Option<Arc<str>>, is_away: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let (to, is_away) = (to.clone(), Arc::clone(&is_away));
            let service = service_fn(move |request| {
                let (to, is_away) = (to.clone(), is_away.load(Ordering::Relaxed));
                async move { Ok::<_, Infallible>(answer(request, to, is_away).await) }
            });
            // A client that disconnects ends here as an error that can be ignored.
            connections.spawn(async move {
                drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(request: Request<Incoming>, to: Option<Arc<str>>, is_away: bool) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let status = match to {
        _ if is_away => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::OK,
        Some(to) => {
            let path = head.uri.path().to_owned();
            let encoding = head.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let work = move || hand_on(&to, &path, encoding.as_deref(), &body).unwrap_or(StatusCode::BAD_GATEWAY);
            tokio::task::spawn_blocking(work).await.unwrap_or(StatusCode::BAD_GATEWAY)
        }
    };
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/x-protobuf"));
    answer
}

/// Forwards a request, and returns the status of the response.
fn hand_on(to: &str, path: &str, encoding: Option<&str>, body: &[u8]) -> Result<StatusCode, Box<dyn Error>> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let encoding = encoding.map(|encoding| format!("Content-Encoding: {encoding}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\n{encoding}\
         Content-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = std::str::from_utf8(line)?.split(' ').nth(1).ok_or("a response without a status")?;
    Ok(status.parse()?)
}
