//! What the exporter tells of itself, put together when somebody asks.

use std::sync::Arc;

use crate::checkpoint::Store;
use crate::clock::Clock;
use crate::process;
use crate::telemetry::Telemetry;
use crate::view::{OwnReading, Program};

/// The exporter's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, empty where that is not known.
pub const REVISION: &str = env!("CSE_REVISION");

/// The compiler it was built with.
pub const RUSTC: &str = env!("CSE_RUSTC");

/// Everything that the exporter's own families are read from.
#[derive(Debug)]
pub struct Own {
    /// The live instruments.
    pub telemetry: Arc<Telemetry>,
    /// Where what is known is kept over a restart, if it is.
    pub store: Option<Arc<Store>>,
    /// The time.
    pub clock: Clock,
}

impl Own {
    /// Reads everything now. It reads `/proc`: not for an async thread.
    pub fn read(&self) -> OwnReading {
        let (sources, reload) = self.telemetry.read();
        let checkpoints = self.store.as_ref().map(|store| store.written());
        OwnReading {
            program: vec![Program {
                version: VERSION,
                revision: REVISION,
                rustc: RUSTC,
                reload,
                checkpoints: checkpoints.map(|written| [written.succeeded, written.failed]),
            }],
            process: vec![process::read()],
            pushes: self.telemetry.read_pushes().into_iter().collect(),
            endpoints: sources.iter().flat_map(|source| source.endpoints.iter().cloned()).collect(),
            collectors: sources.iter().flat_map(|source| source.collectors.iter().cloned()).collect(),
            sources,
            ..OwnReading::default()
        }
    }
}
