//! The exporter's own state, as records.

use crate::inventory::DataStatus;
use crate::record::StateCounts;
use crate::telemetry::{CollectorRuns, EndpointReading, PushReading, Reload, SourceReading};

/// The exporter's own state at one moment.
#[derive(Debug, Default)]
pub struct SelfReading {
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
    /// The collectors of all sources.
    pub collectors: Vec<CollectorReading>,
    /// The fields of the rows that collectors read, of all sources.
    pub fields: Vec<FieldReading>,
    /// The pushes; empty where nothing is pushed.
    pub pushes: Vec<PushReading>,
    /// The sizes of all families.
    pub families: Vec<FamilyReading>,
}

/// One collector: how its runs went, and how good its published data is.
#[derive(Clone, Debug)]
pub struct CollectorReading {
    /// The source's name.
    pub source: String,
    /// The source's vendor.
    pub vendor: &'static str,
    /// The collector's name.
    pub collector: &'static str,
    /// How its runs went.
    pub runs: CollectorRuns,
    /// How good its published data is.
    pub data: DataStatus,
}

impl CollectorReading {
    /// Whether its last run succeeded and the data of that run, or of an equally good one before, is published.
    pub fn is_up(&self) -> bool {
        self.data.last_good_run > self.runs.last_failed_run
    }
}

/// The rows that one collector read, by the state of one field.
#[derive(Debug)]
pub struct FieldReading {
    /// The source's name.
    pub source: String,
    /// The collector's name.
    pub collector: &'static str,
    /// The path of the field.
    pub field: Box<str>,
    /// Rows by the field's state.
    pub rows: StateCounts,
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
    /// Checkpoints written, and those that failed; none without a state directory.
    pub checkpoints: Option<[u64; 2]>,
}

/// What the operating system reports about this process; `None` for missing values.
#[derive(Debug, Default)]
pub struct Process {
    /// Processor time used, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// Maximum number of file descriptors.
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
    /// Their number.
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
