//! The program's life: builds the parts from a configuration, starts them, reads the configuration anew, waits for a
//! signal, and drains within a limit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::catalog;
use crate::clock::Clock;
use crate::collect::{Collection, Runner};
use crate::config::{self, Config, Overrides};
use crate::metric::Settings;
use crate::output::control::ReloadRequest;
use crate::output::{self, Output, Outputs};
use crate::own::{Own, REVISION, VERSION};
use crate::server;
use crate::snapshot::Snapshot;
use crate::source::Source;
use crate::telemetry::Telemetry;

/// How long requests that are under way may take once the program is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until told to stop. The configuration is read anew from `path` when asked for.
pub async fn serve(path: Option<PathBuf>, overrides: Overrides, config: Config) -> Result<(), String> {
    let app = App::start(config, Clock::system()).await?;
    tracing::info!(version = VERSION, revision = REVISION, address = %app.address(), "serving");
    app.run(|| config::load(path.as_deref(), &overrides).map_err(|error| error.to_string())).await
}

/// Runs every collector once. Returns the metrics as text, and which collectors failed and why.
pub async fn once(config: Config) -> Result<(String, Vec<String>), String> {
    let parts = Parts::new(&config, Clock::system());
    let sources = parts.build(&config)?;
    parts.collection.arrange(sources.iter().map(|source| (source.name.as_str(), source.vendor)), &[]);
    let mut runners: Vec<Runner> = sources.into_iter().flat_map(|source| parts.runners(source)).collect();
    let runs = runners.iter_mut().map(|runner| async move {
        let failed = runner.run().await.err();
        failed.map(|(_, words)| format!("{} of {}: {words}", runner.collector(), runner.source()))
    });
    let failed = join_all(runs).await.into_iter().flatten().collect();
    let snapshot = Snapshot::take(&parts.collection.inventory(), parts.settings.load_full());
    Ok((output::exposition::print(&snapshot, &parts.own), failed))
}

/// What everything is built from, and what outlives a reload.
struct Parts {
    clock: Clock,
    own: Arc<Own>,
    collection: Arc<Collection>,
    settings: Arc<ArcSwap<Settings>>,
}

impl Parts {
    fn new(config: &Config, clock: Clock) -> Self {
        let telemetry = Arc::new(Telemetry::new(clock.now()));
        Self {
            own: Arc::new(Own { telemetry, clock: clock.clone() }),
            clock,
            collection: Arc::default(),
            settings: Arc::new(ArcSwap::from_pointee(settings(config))),
        }
    }

    /// The sources that a configuration has. Nothing runs yet.
    fn build(&self, config: &Config) -> Result<Vec<Source>, String> {
        let promote: Arc<[String]> = config.containers.promote_labels.as_slice().into();
        config.source.build(&promote, &self.own.telemetry, &self.clock).map_err(|reasons| reasons.join("\n"))
    }

    /// A runner for each collector of a source.
    fn runners(&self, source: Source) -> Vec<Runner> {
        let Source { stale_after, telemetry, collectors, .. } = source;
        let runner = |collector| {
            let stale_after = stale_after.map(|span| span.0);
            let (telemetry, collection) = (Arc::clone(&telemetry), Arc::clone(&self.collection));
            Runner::new(collector, stale_after, telemetry, collection, self.clock.clone())
        };
        collectors.into_iter().map(runner).collect()
    }
}

fn settings(config: &Config) -> Settings {
    catalog::resolve(&config.limits, &config.containers, &config.sensors)
}

/// The running program.
pub struct App {
    config: Config,
    parts: Parts,
    address: SocketAddr,
    /// The collectors of each source.
    collectors: BTreeMap<String, JoinSet<()>>,
    publisher: JoinSet<()>,
    server: JoinSet<()>,
    stop_server: oneshot::Sender<()>,
    /// Wishes for a reload; whoever runs the program answers them.
    reload_requests: mpsc::Receiver<ReloadRequest>,
}

impl App {
    /// Starts serving and collecting.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, String> {
        let parts = Parts::new(&config, clock);
        let sources = parts.build(&config)?;
        let (ask, reload_requests) = mpsc::channel(1);
        let Outputs { pages, takers } = Outputs::new(&config.server.telemetry_path, &parts.own, ask);
        // The first scrape finds what there is at the start: the exporter's own families, and nothing of a vendor.
        publish(&parts.collection, &parts.settings, &takers).await;
        let listener = server::bind(&config.server).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| format!("the listener has no address: {error}"))?;
        let (stop_server, stop) = oneshot::channel();
        let mut server = JoinSet::new();
        server.spawn(async move {
            // A sender that is gone says the same.
            let stop = stop.map(|_| ());
            server::serve(listener, pages.into(), stop, DRAIN).await;
        });
        let mut publisher = JoinSet::new();
        publisher.spawn(publish_changes(Arc::clone(&parts.collection), Arc::clone(&parts.settings), takers));
        let collectors = BTreeMap::new();
        let mut app = Self { config, parts, address, collectors, publisher, server, stop_server, reload_requests };
        app.arrange(sources, &[]);
        Ok(app)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes on until told to stop by SIGTERM or SIGINT, then stops. SIGHUP, and whoever asks for it over HTTP, has the
    /// configuration read anew by `load`.
    pub async fn run(mut self, load: impl Fn() -> Result<Config, String>) -> Result<(), String> {
        let hook = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        let (mut terminate, mut interrupt) = (hook(SignalKind::terminate())?, hook(SignalKind::interrupt())?);
        let mut hangup = hook(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => {
                    // How it went is in the log.
                    _ = self.reload(load()).await;
                }
                Some(request) = self.reload_requests.recv() => {
                    let result = self.reload(load()).await;
                    // Whoever asked may be gone.
                    _ = request.send(result);
                }
            }
        }
        tracing::info!("stopping");
        self.stop().await;
        Ok(())
    }

    /// Takes over a configuration that was read anew, or keeps the old one and says why. Sources that did not change
    /// go on undisturbed.
    pub async fn reload(&mut self, loaded: Result<Config, String>) -> Result<(), String> {
        let result = match loaded {
            Ok(config) => self.take_over(config).await,
            Err(reason) => Err(reason),
        };
        self.parts.own.telemetry.count_reload(result.is_ok(), self.parts.clock.now());
        match &result {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(reason) => tracing::error!(reason, "configuration not reloaded, the old one stays"),
        }
        result
    }

    async fn take_over(&mut self, config: Config) -> Result<(), String> {
        let sources = self.parts.build(&config)?;
        if (&config.server, &config.log, &config.state) != (&self.config.server, &self.config.log, &self.config.state) {
            tracing::warn!("changes of [server], [log] and [state] are taken over at the next start only");
        }
        let same_labels = config.containers.promote_labels == self.config.containers.promote_labels;
        let unchanged: Vec<String> = sources
            .iter()
            .map(|source| &source.name)
            .filter(|name| same_labels && config.source.account(name) == self.config.source.account(name))
            .cloned()
            .collect();
        let unchanged: Vec<&str> = unchanged.iter().map(String::as_str).collect();
        for (source, collectors) in &mut self.collectors {
            if !unchanged.contains(&source.as_str()) {
                collectors.shutdown().await;
            }
        }
        self.collectors.retain(|source, _| unchanged.contains(&source.as_str()));
        self.parts.settings.store(Arc::new(settings(&config)));
        self.arrange(sources, &unchanged);
        self.config = config;
        Ok(())
    }

    /// Makes these the sources, and starts the collectors of those that are not unchanged.
    fn arrange(&mut self, sources: Vec<Source>, unchanged: &[&str]) {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        self.parts.own.telemetry.retain(&names);
        let order = sources.iter().map(|source| (source.name.as_str(), source.vendor));
        self.parts.collection.arrange(order, unchanged);
        for source in sources {
            if !unchanged.contains(&source.name.as_str()) {
                let tasks = self.collectors.entry(source.name.clone()).or_default();
                for runner in self.parts.runners(source) {
                    tasks.spawn(runner.run_forever());
                }
            }
        }
    }

    /// Stops collecting, and serving once the requests under way are answered, within a limit.
    pub async fn stop(mut self) {
        for collectors in self.collectors.values_mut() {
            collectors.shutdown().await;
        }
        // A server that is gone needs no stopping.
        _ = self.stop_server.send(());
        while self.server.join_next().await.is_some() {}
        self.publisher.shutdown().await;
    }
}

/// Publishes a snapshot after each change; ends when it is dropped.
async fn publish_changes(collection: Arc<Collection>, settings: Arc<ArcSwap<Settings>>, takers: Vec<Arc<dyn Output>>) {
    loop {
        collection.changed().await;
        publish(&collection, &settings, &takers).await;
    }
}

/// Computes a snapshot of what is known now and hands it to every output, off the async threads.
async fn publish(collection: &Collection, settings: &ArcSwap<Settings>, takers: &[Arc<dyn Output>]) {
    let (inventory, settings, takers) = (collection.inventory(), settings.load_full(), takers.to_vec());
    let work = tokio::task::spawn_blocking(move || {
        let snapshot = Arc::new(Snapshot::take(&inventory, settings));
        for taker in takers {
            taker.take(&snapshot);
        }
    });
    if work.await.is_err() {
        tracing::error!("a snapshot could not be published; what was published before stays");
    }
}
