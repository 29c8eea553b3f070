//! OTLP receivers on loopback, over HTTP and gRPC, with configurable behaviour.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use prost::Message as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use simulator::oracle::{Families, Labels};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service as _;
use tonic::metadata::MetadataMap;

/// How a receiver handles a request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Accepts it.
    Take,
    /// Accepts it, but rejects this many points.
    TakeWithout(i64),
    /// Refuses it if it is larger than this before compression.
    TakeUpTo(usize),
    /// Accepts it, unless it has stale markers.
    RefuseMarks,
    /// Answers with this status, header and body.
    Answer(u16, (&'static str, &'static str), &'static str),
    /// Never answers.
    Hang,
}

/// A received request.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) path: String,
    /// Whether it was accepted.
    pub(crate) taken: bool,
    pub(crate) message: ExportMetricsServiceRequest,
}

/// A received request with traces.
#[derive(Clone)]
pub(crate) struct Traced {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) message: ExportTraceServiceRequest,
}

#[derive(Clone)]
struct State {
    /// The first is for the next request; the last for all others.
    behaviours: Arc<Mutex<Vec<Behaviour>>>,
    got: Arc<Mutex<Vec<Got>>>,
    traced: Arc<Mutex<Vec<Traced>>>,
}

/// An OTLP receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: State,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// Starts a receiver over HTTP or gRPC.
    pub(crate) async fn start(grpc: bool, behaviours: &[Behaviour]) -> Self {
        Self::start_as(grpc, None, behaviours).await
    }

    /// Starts a receiver over TLS. `tests/fixtures/tls/ca.pem` signed its certificate. If `mutual`, it requires the
    /// client certificate `tests/fixtures/tls/client.pem`.
    pub(crate) async fn start_tls(grpc: bool, mutual: bool) -> Self {
        let folder = Path::new("tests/fixtures/tls");
        let chain = CertificateDer::from_pem_file(folder.join("server.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(folder.join("server-key.pem")).expect("its key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let config = config.expect("usual versions");
        let config = if mutual {
            let mut trusted = RootCertStore::empty();
            let client = CertificateDer::from_pem_file(folder.join("client.pem")).expect("a certificate");
            trusted.add(client).expect("a certificate to trust");
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), provider).build();
            config.with_client_cert_verifier(clients.expect("at least one trusted certificate"))
        } else {
            config.with_no_client_auth()
        };
        let config = config.with_single_cert(vec![chain], key);
        let mut config = config.expect("a certificate and its key");
        config.alpn_protocols = vec![if grpc { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        Self::start_as(grpc, Some(TlsAcceptor::from(Arc::new(config))), &[Behaviour::Take]).await
    }

    async fn start_as(grpc: bool, tls: Option<TlsAcceptor>, behaviours: &[Behaviour]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let state = State {
            behaviours: Arc::new(Mutex::new(behaviours.to_vec())),
            got: Arc::default(),
            traced: Arc::default(),
        };
        let mut tasks = JoinSet::new();
        let shared = state.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), shared.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(grpc, stream, state).await,
                        Some(tls) => {
                            // A client that does not trust the receiver disconnects.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(grpc, stream, state).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, state, _tasks: tasks }
    }

    /// Changes the behaviour from now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviours.lock().expect("no panic elsewhere") = vec![behaviour];
    }

    /// The requests received.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.lock().expect("no panic elsewhere").clone()
    }

    /// Inspects the requests received.
    pub(crate) fn look<T>(&self, wanted: impl Fn(&[Got]) -> T) -> T {
        wanted(&self.state.got.lock().expect("no panic elsewhere"))
    }

    /// The requests with traces received.
    pub(crate) fn traced(&self) -> Vec<Traced> {
        self.state.traced.lock().expect("no panic elsewhere").clone()
    }
}

impl State {
    fn next(&self) -> Behaviour {
        let mut behaviours = self.behaviours.lock().expect("no panic elsewhere");
        if behaviours.len() > 1 { behaviours.remove(0) } else { behaviours[0].clone() }
    }

    fn note(&self, path: &str, headers: BTreeMap<String, String>, taken: bool, message: ExportMetricsServiceRequest) {
        let got = Got { headers, path: path.to_owned(), taken, message };
        self.got.lock().expect("no panic elsewhere").push(got);
    }

    fn trace(&self, headers: BTreeMap<String, String>, message: ExportTraceServiceRequest) {
        self.traced.lock().expect("no panic elsewhere").push(Traced { headers, message });
    }
}

/// Serves one connection. A client that disconnects is not an error.
async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(grpc: bool, stream: S, state: State) {
    let stream = TokioIo::new(stream);
    if grpc {
        let service = service_fn(move |request: Request<Incoming>| {
            let gzip = CompressionEncoding::Gzip;
            if request.uri().path().contains("TraceService") {
                TraceServiceServer::new(state.clone()).accept_compressed(gzip).call(request)
            } else {
                MetricsServiceServer::new(state.clone()).accept_compressed(gzip).call(request)
            }
        });
        drop(http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await);
    } else {
        let service = service_fn(move |request| answer(state.clone(), request));
        drop(http1::Builder::new().serve_connection(stream, service).await);
    }
}

async fn answer(state: State, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let headers: BTreeMap<_, _> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().expect("a readable header").to_owned()))
        .collect();
    let mut body = body.collect().await.expect("a whole request").to_bytes().to_vec();
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).expect("whole gzip");
        body = plain;
    }
    let behaviour = state.next();
    let taken = match behaviour {
        Behaviour::Take | Behaviour::TakeWithout(_) => true,
        Behaviour::RefuseMarks => {
            ExportMetricsServiceRequest::decode(body.as_slice()).is_ok_and(|it| families(&it).1 == 0)
        }
        Behaviour::TakeUpTo(most) => body.len() <= most,
        Behaviour::Answer(..) | Behaviour::Hang => false,
    };
    if head.uri.path() == "/v1/traces" {
        state.trace(headers, ExportTraceServiceRequest::decode(body.as_slice()).expect("a request of OTLP"));
    } else {
        let message = ExportMetricsServiceRequest::decode(body.as_slice()).expect("a request of OTLP");
        state.note(head.uri.path(), headers, taken, message);
    }
    let mut response = Response::new(Full::default());
    match behaviour {
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Answer(status, (name, value), body) => {
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response.headers_mut().insert(name, value.parse().expect("a header"));
            *response.body_mut() = Full::from(body);
        }
        Behaviour::TakeUpTo(_) if !taken => *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE,
        Behaviour::RefuseMarks if !taken => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        Behaviour::Take | Behaviour::TakeUpTo(_) | Behaviour::TakeWithout(_) | Behaviour::RefuseMarks => {
            response.headers_mut().insert("content-type", "application/x-protobuf".parse().expect("a header"));
            *response.body_mut() = Full::from(accepted(&behaviour).encode_to_vec());
        }
    }
    Ok(response)
}

fn accepted(behaviour: &Behaviour) -> ExportMetricsServiceResponse {
    let partial_success = match behaviour {
        Behaviour::TakeWithout(rejected_data_points) => {
            let error_message = "some are too old".to_owned();
            Some(ExportMetricsPartialSuccess { rejected_data_points: *rejected_data_points, error_message })
        }
        Behaviour::Take | Behaviour::TakeUpTo(_) | Behaviour::RefuseMarks | Behaviour::Answer(..) | Behaviour::Hang => {
            None
        }
    };
    ExportMetricsServiceResponse { partial_success }
}

#[tonic::async_trait]
impl MetricsService for State {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        let (headers, message) = (texts(request.metadata()), request.into_inner());
        let behaviour = self.next();
        let size = message.encoded_len();
        let status = match behaviour {
            Behaviour::TakeUpTo(most) if size > most => Some(tonic::Status::resource_exhausted("too large")),
            // A gRPC status, where HTTP has its own.
            Behaviour::Answer(code, _, words) => Some(tonic::Status::new(i32::from(code).into(), words)),
            Behaviour::RefuseMarks if families(&message).1 > 0 => Some(tonic::Status::internal("marks")),
            Behaviour::Take
            | Behaviour::TakeUpTo(_)
            | Behaviour::TakeWithout(_)
            | Behaviour::RefuseMarks
            | Behaviour::Hang => None,
        };
        self.note("", headers, status.is_none(), message);
        match (status, &behaviour) {
            (Some(status), _) => Err(status),
            (None, Behaviour::Hang) => std::future::pending().await,
            (None, _) => Ok(tonic::Response::new(accepted(&behaviour))),
        }
    }
}

#[tonic::async_trait]
impl TraceService for State {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.trace(texts(request.metadata()), request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

fn texts(metadata: &MetadataMap) -> BTreeMap<String, String> {
    let headers = metadata.clone().into_headers();
    headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

/// The points of a request as `/metrics` shows them, and the number of stale markers.
pub(crate) fn families(message: &ExportMetricsServiceRequest) -> (Families, usize) {
    let mut families = Families::new();
    let mut gone = 0;
    let mut add = |name: String, labels: Labels, value: f64| {
        let earlier = families.entry(name.clone()).or_default().insert(labels.clone(), value);
        assert_eq!(earlier, None, "{name}{labels:?} twice");
    };
    let scopes = message.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    for metric in scopes.flat_map(|scope| &scope.metrics) {
        let name = metric.name.clone();
        let numbers = match metric.data.as_ref().expect("data") {
            metric::Data::Gauge(gauge) => &gauge.data_points,
            metric::Data::Sum(sum) => &sum.data_points,
            metric::Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let labels = labels(&point.attributes);
                    let bounds = point.explicit_bounds.iter().map(|bound| format!("{bound:?}"));
                    let mut count = 0;
                    for (bound, bucket) in bounds.chain(["+Inf".to_owned()]).zip(&point.bucket_counts) {
                        count += bucket;
                        let mut labels = labels.clone();
                        labels.insert("le".to_owned(), bound);
                        add(format!("{name}_bucket"), labels, as_f64(count));
                    }
                    add(format!("{name}_sum"), labels.clone(), point.sum.expect("a sum"));
                    add(format!("{name}_count"), labels, as_f64(point.count));
                }
                continue;
            }
            other @ (metric::Data::ExponentialHistogram(_) | metric::Data::Summary(_)) => panic!("{other:?}"),
        };
        for point in numbers {
            match point.value {
                Some(number_data_point::Value::AsDouble(value)) => add(name.clone(), labels(&point.attributes), value),
                other => {
                    assert_eq!((other, point.flags), (None, 1), "{name}");
                    gone += 1;
                }
            }
        }
    }
    (families, gone)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

fn labels(attributes: &[KeyValue]) -> Labels {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}
