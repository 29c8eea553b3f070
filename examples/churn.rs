//! The pusher with very many series, whose labels all change between two pushes, against a loopback receiver: checks
//! that each series arrives once and is marked stale once, and measures time and memory.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use container_security_exporter::catalog::{Containers, Images, Limits, Sensors, resolve};
use container_security_exporter::clock::Clock;
use container_security_exporter::inventory::{Inventory, SourceInventory, Table, Tables};
use container_security_exporter::lock::lock;
use container_security_exporter::output::Output as _;
use container_security_exporter::output::otlp::{Config, Protocol, Pusher};
use container_security_exporter::record::{Container, Vendor};
use container_security_exporter::self_metrics::SelfMetrics;
use container_security_exporter::setting::HumanDuration;
use container_security_exporter::snapshot::Snapshot;
use container_security_exporter::telemetry::Telemetry;
use flate2::read::GzDecoder;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mimalloc::MiMalloc;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service as _;

#[path = "../benches/resident.rs"]
mod resident;
#[path = "../benches/rows.rs"]
mod rows;

/// Pushes series that all change twice and counts what arrives
#[derive(Parser)]
struct Arguments {
    /// The minimum number of series
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// The protocol: http or grpc
    #[arg(long, value_parser = ["http", "grpc"], default_value = "http")]
    protocol: String,
    /// Seconds between pushes; longer than a push and the snapshot after it take
    #[arg(long, default_value_t = 30)]
    interval: u64,
}

/// Containers per workload, by which they are grouped.
const REPLICAS: usize = 4;

/// The minimum number of series per workload.
const SERIES_PER_WORKLOAD: usize = 45;

/// The prefix of source names. Only series with a source are compared: the others are the exporter's own.
const ROUND: &str = "round-";

/// The program's own allocator, since this measures its memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Failed = Box<dyn Error>;

/// What has arrived since the last check: for each series, how often and with what value.
#[derive(Default)]
struct Received {
    values: HashMap<u64, (u32, u64)>,
    marks: HashMap<u64, u32>,
    requests: u32,
    bytes: usize,
    largest: usize,
}

#[derive(Clone, Default)]
struct State(Arc<Mutex<Received>>);

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments = Arguments::parse();
    timeout(Duration::from_secs(arguments.interval * 8), push(&arguments)).await?
}

async fn push(arguments: &Arguments) -> Result<(), Failed> {
    let state = State::default();
    let mut listening = JoinSet::new();
    let grpc = arguments.protocol == "grpc";
    let address = listen(grpc, state.clone(), &mut listening).await?;
    let clock = Clock::system();
    let self_metrics = Arc::new(SelfMetrics { telemetry: Arc::new(Telemetry::new(clock.now())), store: None, clock });
    let config = Config {
        endpoint: Some(format!("http://{address}")),
        protocol: if grpc { Protocol::Grpc } else { Protocol::Http },
        interval: HumanDuration::seconds(arguments.interval),
        timeout: HumanDuration::seconds(arguments.interval),
        ..Config::default()
    };
    let (subscriber, pusher) = Pusher::new(&config, "", &self_metrics)?.ok_or("nothing is pushed")?;
    let containers = containers(arguments.series);

    let (mut running, mut began) = (JoinSet::new(), Instant::now());
    let (stop, stopped) = oneshot::channel::<()>();
    let mut before = HashMap::new();
    let mut pusher = Some((pusher, stopped));
    for round in 0..3_u32 {
        let snapshot = Arc::new(snapshot(&containers, round));
        let expected = expected(&snapshot);
        let resident = resident(false)?;
        subscriber.take(&snapshot);
        drop(snapshot);
        if let Some((pusher, stopped)) = pusher.take() {
            began = Instant::now();
            running.spawn(pusher.run(async { drop(stopped.await) }));
        }
        let due = began + Duration::from_secs(arguments.interval) * round;
        let took = pushed(&self_metrics, u64::from(round) + 1).await?.saturating_duration_since(due);
        let received = std::mem::take(&mut *lock(&state.0));
        let wrong = wrong(&received, &expected, &before);
        say(&format!(
            "round {round}: {} series and {} marks in {} requests of at most {} bytes, {} in all, in {took:.1?}; \
             resident {resident} MiB before, at most {} MiB; {}",
            received.values.len(),
            received.marks.len(),
            received.requests,
            received.largest,
            received.bytes,
            self::resident(true)?,
            if wrong == 0 { "each series once" } else { "not each series once" },
        ))?;
        if wrong > 0 {
            return Err(format!("{wrong} series are lost, duplicated or changed").into());
        }
        before = expected;
    }
    drop(stop);
    while running.join_next().await.is_some() {}
    Ok(())
}

/// Waits for a number of successful pushes.
async fn pushed(self_metrics: &SelfMetrics, wanted: u64) -> Result<Instant, Failed> {
    let mut pace = interval(Duration::from_millis(5));
    loop {
        pace.tick().await;
        let reading = self_metrics.telemetry.read_pushes().ok_or("nothing is pushed")?;
        if reading.failed.iter().any(|count| *count > 0) {
            return Err(format!("a push failed: {reading:?}").into());
        }
        if reading.succeeded >= wanted {
            return Ok(Instant::now());
        }
    }
}

fn containers(series: usize) -> Arc<Table<Container>> {
    let workloads = series.div_ceil(SERIES_PER_WORKLOAD);
    Arc::new(rows::Fleet { containers: workloads * REPLICAS, replicas: REPLICAS, whole: false }.containers())
}

/// The containers of a source whose name changes in each round, so that every label set does.
fn snapshot(containers: &Arc<Table<Container>>, round: u32) -> Snapshot {
    let tables = Tables { containers: Some(Arc::clone(containers)), ..Tables::default() };
    let source = format!("{ROUND}{round}").into();
    let inventory =
        Inventory { sources: vec![SourceInventory { source, vendor: Vendor::Qualys, tables, statuses: Vec::new() }] };
    let mut grouped = Containers::default();
    grouped.group_by.push("k8s_workload_name".to_owned());
    let limits = Limits { max_series_per_family: usize::MAX, ..Limits::default() };
    Snapshot::take(&inventory, Arc::new(resolve(&limits, &grouped, &Images::default(), &Sensors::default())))
}

fn digest<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_unstable();
    BuildHasherDefault::<DefaultHasher>::default().hash_one((name, labels))
}

fn expected(snapshot: &Snapshot) -> HashMap<u64, u64> {
    let mut expected = HashMap::new();
    for series in snapshot.families.iter() {
        for (values, number) in series.iter() {
            let labels = series.labels.iter().map(AsRef::as_ref).zip(values.iter().map(AsRef::as_ref));
            expected.insert(digest(series.metric.name(), labels), number.at(0.0).to_bits());
        }
    }
    expected
}

/// The number of series that are wrong.
fn wrong(received: &Received, expected: &HashMap<u64, u64>, before: &HashMap<u64, u64>) -> usize {
    let lost = expected.iter().filter(|(series, value)| received.values.get(series) != Some(&(1, **value))).count();
    let alien = received.values.keys().filter(|series| !expected.contains_key(series)).count();
    let unmarked = before.keys().filter(|series| received.marks.get(series) != Some(&1)).count();
    lost + alien + unmarked + received.marks.len().saturating_sub(before.len())
}

/// Resident memory in MiB: the current value, or the peak since the last call for the current one.
fn resident(most: bool) -> Result<u64, Failed> {
    if !most {
        // Resets the peak.
        std::fs::write("/proc/self/clear_refs", "5")?;
    }
    let kibibytes = resident::kibibytes("self", if most { "VmHWM" } else { "VmRSS" });
    Ok(kibibytes.ok_or("no memory is reported")? / 1024)
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

async fn listen(grpc: bool, state: State, tasks: &mut JoinSet<()>) -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (stream, state) = (TokioIo::new(stream), state.clone());
            if grpc {
                // With the size limit of most receivers.
                let service = service_fn(move |request: Request<Incoming>| {
                    MetricsServiceServer::new(state.clone()).accept_compressed(CompressionEncoding::Gzip).call(request)
                });
                drop(http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await);
            } else {
                let service = service_fn(move |request| answer(state.clone(), request));
                drop(http1::Builder::new().serve_connection(stream, service).await);
            }
        }
    });
    Ok(address)
}

async fn answer(state: State, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = match request.into_body().collect().await {
        Ok(body) => {
            let mut plain = Vec::new();
            let message = GzDecoder::new(&body.to_bytes()[..])
                .read_to_end(&mut plain)
                .ok()
                .and_then(|_| ExportMetricsServiceRequest::decode(plain.as_slice()).ok());
            message.map_or(http::StatusCode::BAD_REQUEST, |message| {
                state.note(&message);
                http::StatusCode::OK
            })
        }
        Err(_) => http::StatusCode::BAD_REQUEST,
    };
    Ok(response)
}

#[tonic::async_trait]
impl MetricsService for State {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.note(request.get_ref());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl State {
    fn note(&self, message: &ExportMetricsServiceRequest) {
        let size = message.encoded_len();
        let mut received = lock(&self.0);
        received.requests += 1;
        received.bytes += size;
        received.largest = received.largest.max(size);
        let scopes = message.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            let Some(metric::Data::Gauge(gauge)) = &metric.data else { continue };
            for point in &gauge.data_points {
                let text = |value: &Value| if let Value::StringValue(text) = value { Some(text.clone()) } else { None };
                let labels: Vec<_> = point
                    .attributes
                    .iter()
                    .filter_map(|pair| Some((pair.key.as_str(), text(pair.value.as_ref()?.value.as_ref()?)?)))
                    .collect();
                if !labels.iter().any(|(name, value)| *name == "source" && value.starts_with(ROUND)) {
                    continue;
                }
                let series = digest(&metric.name, labels.iter().map(|(name, value)| (*name, value.as_str())));
                if let Some(number_data_point::Value::AsDouble(value)) = point.value {
                    let (times, last) = received.values.entry(series).or_default();
                    (*times, *last) = (*times + 1, value.to_bits());
                } else {
                    *received.marks.entry(series).or_default() += 1;
                }
            }
        }
    }
}
