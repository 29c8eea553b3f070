//! The exporter against a simulated Qualys tenant and a simulated Prisma Cloud console on loopback: shows its output
//! without an account.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use container_security_exporter::app::{App, Signals};
use container_security_exporter::clock::Clock;
use container_security_exporter::lock::lock;
use container_security_exporter::{config, logging};
use mimalloc::MiMalloc;
use simulator::console::{self, Console};
use simulator::folder::Folder;
use simulator::oracle::{self, Question, Truth};
use simulator::server::{Options, Server, prisma};
use simulator::tenant::{Shape, Tenant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Runs the exporter against simulated vendors
#[derive(Parser)]
struct Arguments {
    /// The address that the exporter listens on
    #[arg(long, default_value = "127.0.0.1:9877")]
    listen: String,
    /// The seed of the vendors' data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of containers of the Qualys tenant
    #[arg(long, default_value_t = 26_000)]
    containers: usize,
    /// The number of containers of the Prisma Cloud console: 50 per request, 30 requests in 30 seconds
    #[arg(long, default_value_t = 1_000)]
    prisma_containers: usize,
    /// Change the vendors' data only on SIGUSR1: each time, one namespace of either vendor disappears
    #[arg(long)]
    frozen: bool,
    /// A file for the series that the exporter must show, as JSON lines; rewritten on each SIGUSR1
    #[arg(long)]
    oracle: Option<PathBuf>,
}

/// The same allocator as the program's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The interval between changes of the vendors' data.
const CHANGE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let clock = Clock::system();
    let shape = Shape::demo(arguments.seed, clock.now().millis()).containers(arguments.containers);
    let tenant = Arc::new(Mutex::new(Tenant::generate(&shape)));
    let shape = console::Shape::small(arguments.seed, clock.now().millis()).containers(arguments.prisma_containers);
    let console = Arc::new(Mutex::new(Console::generate(&shape)));
    let options = Options { enforce_limits: true, ..Options::default() };
    let of_cloud = prisma::Options { enforce_limits: true, ..prisma::Options::default() };
    let secrets = Folder::create("container-security-demo")?;
    let password_file = secrets.path().join("password");
    std::fs::write(&password_file, &options.password)?;
    let cloud_password_file = secrets.path().join("cloud-password");
    std::fs::write(&cloud_password_file, &of_cloud.password)?;
    let config_file = secrets.path().join("config.toml");
    let (username, cloud_username) = (options.username.clone(), of_cloud.username.clone());
    let vendor = Server::start(Arc::clone(&tenant), options).await?;
    let cloud = Server::start_prisma(Arc::clone(&console), of_cloud).await?;
    // The vendors' published limits apply: one walk of 25,000 Qualys containers fits into each minute.
    std::fs::write(
        &config_file,
        format!(
            "[server]\nlisten = {listen:?}\n[log]\nlevel = \"warn\"\n[[source.qualys]]\nname = \"demo\"\n\
             base_url = {url:?}\nusername = {username:?}\npassword_file = '{password_file}'\ninterval = \"15s\"\n\
             collectors.containers.interval = \"65s\"\n\
             [[source.prisma]]\nname = \"demo-cloud\"\nbase_url = {cloud_url:?}\nusername = {cloud_username:?}\n\
             password_file = '{cloud_password_file}'\ninterval = \"40s\"\n",
            password_file = password_file.display(),
            cloud_password_file = cloud_password_file.display(),
            listen = arguments.listen,
            url = vendor.base_url(),
            cloud_url = cloud.base_url(),
        ),
    )?;
    let load = || config::load(Some(&config_file), &[]).map_err(|error| error.to_string());
    let config = load()?;
    logging::start(config.log, None)?;

    let mut changes = JoinSet::new();
    if let Some(path) = &arguments.oracle {
        write_oracle(path, &tenant, &console, &clock)?;
    }
    if arguments.frozen {
        let wishes = signal(SignalKind::user_defined1())?;
        changes.spawn(thaw(wishes, Arc::clone(&tenant), Arc::clone(&console), clock.clone(), arguments.oracle));
    } else {
        changes.spawn(change(Arc::clone(&tenant), Arc::clone(&console), clock.clone()));
    }
    let signals = Signals::hook()?;
    let app = App::start(config, clock).await?;
    let address = app.address().ok_or("the demo listens")?;
    let text = format!(
        "simulated Qualys  {vendor}\nsimulated Prisma  {cloud}\nmetrics           http://{address}/metrics\n\
         status            http://{address}/\nCtrl-C ends them all\n",
        vendor = vendor.base_url(),
        cloud = cloud.base_url(),
    );
    std::io::stdout().write_all(text.as_bytes())?;
    app.run(signals, load).await;
    vendor.stop().await;
    cloud.stop().await;
    Ok(())
}

/// Keeps changing the vendors' data.
async fn change(tenant: Arc<Mutex<Tenant>>, console: Arc<Mutex<Console>>, clock: Clock) {
    let mut ticks = interval(CHANGE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        lock(&tenant).step(clock.now().millis());
        lock(&console).step(clock.now().millis());
    }
}

/// Renames a namespace of the tenant and removes one of the console for each signal. This is quick to collect, as the
/// tenant does not lose containers.
async fn thaw(
    mut wishes: Signal,
    tenant: Arc<Mutex<Tenant>>,
    console: Arc<Mutex<Console>>,
    clock: Clock,
    oracle: Option<PathBuf>,
) {
    while wishes.recv().await.is_some() {
        {
            let (mut tenant, mut console) = (lock(&tenant), lock(&console));
            let now = clock.now().millis();
            let old = tenant.containers.iter().find_map(|container| Some(container.pod.as_ref()?.namespace.clone()));
            for container in &mut tenant.containers {
                if let Some(pod) = container.pod.as_mut().filter(|pod| Some(&pod.namespace) == old.as_ref()) {
                    pod.namespace.push_str("-renamed");
                    container.updated = now;
                }
            }
            tenant.touch();
            let old = console.containers.iter().find_map(|container| container.namespace.clone());
            console.containers.retain(|container| old.is_none() || container.namespace != old);
            console.step(now);
        }
        if let Some(Err(error)) = oracle.as_ref().map(|path| write_oracle(path, &tenant, &console, &clock)) {
            tracing::error!(%error, "failed to write the oracle");
        }
    }
}

/// Writes what the oracle expects of both vendors, atomically.
fn write_oracle(
    path: &PathBuf,
    tenant: &Mutex<Tenant>,
    console: &Mutex<Console>,
    clock: &Clock,
) -> std::io::Result<()> {
    let question = |source: &str| Question::usual(source, clock.now().seconds());
    let (of_tenant, of_console) = (question("demo"), question("demo-cloud"));
    let (tenant, console) = (lock(tenant), lock(console));
    let truths = [(Truth::Qualys(&tenant), &of_tenant), (Truth::Prisma(&console), &of_console)];
    let families = oracle::expected_of(&truths);
    let mut lines = Vec::new();
    // The exporter counts folded groups in a family about itself.
    for (family, series) in
        families.into_iter().filter(|(family, _)| family != "container_security_exporter_folded_groups")
    {
        for (labels, value) in series {
            let live = family.contains("_age_");
            let sample = serde_json::json!({ "family": family, "labels": labels, "value": value, "live": live });
            writeln!(lines, "{sample}")?;
        }
    }
    let part = path.with_added_extension("part");
    std::fs::write(&part, lines)?;
    std::fs::rename(part, path)
}
