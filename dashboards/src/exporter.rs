//! The exporter's own dashboard, for an on-call engineer: what is broken, since when, and what the vendor answers.

use crate::dashboard::{Dashboard, Narrow, Section};
use crate::look::{CRITICAL, DATA_AGE, FEW_ARE_GOOD, GOOD, HIGH, NONE_IS_GOOD, PLAIN, USE, YES_IS_GOOD};
use crate::panel::Panel;
use crate::query::{age, highest, in_range, lowest, of, own, rate};
use crate::strip::{data_age, in_doubt};
use crate::table::{Column, table};

const EVERY: &str = ".*";
const OF_COLLECTOR: &[&str] = &["source", "collector"];
const OF_EXPORTER: &[&str] = &["job", "instance", "service_instance_id"];
/// An exporter in legends.
const EXPORTER: &str = "{{exporter}}";

/// Names exporters by whichever label they have.
fn named(expr: &str) -> String {
    format!("label_join({expr}, \"exporter\", \"\", \"instance\", \"service_instance_id\")")
}

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "cse-exporter",
        title: "Exporter",
        description: "Does the exporter collect everything, in time and within the vendors' limits?",
        from: "now-6h",
        refresh: "1m",
        narrowed_by: &[Narrow::Source],
        sections: vec![
            Section::top().row(4, how_bad()).row(5, exporters()),
            Section::titled("Collection").row(13, [collectors()]).row(8, runs()),
            Section::titled("Vendor APIs").row(8, calls()).row(8, limits()).row(8, latency()),
            Section::titled("Cardinality and delivery").row(9, series()).row(8, pushed()),
            Section::collapsed("Process").row(8, process()),
        ],
    }
}

fn how_bad() -> Vec<Panel> {
    vec![
        in_doubt(6, EVERY),
        data_age(6, EVERY),
        Panel::stat(
            6,
            "Rejected records",
            "How many records were rejected? \
             Records that could not be read and were left out, in the time that the dashboard shows.",
        )
        .scale(NONE_IS_GOOD)
        .decimals(0)
        .ask(&in_range(&[], &of("collector_rejected_records_total", &[])), "rejected"),
        Panel::stat(
            6,
            "Folded groups",
            "How many groups are folded? \
             Groups that were folded into _other, or series left out, to keep the limit of series. Sums stay exact, but the names \
             of these groups are not shown.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&format!("sum({})", highest(&["family"], &own("exporter_folded_groups", &[]))), "folded"),
    ]
}

fn exporters() -> Vec<Panel> {
    vec![
        table(
            15,
            "Running exporters",
            "Which exporters run? \
             Exporters that answer, with their version, when they started, and whether the configuration that was read last is in force.",
            "Up for",
            vec![
                Column::label("job", "Job").width(140),
                Column::label("instance", "Instance"),
                Column::label("service_instance_id", "OTLP instance"),
                Column::label("version", "Version").width(80),
                Column::label("revision", "Revision").width(110),
                Column::answer(
                    &highest(
                        &["job", "instance", "service_instance_id", "version", "revision"],
                        &own("exporter_build_info", &[]),
                    ),
                    "Runs",
                )
                .yes_no()
                .width(60),
                Column::answer(&age(OF_EXPORTER, &own("process_start_time_seconds", &[])), "Up for")
                    .unit("s")
                    .width(100),
                Column::answer(&lowest(OF_EXPORTER, &own("config_last_reload_successful", &[])), "Config good")
                    .yes_no()
                    .scale(YES_IS_GOOD)
                    .width(100),
                Column::answer(
                    &age(OF_EXPORTER, &own("config_last_reload_success_timestamp_seconds", &[])),
                    "Config read",
                )
                .unit("s")
                .width(100),
            ],
        ),
        table(
            9,
            "Sources",
            "Which accounts are read? \
             Configured vendor accounts, and the version of the console where the vendor has one.",
            "Read",
            vec![
                Column::label("source", "Source"),
                Column::label("vendor", "Vendor"),
                Column::label("console_version", "Console"),
                Column::answer(
                    &format!(
                        "{info} * on (source) group_left (console_version) {console} or on (source) {info}",
                        info = highest(&["source", "vendor"], &of("source_info", &[])),
                        console = highest(&["source", "console_version"], &of("console_info", &[])),
                    ),
                    "Read",
                )
                .yes_no()
                .width(70),
            ],
        ),
    ]
}

fn collectors() -> Panel {
    let lowest = |family: &str| lowest(OF_COLLECTOR, &of(family, &[]));
    table(
        24,
        "Collectors",
        "Which collector is broken? \
             Each collector of each source, as the worst of the chosen exporters has it. Up: its last run succeeded. Complete: what is \
         served lacks no record. The landing page and the log of the exporter say why.",
        "Age of data",
        vec![
            Column::label("source", "Source"),
            Column::label("collector", "Collector"),
            Column::answer(&lowest("collector_up"), "Up").yes_no().scale(YES_IS_GOOD).width(70),
            Column::answer(&lowest("collector_complete"), "Complete").yes_no().scale(YES_IS_GOOD).width(90),
            Column::answer(&age(OF_COLLECTOR, &of("collector_last_success_timestamp_seconds", &[])), "Age of data")
                .unit("s")
                .scale(DATA_AGE)
                .width(120),
            Column::answer(&age(OF_COLLECTOR, &of("collector_last_full_walk_timestamp_seconds", &[])), "Full walk ago")
                .unit("s")
                .width(120),
            Column::answer(&highest(OF_COLLECTOR, &of("collector_last_duration_seconds", &[])), "Last run took")
                .unit("s")
                .width(120),
            Column::answer(&lowest("collector_records"), "Records").width(110),
            Column::answer(&in_range(OF_COLLECTOR, &of("collector_rejected_records_total", &[])), "Rejected")
                .scale(NONE_IS_GOOD)
                .width(100),
        ],
    )
}

fn runs() -> Vec<Panel> {
    vec![
        Panel::lines(
            12,
            "Runs by outcome",
            "How do collector runs end? \
             Runs of all collectors in an hour, by how they ended. Anything but success says what is wrong: unauthorized and \
             forbidden are about credentials, rate_limited about the vendor's limits, unreachable, tls and timeout about the way there.",
        )
        .legend_beside()
        .colours(&[("success", GOOD), ("incomplete", HIGH), ("unauthorized", CRITICAL), ("forbidden", CRITICAL)])
        .ask(
            &format!("3600 * ({} > 0)", rate(&["outcome"], &of("collector_runs_total", &[]))),
            "{{outcome}}",
        ),
        Panel::lines(12, "Run duration", "How long do runs take? \
             Duration of each collector's last run.")
            .unit("s")
            .legend_beside()
            .ask(&highest(OF_COLLECTOR, &of("collector_last_duration_seconds", &[])), "{{source}} {{collector}}"),
    ]
}

fn calls() -> Vec<Panel> {
    vec![
        Panel::lines(
            12,
            "API requests by status",
            "How do the vendors respond? \
             Requests a minute by HTTP status; error: no answer came. 429 is the vendor's limit, 401 and 403 are about credentials.",
        )
        .legend_beside()
        .colours(&[("200", GOOD), ("401", CRITICAL), ("403", CRITICAL), ("429", HIGH), ("error", CRITICAL)])
        .ask(&format!("60 * {}", rate(&["code"], &of("api_requests_total", &[]))), "{{code}}"),
        Panel::lines(12, "API retries by reason", "Why are requests retried? \
             Requests a minute that were sent again, by why.")
            .legend_beside()
            .ask(&format!("60 * {}", rate(&["reason"], &of("api_retries_total", &[]))), "{{reason}}"),
    ]
}

/// One of the vendors' published limits: its name, its vendor and endpoints, and requests per second.
struct Limit {
    name: &'static str,
    vendor: &'static str,
    endpoints: &'static str,
    per_second: &'static str,
}

const LIMITS: &[Limit] = &[
    Limit { name: "bulk lists", vendor: "qualys", endpoints: "containers_list|images_list", per_second: "120 / 60" },
    Limit { name: "page lists", vendor: "qualys", endpoints: "containers|images", per_second: "5000 / 60" },
    Limit { name: "containers", vendor: "prisma", endpoints: "containers", per_second: "30 / 30" },
    Limit { name: "images", vendor: "prisma", endpoints: "images", per_second: "30 / 30" },
];

fn limits() -> Vec<Panel> {
    let mut near = Panel::lines(
        12,
        "Rate-limit usage",
        "How near are the vendors' limits? \
             Requests as a share of the vendors' published limits, by source: Qualys 120 a minute for bulk lists and 5,000 for page \
         lists, Prisma Cloud 30 in 30 seconds for each listing. The exporter's own rate_limits may be lower.",
    )
    .unit("percentunit")
    .legend_beside()
    .with_limits(USE);
    for Limit { name, vendor, endpoints, per_second } in LIMITS {
        let requests = rate(&["source"], &of("api_requests_total", &[&format!("api_endpoint=~\"{endpoints}\"")]));
        let of_vendor = highest(&["source"], &of("source_info", &[&format!("vendor=\"{vendor}\"")]));
        near = near
            .ask(&format!("{requests} * on (source) {of_vendor} / ({per_second})"), &format!("{{{{source}}}} {name}"));
    }
    vec![
        near,
        Panel::lines(
            12,
            "Rate-limit waits",
            "How long do requests wait for rate limits? \
             Share of the time that requests spend waiting for rate limits, by source; above 1 several wait at once.",
        )
        .unit("percentunit")
        .at_least(1.0)
        .legend_beside()
        .ask(&rate(&["source"], &of("api_throttled_seconds_total", &[])), "{{source}}"),
    ]
}

fn latency() -> Vec<Panel> {
    vec![
        Panel::heat(
            12,
            "API latency",
            "How fast do the vendors respond? \
             Requests a second by how long they took, from sending to the last byte.",
        )
        .ask(&rate(&["le"], &of("api_request_duration_seconds_bucket", &[])), "{{le}}"),
        Panel::lines(
            12,
            "Received bytes",
            "How much do the vendors send? \
             Bytes a second after decompression, by source.",
        )
        .unit("Bps")
        .legend_beside()
        .ask(&rate(&["source"], &of("api_received_bytes_total", &[])), "{{source}}"),
    ]
}

fn series() -> Vec<Panel> {
    vec![
        table(
            12,
            "Series by family",
            "Which families are folded, or about to be? \
             Series that each family has now, and groups that were folded to keep limits.max_series_per_family (10,000 by default).",
            "Series",
            vec![
                Column::label("family", "Family"),
                Column::answer(&highest(&["family"], &own("exporter_series", &[])), "Series").bar(PLAIN).width(170),
                Column::answer(&highest(&["family"], &own("exporter_folded_groups", &[])), "Folded")
                    .scale(FEW_ARE_GOOD)
                    .width(80),
            ],
        ),
        Panel::lines(
            12,
            "Series by exporter",
            "How many series are served? \
             Series of all families, by exporter.",
        )
        .legend_beside()
        .ask(&named(&format!("sum by ({}) ({})", OF_EXPORTER.join(", "), own("exporter_series", &[]))), EXPORTER),
    ]
}

fn pushed() -> Vec<Panel> {
    vec![
        Panel::lines(6, "OTLP pushes by outcome", "How do pushes by OTLP end? \
             Pushes an hour, by how they ended.")
            .colours(&[("success", GOOD), ("partial_success", HIGH), ("refused", CRITICAL)])
            .no_data("Nothing is pushed by OTLP")
            .ask(&format!("3600 * ({} > 0)", rate(&["outcome"], &own("otlp_exports_total", &[]))), "{{outcome}}"),
        Panel::lines(6, "Lost OTLP points", "Were points lost? \
             Points an hour that did not arrive by OTLP, by why.")
            .no_data("Nothing is pushed by OTLP")
            .ask(&format!("3600 * {}", rate(&["reason"], &own("otlp_lost_points_total", &[]))), "{{reason}}"),
        Panel::lines(
            6,
            "Last successful OTLP push",
            "How long ago did a push succeed? \
             Time since the last push by OTLP that succeeded, by exporter.",
        )
        .unit("s")
        .no_data("Nothing is pushed by OTLP")
        .ask(&named(&age(OF_EXPORTER, &own("otlp_last_success_timestamp_seconds", &[]))), EXPORTER),
        Panel::lines(
            6,
            "Checkpoint writes",
            "Are checkpoints being written? \
             Writes to the state directory an hour, by how they ended. A failure: a restart would begin with older data.",
        )
        .colours(&[("success", GOOD), ("failure", CRITICAL)])
        .no_data("No state directory is configured")
        .ask(&format!("3600 * {}", rate(&["outcome"], &own("exporter_checkpoints_total", &[]))), "{{outcome}}"),
    ]
}

fn process() -> Vec<Panel> {
    let share_of_files = format!(
        "{} / {}",
        highest(OF_EXPORTER, &own("process_open_fds", &[])),
        lowest(OF_EXPORTER, &own("process_max_fds", &[]))
    );
    vec![
        Panel::lines(
            6,
            "Memory",
            "How much memory does the exporter use? \
             Resident memory, by exporter.",
        )
        .unit("bytes")
        .ask(&named(&highest(OF_EXPORTER, &own("process_resident_memory_bytes", &[]))), EXPORTER),
        Panel::lines(
            6,
            "CPU",
            "How much CPU does the exporter use? \
             Processors in use, by exporter.",
        )
        .ask(&named(&rate(OF_EXPORTER, &own("process_cpu_seconds_total", &[]))), EXPORTER),
        Panel::lines(
            6,
            "Open files",
            "Is the exporter running out of file descriptors? \
             Open files as a share of the most that may be open, by exporter.",
        )
        .unit("percentunit")
        .with_limits(USE)
        .ask(&named(&share_of_files), EXPORTER),
        Panel::lines(
            6,
            "Threads",
            "How many threads does the exporter have? \
             Threads of the process, by exporter.",
        )
        .ask(&named(&highest(OF_EXPORTER, &own("process_threads", &[]))), EXPORTER),
    ]
}
