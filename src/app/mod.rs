//! The program's life cycle: builds the parts from a configuration, starts them, reloads the configuration, waits for a
//! signal, and drains within a limit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};

use crate::checkpoint::Store;
use crate::clock::Clock;
use crate::collect::{Mode, OnDemandScheduler, Runner};
use crate::config::{self, Config, Overrides};
use crate::lock::lock;
use crate::output::control::ReloadRequest;
use crate::output::exposition::Refresh;
use crate::output::{self, Outputs};
use crate::self_metrics::{REVISION, VERSION};
use crate::server;
use crate::snapshot::Snapshot;

mod parts;

use parts::{OnDemand, Parts, publish, publish_changes, settings};

/// How long requests in flight may take once the program is stopping.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT. A reload reads the configuration from `path` again.
pub async fn serve(path: Option<PathBuf>, overrides: Overrides, config: Config) -> Result<(), String> {
    let signals = Signals::hook()?;
    let app = App::start(config, Clock::system()).await?;
    let address = app.address().map(tracing::field::display);
    tracing::info!(version = VERSION, revision = REVISION, address, "serving");
    app.run(signals, || config::load(path.as_deref(), &overrides).map_err(|error| error.to_string())).await;
    Ok(())
}

/// The signals that the program handles.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Installs handlers; without them the signals would end the program.
    pub fn hook() -> Result<Self, String> {
        let hook = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: hook(SignalKind::terminate())?,
            interrupt: hook(SignalKind::interrupt())?,
            hangup: hook(SignalKind::hangup())?,
        })
    }
}

/// Runs every collector once. Returns the metrics as text, and which collectors failed and why.
pub async fn once(config: Config) -> Result<(String, Vec<String>), String> {
    let parts = Parts::new(&config, Clock::system(), None);
    let sources = parts.build(&config)?;
    parts.arrange(&sources, &[]);
    let mut runners = parts.runners(sources).await;
    let runs = runners.iter_mut().map(|runner| async move {
        let failed = runner.run().await.err();
        failed.map(|(_, words)| format!("{} of {}: {words}", runner.collector(), runner.source()))
    });
    let failed = join_all(runs).await.into_iter().flatten().collect();
    let (inventory, settings) = parts.state.now();
    let snapshot = Snapshot::take(&inventory, settings);
    Ok((output::exposition::print(&snapshot, &parts.self_metrics), failed))
}

/// Settings that only take effect at start.
fn read_at_start(config: &Config) -> impl PartialEq {
    (&config.server, &config.otlp, &config.log, &config.state, &config.collection)
}

/// The running program.
pub struct App {
    config: Config,
    parts: Parts,
    address: Option<SocketAddr>,
    /// The collectors of each source.
    collectors: BTreeMap<String, JoinSet<()>>,
    /// When they run, if scrapes trigger collections.
    scheduler: Option<Arc<OnDemandScheduler>>,
    publisher: JoinSet<()>,
    server: JoinSet<()>,
    stop_server: oneshot::Sender<()>,
    pusher: JoinSet<()>,
    stop_pusher: oneshot::Sender<()>,
    /// Requested reloads, answered by [`Self::run`].
    reload_requests: mpsc::Receiver<ReloadRequest>,
}

impl App {
    /// Starts serving and collecting.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, String> {
        let store = match config.state.dir.clone() {
            Some(dir) => Some(
                spawn_blocking(move || Store::open(&dir))
                    .await
                    .map_err(|_| "the state directory could not be opened")??,
            ),
            None => None,
        };
        let parts = Parts::new(&config, clock, store);
        let sources = parts.build(&config)?;
        // Before any saved data is dropped: a program that cannot serve changes nothing.
        let listener = match config.server.is_on().then(|| server::bind(&config.server)) {
            Some(bound) => Some(bound.await.map_err(|error| error.to_string())?),
            None => None,
        };
        let address = listener.as_ref().map(TcpListener::local_addr).transpose();
        let address = address.map_err(|error| format!("the listener has no address: {error}"))?;
        parts.arrange(&sources, &[]);
        parts.forget_others(&sources).await;
        let runners = parts.runners(sources).await;
        let (ask, reload_requests) = mpsc::channel(1);
        let scheduler = match config.collection.mode {
            Mode::Interval => None,
            Mode::Scrape => Some(Arc::new(OnDemandScheduler::new(config.collection.min_age.0))),
        };
        let refresh = scheduler.as_ref().map(|scheduler| -> Arc<dyn Refresh> {
            Arc::new(OnDemand { scheduler: Arc::clone(scheduler), state: Arc::clone(&parts.state) })
        });
        let otlp = (&config.otlp, config.server.listen.as_str());
        let outputs = Outputs::new(&config.server.telemetry_path, otlp, &parts.self_metrics, refresh, ask)?;
        let Outputs { pages, subscribers, pusher: push } = outputs;
        config.ignored.iter().for_each(|ignored| tracing::warn!("{ignored}"));
        // The first scrape finds the exporter's own families and the restored data.
        publish(&parts.state, &subscribers).await;
        let (stop_server, stop) = oneshot::channel();
        let mut server = JoinSet::new();
        if let Some(listener) = listener {
            server.spawn(async move {
                // A dropped sender means the same.
                let stop = stop.map(|_| ());
                server::serve(listener, pages.into(), stop, DRAIN).await;
            });
        }
        let (stop_pusher, stop) = oneshot::channel();
        let mut pusher = JoinSet::new();
        if let Some(push) = push {
            pusher.spawn(push.run(stop.map(|_| ())));
        }
        let mut publisher = JoinSet::new();
        publisher.spawn(publish_changes(Arc::clone(&parts.state), subscribers));
        let collectors = BTreeMap::new();
        let mut app = Self {
            config,
            parts,
            address,
            collectors,
            scheduler,
            publisher,
            server,
            stop_server,
            pusher,
            stop_pusher,
            reload_requests,
        };
        app.start_collectors(runners);
        Ok(app)
    }

    /// The address it listens on, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Runs until SIGTERM or SIGINT, then stops. SIGHUP or an HTTP request reloads the configuration with `load`.
    pub async fn run(mut self, mut signals: Signals, load: impl Fn() -> Result<Config, String>) {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => {
                    // The log shows how it went.
                    _ = self.reload(load()).await;
                }
                Some(request) = self.reload_requests.recv() => {
                    let result = self.reload(load()).await;
                    // The client may be gone.
                    _ = request.send(result);
                }
            }
        }
        tracing::info!("stopping");
        self.stop().await;
    }

    /// Applies a reloaded configuration, or keeps the old one and returns why. Unchanged sources continue undisturbed.
    pub async fn reload(&mut self, loaded: Result<Config, String>) -> Result<(), String> {
        let result = match loaded {
            Ok(config) => self.take_over(config).await,
            Err(reason) => Err(reason),
        };
        self.parts.self_metrics.telemetry.count_reload(result.is_ok(), self.parts.clock.now());
        match &result {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(reason) => tracing::error!(reason, "configuration reload failed, the old one stays"),
        }
        result
    }

    async fn take_over(&mut self, config: Config) -> Result<(), String> {
        let sources = self.parts.build(&config)?;
        if read_at_start(&config) != read_at_start(&self.config) {
            tracing::warn!(
                "changes of [server], [otlp], [log], [state] and [collection] take effect at the next start"
            );
        }
        // Values of promoted labels are kept in the order of the configuration, so other labels need other data.
        let same_labels = config.containers.promote_labels == self.config.containers.promote_labels;
        let (old, new) = (&self.config.source, &config.source);
        let names = || sources.iter().map(|source| source.name.clone());
        let undisturbed: Vec<String> =
            names().filter(|name| same_labels && old.account(name) == new.account(name)).collect();
        let keep_data: Vec<String> = names().filter(|name| same_labels && old.is_same_account(new, name)).collect();
        for (source, collectors) in &mut self.collectors {
            if !undisturbed.contains(source) {
                collectors.shutdown().await;
            }
        }
        self.collectors.retain(|source, _| undisturbed.contains(source));
        {
            let mut shown = lock(&self.parts.state.settings);
            self.parts.arrange(&sources, &keep_data);
            *shown = Arc::new(settings(&config));
        }
        // Publish what was dropped first, so that data of another account is never shown as the new collectors' data.
        self.parts.state.wait_until_published().await;
        self.parts.forget_others(&sources).await;
        let disturbed = sources.into_iter().filter(|source| !undisturbed.contains(&source.name));
        let runners = self.parts.runners(disturbed).await;
        self.start_collectors(runners);
        self.config = config;
        Ok(())
    }

    fn start_collectors(&mut self, runners: Vec<Runner>) {
        for runner in runners {
            let tasks = self.collectors.entry(runner.source().to_owned()).or_default();
            match &self.scheduler {
                None => tasks.spawn(runner.run_forever()),
                Some(scheduler) => tasks.spawn(runner.run_on_demand(scheduler.join())),
            };
        }
    }

    /// Stops collecting, and serving once requests in flight are answered, within a limit.
    pub async fn stop(mut self) {
        // No reload is answered from here on; closing the channel lets waiting clients know.
        drop(self.reload_requests);
        for collectors in self.collectors.values_mut() {
            collectors.shutdown().await;
        }
        // A receiver that is gone has stopped already.
        _ = self.stop_server.send(());
        _ = self.stop_pusher.send(());
        while self.server.join_next().await.is_some() {}
        while self.pusher.join_next().await.is_some() {}
        self.publisher.shutdown().await;
    }
}
