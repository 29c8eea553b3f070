//! Measures the program's resident memory over time, next to a simulated Qualys tenant that keeps changing and an OTLP
//! receiver that accepts everything, on loopback. The program is a separate process, so that only its memory counts.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use container_security_exporter::clock::Clock;
use container_security_exporter::lock::lock;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use simulator::folder::Folder;
use simulator::server::{Options, Server};
use simulator::tenant::{Shape, Tenant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

#[path = "../../../../benches/resident.rs"]
mod resident;

/// Prints the program's resident memory while it collects and pushes every few seconds
#[derive(Parser)]
struct Arguments {
    /// The program to measure
    #[arg(long, default_value = "target/release/container-security-exporter")]
    program: PathBuf,
    /// The seed of the vendor's data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of containers of the tenant
    #[arg(long, default_value_t = 2_600)]
    containers: usize,
    /// Seconds between collections, and between pushes
    #[arg(long, default_value_t = 5)]
    interval: u64,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The limit of resident memory, in MiB
    #[arg(long, default_value_t = 128)]
    limit: u64,
}

/// The interval between memory reports.
const PACE: Duration = Duration::from_secs(20);

type Failed = Box<dyn Error>;

/// The program's process, which is killed when this is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments = Arguments::parse();
    let clock = Clock::system();
    let shape = Shape::demo(arguments.seed, clock.now().millis()).containers(arguments.containers);
    let tenant = Arc::new(Mutex::new(Tenant::generate(&shape)));
    let options = Options::default();
    let vendor = Server::start(Arc::clone(&tenant), options).await?;
    let (pushes, mut tasks) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    let receiver = receive(Arc::clone(&pushes), &mut tasks).await?;

    let dir = Folder::create("container-security-footprint")?;
    let config_file = dir.path().join("config.toml");
    configure(&config_file, &vendor.base_url(), receiver, arguments.interval)?;
    let command = ["serve".as_ref(), "--config.file".as_ref(), config_file.as_os_str()];
    let program = Program(Command::new(&arguments.program).args(command).stdin(Stdio::null()).spawn()?);
    let pid = program.0.id().to_string();

    let (began, mut pace) = (Instant::now(), interval(PACE));
    pace.tick().await;
    loop {
        pace.tick().await;
        lock(&tenant).step(clock.now().millis());
        let mebibytes = |name| resident::kibibytes(&pid, name).map(|kibibytes| kibibytes / 1024);
        let (now, most) = mebibytes("VmRSS").zip(mebibytes("VmHWM")).ok_or("the program ended")?;
        let (seconds, pushes) = (began.elapsed().as_secs(), pushes.load(Ordering::Relaxed));
        say(&format!("{seconds:4} s: resident {now} MiB, at most {most} MiB, {pushes} requests pushed"))?;
        if seconds < arguments.seconds {
            continue;
        }
        drop(program);
        vendor.stop().await;
        return match (pushes, most) {
            (0, _) => Err("nothing was pushed".into()),
            (_, most) if most > arguments.limit => Err(format!("more than {} MiB", arguments.limit).into()),
            _ => Ok(()),
        };
    }
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

fn configure(file: &Path, vendor: &str, receiver: SocketAddr, seconds: u64) -> std::io::Result<()> {
    let (options, password) = (Options::default(), file.with_file_name("password"));
    std::fs::write(&password, options.password)?;
    let limits = ["pages", "bulk", "other"].map(|name| format!("rate_limits.{name} = \"100000/1s\"\n")).concat();
    std::fs::write(
        file,
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"warn\"\n\
             [otlp]\nendpoint = \"http://{receiver}\"\ninterval = \"{seconds}s\"\n\
             [[source.qualys]]\nname = \"footprint\"\nbase_url = {vendor:?}\nusername = {username:?}\n\
             password_file = '{password}'\ninterval = \"{seconds}s\"\n{limits}",
            username = options.username,
            password = password.display(),
        ),
    )
}

/// Accepts every request and drops its contents.
async fn receive(requests: Arc<AtomicU64>, tasks: &mut JoinSet<()>) -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let requests = Arc::clone(&requests);
            let service = service_fn(move |request| take(Arc::clone(&requests), request));
            connections.spawn(async move {
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    Ok(address)
}

async fn take(requests: Arc<AtomicU64>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.into_body().collect().await.is_ok() {
        requests.fetch_add(1, Ordering::Relaxed);
    }
    Ok(Response::new(Full::default()))
}
