//! What the exporter tells of itself, put together when somebody asks.

use std::sync::Arc;

use crate::checkpoint::Store;
use crate::clock::Clock;
use crate::telemetry::Telemetry;
use crate::view::{OwnReading, Process, Program};

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
            process: vec![process()],
            pushes: self.telemetry.read_pushes().into_iter().collect(),
            endpoints: sources.iter().flat_map(|source| source.endpoints.iter().cloned()).collect(),
            collectors: sources.iter().flat_map(|source| source.collectors.iter().cloned()).collect(),
            sources,
            ..OwnReading::default()
        }
    }
}

/// What the operating system tells of this process. Without `/proc` nothing is known, and nothing is shown.
fn process() -> Process {
    let Ok(process) = procfs::process::Process::myself() else {
        return Process::default();
    };
    let mut reading = Process {
        open_fds: process.fd_count().ok().map(as_f64),
        max_fds: process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            procfs::process::LimitValue::Value(most) => Some(as_f64(most)),
            procfs::process::LimitValue::Unlimited => None,
        }),
        ..Process::default()
    };
    if let Ok(stat) = process.stat() {
        let ticks = as_f64(procfs::ticks_per_second());
        reading.cpu_seconds = Some(as_f64(stat.utime + stat.stime) / ticks);
        reading.virtual_memory_bytes = Some(as_f64(stat.vsize));
        reading.resident_memory_bytes = Some(as_f64(stat.rss * procfs::page_size()));
        reading.threads = u32::try_from(stat.num_threads).ok().map(f64::from);
        let booted = procfs::boot_time_secs().ok().map(as_f64);
        reading.start_time_seconds = booted.map(|booted| booted + as_f64(stat.starttime) / ticks);
    }
    reading
}

#[expect(clippy::cast_precision_loss, reason = "none of these numbers passes 2^53")]
fn as_f64(number: impl TryInto<u64>) -> f64 {
    number.try_into().map_or(0.0, |number| number as f64)
}
