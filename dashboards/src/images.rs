//! The dashboard of images: their origin, the problems of those in use, what can be fixed, and their age.

use crate::dashboard::{Dashboard, Narrow, Section};
use crate::look::{CRITICAL, FEW_ARE_GOOD, HIGH, NONE_IS_GOOD, PLAIN, SEVERITY, USE};
use crate::panel::Panel;
use crate::query::{age, each, highest, lowest, of, total};
use crate::strip::{data_age, in_doubt};
use crate::table::{Column, table};

/// Qualys reports age limits in policies, and Prisma Cloud distinct findings in its vulnerabilities.
const COLLECTORS: &str = "images|vulnerabilities|policies";
const IMAGES: &str = "images";
const IN_USE: &str = "in_use=\"true\"";
const OF_REGISTRY: &[&str] = &["source", "registry"];

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "cse-images",
        title: "Images",
        description: "What is wrong with the images in use, what can be fixed, and how old are they?",
        from: "now-7d",
        refresh: "5m",
        narrowed_by: &[Narrow::Source],
        sections: vec![
            Section::top().row(4, how_bad()).row(3, believed()),
            Section::titled("Trends").row(8, better()),
            Section::titled("Priorities").row(9, [registries()]).row(12, widespread()),
        ],
    }
}

fn findings(severity: &str) -> String {
    of("image_vulnerabilities", &[IN_USE, &format!("severity=\"{severity}\"")])
}

fn fixable_findings() -> String {
    of("image_findings", &[IN_USE, "finding_type=\"confirmed\"", "fixable=\"true\""])
}

/// The strictest age limit of each source that has such a policy.
fn limit() -> String {
    lowest(&["source"], &of("policy_image_age_limit_seconds", &[]))
}

fn how_bad() -> Vec<Panel> {
    vec![
        Panel::stat(4, "Images in use", "How many images are in use? \
             Images that containers were made of.")
            .scale(PLAIN)
            .ask(&total(&[], &of("images", &[IN_USE])), "in use"),
        Panel::stat(4, "Unused images", "How many images are unused? \
             Images that are known and that no container was made of. Prisma Cloud lists none.")
            .scale(PLAIN)
            .ask(&total(&[], &of("images", &["in_use=\"false\""])), "not in use"),
        Panel::stat(4, "Critical findings", "How many critical findings are there? \
             Findings of critical severity in images in use; each image counts once.")
            .scale(NONE_IS_GOOD)
            .ask(&total(&[], &findings("critical")), "critical"),
        Panel::stat(4, "High findings", "How many high findings are there? \
             Findings of high severity in images in use; each image counts once.")
            .scale(FEW_ARE_GOOD)
            .ask(&total(&[], &findings("high")), "high"),
        Panel::stat(
            4,
            "Fixable findings",
            "How many findings can be fixed? \
             Confirmed findings in images in use for which there is a fix. Not known: Qualys only.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &fixable_findings()), "fixable"),
        Panel::stat(
            4,
            "Distinct fixable",
            "How many distinct vulnerabilities can be fixed? \
             Vulnerabilities that any image in use carries and that have a fix, each counted once however many images carry it.",
        )
        .scale(FEW_ARE_GOOD)
        .ask(&total(&[], &of("distinct_vulnerabilities", &[IN_USE, "fixable=\"true\""])), "different"),
    ]
}

fn believed() -> Vec<Panel> {
    let built = age(&["source"], &of("image_oldest_created_timestamp_seconds", &[IN_USE]));
    vec![
        data_age(8, COLLECTORS),
        in_doubt(8, COLLECTORS),
        Panel::stat(
            8,
            "Image age limit used",
            "How close are images to the age limit? \
             Age of the oldest image in use as a share of what the strictest policy that blocks older images allows. Not known: \
             no such policy exists.",
        )
        .unit("percentunit")
        .scale(USE)
        .ask(&format!("max(({built}) / on (source) {})", limit()), "of the limit"),
    ]
}

fn better() -> Vec<Panel> {
    let in_use = of("image_vulnerabilities", &[IN_USE]);
    let fixes = of("image_findings", &[IN_USE, "finding_type=\"confirmed\""]);
    vec![
        Panel::lines(
            9,
            "Findings by severity",
            "Are findings becoming fewer? \
             Findings in images in use, by severity.",
        )
        .colours(SEVERITY)
        .ask(&total(&["severity"], &in_use), "{{severity}}"),
        Panel::lines(
            7,
            "Findings by fix",
            "Are fixes being applied? \
             Confirmed findings in images in use that have a fix, and that have none. Qualys only.",
        )
        .no_data("No source reports fixes")
        .ask(&total(&["fixable"], &fixes), "fixable: {{fixable}}"),
        table(
            8,
            "Change in findings",
            "What changed since last week? \
             Findings in images in use now, and how many more or fewer than a day and a week before, of sources whose data was \
             complete then and now.",
            "Severity",
            vec![
                Column::label("severity", "Severity"),
                Column::answer(&total(&["severity"], &in_use), "Now").width(90),
                Column::change(&["severity"], &in_use, IMAGES, "1d", "In a day").width(90),
                Column::change(&["severity"], &in_use, IMAGES, "1w", "In a week").width(90),
            ],
        ),
    ]
}

fn registries() -> Panel {
    let built = age(OF_REGISTRY, &of("image_oldest_created_timestamp_seconds", &[IN_USE]));
    let severe = of("images_by_risk_level", &[IN_USE, "risk_level=\"severe\""]);
    table(
        24,
        "Worst registries",
        "Which registries are worst? \
             Images in use by the registry of their first repository, with their findings, the risk that Qualys scores, and the age \
         of the oldest, which is also shown as a share of what the strictest policy of the source allows.",
        "Critical",
        vec![
            Column::label("registry", "Registry"),
            Column::label("source", "Source").width(85),
            Column::answer(&each(OF_REGISTRY, &of("images", &[IN_USE])), "In use").width(65),
            Column::answer(&each(OF_REGISTRY, &of("images", &["in_use=\"false\""])), "Not in use").width(85),
            Column::answer(&each(OF_REGISTRY, &findings("critical")), "Critical").bar(&[(0.0, CRITICAL)]).width(115),
            Column::answer(&each(OF_REGISTRY, &findings("high")), "High").bar(&[(0.0, HIGH)]).width(115),
            Column::answer(&each(OF_REGISTRY, &fixable_findings()), "Fixable").width(70),
            Column::answer(&each(OF_REGISTRY, &severe), "Severe").width(65),
            Column::answer(&highest(OF_REGISTRY, &of("image_risk_score_max", &[IN_USE])), "Top risk").width(70),
            Column::answer(&each(OF_REGISTRY, &of("image_size_bytes", &[])), "Size").unit("bytes").width(90),
            Column::answer(&built, "Oldest").unit("s").width(95),
            Column::answer(&format!("({built}) / on (source) group_left () {}", limit()), "Of limit")
                .unit("percentunit")
                .scale(USE)
                .width(85),
        ],
    )
}

fn widespread() -> Vec<Panel> {
    let by = ["source", "vulnerability_id", "fixable"];
    vec![
        table(
            10,
            "Most widespread vulnerabilities",
            "Which findings are most widespread? \
             The findings that the most images carry (images.top_k of a source), by QID or CVE. One fix resolves many.",
            "Images",
            vec![
                Column::label("vulnerability_id", "Finding"),
                Column::label("source", "Source"),
                Column::label("fixable", "Fixable").width(80),
                Column::answer(
                    &format!("topk(40, {})", highest(&by, &of("top_vulnerability_affected_images", &[]))),
                    "Images",
                )
                .bar(PLAIN),
            ],
        ),
        table(
            7,
            "Distinct vulnerabilities",
            "How many distinct vulnerabilities are there? \
             Vulnerabilities in images, each counted once however many images carry it.",
            "Different",
            vec![
                Column::label("source", "Source"),
                Column::label("in_use", "In use").width(65),
                Column::label("fixable", "Fixable").width(80),
                Column::answer(&each(&["in_use", "fixable"], &of("distinct_vulnerabilities", &[])), "Different"),
            ],
        ),
        table(
            7,
            "Images by scan state",
            "Were all images scanned? \
             Images by how their scan went, as reported by the vendor.",
            "Images",
            vec![
                Column::label("scan_status", "Scan"),
                Column::label("in_use", "In use").width(65),
                Column::answer(&total(&["scan_status", "in_use"], &of("images", &[])), "Images").bar(PLAIN),
            ],
        ),
    ]
}
