//! Simulates eight days of a Qualys tenant, a Prisma Cloud console, and the exporter that reads them, in a minute or
//! two: all three use tokio's clock, which jumps ahead whenever nothing is left to do. The scrapes are written as one
//! OpenMetrics file for `promtool tsdb create-blocks-from openmetrics`, which ends now. OTLP pushes, with the same
//! times, can be forwarded to a real receiver.

mod receiver;
mod record;
mod vendors;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use container_security_exporter::app::App;
use container_security_exporter::clock::{Clock, Timestamp};
use container_security_exporter::config::{self, Config};
use container_security_exporter::lock::lock;
use receiver::Receiver;
use record::Record;
use simulator::oracle::{self, Question, Truth};
use simulator::server::{Options, prisma};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};
use vendors::{HOUR, Vendors};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Writes the exporter's scrapes over days of simulated time
#[derive(Parser)]
struct Arguments {
    /// The file to write the scrapes to
    #[arg(long)]
    out: PathBuf,
    /// A file for what is true at the end, as JSON lines
    #[arg(long)]
    oracle: Option<PathBuf>,
    /// The receiver to forward OTLP pushes to, as `host:port`; their times are simulated
    #[arg(long)]
    otlp: Option<String>,
    /// The end of the history, in Unix seconds; defaults to now
    #[arg(long)]
    end: Option<i64>,
    /// The number of days
    #[arg(long, default_value_t = 8)]
    days: i64,
    /// Seconds between scrapes
    #[arg(long, default_value_t = 240)]
    step: u32,
    /// The seed of the vendors' data
    #[arg(long, default_value_t = 4)]
    seed: u64,
    /// The number of containers of the Qualys tenant; the console has half as many
    #[arg(long, default_value_t = 120)]
    containers: usize,
    /// Use plain names, without characters that are special in patterns
    #[arg(long)]
    plain_names: bool,
}

/// Exporters of the same accounts, and the minutes between which they run: one is down for a while, another joins it
/// later.
const EXPORTERS: [(&str, &[(i64, i64)]); 2] =
    [("exporter-0:9877", &[(0, 4560), (4574, i64::MAX)]), ("exporter-1:9877", &[(9900, i64::MAX)])];

/// When the receiver refuses OTLP pushes.
const UNAVAILABLE: Range<i64> = 64..66;

type Failed = Box<dyn Error>;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Failed> {
    let arguments = Arguments::parse();
    let hours = arguments.days * 24;
    let began = Instant::now();
    // Whole seconds have a shorter representation.
    let end = arguments.end.unwrap_or_else(|| Clock::system().now().millis() / 1000);
    let began_ms = end * 1000 - hours * HOUR;
    let now_ms = move || began_ms + i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let clock = Clock::from_fn(move || Timestamp::from_millis(now_ms()).unwrap_or_else(|| Clock::system().now()));
    let hostile = !arguments.plain_names;
    let mut vendors = Vendors::start(arguments.seed, arguments.containers, hours, hostile, Arc::new(now_ms)).await?;
    let dir = tempfile::tempdir()?;
    let receiver = Receiver::start(arguments.otlp.clone()).await?;
    let mut exporters = Vec::new();
    for (instance, runs) in EXPORTERS {
        let config = configure(dir.path(), instance, &vendors, &receiver, arguments.step)?;
        exporters.push(Exporter { instance, runs, config, app: None, started_ms: 0 });
    }

    let mut record = Record::default();
    let mut samples = 0;
    let mut since = Duration::ZERO;
    while since <= hour(hours) {
        sleep_until(began + since).await;
        vendors.pass(now_ms());
        receiver.be_away((hour(UNAVAILABLE.start)..hour(UNAVAILABLE.end)).contains(&since));
        for exporter in &mut exporters {
            exporter.run(since, &clock).await?;
            // The time may have advanced meanwhile; the scraper uses its own.
            let at_ms = began_ms + i64::try_from(since.as_millis())?;
            let page = exporter.page().await?;
            if exporter.started_ms > 0 {
                samples += record.take(exporter.instance, at_ms, exporter.started_ms, page.as_deref())?;
            }
        }
        since += Duration::from_secs(arguments.step.into());
    }

    let mut out = BufWriter::new(File::create(&arguments.out)?);
    record.write(&mut out)?;
    out.flush()?;
    if let Some(path) = &arguments.oracle {
        write_oracle(path, &vendors, &clock)?;
    }
    writeln!(std::io::stdout(), "{samples} samples of {} series", record.series())?;
    for app in exporters.into_iter().filter_map(|exporter| exporter.app) {
        app.stop().await;
    }
    Ok(())
}

/// An exporter that runs some of the time.
struct Exporter {
    instance: &'static str,
    runs: &'static [(i64, i64)],
    config: Config,
    app: Option<App>,
    /// The time of its last start, in Unix milliseconds.
    started_ms: i64,
}

impl Exporter {
    /// Starts or stops it when its time has come.
    async fn run(&mut self, since: Duration, clock: &Clock) -> Result<(), Failed> {
        let minute = i64::try_from(since.as_secs() / 60)?;
        let runs = self.runs.iter().any(|(from, to)| (*from..*to).contains(&minute));
        if !runs && let Some(app) = self.app.take() {
            app.stop().await;
        } else if runs && self.app.is_none() {
            self.app = Some(start(&self.config, clock).await?);
            self.started_ms = clock.now().millis();
        }
        Ok(())
    }

    /// The metrics that it serves, if it runs.
    async fn page(&self) -> Result<Option<String>, Failed> {
        let Some(app) = &self.app else { return Ok(None) };
        Ok(Some(scrape(app.address().ok_or("it does not listen")?).await?))
    }
}

fn hour(hours: i64) -> Duration {
    Duration::from_hours(hours.unsigned_abs())
}

/// The exporter's configuration: both vendors with production intervals, and one push per scrape.
fn configure(dir: &Path, instance: &str, vendors: &Vendors, receiver: &Receiver, step: u32) -> Result<Config, Failed> {
    let (of_qualys, of_prisma) = (Options::default(), prisma::Options::default());
    let (password, cloud_password) = (dir.join("password"), dir.join("cloud-password"));
    std::fs::write(&password, &of_qualys.password)?;
    std::fs::write(&cloud_password, &of_prisma.password)?;
    let file = dir.join("config.toml");
    std::fs::write(
        &file,
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[otlp]\nendpoint = \"http://{receiver}/opentelemetry\"\n\
             interval = \"{step}s\"\ncompression = \"none\"\n\
             resource_attributes = {{ \"service.instance.id\" = {instance:?} }}\n[state]\ndir = '{state}'\n\
             [[source.qualys]]\nname = \"prod\"\nbase_url = {url:?}\nusername = {username:?}\n\
             password_file = '{password}'\ninterval = \"10m\"\ncollectors.images.interval = \"20m\"\n\
             collectors.posture.interval = \"30m\"\ncollectors.reports.interval = \"30m\"\n\
             collectors.policies.interval = \"30m\"\n\
             [[source.prisma]]\nname = \"cloud\"\nbase_url = {cloud_url:?}\nusername = {cloud_username:?}\n\
             password_file = '{cloud_password}'\ninterval = \"20m\"\ncollectors.console.interval = \"30m\"\n\
             collectors.vulnerabilities.interval = \"30m\"\n",
            receiver = receiver.address,
            state = dir.join(instance).display(),
            url = vendors.qualys.base_url(),
            username = of_qualys.username,
            password = password.display(),
            cloud_url = vendors.prisma.base_url(),
            cloud_username = of_prisma.username,
            cloud_password = cloud_password.display(),
        ),
    )?;
    Ok(config::load(Some(&file), &[])?)
}

/// Starts an exporter, once its predecessor has released the state.
async fn start(config: &Config, clock: &Clock) -> Result<App, Failed> {
    for _ in 0..100 {
        match App::start(config.clone(), clock.clone()).await {
            Err(error) if error.contains("in use") => sleep(Duration::from_millis(100)).await,
            started => return Ok(started?),
        }
    }
    Err("the state is still in use".into())
}

/// Scrapes the metrics as Prometheus does.
async fn scrape(address: SocketAddr) -> Result<String, Failed> {
    let mut stream = TcpStream::connect(address).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: history\r\nConnection: close\r\n\
                   Accept: application/openmetrics-text; version=1.0.0\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, page) = answer.split_once("\r\n\r\n").ok_or("a response without the end of its headers")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(format!("the exporter answered {head}").into());
    }
    Ok(page.to_owned())
}

/// Writes what the oracle expects of both vendors.
fn write_oracle(path: &Path, vendors: &Vendors, clock: &Clock) -> std::io::Result<()> {
    let question = |source: &str| Question::usual(source, clock.now().seconds());
    let (of_tenant, of_console) = (question("prod"), question("cloud"));
    let (tenant, console) = (lock(&vendors.tenant), lock(&vendors.console));
    let truths = [(Truth::Qualys(&tenant), &of_tenant), (Truth::Prisma(&console), &of_console)];
    let mut out = BufWriter::new(File::create(path)?);
    for (family, series) in oracle::expected_of(&truths) {
        for (labels, value) in series {
            writeln!(out, "{}", serde_json::json!({ "family": family, "labels": labels, "value": value }))?;
        }
    }
    out.flush()
}
