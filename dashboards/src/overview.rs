//! The overview dashboard: how bad is it, is it getting better, where to start, and can the data be trusted.

use crate::dashboard::{Dashboard, Narrow, Section, to_cluster};
use crate::look::{CHANGE, CRITICAL, FEW_ARE_GOOD, HIGH, NONE_IS_GOOD, RISK, SEVERITY};
use crate::panel::Panel;
use crate::query::{CLUSTER, HERE, OF_CLUSTER, OF_NAMESPACE, change_or_unknown, each, of, total};
use crate::strip::{data_age, in_doubt};
use crate::table::{Column, table};

/// The collectors behind this dashboard.
const COLLECTORS: &str = "containers|images|posture|sensors";
/// The collectors behind containers' findings; Prisma Cloud's are those of their images.
const FINDINGS: &str = "containers|images";

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "cse-overview",
        title: "Overview",
        description: "How bad is it, is it getting better, where to start, and can the data be trusted?",
        from: "now-7d",
        refresh: "5m",
        narrowed_by: &[Narrow::Source, Narrow::Cluster, Narrow::Namespace],
        sections: vec![
            Section::top().row(4, how_bad()).row(3, believed()),
            Section::titled("Trends").row(8, better()).row(8, fewer()),
            Section::titled("Priorities").row(11, [clusters()]).row(13, [namespaces()]),
        ],
    }
}

fn findings(severity: &str) -> String {
    of("container_vulnerabilities", &[HERE, &format!("severity=\"{severity}\"")])
}

fn severe() -> String {
    of("containers_by_risk_level", &[HERE, "risk_level=\"severe\""])
}

fn how_bad() -> Vec<Panel> {
    let found = |title, severity: &'static str, scale| {
        Panel::stat(
            6,
            title,
            &format!(
                "How many {severity} findings are running? Findings of {severity} severity in running containers; \
                 one that is in several containers counts in each. \
                 Not known: no container listing is good enough to be shown."
            ),
        )
        .scale(scale)
        .ask(&total(&[], &findings(severity)), severity)
    };
    vec![
        found("Critical findings", "critical", NONE_IS_GOOD),
        found("High findings", "high", FEW_ARE_GOOD),
        Panel::stat(
            6,
            "Severe-risk containers",
            "How many containers are at severe risk? \
             Running containers with a risk score of 850 or more of 1000. Not known: only Qualys scores containers so.",
        )
        .scale(NONE_IS_GOOD)
        .ask(&total(&[], &severe()), "severe"),
        Panel::stat(
            6,
            "Failing controls",
            "How many controls fail? \
             Posture controls that at least one resource fails, in all clusters: no vendor reports controls by cluster. \
             Not known: posture is not collected.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(
            &format!(
                "sum(max by (source, control_id) ({}) > bool 0)",
                of("posture_control_resources", &["status=\"fail\""])
            ),
            "failing",
        ),
    ]
}

fn believed() -> Vec<Panel> {
    // A source reports one or the other, or neither if all its sensors are healthy.
    let stale = each(&[], &of("sensors_stale", &[]));
    let disconnected = each(&[], &of("sensors", &["sensor_status=\"disconnected\""]));
    let known = each(&[], &of("sensors", &[]));
    vec![
        data_age(6, COLLECTORS),
        in_doubt(6, COLLECTORS),
        Panel::stat(
            6,
            "Silent sensors",
            "How many sensors are silent? \
             Qualys sensors that have not checked in for longer than sensors.stale_after, and Prisma Cloud's defenders that are \
             disconnected, of all clusters. What they should see may be out of date. Not known: sensors are not collected.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&format!("sum({stale} or {disconnected} or {known} * 0)"), "silent"),
        Panel::stat(
            6,
            "Clusters in several sources",
            "Are clusters counted twice? \
             Clusters that several of the chosen sources have running containers in. Sources are added up, so the same \
             containers may be in the numbers twice: choose one source.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(
            &format!(
                "sum(count by (k8s_cluster_name) ({}) > bool 1)",
                each(OF_CLUSTER, &of("containers", &[HERE, "k8s_cluster_name!~\"|_other\""]))
            ),
            "clusters",
        ),
    ]
}

fn better() -> Vec<Panel> {
    let all = of("container_vulnerabilities", &[HERE]);
    vec![
        table(
            9,
            "Change in findings",
            "What changed since yesterday and last week? \
             Findings in running containers now, and how many more or fewer than a day and a week before. Only sources whose \
             data was complete then and now are compared; not known: there is none.",
            "Severity",
            vec![
                Column::label("severity", "Severity"),
                Column::answer(&total(&["severity"], &all), "Now").width(95),
                Column::change(&["severity"], &all, FINDINGS, "1d", "In a day").width(95),
                Column::change(&["severity"], &all, FINDINGS, "1w", "In a week").width(95),
            ],
        ),
        Panel::lines(
            15,
            "Findings by severity",
            "Are findings becoming fewer? \
             Findings in running containers, by severity. A gap: nothing good enough to be shown was there.",
        )
        .colours(SEVERITY)
        .legend_beside()
        .ask(&total(&["severity"], &all), "{{severity}}"),
    ]
}

fn fewer() -> Vec<Panel> {
    let risky = of("containers_by_risk_level", &[HERE, "risk_level=~\"severe|high\""]);
    let failing = of("posture_resources", &[CLUSTER, "status=\"fail\""]);
    vec![
        Panel::lines(
            9,
            "High-risk containers",
            "Are risky containers becoming fewer? \
             Running containers with a severe (850 and more) or high (700 and more) risk score. Only Qualys scores them.",
        )
        .colours(RISK)
        .no_data("No source scores the risk of containers")
        .ask(&total(&["risk_level"], &risky), "{{risk_level}}"),
        Panel::lines(
            15,
            "Failing posture checks",
            "Are fewer posture checks failing? \
             Resources that fail a posture control, by the control's severity; a resource counts once for each control. \
             Qualys only: Prisma Cloud does not report posture by cluster.",
        )
        .colours(SEVERITY)
        .legend_beside()
        .no_data("No source reports posture by cluster")
        .ask(&total(&["severity"], &failing), "{{severity}}"),
    ]
}

fn clusters() -> Panel {
    let (critical, high) = (findings("critical"), findings("high"));
    table(
        24,
        "Worst clusters",
        "Which clusters are worst? \
             Running containers and their findings by cluster, the most critical findings first. A name leads to the cluster's \
         own dashboard; no name leads to all of them.",
        "Critical",
        vec![
            Column::label("k8s_cluster_name", "Cluster")
                .empty_is("(no cluster)")
                .link("Show this cluster", &to_cluster("var-cluster=${__value.raw:percentencode}")),
            Column::label("source", "Source"),
            Column::answer(&each(OF_CLUSTER, &critical), "Critical").bar(&[(0.0, CRITICAL)]),
            Column::change(OF_CLUSTER, &critical, FINDINGS, "1w", "Critical in a week"),
            Column::answer(&each(OF_CLUSTER, &high), "High").bar(&[(0.0, HIGH)]),
            Column::answer(&each(OF_CLUSTER, &severe()), "Severe risk"),
            Column::answer(&each(OF_CLUSTER, &of("containers", &[HERE])), "Running"),
        ],
    )
}

fn namespaces() -> Panel {
    let (critical, high) = (findings("critical"), findings("high"));
    let worst = format!("topk(20, {})", each(OF_NAMESPACE, &critical));
    let of_worst = |expr: String| format!("({expr}) and on ({}) {worst}", OF_NAMESPACE.join(", "));
    table(
        24,
        "Worst namespaces",
        "Which namespaces are worst? \
             The 20 namespaces whose running containers have the most critical findings. A name leads to the namespace's \
         own dashboard; no name leads to all of them.",
        "Critical",
        vec![
            Column::label("k8s_namespace_name", "Namespace").empty_is("(no namespace)").link(
                "Show this namespace",
                &to_cluster(
                    "var-cluster=${__data.fields.k8s_cluster_name:percentencode}&var-namespace=${__value.raw:percentencode}",
                ),
            ),
            Column::label("k8s_cluster_name", "Cluster"),
            Column::label("source", "Source"),
            Column::answer(&worst, "Critical").bar(&[(0.0, CRITICAL)]),
            Column::answer(
                &of_worst(change_or_unknown(OF_NAMESPACE, &critical, FINDINGS, "1w")),
                "Critical in a week",
            )
            .scale(CHANGE),
            Column::answer(&of_worst(each(OF_NAMESPACE, &high)), "High").bar(&[(0.0, HIGH)]),
            Column::answer(&of_worst(each(OF_NAMESPACE, &severe())), "Severe risk"),
            Column::answer(&of_worst(each(OF_NAMESPACE, &of("containers", &[HERE]))), "Running"),
        ],
    )
}
