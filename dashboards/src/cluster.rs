//! One team's dashboard: what runs in its clusters and namespaces, its problems, and what can be fixed.

use crate::dashboard::{Dashboard, Narrow, Section, to_cluster};
use crate::look::{CRITICAL, FEW_ARE_GOOD, HIGH, MEDIUM, NONE_IS_GOOD, PLAIN, RISK, SCAN_AGE, SEVERITY, STATUS};
use crate::panel::Panel;
use crate::query::{HERE, OF_NAMESPACE, PLACE, age, each, highest, of, total};
use crate::strip::{data_age, in_doubt};
use crate::table::{Column, table};

const COLLECTORS: &str = "containers|images";

/// Conditions to get rid of.
const DANGEROUS: &str =
    "condition=~\"never_scanned|privileged|root|drifted|vulnerability_propagated|exposed_to_world|waas_unprotected\"";
const OTHERS: &str =
    "condition=~\"instrumented|excepted|agentless|infrastructure|runtime_protected|waas_supported|waas_enabled\"";

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "cse-cluster",
        title: "Cluster / namespace",
        description: "What runs here, how risky is it, why, and what can be fixed?",
        from: "now-7d",
        refresh: "5m",
        narrowed_by: &[Narrow::Source, Narrow::Cluster, Narrow::Namespace],
        sections: vec![
            Section::top().row(4, how_bad()).row(3, believed()),
            Section::titled("Risk").row(8, risk()).row(10, [riskiest()]),
            Section::titled("Causes and fixes").row(9, why()),
            Section::titled("Namespaces").row(11, [namespaces()]),
            Section::collapsed("Details").row(8, scores()).row(8, compliance()).row(8, population()),
        ],
    }
}

fn findings(severity: &str) -> String {
    of("container_vulnerabilities", &[HERE, &format!("severity=\"{severity}\"")])
}

fn with_condition(condition: &str) -> String {
    of("containers_with_condition", &[HERE, &format!("condition=\"{condition}\"")])
}

fn fixable_findings() -> String {
    of("container_findings", &[HERE, "finding_type=\"confirmed\"", "fixable=\"true\""])
}

fn severe() -> String {
    of("containers_by_risk_level", &[HERE, "risk_level=\"severe\""])
}

fn how_bad() -> Vec<Panel> {
    let found = |title, severity: &'static str, scale| {
        Panel::stat(
            4,
            title,
            &format!("How many {severity} findings are there? Findings of {severity} severity in running containers."),
        )
        .scale(scale)
        .ask(&total(&[], &findings(severity)), severity)
    };
    vec![
        Panel::stat(
            4,
            "Running containers",
            "How many containers run? \
             Running containers. Not known: no listing of containers is good enough to be shown.",
        )
        .scale(PLAIN)
        .ask(&total(&[], &of("containers", &[HERE])), "running"),
        found("Critical findings", "critical", NONE_IS_GOOD),
        found("High findings", "high", FEW_ARE_GOOD),
        Panel::stat(
            4,
            "Severe risk",
            "How many containers are at severe risk? \
             Running containers with a risk score of 850 or more of 1000. Not known: only Qualys scores containers so.",
        )
        .scale(NONE_IS_GOOD)
        .ask(&total(&[], &severe()), "severe"),
        Panel::stat(
            4,
            "Never scanned",
            "How many containers were never scanned? \
             Running containers without any scan result. What is wrong with them is in no other number.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &with_condition("never_scanned")), "never scanned"),
        Panel::stat(
            4,
            "Fixable findings",
            "How many findings can be fixed? \
             Confirmed findings of the running containers' images for which there is a fix. Not known: Qualys only.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &fixable_findings()), "fixable"),
    ]
}

fn believed() -> Vec<Panel> {
    vec![
        data_age(8, COLLECTORS),
        in_doubt(8, COLLECTORS),
        Panel::stat(
            8,
            "Oldest scan",
            "How old is the oldest scan? \
             Time since the last scan of the running container whose last scan is the longest ago; those never scanned have none.",
        )
        .unit("s")
        .scale(SCAN_AGE)
        .ask(&age(&[], &of("container_oldest_scan_timestamp_seconds", &[HERE])), "oldest scan"),
    ]
}

fn risk() -> Vec<Panel> {
    vec![
        Panel::lines(
            12,
            "Containers by risk",
            "How risky are the containers? \
             Running containers by risk score: severe from 850, high from 700, medium from 500. Only Qualys scores them.",
        )
        .colours(RISK)
        .legend_beside()
        .no_data("No source scores the risk of containers")
        .ask(&total(&["risk_level"], &of("containers_by_risk_level", &[HERE])), "{{risk_level}}"),
        Panel::lines(12, "Findings by severity", "How many findings do containers have? \
             Findings in running containers, by severity.")
            .colours(SEVERITY)
            .legend_beside()
            .ask(&total(&["severity"], &of("container_vulnerabilities", &[HERE])), "{{severity}}"),
    ]
}

fn riskiest() -> Panel {
    let by =
        ["source", "container_id", "container_name", "container_image_name", "k8s_cluster_name", "k8s_namespace_name"];
    let score = highest(&by, &of("top_container_risk_score", &[HERE]));
    table(
        24,
        "Riskiest containers",
        "Which containers are riskiest? \
             The riskiest running containers here, of those that the exporter shows one by one (containers.top_k of a source). \
         Empty where none of the riskiest of the source is here, or the vendor does not score containers.",
        "Risk score",
        vec![
            Column::label("container_name", "Container"),
            Column::label("container_image_name", "Image"),
            Column::label("k8s_namespace_name", "Namespace").width(150),
            Column::label("k8s_cluster_name", "Cluster").width(150),
            Column::label("source", "Source").width(90),
            Column::label("container_id", "Id").width(125),
            Column::answer(&format!("topk(20, {score})"), "Risk score")
                .bar(&[(0.0, MEDIUM), (700.0, HIGH), (850.0, CRITICAL)])
                .width(150),
        ],
    )
    .no_data("None of the riskiest containers is here, or no source scores them")
    .up_to(1000.0)
}

fn why() -> Vec<Panel> {
    let conditions = of("containers_with_condition", &[HERE, DANGEROUS]);
    let found = of("container_findings", &[HERE]);
    vec![
        table(
            12,
            "Risk conditions",
            "What makes containers dangerous? \
             Running containers for which each condition holds now, and how many more or fewer than a day and a week before. \
             Conditions overlap, each vendor reports its own, and harmless ones are further below.",
            "Containers",
            vec![
                Column::label("condition", "Condition"),
                Column::answer(&total(&["condition"], &conditions), "Containers").bar(PLAIN),
                Column::change(&["condition"], &conditions, COLLECTORS, "1d", "In a day")
                    .width(100),
                Column::change(&["condition"], &conditions, COLLECTORS, "1w", "In a week")
                    .width(100),
            ],
        ),
        table(
            12,
            "Findings by fix",
            "Which findings can be fixed? \
             Findings of the running containers' images: how sure Qualys is of them, whether there is a fix, and how many more or \
             fewer than a week before.",
            "Findings",
            vec![
                Column::label("finding_type", "Found"),
                Column::label("fixable", "Fixable").width(80),
                Column::answer(&total(&["finding_type", "fixable"], &found), "Findings").bar(PLAIN),
                Column::change(&["finding_type", "fixable"], &found, COLLECTORS, "1w", "In a week")
                    .width(100),
            ],
        )
        .no_data("No source reports fixes"),
    ]
}

fn namespaces() -> Panel {
    let rank = format!("topk(50, {})", each(OF_NAMESPACE, &findings("critical")));
    let among = |expr: String| format!("({expr}) and on ({}) {rank}", OF_NAMESPACE.join(", "));
    let count = |selector: String| among(each(OF_NAMESPACE, &selector));
    table(
        24,
        "Worst namespaces",
        "Which namespaces are worst? \
             The 50 namespaces here whose running containers have the most critical findings. A name narrows the \
         dashboard to it; no name does not.",
        "Critical",
        vec![
            Column::label("k8s_namespace_name", "Namespace").empty_is("(no namespace)").link(
                "Narrow the dashboard to this namespace",
                &to_cluster(
                    "var-cluster=${__data.fields.k8s_cluster_name:percentencode}&var-namespace=${__value.raw:percentencode}",
                ),
            ),
            Column::label("k8s_cluster_name", "Cluster"),
            Column::label("source", "Source").width(100),
            Column::answer(&rank, "Critical").bar(&[(0.0, CRITICAL)]),
            Column::answer(&count(findings("high")), "High").width(80),
            Column::answer(&count(severe()), "Severe risk").width(100),
            Column::answer(&count(fixable_findings()), "Can be fixed").width(110),
            Column::answer(&count(with_condition("privileged")), "Privileged").width(90),
            Column::answer(&count(with_condition("never_scanned")), "Never scanned").width(115),
            Column::answer(
                &among(age(OF_NAMESPACE, &of("container_oldest_scan_timestamp_seconds", &[HERE]))),
                "Oldest scan",
            )
            .unit("s")
            .scale(SCAN_AGE)
            .width(110),
        ],
    )
}

fn scores() -> Vec<Panel> {
    vec![
        Panel::lines(8, "Containers by worst finding", "What is each container's worst finding? \
             Scanned running containers by their worst finding; none: clean.")
            .colours(SEVERITY)
            .stacked()
            .ask(&total(&["severity"], &of("containers_by_highest_severity", &[HERE])), "{{severity}}"),
        Panel::lines(8, "Containers by Qualys detection score", "What does Qualys detect? \
             Running containers by the severity of their highest Qualys detection score.")
            .colours(SEVERITY)
            .stacked()
            .no_data("No Qualys source")
            .ask(&total(&["qds_severity"], &of("containers_by_qds_severity", &[HERE])), "{{qds_severity}}"),
        Panel::lines(
            8,
            "Highest scores",
            "How high are the scores? \
             The highest risk score of the running containers, the highest mean of a group of them (0 to 1000), and the highest \
             Qualys detection score (0 to 100).",
        )
        .no_data("No source scores containers")
        .ask(&highest(&[], &of("container_risk_score_max", &[HERE])), "risk, highest")
        .ask(&highest(&[], &of("container_risk_score_average", &[HERE])), "risk, highest mean")
        .ask(&highest(&[], &of("container_qds_score_max", &[HERE])), "Qualys detection, highest"),
    ]
}

fn compliance() -> Vec<Panel> {
    vec![
        Panel::lines(
            10,
            "Compliance checks by outcome",
            "Do containers pass compliance checks? \
             Compliance checks of running containers, by outcome. Qualys only.",
        )
        .colours(STATUS)
        .legend_beside()
        .no_data("No source reports compliance checks")
        .ask(&total(&["status"], &of("container_compliance_checks", &[HERE])), "{{status}}"),
        Panel::lines(
            10,
            "Compliance issues by severity",
            "Which compliance issues do containers have? \
             Checks that running containers failed, by severity. Prisma Cloud only.",
        )
        .colours(SEVERITY)
        .legend_beside()
        .no_data("No source reports compliance issues")
        .ask(&total(&["severity"], &of("container_compliance_issues", &[HERE])), "{{severity}}"),
        Panel::stat(
            4,
            "Compliance risk",
            "How high is the compliance risk? \
             The highest compliance risk score of the running containers, on Prisma Cloud's own scale. Not known: no console is read.",
        )
        .scale(PLAIN)
        .ask(&highest(&[], &of("container_compliance_risk_score_max", &[HERE])), "compliance risk"),
    ]
}

fn population() -> Vec<Panel> {
    vec![
        Panel::lines(
            8,
            "Containers by state",
            "In which state are containers? \
             Containers by their life-cycle state; deleted ones stay until the vendor purges them.",
        )
        .stacked()
        .legend_beside()
        .ask(&total(&["state"], &of("containers", &[PLACE])), "{{state}}"),
        table(
            8,
            "Containers by asset criticality",
            "How critical to the business are containers? \
             Running containers by the criticality of the asset, in the vendor's numbers: 5 is the highest.",
            "Containers",
            vec![
                Column::label("criticality", "Criticality"),
                Column::answer(&total(&["criticality"], &of("containers_by_criticality", &[HERE])), "Containers")
                    .bar(PLAIN),
            ],
        )
        .no_data("No source reports criticality"),
        table(
            8,
            "Other conditions",
            "What else is true of containers? \
             Running containers by condition; only conditions that are harmless in themselves.",
            "Containers",
            vec![
                Column::label("condition", "Condition"),
                Column::answer(&total(&["condition"], &of("containers_with_condition", &[HERE, OTHERS])), "Containers")
                    .bar(PLAIN),
            ],
        ),
    ]
}
