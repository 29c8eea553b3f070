//! Every way the metrics leave: the list of pages, and of what takes each new snapshot.
//!
//! An output loops over series and names no metric. To add one, write its file and add its line to [`Outputs::new`].

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::self_metrics::SelfMetrics;
use crate::snapshot::Snapshot;

pub mod compress;
pub mod control;
pub mod exposition;
pub mod negotiate;
pub mod openmetrics;
pub mod otlp;
pub mod page;
pub mod reference;
mod status;
pub mod text;

use control::ReloadRequest;
use exposition::Refresh;
use page::Page;

/// Something that takes each new snapshot.
pub trait Output: Send + Sync {
    /// Takes it. This may take a while, and is not done on an async thread.
    fn take(&self, snapshot: &Arc<Snapshot>);
}

/// The ways out that a configuration has.
pub struct Outputs {
    /// Pages of the server.
    pub pages: Vec<Box<dyn Page>>,
    /// What takes each new snapshot.
    pub takers: Vec<Arc<dyn Output>>,
    /// What is to be run for one of them, if something is pushed.
    pub pusher: Option<otlp::Pusher>,
}

impl Outputs {
    /// All of them: metrics at `telemetry_path`, refreshed for each scrape if there is `refresh`, what the exporter
    /// tells of itself, and pushes as `otlp` says of what is served at `listen`.
    pub fn new(
        telemetry_path: &str,
        (otlp, listen): (&otlp::Config, &str),
        self_metrics: &Arc<SelfMetrics>,
        refresh: Option<Arc<dyn Refresh>>,
        reload: mpsc::Sender<ReloadRequest>,
    ) -> Result<Self, String> {
        let (taker, pusher) = otlp::Pusher::new(otlp, listen, self_metrics)?.unzip();
        let exposition = Arc::new(exposition::Exposition::new(telemetry_path, Arc::clone(self_metrics), refresh));
        let status = Arc::new(status::Status::new(telemetry_path, Arc::clone(self_metrics)));
        let mut takers: Vec<Arc<dyn Output>> = vec![Arc::clone(&exposition) as _, Arc::clone(&status) as _];
        takers.extend(taker.map(|taker| taker as _));
        Ok(Self {
            pages: vec![
                Box::new(exposition),
                Box::new(status),
                Box::new(control::Healthy),
                Box::new(control::Ready(Arc::clone(&self_metrics.telemetry))),
                Box::new(control::Reload(reload)),
            ],
            takers,
            pusher,
        })
    }
}
