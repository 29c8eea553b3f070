//! Whole collectors against a small local console: log-in, walks, and failures on the way.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use futures_util::future::join_all;

use crate::client::ApiError;
use crate::client::tests::read_request;
use crate::clock::{Clock, Timestamp};
use crate::record::Vendor;
use crate::source::prisma::{Config, Method};
use crate::source::{self, CollectOutput, RowRules, Source};
use crate::telemetry::{Failure, Telemetry};

const NOW: i64 = 1_750_000_000_000;

/// What the console answers, and the requests that it got.
#[derive(Default)]
struct Console {
    /// The console accepts tokens with this number and up.
    valid_from: usize,
    given: usize,
    /// Statuses and bodies to answer instead, by a part of the path.
    instead: Vec<(&'static str, u16, &'static str)>,
    containers: usize,
    /// Rows of vulnerabilities, every fortieth of them without a name.
    vulnerabilities: usize,
    /// Whether it observes the limit and the offset of vulnerabilities.
    limits: bool,
    pages: bool,
    asked: Vec<String>,
}

impl Console {
    fn answer(&mut self, request: &str) -> (u16, Option<usize>, String) {
        let head = request.lines().next().unwrap_or_default().to_owned();
        self.asked.push(request.to_owned());
        let path = head.split(' ').nth(1).unwrap_or_default();
        if let Some((_, status, body)) = self.instead.iter().find(|(part, ..)| path.contains(part)) {
            return (*status, None, (*body).to_owned());
        }
        if path == "/tenant/api/v30.00/authenticate" {
            let right = request.contains(r#"{"password":"p\"ss","username":"jdoe"}"#);
            self.given += 1;
            let token = format!(r#"{{"token":"token-{}"}}"#, self.given);
            return if right { (200, None, token) } else { (401, None, r#"{"err":"jdoe is wrong"}"#.to_owned()) };
        }
        let token = request.split("authorization: Bearer token-").nth(1).and_then(|rest| rest.split('\r').next());
        let by_token = token.and_then(|number| number.parse().ok()).is_some_and(|number| self.valid_from <= number);
        // jdoe:p"ss
        if !by_token && !request.contains("authorization: Basic amRvZTpwInNz\r\n") {
            return (401, None, r#"{"err":"unauthorized"}"#.to_owned());
        }
        let parameter = |name: &str| {
            let value = path.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.map_or(0, |value| value.parse::<usize>().unwrap())
        };
        if path.starts_with("/tenant/api/v30.00/containers?") {
            let first = parameter("offset").min(self.containers);
            let last = (first + parameter("limit").min(50)).min(self.containers);
            let rows: Vec<_> =
                (first..last).map(|id| format!(r#"{{"_id":"c{id}","info":{{"id":"c{id}"}}}}"#)).collect();
            let body = if rows.is_empty() { "null".to_owned() } else { format!("[{}]", rows.join(",")) };
            return (200, Some(self.containers), body);
        }
        if self.vulnerabilities > 0 && path.contains("/stats/vulnerabilities?") {
            let first = if self.pages { parameter("offset").min(self.vulnerabilities) } else { 0 };
            let most = if self.limits { parameter("limit") } else { usize::MAX };
            let name = |id| if id % 40 == 0 { String::new() } else { format!("CVE-{id}") };
            let row = |id| format!(r#"{{"cve":"{}","impactedResourcesCnt":1}}"#, name(id));
            let rows: Vec<_> = (first..self.vulnerabilities).take(most).map(row).collect();
            let rows = if rows.is_empty() { "null".to_owned() } else { format!("[{}]", rows.join(",")) };
            return (200, None, format!(r#"[{{"images":{{"vulnerabilities":{rows}}}}}]"#));
        }
        for (part, body) in [
            ("/tenant/api/v30.00/images?", include_str!("../../../../tests/fixtures/prisma/images.json")),
            (
                "/tenant/api/v30.00/defenders/summary",
                include_str!("../../../../tests/fixtures/prisma/defenders_summary.json"),
            ),
            ("/tenant/api/v30.00/stats/vulnerabilities", "null"),
            ("/tenant/api/v1/version", "\"30.00.140\"\n"),
            ("/tenant/api/v30.00/settings/license", include_str!("../../../../tests/fixtures/prisma/license.json")),
        ] {
            if path.starts_with(part) {
                let images = part.ends_with("/images?").then_some(3);
                return (200, images, body.to_owned());
            }
        }
        (404, None, String::new())
    }
}

/// Serves the console as long as the test runs; returns its address.
fn serve(console: Arc<Mutex<Console>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}/tenant", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, console) = (stream.unwrap(), Arc::clone(&console));
            thread::spawn(move || {
                let Some(request) = read_request(&mut stream) else { return };
                let (status, total, body) = console.lock().unwrap().answer(&request);
                let total = total.map(|total| format!("Total-Count: {total}\r\n")).unwrap_or_default();
                let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {kind}\r\n{total}content-length: {length}"
                );
                // The client may be gone.
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok();
            });
        }
    });
    at
}

struct Bench {
    console: Arc<Mutex<Console>>,
    source: Source,
    now: Arc<AtomicI64>,
    telemetry: Telemetry,
    _password: tempfile::NamedTempFile,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Console, &mut Config)) -> Self {
        let password = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(password.path(), "p\"ss\n").unwrap();
        let mut console = Console { containers: 120, ..Console::default() };
        let mut config = Config {
            name: "account".to_owned(),
            api_version: "30.00".to_owned(),
            username: Some("jdoe".to_owned()),
            password_file: Some(password.path().to_owned()),
            http: crate::client::Config { retries: Some(0), ..Default::default() },
            ..Config::default()
        };
        change(&mut console, &mut config);
        let console = Arc::new(Mutex::new(console));
        config.base_url = serve(Arc::clone(&console));
        let now = Arc::new(AtomicI64::new(NOW));
        let time = Arc::clone(&now);
        let clock = Clock::from_fn(move || Timestamp::from_millis(time.load(Ordering::Relaxed)).unwrap());
        let telemetry = Telemetry::new(Timestamp::from_millis(NOW).unwrap());
        let all = source::Config { prisma: vec![config], ..source::Config::default() };
        let source = all
            .build(&RowRules { promote_labels: [].into(), max_rejected_percent: 100.0 }, &telemetry, &clock)
            .unwrap()
            .remove(0);
        telemetry.arrange([(Arc::clone(&source.telemetry), source.collector_names())]);
        Self { console, source, now, telemetry, _password: password }
    }

    async fn run(&self, collector: &str) -> Result<CollectOutput, ApiError> {
        let collector = self.source.collectors.iter().find(|known| known.name == collector).unwrap();
        collector.listing.collect(&|| {}).await
    }

    async fn all(&self) -> Vec<Result<CollectOutput, ApiError>> {
        let names = ["containers", "images", "sensors", "vulnerabilities", "console"];
        join_all(names.map(|name| self.run(name))).await
    }

    fn asked(&self, part: &str) -> Vec<String> {
        let lines = |request: &String| request.lines().next().unwrap_or_default().to_owned();
        self.console.lock().unwrap().asked.iter().map(lines).filter(|line| line.contains(part)).collect()
    }
}

#[track_caller]
fn refusal(failed: Result<CollectOutput, ApiError>) -> (Failure, String) {
    let error = failed.map(|output| output.records).unwrap_err();
    (error.failure, error.to_string())
}

#[tokio::test]
async fn a_whole_console_is_collected() {
    let bench = Bench::new(|_, config| {
        config.project = Some("a b".to_owned());
        config.collections = vec!["x".to_owned(), "y&z".to_owned()];
        config.page_limit = 100;
    });
    assert_eq!((bench.source.name.as_str(), bench.source.vendor), ("account", Vendor::Prisma));
    assert_eq!(bench.source.collector_names(), ["console", "containers", "images", "sensors", "vulnerabilities"]);
    let harvests: Vec<_> = bench.all().await.into_iter().map(Result::unwrap).collect();
    assert_eq!(harvests.iter().map(|output| output.records).collect::<Vec<_>>(), [120, 3, 3, 0, 1]);
    assert!(harvests.iter().all(|output| output.missing.is_none()));
    assert!(harvests[0].tables.controls.is_some() && harvests[3].note.as_ref().unwrap().contains("collections"));
    assert!(harvests[4].tables.console.as_ref().unwrap().get("console").unwrap().licence_expiry.is_some());
    assert_eq!(bench.asked("authenticate").len(), 1);
    let scope = "project=a%20b&collections=x%2Cy%26z";
    // The console returns 50 rows, whatever the request.
    let pages = [0, 49, 98]
        .map(|offset| format!("GET /tenant/api/v30.00/containers?{scope}&offset={offset}&limit=100 HTTP/1.1"));
    assert_eq!(bench.asked("/containers"), pages);
    for part in ["/images?", "/defenders/summary?", "/stats/vulnerabilities?"] {
        assert!(bench.asked(part).iter().all(|line| line.contains(scope)), "{part}");
    }
    assert!(bench.asked("/images?")[0].contains("&compact=true&offset=0"));
    let endpoints = bench.telemetry.read().0.remove(0).endpoints;
    assert!(endpoints.iter().all(|endpoint| endpoint.by_code.iter().map(|(_, count)| count).sum::<u64>() > 0));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_when_it_is_refused() {
    let bench = Bench::new(|_, _| {});
    bench.run("sensors").await.unwrap();
    bench.now.store(NOW + 299_000, Ordering::Relaxed);
    bench.run("sensors").await.unwrap();
    assert_eq!(bench.asked("authenticate").len(), 1);
    bench.now.store(NOW + 300_000, Ordering::Relaxed);
    assert!(bench.all().await.iter().all(Result::is_ok));
    assert_eq!(bench.asked("authenticate").len(), 2, "once for all of them");
    bench.console.lock().unwrap().valid_from = 3;
    assert!(bench.all().await.iter().all(Result::is_ok));
    assert_eq!(bench.asked("authenticate").len(), 3);
}

#[tokio::test]
async fn refusals_are_explained() {
    let bench = Bench::new(|_, config| config.username = Some("other".to_owned()));
    for failed in bench.all().await {
        let (failure, words) = refusal(failed);
        assert!(failure == Failure::Unauthorized && words.contains("wrong user name or password"), "{words}");
        assert!(!words.contains("jdoe"), "{words}");
    }
    assert_eq!(bench.asked("authenticate").len(), 1, "a wrong password is not tried by everyone who waits");
    let bench = Bench::new(|console, _| console.instead = vec![("/version", 404, "")]);
    let (failure, words) = refusal(bench.run("console").await);
    assert!(failure == Failure::NotFound && words.contains("this is not a console; base_url"), "{words}");
    for (part, status, body, failure, words) in [
        ("/authenticate", 404, "", Failure::BadResponse, "Path to Console"),
        ("/authenticate", 200, "<html>", Failure::BadResponse, "web page"),
        ("/authenticate", 200, r#"{"token":""}"#, Failure::BadResponse, "without a token"),
        (
            "/defenders",
            403,
            r#"{"err":"jdoe"}"#,
            Failure::Forbidden,
            "lacks the permission for defenders (manageDefenders",
        ),
        (
            "/defenders",
            404,
            "",
            Failure::NotFound,
            "does not know API version v30.00, or base_url lacks the tenant's path",
        ),
        ("/defenders", 401, "", Failure::Unauthorized, "gave out a moment ago"),
        ("/defenders", 200, "<html>", Failure::BadResponse, "web page"),
        ("/defenders", 200, r#"{"err":"jdoe"}"#, Failure::BadResponse, "an error message"),
    ] {
        let bench = Bench::new(|console, _| console.instead = vec![(part, status, body)]);
        let (found, message) = refusal(bench.run("sensors").await);
        assert!(found == failure && message.contains(words) && !message.contains("jdoe"), "{status} {body}: {message}");
        if part != "/authenticate" {
            // The others are not affected.
            bench.run("images").await.unwrap();
        }
    }
}

#[tokio::test]
async fn basic_credentials_are_sent_with_each_call_and_not_retried() {
    let bench = Bench::new(|_, config| config.login = Method::Basic);
    assert!(bench.all().await.iter().all(Result::is_ok));
    assert_eq!(bench.asked("authenticate").len(), 0);
    let bench = Bench::new(|_, config| {
        config.login = Method::Basic;
        config.username = Some("other".to_owned());
    });
    let (failure, words) = refusal(bench.run("sensors").await);
    assert!(failure == Failure::Unauthorized && words.contains("wrong user name or password"), "{words}");
    assert_eq!(bench.asked("").len(), 1);
}

#[tokio::test]
async fn an_invisible_licence_is_a_note() {
    for status in [403, 404] {
        let bench = Bench::new(|console, _| console.instead = vec![("/license", status, "")]);
        let output = bench.run("console").await.unwrap();
        assert!(output.note.unwrap().contains("licence"));
        let table = output.tables.console.unwrap();
        let console = table.get("console").unwrap();
        assert_eq!((table.names.text(console.version), console.licence_expiry), ("30.00.140", None));
    }
    let bench = Bench::new(|console, _| console.instead = vec![("/license", 500, "")]);
    assert_eq!(refusal(bench.run("console").await).0, Failure::BadResponse);
}

#[tokio::test]
async fn vulnerabilities_are_read_to_their_end() {
    for (rows, limits, pages, requests, records, left_out, missing) in [
        (120, true, true, 4, 117, 3, false),
        (100, true, true, 3, 97, 3, false),
        (30, true, true, 2, 29, 1, false),
        // It ignores the parameters, or knows only the first of them.
        (120, false, false, 1, 117, 3, false),
        (30, false, false, 2, 29, 1, false),
        (120, true, false, 2, 48, 2, true),
    ] {
        let bench = Bench::new(|console, _| {
            (console.vulnerabilities, console.limits, console.pages) = (rows, limits, pages);
        });
        let output = bench.run("vulnerabilities").await.unwrap();
        assert_eq!((output.records, output.missing.is_some()), (records, missing), "{rows}");
        assert_eq!(bench.asked("/stats/vulnerabilities?").len(), requests, "{rows}");
        let source = bench.telemetry.read().0.remove(0);
        let counted: u64 = source.collectors.iter().flat_map(|(_, runs)| runs.rejected).sum();
        assert_eq!(counted, left_out, "{rows}");
    }
}
