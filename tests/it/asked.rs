//! Requests to the vendors are exactly the ones that docs/coverage.md lists.

use std::collections::BTreeSet;

use simulator::console::{self, Console};
use simulator::server::{Options, Request, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::coverage::{cells, page, quoted};
use crate::support::{Bench, NOW, Simulated};

/// The path prefix of the tenant's console.
const PREFIX: &str = "/us-1-111573457";

/// A row of the endpoint tables in docs/coverage.md.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    method: String,
    endpoint: String,
    asked: String,
}

impl Row {
    /// Whether the row matches the request. A placeholder matches any text within its path segment.
    fn is(&self, method: &str, path: &str) -> bool {
        let (wanted, parts): (Vec<_>, Vec<_>) = (self.endpoint.split('/').collect(), path.split('/').collect());
        let same = |(wanted, part): (&&str, &&str)| match wanted.split_once('{') {
            Some((start, _)) => part.strip_prefix(start).is_some_and(|rest| !rest.is_empty()),
            None => wanted == part,
        };
        self.method == method && wanted.len() == parts.len() && wanted.iter().zip(&parts).all(same)
    }
}

fn rows() -> Vec<Row> {
    let page = page();
    let rows = page
        .lines()
        .filter(|line| ["GET", "POST", "PUT"].iter().any(|method| line.starts_with(&format!("| {method} |"))));
    rows.map(|line| {
        let cells = cells(line);
        let [method, endpoint, asked, _] = cells[..] else { panic!("{line} does not have four cells") };
        let endpoint = quoted(endpoint).next().unwrap_or_else(|| panic!("{line} names no endpoint"));
        Row { method: method.to_owned(), endpoint: endpoint.to_owned(), asked: asked.to_owned() }
    })
    .collect()
}

/// The row of a request. An exact path wins over one with a placeholder.
fn row<'a>(rows: &'a [Row], method: &str, path: &str) -> Option<&'a Row> {
    let written = rows.iter().find(|row| row.method == method && row.endpoint == path);
    written.or_else(|| rows.iter().find(|row| row.is(method, path)))
}

#[test]
fn requests_are_found_in_the_tables() {
    let rows = rows();
    assert!(rows.len() > 30, "only {} rows were found", rows.len());
    for (method, path, asked) in [
        ("GET", "/csapi/v1.3/containers/list", Some("yes")),
        ("GET", "/csapi/v1.3/containers/0123", Some("no")),
        ("GET", "/csapi/v1.3/k8s_postures/control/7/evidence", Some("no")),
        ("PUT", "/csapi/v1.3/centralizedPolicy/7", Some("never called")),
        ("DELETE", "/csapi/v1.3/centralizedPolicy/7", None),
        ("POST", "/api/v32.07/authenticate", Some("log-in")),
        ("GET", "/api/v1/version", Some("yes")),
        ("GET", "/api/v/containers", None),
        ("GET", "/api/v30.00/containers/scan", None),
    ] {
        assert_eq!(row(&rows, method, path).map(|row| row.asked.as_str()), asked, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_documented_endpoints_are_requested_and_all_of_them() {
    let rows = rows();
    let mut asked = BTreeSet::new();
    // Current vendors and older ones.
    for sensors_v13 in [true, false] {
        let tenant = Tenant::generate(&Shape::small(62, NOW).containers(60));
        let console = Console::generate(&console::Shape::small(62, NOW).containers(60));
        let options = Options { sensors_v13, ..Options::default() };
        // An old console reports its version at the first API version only.
        let absent = if sensors_v13 { Vec::new() } else { vec!["version".to_owned()] };
        let cloud = prisma::Options { prefix: PREFIX.to_owned(), absent, ..prisma::Options::default() };
        let keys = if sensors_v13 { "[[source.prisma]]\napi_version = \"30.00\"" } else { "" };
        let bench = Bench::start_both_as(
            keys,
            Simulated { options, ..tenant.into() },
            Simulated { options: cloud, ..console.into() },
        )
        .await;
        bench.collected().await;
        let of_console = bench.cloud().vendor.requests().into_iter().map(|request| {
            let path = request
                .path
                .strip_prefix(PREFIX)
                .unwrap_or_else(|| panic!("{request:?} is outside the console's path"));
            Request { path: path.to_owned(), ..request }
        });
        for request in bench.vendor.requests().into_iter().chain(of_console) {
            let Request { method, path, query, .. } = &request;
            let row = row(&rows, method, path).unwrap_or_else(|| panic!("{request:?} is in no table"));
            let allowed = if row.asked == "log-in" { "POST" } else { "GET" };
            assert!(["yes", "log-in"].contains(&row.asked.as_str()) && method == allowed, "{request:?}: {row:?}");
            if row.endpoint == "/api/v{version}/images" {
                assert!(query.contains("compact=true"), "{request:?} requests the uncompacted lists");
            }
            asked.insert(row);
        }
        bench.stop().await;
    }
    // Log-ins with an OAuth client or a client certificate need other accounts; here there are two with a password.
    assert_eq!(asked.iter().filter(|row| row.asked == "log-in").count(), 2, "{asked:?}");
    let unasked: Vec<_> = rows.iter().filter(|row| row.asked == "yes" && !asked.contains(row)).collect();
    assert!(unasked.is_empty(), "never requested: {unasked:?}");
}
