//! A vendor's API over HTTP/1.1 on a local port: it records requests, injects faults and sends responses.
//!
//! A module per vendor interprets the requests: [`qualys`] and [`prisma`].

mod answer;
mod calendar;
mod fault;
pub mod prisma;
pub mod qualys;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::console::Console;
use crate::tenant::Tenant;
use answer::{Answer, Body, Call, Delivery};
use fault::Faults;
pub use fault::{Fault, FaultKind};
use prisma::Prisma;
use qualys::Qualys;
pub use qualys::{LinkForm, Options};

/// A request to which the server has responded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as sent.
    pub query: String,
    /// The status of the response.
    pub status: u16,
    /// The time of the response.
    pub at: Instant,
}

/// A running server. It stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinSet<()>,
    /// Holds the port while connections are refused.
    closed: Option<TcpSocket>,
}

/// The number of connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

struct State {
    vendor: Vendor,
    faults: Mutex<Faults>,
    requests: Mutex<Vec<Request>>,
    gzip: bool,
}

/// The vendor whose API is served.
enum Vendor {
    Qualys { api: Box<Qualys>, tenant: Arc<Mutex<Tenant>> },
    Prisma(Box<Prisma>),
}

impl Vendor {
    fn answer(&self, call: &Call) -> Answer {
        match self {
            Self::Qualys { api, .. } => api.answer(call),
            Self::Prisma(api) => api.answer(call),
        }
    }

    fn step(&self, now_ms: i64) {
        match self {
            Self::Qualys { tenant, .. } => {
                let mut tenant = lock(tenant);
                // Two changes of one record at the same time would be indistinguishable.
                let later = tenant.now_ms() + 1;
                tenant.step(now_ms.max(later));
            }
            Self::Prisma(api) => lock(&api.console()).step(now_ms),
        }
    }

    fn revoke_tokens(&self) {
        match self {
            Self::Qualys { api, .. } => api.revoke_tokens(),
            Self::Prisma(api) => api.revoke_tokens(),
        }
    }
}

impl Server {
    /// Serves the tenant's Qualys API on a free loopback port.
    pub async fn start(tenant: Arc<Mutex<Tenant>>, options: Options) -> std::io::Result<Self> {
        let gzip = options.gzip;
        Self::serve(Vendor::Qualys { api: Box::new(Qualys::new(Arc::clone(&tenant), options)), tenant }, gzip).await
    }

    /// Serves the console's API on a free loopback port.
    pub async fn start_prisma(console: Arc<Mutex<Console>>, options: prisma::Options) -> std::io::Result<Self> {
        let gzip = options.gzip;
        Self::serve(Vendor::Prisma(Box::new(Prisma::new(console, options))), gzip).await
    }

    #[expect(clippy::unused_async, reason = "sockets need a runtime, and the caller that awaits this has one")]
    async fn serve(vendor: Vendor, gzip: bool) -> std::io::Result<Self> {
        let socket = socket(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = socket.local_addr()?;
        let state = Arc::new(State { vendor, faults: Mutex::default(), requests: Mutex::default(), gzip });
        let mut server = Self { address, state, accepting: JoinSet::new(), closed: None };
        server.listen(socket)?;
        Ok(server)
    }

    fn listen(&mut self, socket: TcpSocket) -> std::io::Result<()> {
        self.accepting.spawn(accept(socket.listen(BACKLOG)?, Arc::clone(&self.state)));
        Ok(())
    }

    /// Ends all connections and refuses new ones until [`Server::reopen`].
    pub async fn close(&mut self) -> std::io::Result<()> {
        // A bound socket that does not listen reserves the port.
        self.closed = Some(socket(self.address)?);
        self.accepting.shutdown().await;
        Ok(())
    }

    /// Accepts connections again, at the same address.
    pub fn reopen(&mut self) -> std::io::Result<()> {
        self.closed.take().map_or(Ok(()), |socket| self.listen(socket))
    }

    /// The base URL, such as `http://127.0.0.1:41234`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The state behind the Qualys API; panics for another vendor.
    pub fn tenant(&self) -> Arc<Mutex<Tenant>> {
        match &self.state.vendor {
            Vendor::Qualys { tenant, .. } => Arc::clone(tenant),
            Vendor::Prisma(_) => panic!("a Prisma console has no tenant: ask for its console()"),
        }
    }

    /// The state behind the Prisma API; panics for another vendor.
    pub fn console(&self) -> Arc<Mutex<Console>> {
        match &self.state.vendor {
            Vendor::Prisma(api) => api.console(),
            Vendor::Qualys { .. } => panic!("a Qualys account has no console: ask for its tenant()"),
        }
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state.requests).clone()
    }

    /// The number of requests whose path has this prefix.
    pub fn request_count(&self, path_prefix: &str) -> usize {
        lock(&self.state.requests).iter().filter(|request| request.path.starts_with(path_prefix)).count()
    }

    /// Forgets all requests so far.
    pub fn forget_requests(&self) {
        lock(&self.state.requests).clear();
    }

    /// Revokes all tokens.
    pub fn revoke_tokens(&self) {
        self.state.vendor.revoke_tokens();
    }

    /// Adds a fault.
    pub fn inject(&self, fault: Fault) {
        lock(&self.state.faults).add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        lock(&self.state.faults).clear();
    }

    /// Stops the server and its connections; its port is closed when this returns.
    pub async fn stop(mut self) {
        self.accepting.shutdown().await;
    }
}

/// The guard of a mutex, ignoring poisoning: a test that panicked has already failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket bound to this address that does not listen yet.
fn socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections until it is aborted, which also ends the connections.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&state)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(respond(&state, request).await) }
    });
    // Clients that disconnect and deliberate resets end here as errors that can be ignored.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(state: &State, request: hyper::Request<Incoming>) -> hyper::Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut call = Call::new(&head, body);
    let fault = lock(&state.faults).strike(&call);
    if matches!(fault, Some(FaultKind::RepeatPage)) {
        call.rewind();
    }
    if let Some(FaultKind::Stall(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    if let Some(FaultKind::Hold(permits)) = &fault
        && let Ok(permit) = permits.acquire().await
    {
        permit.forget();
    }
    if let Some(FaultKind::Step(now_ms)) = fault {
        state.vendor.step(now_ms);
    }
    if matches!(fault, Some(FaultKind::Revoke)) {
        state.vendor.revoke_tokens();
    }
    let delivery = match fault {
        Some(kind) => kind.apply(|| state.vendor.answer(&call)),
        None => Delivery::plain(state.vendor.answer(&call)),
    };
    lock(&state.requests).push(Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        status: delivery.answer.status,
        at: Instant::now(),
    });
    delivery.into_response(state.gzip && call.accepts_gzip())
}

#[cfg(test)]
mod prisma_tests;
#[cfg(test)]
mod tests;
