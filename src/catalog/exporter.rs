//! Families about the exporter itself.

use super::label::{
    API_ENDPOINT, CODE, COLLECTOR, FAMILY, FIELD, FIELD_STATE, OUTCOME, REASON, REVISION, RUSTC, SOURCE, VENDOR,
    VERSION,
};
use crate::clock::Timestamp;
use crate::metric::{Column, Family, FixedLabels, Kind, LabelSets, Metric, Unit, Value};
use crate::record::FieldState;
use crate::telemetry::{EndpointReading, Failure, PushFailure, PushReading, Rejection, SourceReading};
use crate::view::{CollectorReading, FamilyReading, FieldReading, Process, Program, RequestReading, Row};

type CollectorRow<'a> = Row<'a, CollectorReading>;

static BY_COLLECTOR: &[Column<CollectorReading>] =
    &[SOURCE.keep(|row| &row.record.source), COLLECTOR.keep(|row| row.record.collector)];

static FIELD_STATES: LabelSets = LabelSets {
    labels: &[&FIELD_STATE],
    values: &[&[FieldState::Absent.as_str()], &[FieldState::Present.as_str()], &[FieldState::Unreadable.as_str()]],
};

static BY_ENDPOINT: &[Column<EndpointReading>] =
    &[SOURCE.keep(|row| &row.record.source), API_ENDPOINT.keep(|row| row.record.endpoint)];

static OUTCOMES: LabelSets = LabelSets {
    labels: &[&OUTCOME],
    values: &[
        &["success"],
        &[Failure::Incomplete.as_str()],
        &[Failure::Unauthorized.as_str()],
        &[Failure::Forbidden.as_str()],
        &[Failure::NotFound.as_str()],
        &[Failure::RateLimited.as_str()],
        &[Failure::Timeout.as_str()],
        &[Failure::Unreachable.as_str()],
        &[Failure::Tls.as_str()],
        &[Failure::BadResponse.as_str()],
        &[Failure::TooLarge.as_str()],
        &[Failure::Internal.as_str()],
    ],
};

static PUSHES: LabelSets = LabelSets {
    labels: &[&OUTCOME],
    values: &[
        &["success"],
        &[PushFailure::PartialSuccess.as_str()],
        &[PushFailure::Refused.as_str()],
        &[PushFailure::Unauthorized.as_str()],
        &[PushFailure::Forbidden.as_str()],
        &[PushFailure::NotFound.as_str()],
        &[PushFailure::Redirected.as_str()],
        &[PushFailure::TooLarge.as_str()],
        &[PushFailure::RateLimited.as_str()],
        &[PushFailure::Unavailable.as_str()],
        &[PushFailure::Timeout.as_str()],
        &[PushFailure::Unreachable.as_str()],
        &[PushFailure::Tls.as_str()],
        &[PushFailure::BadResponse.as_str()],
        &[PushFailure::Internal.as_str()],
    ],
};

static LOST_POINTS: LabelSets = LabelSets { labels: &[&REASON], values: &[&["rejected"], &["too_large"]] };

static CHECKPOINTS: LabelSets = LabelSets { labels: &[&OUTCOME], values: &[&["success"], &["failure"]] };

/// The reasons for which a request is retried.
const RETRIED: [Failure; 5] =
    [Failure::RateLimited, Failure::Timeout, Failure::Unreachable, Failure::BadResponse, Failure::Unauthorized];

static RETRY_REASONS: LabelSets = LabelSets {
    labels: &[&REASON],
    values: &[
        &[RETRIED[0].as_str()],
        &[RETRIED[1].as_str()],
        &[RETRIED[2].as_str()],
        &[RETRIED[3].as_str()],
        &[RETRIED[4].as_str()],
    ],
};

static REJECTIONS: LabelSets =
    LabelSets { labels: &[&REASON], values: &[&[Rejection::Unidentified.as_str()], &[Rejection::Unreadable.as_str()]] };

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[expect(clippy::cast_precision_loss, reason = "a counter passes 2^53 never")]
fn count(of: u64) -> f64 {
    of as f64
}

fn add_counts(numbers: &mut [f64], counts: impl IntoIterator<Item = u64>) -> bool {
    for (number, more) in numbers.iter_mut().zip(counts) {
        *number += count(more);
    }
    true
}

fn add_runs(row: CollectorRow<'_>, numbers: &mut [f64]) -> bool {
    let runs = &row.record.runs;
    add_counts(numbers, std::iter::once(runs.succeeded).chain(runs.failed))
}

fn add_rejected(row: CollectorRow<'_>, numbers: &mut [f64]) -> bool {
    add_counts(numbers, row.record.runs.rejected)
}

fn add_checkpoints(row: Row<'_, Program>, numbers: &mut [f64]) -> bool {
    row.record.checkpoints.is_some_and(|writes| add_counts(numbers, writes))
}

fn add_pushes(row: Row<'_, PushReading>, numbers: &mut [f64]) -> bool {
    add_counts(numbers, std::iter::once(row.record.succeeded).chain(row.record.failed))
}

fn add_lost_points(row: Row<'_, PushReading>, numbers: &mut [f64]) -> bool {
    add_counts(numbers, [row.record.rejected_points, row.record.oversized_points])
}

fn add_field_rows(row: Row<'_, FieldReading>, cells: &mut [f64]) -> bool {
    add_counts(cells, row.record.rows)
}

fn add_retries(row: Row<'_, SourceReading>, numbers: &mut [f64]) -> bool {
    add_counts(numbers, RETRIED.map(|reason| row.record.retries[reason as usize].1))
}

pub(super) static FAMILIES: &[&dyn Metric] = &[
    &Family::<Program> {
        name: "container_security_exporter_build_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Version of the exporter, always 1",
        by: &[
            VERSION.keep(|row| row.record.version),
            REVISION.keep(|row| row.record.revision),
            RUSTC.keep(|row| row.record.rustc),
        ],
        value: Value::Each(|_| Some(1.0), |_| 0.0),
    },
    &Family::<SourceReading> {
        name: "container_security_source_info",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Configured vendor account, always 1",
        by: &[SOURCE.keep(|row| &row.record.source), VENDOR.keep(|row| row.record.vendor)],
        value: Value::Each(|_| Some(1.0), |_| 0.0),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_up",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Success of the collector's last run, 1 or 0",
        by: BY_COLLECTOR,
        value: Value::Max(|row| Some(truth(row.record.is_up()))),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_complete",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Completeness of the collector's served data, 1 or 0",
        by: BY_COLLECTOR,
        value: Value::Max(|row| Some(truth(row.record.data.complete))),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "End of the collector's last successful run, Unix seconds",
        by: BY_COLLECTOR,
        value: Value::Max(|row| row.record.data.last_success.map(Timestamp::seconds)),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_last_full_walk_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "End of the collector's last successful full run, Unix seconds",
        by: BY_COLLECTOR,
        value: Value::Max(|row| row.record.data.last_walk.map(Timestamp::seconds)),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_last_duration_seconds",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Duration of the collector's last run, seconds",
        by: BY_COLLECTOR,
        value: Value::Max(|row| row.record.runs.last_duration),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_records",
        kind: Kind::Gauge,
        unit: Unit::Each("record"),
        help: "Records behind the collector's served data",
        by: BY_COLLECTOR,
        value: Value::Max(|row| Some(count(row.record.data.records))),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_runs_total",
        kind: Kind::Counter,
        unit: Unit::Each("run"),
        help: "Runs of the collector by outcome",
        by: BY_COLLECTOR,
        value: Value::PerLabelSet(FixedLabels::Same(&OUTCOMES), add_runs),
    },
    &Family::<CollectorReading> {
        name: "container_security_collector_rejected_records_total",
        kind: Kind::Counter,
        unit: Unit::Each("record"),
        help: "Records rejected by the collector",
        by: BY_COLLECTOR,
        value: Value::PerLabelSet(FixedLabels::Same(&REJECTIONS), add_rejected),
    },
    &Family::<FieldReading> {
        name: "container_security_collector_field_records",
        kind: Kind::Gauge,
        unit: Unit::Each("record"),
        help: "Rows read, by vendor field and whether it could be read",
        by: &[
            SOURCE.keep(|row| &row.record.source),
            COLLECTOR.keep(|row| row.record.collector),
            FIELD.keep(|row| &row.record.field),
        ],
        value: Value::PerLabelSet(FixedLabels::Same(&FIELD_STATES), add_field_rows),
    },
    &Family::<RequestReading> {
        name: "container_security_api_requests_total",
        kind: Kind::Counter,
        unit: Unit::Each("request"),
        help: "Requests sent to the vendor",
        by: &[
            SOURCE.keep(|row| &row.record.source),
            API_ENDPOINT.keep(|row| row.record.endpoint),
            CODE.keep(|row| &row.record.code),
        ],
        value: Value::Sum(|row| Some(count(row.record.count))),
    },
    &Family::<EndpointReading> {
        name: "container_security_api_request_duration_seconds",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Duration of requests to the vendor up to the last byte, seconds",
        by: BY_ENDPOINT,
        value: Value::Distribution(|row| &row.record.latency),
    },
    &Family::<SourceReading> {
        name: "container_security_api_retries_total",
        kind: Kind::Counter,
        unit: Unit::Each("request"),
        help: "Retried requests by reason",
        by: &[SOURCE.keep(|row| &row.record.source)],
        value: Value::PerLabelSet(FixedLabels::Same(&RETRY_REASONS), add_retries),
    },
    &Family::<SourceReading> {
        name: "container_security_api_throttled_seconds_total",
        kind: Kind::Counter,
        unit: Unit::Seconds,
        help: "Time spent waiting for rate limits, seconds",
        by: &[SOURCE.keep(|row| &row.record.source)],
        value: Value::Sum(|row| Some(row.record.throttled_seconds)),
    },
    &Family::<EndpointReading> {
        name: "container_security_api_received_bytes_total",
        kind: Kind::Counter,
        unit: Unit::Bytes,
        help: "Decompressed bytes received from the vendor",
        by: BY_ENDPOINT,
        value: Value::Sum(|row| Some(count(row.record.received_bytes))),
    },
    &Family::<FamilyReading> {
        name: "container_security_exporter_series",
        kind: Kind::Gauge,
        unit: Unit::Each("series"),
        help: "Series of the metric family",
        by: &[FAMILY.keep(|row| row.record.family)],
        value: Value::Sum(|row| Some(count(row.record.series))),
    },
    &Family::<FamilyReading> {
        name: "container_security_exporter_folded_groups",
        kind: Kind::Gauge,
        unit: Unit::Each("group"),
        help: "Groups folded into _other, or series left out, to stay within the limit",
        by: &[FAMILY.keep(|row| row.record.family)],
        value: Value::Sum(|row| row.record.folded.map(count)),
    },
    &Family::<Program> {
        name: "container_security_exporter_checkpoints_total",
        kind: Kind::Counter,
        unit: Unit::Each("write"),
        help: "Checkpoint writes to the state directory by outcome",
        by: &[],
        value: Value::PerLabelSet(FixedLabels::Same(&CHECKPOINTS), add_checkpoints),
    },
    &Family::<PushReading> {
        name: "container_security_otlp_exports_total",
        kind: Kind::Counter,
        unit: Unit::Each("export"),
        help: "OTLP pushes by outcome",
        by: &[],
        value: Value::PerLabelSet(FixedLabels::Same(&PUSHES), add_pushes),
    },
    &Family::<PushReading> {
        name: "container_security_otlp_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "End of the last successful OTLP push, Unix seconds",
        by: &[],
        value: Value::Max(|row| row.record.last_success.map(Timestamp::seconds)),
    },
    &Family::<PushReading> {
        name: "container_security_otlp_lost_points_total",
        kind: Kind::Counter,
        unit: Unit::Each("point"),
        help: "Data points that did not arrive over OTLP, by reason",
        by: &[],
        value: Value::PerLabelSet(FixedLabels::Same(&LOST_POINTS), add_lost_points),
    },
    &Family::<Program> {
        name: "container_security_config_last_reload_successful",
        kind: Kind::Gauge,
        unit: Unit::Plain,
        help: "Success of the last configuration reload, 1 or 0",
        by: &[],
        value: Value::Max(|row| Some(truth(row.record.reload.successful))),
    },
    &Family::<Program> {
        name: "container_security_config_last_reload_success_timestamp_seconds",
        kind: Kind::Gauge,
        unit: Unit::UnixSeconds,
        help: "Time of the last successful configuration reload, Unix seconds",
        by: &[],
        value: Value::Max(|row| Some(row.record.reload.last_success.seconds())),
    },
    &Family::<Process> {
        name: "process_cpu_seconds_total",
        kind: Kind::Counter,
        unit: Unit::Seconds,
        help: "CPU time used by the process, seconds",
        by: &[],
        value: Value::Max(|row| row.record.cpu_seconds),
    },
    &Family::<Process> {
        name: "process_open_fds",
        kind: Kind::Gauge,
        unit: Unit::Each("file"),
        help: "Open file descriptors",
        by: &[],
        value: Value::Max(|row| row.record.open_fds),
    },
    &Family::<Process> {
        name: "process_max_fds",
        kind: Kind::Gauge,
        unit: Unit::Each("file"),
        help: "Maximum number of open file descriptors",
        by: &[],
        value: Value::Max(|row| row.record.max_fds),
    },
    &Family::<Process> {
        name: "process_virtual_memory_bytes",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Virtual memory size, bytes",
        by: &[],
        value: Value::Max(|row| row.record.virtual_memory_bytes),
    },
    &Family::<Process> {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Resident memory size, bytes",
        by: &[],
        value: Value::Max(|row| row.record.resident_memory_bytes),
    },
    &Family::<Process> {
        name: "process_start_time_seconds",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Start time of the process, Unix seconds",
        by: &[],
        value: Value::Max(|row| row.record.start_time_seconds),
    },
    &Family::<Process> {
        name: "process_threads",
        kind: Kind::Gauge,
        unit: Unit::Each("thread"),
        help: "Threads of the process",
        by: &[],
        value: Value::Max(|row| row.record.threads),
    },
];
