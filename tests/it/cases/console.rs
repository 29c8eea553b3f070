//! Prisma Cloud cases, each a file in `tests/cases/prisma`.

use serde_json::{Value, json};

use super::collect;
use super::scripted::{Asked, Reply, Scripted, token};
use crate::process::Home;

const API: &str = "/api/v30.00/";

/// The console of a case.
struct Console(Value);

impl Console {
    fn answer(&self, asked: &Asked, before: usize) -> Reply {
        let name = asked.path.strip_prefix(API).or(asked.path.strip_prefix("/api/v1/")).unwrap_or_default();
        let scripted = self.0["answers"].as_array().into_iter().flatten();
        let mut fitting = scripted.filter(|answer| {
            answer["path"] == name
                && answer["offset"].as_u64().is_none_or(|at| Some(at) == asked.number("offset").map(|at| at as u64))
        });
        if let Some(answer) = fitting.next() {
            let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            let headers = answer["headers"].as_object().into_iter().flatten();
            return headers.fold(Reply::json(status.expect("a status"), &answer["json"]), |reply, (header, value)| {
                reply.header(header, value.as_str().expect("a header value is a string"))
            });
        }
        match name {
            "authenticate" => Reply::json(200, &json!({"token": token(before)})),
            "containers" | "images" => self.page(asked, name),
            "defenders/summary" => self.body("defenders", &json!([])),
            "stats/vulnerabilities" => self.body("stats", &Value::Null),
            "settings/license" => self.body("license", &json!({"expiration_date": "2030-01-01T00:00:00Z"})),
            "version" => self.body("version", &json!("30.00.140")),
            _ => Reply::json(404, &json!({"err": "page not found"})),
        }
    }

    fn body(&self, name: &str, otherwise: &Value) -> Reply {
        Reply::json(200, self.0.get(name).unwrap_or(otherwise))
    }

    /// A page of a listing. A row given as a string is sent verbatim.
    fn page(&self, asked: &Asked, listing: &str) -> Reply {
        let none = Vec::new();
        let rows = self.0[listing].as_array().unwrap_or(&none);
        let most = self.0["cap"].as_u64().and_then(|cap| usize::try_from(cap).ok()).unwrap_or(50);
        let limit = asked.number("limit").unwrap_or(most).min(most);
        let page = rows.iter().skip(asked.number("offset").unwrap_or_default()).take(limit);
        let page: Vec<_> = page.map(|row| row.as_str().map_or_else(|| row.to_string(), str::to_owned)).collect();
        let body = if page.is_empty() { "null".to_owned() } else { format!("[{}]", page.join(",")) };
        let total = self.0["total"][listing].as_u64().map_or(rows.len().to_string(), |total| total.to_string());
        Reply::raw(200, "application/json", body).header("Total-Count", &total)
    }
}

async fn check(case: &str) {
    let path = format!("{}/tests/cases/prisma/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let console = Console(case["console"].clone());
    let vendor = Scripted::start(move |asked, before| console.answer(asked, before)).await;
    let home = Home::new();
    let tables = case["config"]["collectors"].as_str().unwrap_or_default();
    let page_limit = case["config"]["page_limit"].as_u64().map(|limit| format!("page_limit = {limit}\n"));
    let source = format!(
        "[[source.prisma]]\nname = \"cloud\"\nbase_url = \"http://{}\"\nusername = \"u\"\npassword_file = '{}'\n{}{tables}",
        vendor.address,
        home.path("cloud-password").display(),
        page_limit.unwrap_or_default()
    );
    let shown = collect(&home, &source).await;
    for expected in case["expect"].as_array().expect("a list of expected samples") {
        let labels: Vec<_> = expected["labels"].as_object().into_iter().flatten().collect();
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect();
        let metric = expected["metric"].as_str().expect("a family");
        assert_eq!(shown.sum(metric, &labels), expected["value"].as_f64(), "{metric} {labels:?}\n{}", shown.log);
    }
    for text in case["never_says"].as_array().into_iter().flatten() {
        let text = text.as_str().expect("a text");
        assert!(!shown.log.contains(text), "{text:?} is in the log:\n{}", shown.log);
    }
}

/// Defines one test per file, named after it.
macro_rules! cases {
    ($($test:ident: $file:literal,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            check($file).await;
        })*

        #[test]
        fn every_file_has_its_test() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/prisma");
            let files = std::fs::read_dir(folder).expect("the cases").map(|file| file.expect("a file").file_name());
            let mut files: Vec<_> = files.map(|name| name.to_string_lossy().replace(".json", "")).collect();
            files.sort();
            assert_eq!(files, [$($file),*]);
        }
    };
}

cases! {
    zero_counts_of_an_image_never_scanned: "01_never_scanned_has_zero_counts",
    a_field_of_another_type_costs_no_container: "02_field_changes_type",
    statistics_that_end_short_are_incomplete: "03_stats_end_short_of_total_count",
    a_refused_licence_leaves_the_version: "05_licence_refused_with_401",
    nested_templates_cost_no_container: "07_nested_templates_cost_the_container",
    a_total_of_zero_is_not_believed: "09_total_count_zero",
    a_licence_may_have_no_end: "11_licence_without_end",
    a_scanned_row_of_an_image_counts_before_an_unscanned_one: "12_image_id_twice_lower_key_unscanned",
    defenders_of_one_category_add_up: "14_category_twice",
    an_error_with_status_200_fails_in_its_own_words: "16_err_in_200",
    a_lone_surrogate_costs_no_container: "18_lone_surrogate",
    a_row_counted_and_sent_twice_is_complete: "21_same_id_twice_for_ever",
}
