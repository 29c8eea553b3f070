//! The client against a local server that sends exactly what a test wants, byte by byte. Real sockets do not work with
//! a paused clock, so these tests run in real time, with short pauses.

use std::future::ready;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::config::tests::CA;
use super::*;
use crate::clock::Timestamp;
use crate::setting::{HumanDuration, Secret};
use crate::telemetry::Telemetry;

mod connection;
mod exchange;

const LIST: Endpoint = Endpoint { name: "containers", class: "list" };
const LOGIN: Endpoint = Endpoint { name: "login", class: "login" };

/// For 127.0.0.1, signed by [`CA`]; worthless to anyone else.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBZDCCAQugAwIBAgIBAjAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAd0ZXN0IENB
MCAXDTAwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMDAwMDAwWjAPMQ0wCwYDVQQDDARs
ZWFmMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEnF61cwnMTmIGCKIE4EvxmLDw
25jg2X9Am5/sk4ouLe6b623GUQ0TB3aVx9O6PFWsbyAOG5qp7ij22fZ6EWCeXKNT
MFEwDwYDVR0RBAgwBocEfwAAATAdBgNVHQ4EFgQUX9KxHLwL9bImRs0P5YZEOMqB
lzIwHwYDVR0jBBgwFoAU8JlLBx7d5ghpiaCfBQUvNyPc8IcwCgYIKoZIzj0EAwID
RwAwRAIgRhwO6dEPyuuroGIMVfFrJ+Ci/7wxSlWPOrOmERpWoZYCICi0baxIGTYq
kII0UNG/NlpYkrb0UsdkBBZmde9yn8GB
-----END CERTIFICATE-----
";
const KEY: [&str; 2] = [
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgg6UsIXhA77KutgFBXpNMt06IwylXir+QQw1Y+06899uhRANC",
    "AAScXrVzCcxOYgYIogTgS/GYsPDbmODZf0Cbn+yTii4t7pvrbcZRDRMHdpXH07o8VaxvIA4bmqnuKPbZ9noRYJ5c",
];

/// Answers one request per connection, in order, and keeps the requests; then accepts no more.
struct Server {
    at: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self::with("http", answers, |stream| Box::new(stream))
    }

    fn tls(answers: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self::tls_for(None, answers)
    }

    /// A server that accepts only clients with this certificate.
    fn mutual_tls(client: &str, answers: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(client).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        Self::tls_for(Some(verifier), answers)
    }

    fn tls_for(
        client: Option<Arc<dyn ClientCertVerifier>>,
        answers: impl IntoIterator<Item = impl Into<Vec<u8>>>,
    ) -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let key = PrivatePkcs8KeyDer::from(BASE64_STANDARD.decode(KEY.concat()).unwrap());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match client {
            Some(client) => config.with_client_cert_verifier(client),
            None => config.with_no_client_auth(),
        };
        let config = Arc::new(config.with_single_cert(vec![certificate], key.into()).unwrap());
        Self::with("https", answers, move |stream| {
            Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream))
        })
    }

    fn with(
        scheme: &str,
        answers: impl IntoIterator<Item = impl Into<Vec<u8>>>,
        wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("{scheme}://{}", listener.local_addr().unwrap());
        let answers: Vec<Vec<u8>> = answers.into_iter().map(Into::into).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&asked);
        thread::spawn(move || {
            for answer in answers {
                let mut stream = wrap(listener.accept().unwrap().0);
                let Some(request) = read_request(&mut stream) else { continue };
                keep.lock().unwrap().push(request);
                let stall = answer.ends_with(STALL);
                let said = answer.strip_suffix(STALL).unwrap_or(&answer);
                // The client may have hung up on purpose.
                stream.write_all(said).and_then(|()| stream.flush()).ok();
                if stall {
                    stream.read_exact(&mut [0]).ok();
                }
            }
        });
        Self { at, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A response that ends in this is sent without it, and then nothing follows for as long as the client waits.
const STALL: &[u8] = b"(stall)";

/// Reads the request on the connection; `None` once it is closed.
pub(crate) fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "", body.as_bytes())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// The window of the limit of [`LIST`].
const WINDOW: Duration = Duration::from_millis(100);

fn client_with(at: &str, config: &Config) -> (Client, Telemetry) {
    client_over(at, config, &Connection::default())
}

fn client_over(at: &str, config: &Config, connection: &Connection) -> (Client, Telemetry) {
    let telemetry = Telemetry::new(Timestamp::from_millis(1).unwrap());
    let source = telemetry.source("test", "vendor", &["containers", "login"], &[]);
    telemetry.arrange([(Arc::clone(&source), Vec::new())]);
    let clock = Clock::from_fn(|| Timestamp::from_millis(1_700_000_000_000).unwrap());
    let limits = [("list", RateLimit { requests: 1000, window: WINDOW })];
    let mut client = Client::new(at, config, connection, &limits, source, clock).unwrap();
    client.first_pause = Duration::from_millis(2);
    (client, telemetry)
}

fn client(server: &Server) -> Client {
    client_with(&server.at, &Config { retries: Some(2), ..Config::default() }).0
}

fn text(answer: &Answer) -> Result<String, Unreadable> {
    String::from_utf8(answer.body.to_vec()).map_err(|_| Unreadable("no text".to_owned()))
}

fn list() -> Call {
    Call::get(&LIST, "/csapi/v1.3/containers")
}

/// A token that is always valid.
struct Token(&'static str);

impl Authorize for Token {
    fn authorization(&self) -> BoxFuture<'_, Result<Authorization, ApiError>> {
        Box::pin(ready(Ok(Authorization::Bearer(Secret::new(self.0)))))
    }
}

impl Client {
    async fn call<T: Send + 'static>(
        &self,
        call: &Call,
        decode: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + 'static,
    ) -> Result<T, ApiError> {
        let decode: Decode<T> = Arc::new(decode);
        self.exchange(call, None).decoded(&decode).await
    }

    async fn call_with<T: Send + 'static>(
        &self,
        call: &Call,
        authorize: &dyn Authorize,
        decode: impl Fn(&Answer) -> Result<T, Unreadable> + Send + Sync + 'static,
    ) -> Result<T, ApiError> {
        let decode: Decode<T> = Arc::new(decode);
        self.exchange(call, Some(authorize)).decoded(&decode).await
    }
}

/// What was counted for `containers`: requests by code, bytes, and retries by reason.
fn counted(telemetry: &Telemetry) -> String {
    let source = telemetry.read().0.remove(0);
    let endpoint = &source.endpoints[0];
    let retries: Vec<_> = source.retries.iter().filter(|(_, count)| *count > 0).collect();
    format!("{:?} {} {retries:?}", endpoint.by_code, endpoint.received_bytes)
}
