//! The dashboard of sensors: what is watched, what is not, and which sensors are silent.

use crate::dashboard::{Dashboard, Narrow, Section};
use crate::look::{CRITICAL, FEW_ARE_GOOD, GOOD, HIGH, MEDIUM, NONE_IS_GOOD, PLAIN, SENSOR_STATE, SILENCE};
use crate::panel::Panel;
use crate::query::{CLUSTER, OF_CLUSTER, RUNNING, age, each, highest, of, share, total};
use crate::strip::{data_age, in_doubt};
use crate::table::{Column, table};

/// Coverage joins containers to sensors.
const COLLECTORS: &str = "sensors|containers";

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "cse-sensors",
        title: "Sensors",
        description: "What is watched, what is not, and which sensors are silent?",
        from: "now-24h",
        refresh: "5m",
        narrowed_by: &[Narrow::Source, Narrow::Cluster],
        sections: vec![
            Section::top().row(4, how_bad()).row(3, believed()),
            Section::titled("Coverage").row(9, coverage()),
            Section::titled("Silent sensors").row(8, silence()).row(11, [silent()]),
            Section::titled("Fleet").row(9, fleet()),
        ],
    }
}

fn covered(state: &str) -> String {
    of("containers_by_sensor_state", &[RUNNING, CLUSTER, &format!("sensor_state=~\"{state}\"")])
}

fn how_bad() -> Vec<Panel> {
    vec![
        Panel::stat(6, "Sensors", "How many sensors are there? \
             Sensors and defenders that are known, of all clusters.")
            .scale(PLAIN)
            .ask(&total(&[], &of("sensors", &[])), "sensors"),
        Panel::stat(
            6,
            "Stale sensors",
            "How many sensors are stale? \
             Qualys sensors that have not checked in for longer than sensors.stale_after, of all clusters. Not known: no Qualys \
             source collects sensors.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &of("sensors_stale", &[])), "stale"),
        Panel::stat(
            6,
            "Disconnected sensors",
            "How many sensors are disconnected? \
             Sensors that the vendor itself calls disconnected, such as Prisma Cloud's defenders, of all clusters.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(
            &format!(
                "sum({} or {} * 0)",
                each(&[], &of("sensors", &["sensor_status=\"disconnected\""])),
                each(&[], &of("sensors", &[]))
            ),
            "disconnected",
        ),
        Panel::stat(
            6,
            "Unmonitored containers",
            "How many containers are not monitored? \
             Running containers of the chosen clusters on whose host no sensor is known, or only a stale one. Not known: only \
             Qualys reports the host's sensor.",
        )
        .scale(NONE_IS_GOOD)
        .ask(&total(&[], &covered("stale|missing")), "unwatched"),
    ]
}

fn believed() -> Vec<Panel> {
    vec![
        data_age(6, COLLECTORS),
        in_doubt(6, COLLECTORS),
        Panel::stat(
            6,
            "Oldest check-in",
            "How long has the most silent sensor been silent? \
             Time since the check-in of the sensor that checked in the longest ago.",
        )
        .unit("s")
        .scale(SILENCE)
        .ask(&highest(&[], &of("sensor_checkin_age_max_seconds", &[])), "silence"),
        Panel::stat(
            6,
            "Coverage",
            "What share of containers is monitored? \
             Running containers of the chosen clusters with a live sensor on their host. Not known: Qualys only.",
        )
        .unit("percentunit")
        .decimals(1)
        .scale(&[(0.0, CRITICAL), (0.9, HIGH), (0.95, MEDIUM), (0.99, GOOD)])
        .ask(&share(&total(&[], &covered("live")), &total(&[], &covered(".*"))), "watched"),
    ]
}

fn coverage() -> Vec<Panel> {
    let count = |state: &str| each(OF_CLUSTER, &covered(state));
    vec![
        table(
            10,
            "Coverage by cluster",
            "Which clusters are not monitored? \
             Running containers by whether the sensor of their host is live, stale or missing. Qualys only.",
            "Missing",
            vec![
                Column::label("k8s_cluster_name", "Cluster").empty_is("(no cluster)"),
                Column::label("source", "Source").width(95),
                Column::answer(&count("missing"), "Missing").scale(NONE_IS_GOOD).width(80),
                Column::answer(&count("stale"), "Stale").scale(FEW_ARE_GOOD).width(70),
                Column::answer(&count("live"), "Live").width(70),
            ],
        )
        .no_data("No source reports sensor coverage"),
        Panel::lines(
            7,
            "Coverage over time",
            "Is coverage improving? \
             Running containers of the chosen clusters by the sensor of their host.",
        )
        .colours(SENSOR_STATE)
        .stacked()
        .no_data("No source reports sensor coverage")
        .ask(&total(&["sensor_state"], &covered(".*")), "{{sensor_state}}"),
        table(
            7,
            "Containers by runtime",
            "Which runtimes do containers run on? \
             Running containers of the chosen clusters by the container runtime of their host.",
            "Containers",
            vec![
                Column::label("container_runtime_name", "Runtime"),
                Column::answer(
                    &total(&["container_runtime_name"], &of("containers_by_runtime", &[RUNNING, CLUSTER])),
                    "Containers",
                )
                .bar(PLAIN),
            ],
        ),
    ]
}

fn silence() -> Vec<Panel> {
    vec![
        Panel::lines(
            12,
            "Stale sensors over time",
            "Are sensors falling silent? \
             Qualys sensors that have not checked in for longer than sensors.stale_after, by their type.",
        )
        .legend_beside()
        .no_data("No Qualys source collects sensors")
        .ask(&total(&["sensor_type"], &of("sensors_stale", &[])), "{{sensor_type}}"),
        Panel::lines(
            12,
            "Silence by sensor type",
            "How long have sensors been silent? \
             Time since the check-in of the longest silent sensor of each type.",
        )
        .unit("s")
        .legend_beside()
        .no_data("No Qualys source collects sensors")
        .ask(&age(&["sensor_type"], &of("sensor_oldest_checkin_timestamp_seconds", &[])), "{{sensor_type}}"),
    ]
}

fn silent() -> Panel {
    let since = format!(
        "topk(25, time() - {})",
        highest(&["source", "sensor_uuid", "host_name"], &of("sensor_last_checkin_timestamp_seconds", &[]))
    );
    let info = highest(
        &["source", "sensor_uuid", "sensor_type", "sensor_version", "container_runtime_name"],
        &of("sensor_info", &[]),
    );
    table(
        24,
        "Longest-silent sensors",
        "Which sensors have been silent the longest? \
             The 25 sensors that checked in the longest ago, of those that the exporter shows one by one.",
        "Silent for",
        vec![
            Column::label("host_name", "Host"),
            Column::label("sensor_uuid", "Sensor"),
            Column::label("sensor_type", "Type").width(120),
            Column::label("sensor_version", "Version").width(120),
            Column::label("container_runtime_name", "Runtime").width(120),
            Column::label("source", "Source").width(120),
            Column::answer(
                &format!(
                    "{since} * on (source, sensor_uuid) group_left (sensor_type, sensor_version, container_runtime_name) {info}"
                ),
                "Silent for",
            )
            .unit("s")
            .scale(SILENCE)
            .width(130),
        ],
    )
    .no_data("No source reports check-in times")
}

fn fleet() -> Vec<Panel> {
    let of_kind = ["sensor_type", "container_runtime_name"];
    let of_version = ["source", "sensor_uuid", "sensor_version", "container_runtime_name", "container_runtime_version"];
    let versions = |by: &str| format!("count by ({by}) ({})", highest(&of_version, &of("sensor_info", &[])));
    vec![
        table(
            10,
            "Sensors by type",
            "Which kinds of sensors are there? \
             Sensors by type, runtime and status, as reported by the vendor.",
            "Sensors",
            vec![
                Column::label("sensor_type", "Type"),
                Column::label("container_runtime_name", "Runtime"),
                Column::label("sensor_status", "Status"),
                Column::answer(&total(&[of_kind[0], of_kind[1], "sensor_status"], &of("sensors", &[])), "Sensors")
                    .bar(PLAIN),
            ],
        ),
        table(
            7,
            "Sensors by version",
            "Which versions do sensors have? \
             Registered sensors by version: old ones are where to look when something is not seen.",
            "Sensors",
            vec![
                Column::label("sensor_version", "Version").empty_is("(unknown)"),
                Column::answer(&versions("sensor_version"), "Sensors").bar(PLAIN),
            ],
        )
        .no_data("No source reports sensor versions"),
        table(
            7,
            "Sensors by runtime",
            "Which runtimes do sensors run on? \
             Registered sensors by the container runtime of their host and its version.",
            "Sensors",
            vec![
                Column::label("container_runtime_name", "Runtime"),
                Column::label("container_runtime_version", "Version").empty_is("(unknown)"),
                Column::answer(&versions("container_runtime_name, container_runtime_version"), "Sensors").bar(PLAIN),
            ],
        )
        .no_data("No source reports sensor runtimes"),
    ]
}
