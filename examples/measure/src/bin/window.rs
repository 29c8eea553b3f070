//! The exporter against a simulated Qualys tenant with very many containers, on loopback: checks that it finds them
//! all, and measures time and memory. The vendor is a separate process, so that its memory does not count.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use container_security_exporter::app::App;
use container_security_exporter::clock::Clock;
use container_security_exporter::{config, logging};
use mimalloc::MiMalloc;
use simulator::exposition::{self, Format, differences};
use simulator::folder::Folder;
use simulator::oracle::{self, Families, Question};
use simulator::server::{Options, Server};
use simulator::tenant::{Shape, Tenant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, timeout};

#[path = "../../../../benches/resident.rs"]
mod resident;

/// Collects a simulated tenant once and compares the metrics with the oracle
#[derive(Clone, Parser)]
struct Arguments {
    /// The seed of the vendor's data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of containers of the tenant
    #[arg(long, default_value_t = 1_000_000)]
    containers: usize,
    /// How many of them changed in the same millisecond; if more than 10,000, the data must be reported as incomplete
    #[arg(long, default_value_t = 0)]
    burst: usize,
    /// Give up after this many seconds
    #[arg(long, default_value_t = 540)]
    seconds: u64,
    /// Act as the vendor, and write the oracle's families to this file
    #[arg(long, hide = true)]
    truth: Option<PathBuf>,
}

/// The collected and compared families. Images, which are far fewer, are another collector.
const COMPARED: [&str; 3] = [
    "container_security_containers",
    "container_security_container_vulnerabilities",
    "container_security_container_risk_score_max",
];

const GROUPS: &str = "k8s_cluster_name";

/// The program's own allocator, since this measures its memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Failed = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments = Arguments::parse();
    match &arguments.truth {
        Some(truth) => be_vendor(&arguments, truth).await,
        None => timeout(Duration::from_secs(arguments.seconds), collect(&arguments)).await?,
    }
}

/// Serves the tenant until its standard input ends. The first line of output is its address, the second the number of
/// requests that it received.
async fn be_vendor(arguments: &Arguments, truth: &Path) -> Result<(), Failed> {
    let now = Clock::system().now();
    let mut tenant = Tenant::generate(&Shape::demo(arguments.seed, now.millis()).containers(arguments.containers));
    let middle = tenant.containers.len() / 2;
    if let Some(at) = tenant.containers.get(middle).map(|container| container.updated) {
        tenant.containers[middle..].iter_mut().take(arguments.burst).for_each(|container| container.updated = at);
    }
    let question = Question {
        source: "window".to_owned(),
        group_by: vec![GROUPS.to_owned()],
        promote_labels: Vec::new(),
        top_k: 20,
        images_group_by: vec!["registry".to_owned()],
        max_label_value_length: 1024,
        images_top_k: 20,
        sensors_stale_after_s: 86_400.0,
        max_series_per_family: 10_000,
        now_s: now.seconds(),
    };
    let expected = oracle::expected(&tenant, &question);
    let expected: Vec<_> = expected.iter().filter(|(name, _)| COMPARED.contains(&name.as_str())).collect();
    let mut lines = Vec::new();
    for (name, series) in expected {
        for (labels, value) in series {
            writeln!(lines, "{}", serde_json::json!([name, labels, value]))?;
        }
    }
    std::fs::write(truth, lines)?;
    let options = Options { gzip: false, ..Options::default() };
    let vendor = Server::start(Arc::new(Mutex::new(tenant)), options).await?;
    println_all(&vendor.base_url())?;
    // Stops at the end of standard input.
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    println_all(&vendor.requests().len().to_string())?;
    vendor.stop().await;
    Ok(())
}

fn println_all(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The vendor's process, which is killed when this is dropped.
struct Vendor(Child);

impl Drop for Vendor {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn collect(arguments: &Arguments) -> Result<(), Failed> {
    let dir = Folder::create("container-security-window")?;
    let truth = dir.path().join("truth.jsonl");
    let mut vendor = Vendor(
        Command::new(std::env::current_exe()?)
            .args(["--seed", &arguments.seed.to_string(), "--containers", &arguments.containers.to_string()])
            .args(["--burst", &arguments.burst.to_string(), "--truth"])
            .arg(&truth)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?,
    );
    let mut output = BufReader::new(vendor.0.stdout.take().ok_or("the vendor has no output")?).lines();
    let base_url = output.next().ok_or("the vendor ended")??;
    let config_file = dir.path().join("config.toml");
    configure(&config_file, &base_url)?;
    let config = config::load(Some(&config_file), &[])?;
    logging::start(config.log, None)?;
    let began = Instant::now();
    let app = App::start(config, Clock::system()).await?;
    let address = app.address().ok_or("the exporter listens")?;
    let (families, seconds) = first_run(address, began).await?;
    // The first run is over, so the peak so far is its peak.
    let mebibytes = |name| resident::kibibytes("self", name).map(|kibibytes| kibibytes / 1024);
    let (resident, most) = mebibytes("VmRSS").zip(mebibytes("VmHWM")).ok_or("no memory is reported")?;
    let page = get(address, "/").await?;
    app.stop().await;
    drop(vendor.0.stdin.take());
    let requests = output.next().ok_or("the vendor ended")??;

    let figure = |name: &str| families.get(name).into_iter().flatten().map(|(_, value)| value).sum::<f64>();
    let complete = figure("container_security_collector_complete") == 1.0;
    let records = figure("container_security_collector_records");
    let mut expected = read_truth(&truth)?;
    let mut actual = families.clone();
    for families in [&mut expected, &mut actual] {
        families.retain(|name, _| COMPARED.contains(&name.as_str()));
    }
    let wrong = differences(&expected, &actual);
    println_all(&format!(
        "{records} records of {containers} containers, {requests} requests, {seconds:.1} s, resident {resident} MiB, at most \
         {most} MiB; complete: {complete}; {equal}",
        containers = arguments.containers,
        equal = if wrong.is_empty() { "equal to the oracle" } else { "not equal to the oracle" },
    ))?;
    if arguments.burst > 10_000 {
        let reported = page.contains("changed in the same millisecond");
        println_all(&format!("the status page reports the millisecond: {reported}"))?;
        return if complete || !reported { Err("records are missing without a report".into()) } else { Ok(()) };
    }
    if complete && wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn configure(file: &Path, base_url: &str) -> std::io::Result<()> {
    let password = file.with_file_name("password");
    let (options, shown) = (Options::default(), password.display());
    std::fs::write(&password, options.password)?;
    let others = ["images", "sensors", "posture", "reports", "registries", "policies"];
    let others = others.map(|name| format!("collectors.{name}.enabled = false\n")).concat();
    std::fs::write(
        file,
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"warn\"\n[containers]\ngroup_by = [{GROUPS:?}]\n\
             [[source.qualys]]\nname = \"window\"\nbase_url = {base_url:?}\nusername = {username:?}\n\
             password_file = '{shown}'\ninterval = \"1h\"\nrate_limits.pages = \"100000/1s\"\n\
             rate_limits.bulk = \"100000/1s\"\nhttp.read_timeout = \"60s\"\n{others}",
            username = options.username,
        ),
    )
}

/// The metrics after the first run, and how long it took.
async fn first_run(address: std::net::SocketAddr, began: Instant) -> Result<(Families, f64), Failed> {
    let mut pace = interval(Duration::from_millis(200));
    loop {
        pace.tick().await;
        let text = get(address, "/metrics").await?;
        let families = exposition::parse(&text, Format::Text)?.families();
        let ended: f64 = families["container_security_collector_runs_total"].values().sum();
        // The data appears with the snapshot, a little later.
        if ended > 0.0 && families.contains_key("container_security_containers") {
            return Ok((families, began.elapsed().as_secs_f64()));
        }
    }
}

async fn get(address: std::net::SocketAddr, path: &str) -> Result<String, Failed> {
    let mut stream = TcpStream::connect(address).await?;
    let accept = "text/plain;version=0.0.4";
    let request = format!("GET {path} HTTP/1.1\r\nHost: window\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(body.to_owned())
}

fn read_truth(file: &Path) -> Result<Families, Failed> {
    let mut families = Families::new();
    for line in std::fs::read_to_string(file)?.lines() {
        let (name, labels, value): (String, oracle::Labels, f64) = serde_json::from_str(line)?;
        families.entry(name).or_default().insert(labels, value);
    }
    Ok(families)
}
