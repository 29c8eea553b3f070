//! The dashboard of posture: which share of checks passes, where they fail, and what was not checked.

use crate::dashboard::{Dashboard, Narrow, Section};
use crate::look::{CRITICAL, FEW_ARE_GOOD, GOOD, HIGH, MEDIUM, PASS_RATE, PLAIN, SCAN_AGE, SEVERITY};
use crate::panel::Panel;
use crate::query::{CLUSTER, OF_CLUSTER, PLACE, age, each, highest, lowest, of, share, total};
use crate::strip::{data_age, in_doubt};
use crate::table::{Column, table};

/// Prisma Cloud's posture comes with its containers.
const COLLECTORS: &str = "posture|containers";

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "cse-posture",
        title: "Posture",
        description: "What share of checks passes, which controls fail where, and what was not checked?",
        from: "now-7d",
        refresh: "5m",
        narrowed_by: &[Narrow::Source, Narrow::Cluster, Narrow::Namespace],
        sections: vec![
            Section::top().row(4, how_bad()).row(3, believed()),
            Section::titled("Trends").row(8, better()),
            Section::titled("Priorities").row(9, where_first()).row(12, [controls()]),
            Section::collapsed("Policies and reports").row(9, policies()).row(8, reports()),
        ],
    }
}

fn controls_with(status: &str) -> String {
    of("posture_control_resources", &[&format!("status=~\"{status}\"")])
}

fn in_clusters(status: &str) -> String {
    of("posture_resources", &[CLUSTER, &format!("status=~\"{status}\"")])
}

fn by_policy(status: &str) -> String {
    of("posture_policy_resources", &[&format!("status=~\"{status}\"")])
}

/// A table is about clusters only if its title says so; all others are about all clusters.
const ALL: &str = "Of all clusters: no vendor reports controls by cluster.";

fn how_bad() -> Vec<Panel> {
    vec![
        Panel::stat(
            6,
            "Pass rate",
            &format!("What share of checks passes? \
             Resources that pass a control, of those that pass or fail it; a resource counts once for each control. {ALL}"),
        )
        .unit("percentunit")
        .decimals(1)
        .scale(PASS_RATE)
        .ask(&share(&total(&[], &controls_with("pass")), &total(&[], &controls_with("pass|fail"))), "pass"),
        Panel::stat(
            6,
            "Failing controls",
            &format!("How many controls fail? \
             Controls that at least one resource fails. {ALL}"),
        )
        .scale(FEW_ARE_GOOD)
        .ask(&format!("sum({} > bool 0)", highest(&["source", "control_id"], &controls_with("fail"))), "failing"),
        Panel::stat(
            6,
            "Failing checks",
            &format!("How many checks fail? \
             Resources that fail a control; a resource counts once for each control. {ALL}"),
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &controls_with("fail")), "failing"),
        Panel::stat(
            6,
            "Skipped",
            &format!("What share was skipped? \
             Checks that were not made, of all checks: their outcome is unknown. {ALL}"),
        )
        .unit("percentunit")
        .decimals(1)
        .scale(&[(0.0, GOOD), (0.1, MEDIUM), (0.3, HIGH)])
        .ask(&share(&total(&[], &controls_with("skip")), &total(&[], &controls_with(".*"))), "skipped"),
    ]
}

fn believed() -> Vec<Panel> {
    vec![
        data_age(6, COLLECTORS),
        in_doubt(6, COLLECTORS),
        Panel::stat(
            6,
            "Evaluation age",
            "How old are evaluations? \
             Time since the evaluation of the resource that was not evaluated for the longest, in the chosen clusters. Not known: \
             Qualys only.",
        )
        .unit("s")
        .scale(SCAN_AGE)
        .ask(&age(&[], &of("posture_oldest_evaluation_timestamp_seconds", &[CLUSTER])), "oldest evaluation"),
        Panel::stat(
            6,
            "Failed-only data",
            "For how many containers are passed checks missing? \
             Prisma Cloud's containers for which the console keeps failed checks only: the share that passes is too low by \
             what they would add. Not known: no console is read.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &of("containers_without_passed_checks", &[PLACE])), "without passes"),
    ]
}

fn better() -> Vec<Panel> {
    vec![
        Panel::lines(
            12,
            "Pass rate by policy",
            &format!(
                "Is every policy's pass rate rising? \
             Resources that pass the policy's controls, of those that pass or fail. {ALL}"
            ),
        )
        .unit("percentunit")
        .up_to(1.0)
        .names_only()
        .ask(
            &share(&total(&["policy"], &by_policy("pass")), &total(&["policy"], &by_policy("pass|fail"))),
            "{{policy}}",
        ),
        Panel::lines(
            12,
            "Failing checks by severity",
            "Are fewer checks failing? \
             Resources of the chosen clusters that fail a control, by the control's severity. Qualys only.",
        )
        .colours(SEVERITY)
        .legend_beside()
        .no_data("No source reports posture by cluster")
        .ask(&total(&["severity"], &in_clusters("fail")), "{{severity}}"),
    ]
}

fn where_first() -> Vec<Panel> {
    let of_policy = ["source", "policy"];
    let passing =
        |by: &[&str], status: fn(&str) -> String| share(&each(by, &status("pass")), &each(by, &status("pass|fail")));
    let collectors = COLLECTORS;
    vec![
        table(
            13,
            "Failing checks by policy",
            "Which policies fail most? \
             Resources by policy; a control that is in several policies counts in each. Change is against a week before, where the \
             data was complete then and now.",
            "Fail",
            vec![
                Column::label("policy", "Policy"),
                Column::label("source", "Source").width(95),
                Column::answer(&passing(&of_policy, by_policy), "Pass rate")
                    .unit("percentunit")
                    .scale(PASS_RATE)
                    .width(85),
                Column::answer(&each(&of_policy, &by_policy("fail")), "Fail").width(70),
                Column::change(&of_policy, &by_policy("fail"), collectors, "1w", "In a week").width(85),
                Column::answer(&each(&of_policy, &by_policy("skip")), "Skipped").width(75),
            ],
        ),
        table(
            11,
            "Failing checks by cluster",
            "Which clusters fail most? \
             Resources of the chosen clusters, and how long ago the oldest evaluation was. Qualys only.",
            "Fail",
            vec![
                Column::label("k8s_cluster_name", "Cluster").empty_is("(no cluster)"),
                Column::label("source", "Source").width(85),
                Column::answer(&passing(OF_CLUSTER, in_clusters), "Pass rate")
                    .unit("percentunit")
                    .scale(PASS_RATE)
                    .width(85),
                Column::answer(&each(OF_CLUSTER, &in_clusters("fail")), "Fail").width(70),
                Column::change(OF_CLUSTER, &in_clusters("fail"), collectors, "1w", "In a week").width(85),
                Column::answer(
                    &age(OF_CLUSTER, &of("posture_oldest_evaluation_timestamp_seconds", &[CLUSTER])),
                    "Evaluated",
                )
                .unit("s")
                .scale(SCAN_AGE)
                .width(95),
            ],
        )
        .no_data("No source reports posture by cluster"),
    ]
}

fn controls() -> Panel {
    let by = ["source", "control_id", "severity"];
    let key = "on (source, control_id)";
    let worst = format!("topk(25, {} > 0)", each(&by, &controls_with("fail")));
    let info = highest(&["source", "control_id", "control_name", "category"], &of("posture_control_info", &[]));
    let also =
        |status: &str| format!("{} and on (source, control_id, severity) {worst}", each(&by, &controls_with(status)));
    // A name comes from another series, which may be missing.
    let named = |expr: &str| {
        let named = format!("({expr}) * {key} group_left (control_name, category) {info}");
        format!("{named} or {key} ({expr})")
    };
    table(
        24,
        "Failing checks by control",
        &format!(
            "Which controls fail most? \
             The 25 controls that the most resources fail. {ALL}"
        ),
        "Fail",
        vec![
            Column::label("control_name", "Control"),
            Column::label("category", "Category").width(200),
            Column::label("severity", "Severity").width(90),
            Column::label("control_id", "Id").width(80),
            Column::label("source", "Source").width(100),
            Column::answer(&named(&worst), "Fail").bar(&[(0.0, CRITICAL)]).width(180),
            Column::answer(&named(&also("pass")), "Pass").width(80),
            Column::answer(&named(&also("skip")), "Skipped").width(80),
        ],
    )
    .no_data("No control fails, or posture is not collected")
}

fn policies() -> Vec<Panel> {
    vec![
        table(
            6,
            "Failing checks by resource type",
            "Which kinds of resources fail? \
             Resources of the chosen clusters that fail a control, by their kind. Qualys only.",
            "Fail",
            vec![
                Column::label("k8s_resource_kind", "Kind"),
                Column::answer(&total(&["k8s_resource_kind"], &in_clusters("fail")), "Fail").bar(PLAIN),
            ],
        )
        .no_data("No source reports resource types"),
        table(
            8,
            "Policies",
            "Which policies are there? \
             Centralized policies of Qualys by what they are for and whether they are in force.",
            "Policies",
            vec![
                Column::label("policy_type", "Type"),
                Column::label("policy_mode", "Mode").width(80),
                Column::answer(&total(&["policy_type", "policy_mode"], &of("policies", &[])), "Policies").width(70),
            ],
        )
        .no_data("No source has centralized policies"),
        table(
            10,
            "Policy rules",
            "What do policy rules do? \
             Rules of the centralized policies, exceptions included.",
            "Rules",
            vec![
                Column::label("rule_type", "Rule"),
                Column::label("action", "Action").width(65),
                Column::label("enabled", "Enabled").width(70),
                Column::answer(&total(&["rule_type", "action", "enabled"], &of("policy_rules", &[])), "Rules")
                    .width(60),
            ],
        )
        .no_data("No source has centralized policies"),
    ]
}

fn reports() -> Vec<Panel> {
    let of_template = ["source", "report_template"];
    vec![
        table(
            12,
            "Reports",
            "Are reports being made? \
             Reports by template and by how far they are, and when the newest was made.",
            "Reports",
            vec![
                Column::label("report_template", "Template"),
                Column::label("report_status", "Status").width(100),
                Column::label("source", "Source").width(100),
                Column::answer(&each(&["report_template", "report_status"], &of("reports", &[])), "Reports").width(80),
                Column::answer(
                    &format!(
                        "time() - {}",
                        highest(
                            &["source", "report_template", "report_status"],
                            &of("report_latest_created_timestamp_seconds", &[])
                        )
                    ),
                    "Newest made ago",
                )
                .unit("s")
                .width(140),
            ],
        )
        .no_data("No source has reports"),
        table(
            7,
            "Next report expiry",
            "When is the first report deleted? \
             Time until the first report of each template expires; negative: it has.",
            "Expires in",
            vec![
                Column::label("report_template", "Template"),
                Column::label("source", "Source").width(100),
                Column::answer(
                    &format!("{} - time()", lowest(&of_template, &of("report_earliest_expiry_timestamp_seconds", &[]))),
                    "Expires in",
                )
                .unit("s")
                .width(100),
            ],
        )
        .no_data("No source has reports that expire"),
        Panel::stat(
            5,
            "Licence expiry",
            "When does the licence expire? \
             Time until the console's licence expires. Not known: only Prisma Cloud has one, and its console collector needs leave \
             to view the system's settings.",
        )
        .unit("s")
        .scale(&[(0.0, CRITICAL), (30.0 * 86_400.0, GOOD)])
        .ask(&format!("{} - time()", lowest(&["source"], &of("console_licence_expiry_timestamp_seconds", &[]))), "{{source}}"),
    ]
}
