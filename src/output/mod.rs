//! Every output: the list of pages, and of the subscribers to new snapshots.
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

/// A subscriber to new snapshots.
pub trait Output: Send + Sync {
    /// Takes a new snapshot. Called off the async threads, since it may take a while.
    fn take(&self, snapshot: &Arc<Snapshot>);
}

/// The outputs of a configuration.
pub struct Outputs {
    /// The pages of the server.
    pub pages: Vec<Box<dyn Page>>,
    /// The subscribers to new snapshots.
    pub subscribers: Vec<Arc<dyn Output>>,
    /// The task that pushes, if an OTLP receiver is configured.
    pub pusher: Option<otlp::Pusher>,
}

impl Outputs {
    /// Builds all outputs: metrics at `telemetry_path`, refreshed for each scrape if `refresh` is given, the exporter's
    /// own pages, and OTLP pushes for the instance that serves at `listen`.
    pub fn new(
        telemetry_path: &str,
        (otlp, listen): (&otlp::Config, &str),
        self_metrics: &Arc<SelfMetrics>,
        refresh: Option<Arc<dyn Refresh>>,
        reload: mpsc::Sender<ReloadRequest>,
    ) -> Result<Self, String> {
        let (subscriber, pusher) = otlp::Pusher::new(otlp, listen, self_metrics)?.unzip();
        let exposition = Arc::new(exposition::Exposition::new(telemetry_path, Arc::clone(self_metrics), refresh));
        let status = Arc::new(status::Status::new(telemetry_path, Arc::clone(self_metrics)));
        let mut subscribers: Vec<Arc<dyn Output>> = vec![Arc::clone(&exposition) as _, Arc::clone(&status) as _];
        subscribers.extend(subscriber.map(|subscriber| subscriber as _));
        Ok(Self {
            pages: vec![
                Box::new(exposition),
                Box::new(status),
                Box::new(control::Healthy),
                Box::new(control::Ready(Arc::clone(&self_metrics.telemetry))),
                Box::new(control::Reload(reload)),
            ],
            subscribers,
            pusher,
        })
    }
}
