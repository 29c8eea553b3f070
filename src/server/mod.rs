//! The HTTP server: accepts connections and sends the responses of pages.
//!
//! Owns the limits that keep a bad client from harming the others: the number of connections, the time for a request
//! head, and the lifetime of a connection. It knows no page by name and nothing about their contents.

mod config;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub use self::config::{Config, bind};
use crate::output::page::{Page, PageAnswer, PageRequest};

/// The pages of a server.
pub type Pages = Arc<[Box<dyn Page>]>;

/// The limits of the server.
#[derive(Clone, Copy)]
struct Limits {
    /// Connections at once; more wait to be accepted.
    connections: usize,
    /// From accepting a connection until it can be read from.
    opening: Duration,
    /// For the head of a request, and for the pause between two. Differs from usual scrape intervals: otherwise a
    /// request would often meet the end of the pause.
    head: Duration,
    /// From the start of a connection until it is asked to end after the current request.
    life: Duration,
    /// From then until it is closed, which bounds how long a slow reader holds a connection.
    linger: Duration,
    /// The size of the head of a request.
    head_bytes: usize,
}

const LIMITS: Limits = Limits {
    connections: 512,
    opening: Duration::from_secs(10),
    head: Duration::from_secs(12),
    life: Duration::from_mins(2),
    linger: Duration::from_mins(2),
    head_bytes: 32 * 1024,
};

/// Serves `pages` until `stop` is ready, then finishes the requests under way for at most `drain`.
pub async fn serve(listener: TcpListener, pages: Pages, stop: impl Future<Output = ()>, drain: Duration) {
    serve_within(LIMITS, listener, pages, stop, drain).await;
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    pages: Pages,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (closing, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &slots) => if let Some((stream, slot)) = accepted {
                let (pages, closing) = (Arc::clone(&pages), closing.subscribe());
                connections.spawn(async move {
                    if let Err(error) = connection(limits, stream, pages, closing).await {
                        tracing::debug!(error, "connection ended early");
                    }
                    drop(slot);
                });
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    if timeout(drain, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(connections = connections.len(), "closed connections that did not end within the drain time");
        connections.shutdown().await;
    }
}

/// The next connection, once there is a slot for it; `None` if it was gone before it was accepted.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            let pause = pause_after(&error);
            if !pause.is_zero() {
                tracing::warn!(%error, "cannot accept connections");
            }
            sleep(pause).await;
            None
        }
    }
}

/// How long to wait after an error of `accept`: an error of one connection ends with it, but a shortage of file
/// descriptors or memory would recur at once.
fn pause_after(error: &io::Error) -> Duration {
    const OF_ONE: [io::ErrorKind; 3] =
        [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::Interrupted];
    if OF_ONE.contains(&error.kind()) { Duration::ZERO } else { Duration::from_secs(1) }
}

/// Serves one connection until it ends or exceeds its lifetime.
async fn connection(
    limits: Limits,
    stream: TcpStream,
    pages: Pages,
    mut closing: watch::Receiver<bool>,
) -> Result<(), String> {
    let stream = timeout(limits.opening, open(stream))
        .await
        .map_err(|_| "it was not opened in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let pages = Arc::clone(&pages);
                async move { Ok::<_, Infallible>(answer(&pages, &request).await) }
            }),
        );
    let mut served = pin!(served);
    tokio::select! {
        ended = served.as_mut() => return ended.map_err(|error| error.to_string()),
        _ = closing.wait_for(|closing| *closing) => {}
        () = sleep(limits.life) => {}
    }
    served.as_mut().graceful_shutdown();
    match timeout(limits.linger, served).await {
        Ok(ended) => ended.map_err(|error| error.to_string()),
        Err(_) => Err("it exceeded its lifetime".to_owned()),
    }
}

/// The steps between a connection and its first request. TLS belongs here, within the connection's own task and time,
/// so that a silent client does not hold up any other.
#[expect(clippy::unused_async, reason = "a handshake takes its time")]
async fn open(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The response to one request; its body, if it has one, is not read. Authentication belongs here.
async fn answer<B>(pages: &Pages, request: &Request<B>) -> Response<Full<Bytes>> {
    let at_path = || pages.iter().filter(|page| page.path() == request.uri().path());
    let Some(page) = at_path().find(|page| methods(page.as_ref()).contains(request.method())) else {
        let mut allowed: Vec<_> = at_path().flat_map(|page| methods(page.as_ref())).map(Method::as_str).collect();
        if allowed.is_empty() {
            return response(PageAnswer::text(404, "Page not found; \"/\" lists all pages.\n"));
        }
        allowed.dedup();
        let allowed = allowed.join(", ");
        let mut refused = response(PageAnswer::text(405, format!("This page answers {allowed} only.\n")));
        if let Ok(allowed) = HeaderValue::try_from(allowed) {
            refused.headers_mut().insert(header::ALLOW, allowed);
        }
        return refused;
    };
    let joined = |name| joined(request.headers(), name);
    let accept = joined(header::ACCEPT);
    let accept_encoding = joined(header::ACCEPT_ENCODING);
    let scrape_timeout = joined(HeaderName::from_static("x-prometheus-scrape-timeout-seconds"));
    let asked = PageRequest {
        accept: accept.as_deref(),
        accept_encoding: accept_encoding.as_deref(),
        scrape_timeout: scrape_timeout.as_deref(),
    };
    // A page that panics has logged it; the client gets an error, and the connection goes on.
    let answer = AssertUnwindSafe(async { page.answer(asked).await }).catch_unwind().await;
    response(answer.unwrap_or_else(|_| PageAnswer::text(500, "This page failed; the log says more.\n")))
}

/// The methods that a page answers.
fn methods(page: &dyn Page) -> &'static [Method] {
    if page.post() { &[Method::POST, Method::PUT] } else { &[Method::GET, Method::HEAD] }
}

/// All values of a header, without those that are not text.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The response as it is sent. For HEAD, hyper sends everything but the body.
fn response(answer: PageAnswer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(encoding) = answer.encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if answer.negotiated {
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    }
    response
}
