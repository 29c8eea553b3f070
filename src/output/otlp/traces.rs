//! Pushes the exporter's own traces: the runs of its collectors with their requests and waits.
//!
//! The OpenTelemetry project's SDK and exporter collect, batch, encode and retry; requests use the same [`Transport`] as
//! those of metrics, so certificates, headers, redirects and secrets are handled once. Settings that the SDK would take
//! from the environment are set here, since the configuration takes precedence.

use std::fmt;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, Response, StatusCode, header};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter};

use super::answer::{PushError, Retry, Verdict};
use super::push::LAST_PUSH;
use super::receiver::ReceiverConfig;
use super::transport::Transport;
use super::{Config, resource};
use crate::clock::Clock;
use crate::lock::lock;
use crate::telemetry::{PushFailure, span};

/// Pushes the spans it receives.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts pushing as configured; none if traces are not pushed. `listen` is the address of the server. Must be called
    /// within a runtime, which sends the requests.
    pub fn start(config: &Config, listen: &str, clock: Clock) -> Result<Option<Self>, String> {
        let Some(receiver) = config.traces() else { return Ok(None) };
        let transport = Transport::new(&receiver, clock).map_err(|reason| format!("otlp.traces: {reason}"))?;
        let client = TraceHttpClient(Arc::new(TraceTransport {
            runtime: Handle::current(),
            receiver,
            transport,
            ended: Mutex::default(),
        }));
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            // Unused: the transport knows the endpoint and the compression.
            .with_endpoint("http://localhost")
            .with_protocol(Protocol::HttpBinary)
            .with_compression(opentelemetry_otlp::Compression::Gzip)
            .with_timeout(client.0.receiver.timeout.0)
            .build()
            .map_err(|error| format!("otlp.traces: {error}"))?;
        let attributes = resource::attributes(&config.resource_attributes, listen);
        let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_attributes(attributes).build())
            .with_batch_exporter(Exporter { inner: exporter, client, last: Mutex::default() })
            .build();
        Ok(Some(Self(provider)))
    }

    /// The layer that receives spans and nothing else.
    pub fn listener<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        let spans = filter::filter_fn(|event| event.is_span() && event.target().starts_with(span::TARGET));
        layer.with_filter(spans).boxed()
    }

    /// Pushes the remaining spans within a time limit, whatever the receiver does.
    pub async fn stop(self) {
        let last = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_PUSH));
        // A failure has been logged.
        if timeout(LAST_PUSH, last).await.is_err() {
            tracing::warn!("final OTLP push of traces timed out");
        }
    }
}

/// The transport to the receiver and the outcome of the last request.
struct TraceTransport {
    runtime: Handle,
    receiver: ReceiverConfig,
    transport: Transport,
    ended: Mutex<Option<Ended>>,
}

/// The outcome of a push: what is logged when it changes, and the message.
type Ended = Result<(), (PushFailure, String)>;

/// Sends the requests of the OpenTelemetry project's exporter, which runs on a thread without a runtime.
#[derive(Clone)]
struct TraceHttpClient(Arc<TraceTransport>);

impl fmt::Debug for TraceHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceHttpClient")
    }
}

#[async_trait]
impl HttpClient for TraceHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let shared = Arc::clone(&self.0);
        let verdict = match (shared.receiver.headers(), shared.body(request.into_body())) {
            (Ok(headers), Ok(body)) => {
                let patience = shared.receiver.timeout.0;
                let sent = Arc::clone(&shared);
                self.0.runtime.spawn(async move { sent.transport.send(headers, body, patience).await }).await?
            }
            (Err(reason), _) => Verdict::failed(PushFailure::Internal, reason),
            (_, Err(error)) => Verdict::failed(PushFailure::Internal, error.to_string()),
        };
        let (answer, ended) = response_of(verdict);
        *lock(&shared.ended) = Some(ended);
        Ok(answer?)
    }
}

impl TraceTransport {
    /// The body as the transport expects it: compressed for HTTP, uncompressed for gRPC, which compresses by itself.
    fn body(&self, compressed: Bytes) -> std::io::Result<Bytes> {
        if self.transport.wants_gzip() {
            return Ok(compressed);
        }
        let mut body = Vec::new();
        GzDecoder::new(&*compressed).read_to_end(&mut body)?;
        Ok(body.into())
    }
}

/// The outcome of a request as a response for the exporter and for the log.
fn response_of(verdict: Verdict) -> (http::Result<Response<Bytes>>, Ended) {
    let answer = |status| Response::builder().status(status);
    let (answer, ended) = match verdict {
        Verdict::Taken(0, _) => (answer(StatusCode::OK), Ok(())),
        Verdict::Taken(_, words) => (answer(StatusCode::OK), Err((PushFailure::PartialSuccess, words))),
        Verdict::TooLarge(words) => (answer(StatusCode::PAYLOAD_TOO_LARGE), Err((PushFailure::TooLarge, words))),
        Verdict::Failed(PushError { failure, words, retry }) => {
            let answer = match retry {
                Retry::No => answer(StatusCode::BAD_REQUEST),
                Retry::Soon => answer(StatusCode::SERVICE_UNAVAILABLE),
                Retry::After(wait) => {
                    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                    answer(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, seconds)
                }
            };
            (answer, Err((failure, words)))
        }
    };
    (answer.body(Bytes::new()), ended)
}

/// The OpenTelemetry project's exporter; logs the outcome of a push if it changed.
#[derive(Debug)]
struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    client: TraceHttpClient,
    last: Mutex<Option<Result<(), PushFailure>>>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.inner.export(batch).await;
        let unsent = || Err((PushFailure::Internal, "the spans could not be encoded or sent".to_owned()));
        let ended = lock(&self.client.0.ended).take().unwrap_or_else(unsent);
        let outcome = ended.as_ref().map_err(|(failure, _)| *failure).copied();
        if lock(&self.last).replace(outcome) == Some(outcome) {
            return result;
        }
        match ended {
            Ok(()) => tracing::info!("OTLP push of traces succeeded"),
            Err((failure, words)) => {
                let error = self.client.0.receiver.fit_for_log(&words);
                tracing::warn!(error, outcome = failure.as_str(), spans, "OTLP push of traces failed or was partial");
            }
        }
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_exporter_learns_what_to_retry_and_when() {
        let failed =
            |retry| Verdict::Failed(PushError { failure: PushFailure::Unavailable, words: String::new(), retry });
        for (verdict, status, retry_after, failure) in [
            (Verdict::Taken(0, String::new()), 200, None, None),
            (Verdict::Taken(2, String::new()), 200, None, Some(PushFailure::PartialSuccess)),
            (Verdict::TooLarge(String::new()), 413, None, Some(PushFailure::TooLarge)),
            (failed(Retry::No), 400, None, Some(PushFailure::Unavailable)),
            (failed(Retry::Soon), 503, None, Some(PushFailure::Unavailable)),
            (failed(Retry::After(Duration::from_millis(2001))), 503, Some("3"), Some(PushFailure::Unavailable)),
        ] {
            let (answer, ended) = response_of(verdict);
            let answer = answer.unwrap();
            let found = answer.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!((answer.status().as_u16(), found), (status, retry_after));
            assert_eq!(ended.err().map(|(failure, _)| failure), failure);
        }
    }
}
