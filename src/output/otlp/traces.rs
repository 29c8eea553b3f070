//! The exporter's own traces, pushed: which requests and waits the runs of its collectors were made of.
//!
//! Spans are collected, batched, encoded and sent again by the OpenTelemetry project's SDK and exporter; the requests go
//! out the same [`Way`] as those of metrics, so that certificates, headers, redirects and secrets are dealt with once.
//! What the SDK would take from the environment for that is set here, since the configuration has the last word.

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

use super::answer::{Again, Miss, Verdict};
use super::push::LAST_PUSH;
use super::reach::Reach;
use super::send::Way;
use super::{Config, resource};
use crate::clock::Clock;
use crate::lock::lock;
use crate::telemetry::{PushFailure, span};

/// Pushes the spans it hears of.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// As configured; none if no traces are to be pushed. `listen` is where the metrics are served. To be called within
    /// a runtime, which the requests are sent on.
    pub fn start(config: &Config, listen: &str, clock: Clock) -> Result<Option<Self>, String> {
        let Some(reach) = config.traces() else { return Ok(None) };
        let way = Way::new(&reach, clock).map_err(|reason| format!("otlp.traces: {reason}"))?;
        let courier = Courier(Arc::new(Road { runtime: Handle::current(), reach, way, ended: Mutex::default() }));
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(courier.clone())
            // Not looked at: the way knows where it leads, and whether requests are compressed.
            .with_endpoint("http://localhost")
            .with_protocol(Protocol::HttpBinary)
            .with_compression(opentelemetry_otlp::Compression::Gzip)
            .with_timeout(courier.0.reach.timeout.0)
            .build()
            .map_err(|error| format!("otlp.traces: {error}"))?;
        let attributes = resource::attributes(&config.resource_attributes, listen);
        let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_attributes(attributes).build())
            .with_batch_exporter(Exporter { inner: exporter, courier, last: Mutex::default() })
            .build();
        Ok(Some(Self(provider)))
    }

    /// What hears of spans, and of nothing else.
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

    /// Pushes what is left, within a limit whatever the receiver does.
    pub async fn stop(self) {
        let last = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_PUSH));
        // A failure has been told.
        if timeout(LAST_PUSH, last).await.is_err() {
            tracing::warn!("the last push of traces did not end in time");
        }
    }
}

/// The way to the receiver, and how the last request ended.
struct Road {
    runtime: Handle,
    reach: Reach,
    way: Way,
    ended: Mutex<Option<Ended>>,
}

/// How a push ended: what is told when it changes, and words.
type Ended = Result<(), (PushFailure, String)>;

/// Sends the requests of the OpenTelemetry project's exporter, which makes them on a thread without a runtime.
#[derive(Clone)]
struct Courier(Arc<Road>);

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Courier")
    }
}

#[async_trait]
impl HttpClient for Courier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let road = Arc::clone(&self.0);
        let verdict = match (road.reach.headers(), road.body(request.into_body())) {
            (Ok(headers), Ok(body)) => {
                let patience = road.reach.timeout.0;
                let sent = Arc::clone(&road);
                self.0.runtime.spawn(async move { sent.way.send(headers, body, patience).await }).await?
            }
            (Err(reason), _) => Verdict::failed(PushFailure::Internal, reason),
            (_, Err(error)) => Verdict::failed(PushFailure::Internal, error.to_string()),
        };
        let (answer, ended) = told(verdict);
        *lock(&road.ended) = Some(ended);
        Ok(answer?)
    }
}

impl Road {
    /// A request as the way wants it: compressed by the exporter where HTTP is to be so, and by nobody before gRPC.
    fn body(&self, compressed: Bytes) -> std::io::Result<Bytes> {
        if self.way.wants_gzip() {
            return Ok(compressed);
        }
        let mut body = Vec::new();
        GzDecoder::new(&*compressed).read_to_end(&mut body)?;
        Ok(body.into())
    }
}

/// What became of a request, as the exporter understands it, and as it is told.
fn told(verdict: Verdict) -> (http::Result<Response<Bytes>>, Ended) {
    let answer = |status| Response::builder().status(status);
    let (answer, ended) = match verdict {
        Verdict::Taken(0, _) => (answer(StatusCode::OK), Ok(())),
        Verdict::Taken(_, words) => (answer(StatusCode::OK), Err((PushFailure::PartialSuccess, words))),
        Verdict::TooLarge(words) => (answer(StatusCode::PAYLOAD_TOO_LARGE), Err((PushFailure::TooLarge, words))),
        Verdict::Failed(Miss { failure, words, again }) => {
            let answer = match again {
                Again::No => answer(StatusCode::BAD_REQUEST),
                Again::Soon => answer(StatusCode::SERVICE_UNAVAILABLE),
                Again::After(wait) => {
                    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                    answer(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, seconds)
                }
            };
            (answer, Err((failure, words)))
        }
    };
    (answer.body(Bytes::new()), ended)
}

/// The OpenTelemetry project's exporter; says how it went if the push before went otherwise.
#[derive(Debug)]
struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    courier: Courier,
    last: Mutex<Option<Result<(), PushFailure>>>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.inner.export(batch).await;
        let unsent = || Err((PushFailure::Internal, "the spans could not be encoded or sent".to_owned()));
        let ended = lock(&self.courier.0.ended).take().unwrap_or_else(unsent);
        let outcome = ended.as_ref().map_err(|(failure, _)| *failure).copied();
        if lock(&self.last).replace(outcome) == Some(outcome) {
            return result;
        }
        match ended {
            Ok(()) => tracing::info!("traces are pushed"),
            Err((failure, words)) => {
                let said = self.courier.0.reach.fit_for_log(&words);
                tracing::warn!(reason = failure.as_str(), said, spans, "traces are not pushed, or not all");
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
    fn the_exporter_is_told_what_is_worth_another_try_and_when() {
        let failed = |again| Verdict::Failed(Miss { failure: PushFailure::Unavailable, words: String::new(), again });
        for (verdict, status, retry_after, failure) in [
            (Verdict::Taken(0, String::new()), 200, None, None),
            (Verdict::Taken(2, String::new()), 200, None, Some(PushFailure::PartialSuccess)),
            (Verdict::TooLarge(String::new()), 413, None, Some(PushFailure::TooLarge)),
            (failed(Again::No), 400, None, Some(PushFailure::Unavailable)),
            (failed(Again::Soon), 503, None, Some(PushFailure::Unavailable)),
            (failed(Again::After(Duration::from_millis(2001))), 503, Some("3"), Some(PushFailure::Unavailable)),
        ] {
            let (answer, ended) = told(verdict);
            let answer = answer.unwrap();
            let found = answer.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!((answer.status().as_u16(), found), (status, retry_after));
            assert_eq!(ended.err().map(|(failure, _)| failure), failure);
        }
    }
}
