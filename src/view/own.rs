//! What the exporter tells of itself, as records.

use crate::telemetry::{CollectorReading, EndpointReading, PushReading, Reload, SourceReading};

/// What the exporter tells of itself at one moment.
#[derive(Debug, Default)]
pub struct OwnReading {
    /// The program and its configuration.
    pub program: Vec<Program>,
    /// This process.
    pub process: Vec<Process>,
    /// The sources' instruments.
    pub sources: Vec<SourceReading>,
    /// The endpoints' instruments, of all sources.
    pub endpoints: Vec<EndpointReading>,
    /// Requests by code, of all endpoints.
    pub requests: Vec<RequestReading>,
    /// What is known of the collectors, of all sources.
    pub collectors: Vec<CollectorReading>,
    /// How pushes went; empty where nothing is pushed.
    pub pushes: Vec<PushReading>,
    /// How large the other families are.
    pub families: Vec<FamilyReading>,
}

/// The program that runs.
#[derive(Debug)]
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from.
    pub revision: &'static str,
    /// The compiler it was built with.
    pub rustc: &'static str,
    /// How its configuration was read last.
    pub reload: Reload,
    /// How often what is known was written for a restart, and how often that failed; none if it is not kept.
    pub checkpoints: Option<[u64; 2]>,
}

/// What the operating system tells of this process; what it does not tell is none.
#[derive(Debug, Default)]
pub struct Process {
    /// Processor time used, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// Most file descriptors it may open.
    pub max_fds: Option<f64>,
    /// Virtual memory, in bytes.
    pub virtual_memory_bytes: Option<f64>,
    /// Resident memory, in bytes.
    pub resident_memory_bytes: Option<f64>,
    /// When it started, in seconds since 1970.
    pub start_time_seconds: Option<f64>,
    /// Its threads.
    pub threads: Option<f64>,
}

/// The requests to one endpoint that had one outcome.
#[derive(Debug)]
pub struct RequestReading {
    /// The source's name.
    pub source: String,
    /// The endpoint's fixed name.
    pub endpoint: &'static str,
    /// HTTP status, or `error`.
    pub code: String,
    /// How many.
    pub count: u64,
}

/// The size of one family.
#[derive(Debug)]
pub struct FamilyReading {
    /// Its name.
    pub family: &'static str,
    /// Series served now.
    pub series: u64,
    /// Groups folded into `_other`, or series left out; none for families without a limit.
    pub folded: Option<u64>,
}
