//! Secrets never leave the program through its logs or pages, whatever the vendor sends.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use container_security_exporter::clock::Clock;
use simulator::SECRET_MARKERS;
use simulator::console::{self, Console};
use simulator::oracle::Families;
use simulator::server::{Fault, FaultKind, Options, Server, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::http::{request, send};
use crate::process::{self, Home, vendor_with};
use crate::receiver::{Behaviour, Receiver};
use crate::support::{CLOUD_COLLECTORS, COLLECTORS, always, first, metrics_once, runs_of, sum};

const STATIC_TOKEN: &str = "S3CR3T-static-token-0123456789";

/// The start of the console's credentials in a basic authorization header.
const BASIC: &str = "ZXhwb3J0ZXI6UzNDUjNU";

/// What must not appear, besides the markers: the start of every token, and the ways in which secrets are sent.
const TRACES: [&str; 6] = ["eyJ", "Bearer ", "Basic ", BASIC, "p%ss", "p%25ss"];

fn leaks(text: &str) -> Vec<&'static str> {
    SECRET_MARKERS.iter().chain(&TRACES).copied().filter(|secret| text.contains(secret)).collect()
}

/// All output of the program in one test.
#[derive(Default)]
struct Seen(String);

impl Seen {
    fn add(&mut self, from: &str, text: &str) {
        writeln!(self.0, "--- {from}\n{text}").expect("writing to memory");
        let found = leaks(text);
        assert!(found.is_empty(), "{from} leaks {found:?}:\n{text}");
    }
}

/// A vendor that puts secrets into everything it sends.
async fn vendor() -> Server {
    let tenant = Tenant::generate(&Shape::small(51, Clock::system().now().millis()).hostile(true));
    vendor_with(tenant, Options { static_token: Some(STATIC_TOKEN.to_owned()), ..Options::default() }).await
}

/// A console that puts secrets into everything it sends.
async fn cloud() -> Server {
    process::cloud(Console::generate(&console::Shape::small(51, Clock::system().now().millis()).hostile(true))).await
}

/// A refusal and a response that breaks off after `start` and a row, both full of secrets and with secret headers.
fn poisoned(start: &str) -> (impl Fn(u16) -> FaultKind, FaultKind) {
    let secrets = SECRET_MARKERS.join(" ");
    let body = format!(
        "{{\"errorCode\":\"500 ERROR\",\"message\":\"JWT expired: Bearer eyJhbGciOi {secrets}\",\"environment\":[\"{secrets}\"]}}"
    );
    let broken = format!("{start}{{\"_id\":\"{secrets}\",\"uuid\":\"{secrets}\",\"state\":");
    let headers = move || {
        let location = format!("http://127.0.0.1:1/?token={}", SECRET_MARKERS[6]);
        vec![
            ("set-cookie".to_owned(), secrets.clone()),
            ("www-authenticate".to_owned(), format!("Bearer {secrets}")),
            ("location".to_owned(), location),
        ]
    };
    let broken = FaultKind::Status(200, headers(), broken);
    (move |status| FaultKind::Status(status, headers(), body.clone()), broken)
}

/// A redirect with secrets in its target.
fn elsewhere() -> FaultKind {
    FaultKind::Redirect(format!("http://127.0.0.1:1/?password={}", SECRET_MARKERS.join("+")))
}

/// Faults of the Qualys account. Most of them end.
fn faults() -> Vec<Fault> {
    let (status, broken) = poisoned("{\"data\":[");
    let secrets = SECRET_MARKERS.join(" ");
    let link = format!("<http://elsewhere/list?paginationQuery={secrets}<;rel=next");
    let misled = FaultKind::Status(200, vec![("link".to_owned(), link)], "{\"data\":[]}".to_owned());
    vec![
        first(1, "/csapi/v1.3/containers?", status(401)),
        first(1, "/csapi/v1.3/containers?", broken.clone()),
        first(1, "/csapi/v1.3/containers/list", status(500)),
        first(1, "/csapi/v1.3/containers/list", FaultKind::Garbage),
        first(1, "/csapi/v1.3/containers/list", misled),
        first(1, "/sensors", elsewhere()),
        first(1, "/sensors", status(400)),
        first(1, "/k8s_postures/list", status(403)),
        first(1, "/k8s_postures/list", broken),
        first(2, "/k8s_postures/control", status(400)),
        first(1, "/auth", status(503)),
    ]
}

/// Faults of the console. They end, too.
fn cloud_faults() -> Vec<Fault> {
    let (status, broken) = poisoned("[");
    vec![
        first(1, "/containers?", status(401)),
        first(1, "/containers?", broken.clone()),
        first(1, "/containers?", status(429)),
        first(1, "/images?", status(500)),
        first(1, "/images?", FaultKind::Garbage),
        first(1, "/images?", FaultKind::Html(502)),
        first(1, "/defenders/summary", elsewhere()),
        first(1, "/defenders/summary", status(400)),
        first(1, "/stats/vulnerabilities", status(403)),
        first(1, "/stats/vulnerabilities", broken),
        first(1, "/settings/license", status(404)),
        first(1, "/version", status(500)),
        first(1, "/authenticate", status(503)),
    ]
}

fn log_in_by_token(home: &Home, vendor: &Server) -> String {
    home.write("token", STATIC_TOKEN);
    format!(
        "[[source.qualys]]\nname = \"prod\"\nbase_url = {:?}\ntoken_file = \"token\"\nhttp.retries = 2\n",
        vendor.base_url()
    )
}

fn log_in_as_client(home: &Home, vendor: &Server) -> String {
    home.write("secret", &Options::default().client_secret);
    format!(
        "[[source.qualys]]\nname = \"prod\"\nbase_url = {:?}\nclient_id = {:?}\nclient_secret_file = \"secret\"\n",
        vendor.base_url(),
        Options::default().client_id
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendor_really_sends_secrets() {
    let vendor = vendor().await;
    let address = vendor.base_url().trim_start_matches("http://").parse().expect("an address");
    let bearer = format!("Bearer {STATIC_TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    let rows = request(address, "GET", "/csapi/v1.3/containers/list?limit=250", &headers).await;
    assert_eq!(rows.status, 200);
    let found = leaks(&rows.text());
    for marker in [SECRET_MARKERS[0], SECRET_MARKERS[1]] {
        assert!(found.contains(&marker), "{marker} is not sent");
    }
    let secret = Options::default().client_secret;
    let client = [("clientId", "simulated-client"), ("clientSecret", secret.as_str())];
    let token = request(address, "POST", "/auth/oidc", &client).await;
    assert_eq!(leaks(&token.text()), [SECRET_MARKERS[6], "eyJ"]);
    assert!(Options::default().password.contains(SECRET_MARKERS[3]) && secret.contains(SECRET_MARKERS[4]));
    assert!(STATIC_TOKEN.contains(SECRET_MARKERS[5]));
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_really_sends_and_accepts_secrets() {
    let cloud = cloud().await;
    let address = cloud.base_url().trim_start_matches("http://").parse().expect("an address");
    let password = prisma::Options::default().password;
    assert!(password.contains(SECRET_MARKERS[8]) && password.contains("p%ss"));
    let credentials = STANDARD.encode(format!("exporter:{password}"));
    assert!(credentials.starts_with(BASIC), "{credentials}");
    let basic = format!("Basic {credentials}");
    let headers = [("Authorization", basic.as_str())];
    let rows = request(address, "GET", "/api/v30.00/containers?limit=50", &headers).await;
    assert_eq!(rows.status, 200);
    assert_eq!(leaks(&rows.text()), [SECRET_MARKERS[7]]);
    cloud.inject(always("/images", poisoned("[").0(403)));
    let refusal = request(address, "GET", "/api/v30.00/images", &headers).await;
    assert!(SECRET_MARKERS.iter().all(|marker| leaks(&refusal.text()).contains(marker)), "{}", refusal.text());
    let body = serde_json::json!({"username": "exporter", "password": password}).to_string();
    let token = send(address, "POST", "/api/v30.00/authenticate", &[], &body).await;
    assert_eq!(leaks(&token.text()), [SECRET_MARKERS[9], "eyJ"]);
    cloud.stop().await;
}

/// Checks that all faults of the vendor were sent, and all pages of rows with secrets.
fn all_was_sent(vendor: &Server, page: &str, statuses: &[u16]) {
    let requests = vendor.requests();
    for status in statuses {
        assert!(requests.iter().any(|request| request.status == *status), "{status} was never sent");
    }
    let rows = requests.iter().filter(|request| request.query.contains(page) && request.status == 200);
    assert!(rows.count() > 0, "no complete walk in {requests:?}");
}

/// A log-in method for the Qualys account other than the password.
type LogIn = fn(&Home, &Server) -> String;

/// Checks runs that end by themselves.
async fn runs_that_end(format: &str, login: Option<LogIn>, cloud_login: &str) {
    let mut seen = Seen::default();
    let (vendor, cloud) = (vendor().await, cloud().await);
    let home = Home::new();
    let source = login.map_or_else(|| home.source("prod", &vendor, ""), |login| login(&home, &vendor));
    home.configure(&(source + &home.cloud("cloud", &cloud, &format!("login = {cloud_login:?}"))));
    for (server, faults) in [(&vendor, faults()), (&cloud, cloud_faults())] {
        for fault in faults {
            server.inject(fault);
        }
    }
    // Each run gets the faults that are left.
    for command in ["check", "once", "once", "once", "once"] {
        let ended = home.run(&[command, "--log.level=debug", "--log.format", format]).await;
        seen.add(command, &ended.stdout);
        seen.add(command, &ended.stderr);
    }
    all_was_sent(&vendor, "paginationQuery", &[302, 403, 500]);
    all_was_sent(&cloud, "offset=49", &[302, 400, 403, 404, 429, 500, 502]);
    vendor.stop().await;
    cloud.stop().await;
    for shown in ["container_security_containers{", "container_security_console_info{", "collection failed"] {
        assert!(seen.0.contains(shown), "no {shown} in {}", seen.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_and_check_leak_nothing() {
    tokio::join!(
        runs_that_end("logfmt", None, "token"),
        runs_that_end("json", Some(log_in_as_client), "basic"),
        runs_that_end("logfmt", Some(log_in_by_token), "basic"),
    );
}

/// Checks an exporter that serves until a signal ends it.
async fn serving(format: &str, cloud_login: &str) {
    let mut seen = Seen::default();
    let (vendor, cloud) = (vendor().await, cloud().await);
    let home = Home::new();
    let sources = |keys: &str| {
        let of_cloud = format!("login = {cloud_login:?}\nrate_limit = \"1000/1s\"\n{keys}");
        home.source("prod", &vendor, keys) + &home.cloud("cloud", &cloud, &of_cloud)
    };
    home.configure(&sources("interval = \"1s\""));
    for (server, faults) in [(&vendor, faults()), (&cloud, cloud_faults())] {
        for fault in faults {
            server.inject(fault);
        }
    }
    let serving = home.serve(&["--log.level=debug", "--log.format", format]).await;
    metrics_once(serving.address, "a failure of both", |families| {
        ["prod", "cloud"].iter().all(|source| runs_of(families, source, "sensors", "bad_response") >= 1.0)
    })
    .await;
    seen.add("/", &serving.get("/").await);
    metrics_once(serving.address, "success of all collectors after the faults", |families| {
        COLLECTORS.iter().all(|name| runs_of(families, "prod", name, "success") >= 2.0)
            && CLOUD_COLLECTORS.iter().all(|name| runs_of(families, "cloud", name, "success") >= 2.0)
    })
    .await;
    for accept in ["application/openmetrics-text;version=1.0.0", "text/plain"] {
        let answer =
            request(serving.address, "GET", "/metrics", &[("Accept", accept), ("Accept-Encoding", "gzip")]).await;
        seen.add(accept, &answer.text());
        assert!(answer.text().contains("container_security_containers{"));
        assert!(answer.text().contains("container_security_console_info{"));
    }
    for path in ["/", "/-/ready", "/-/healthy", "/none"] {
        seen.add(path, &serving.get(path).await);
    }
    // Reloads that fail, with a secret in the wrong place.
    for kind in ["qualys", "prisma"] {
        let text = format!("[[source.{kind}]]\nname = \"prod\"\npassword = \"{}\n", SECRET_MARKERS[3]);
        home.write("config.toml", &text);
        seen.add("reload", &serving.reload().await.1);
    }
    home.configure(&sources(&format!("password = \"{0}\"\ninterval = \"{0}\"", SECRET_MARKERS[3])));
    let (status, answer) = serving.reload().await;
    assert_eq!(status, 500);
    seen.add("reload", &answer);
    // The vendors refuse the account from here on.
    for server in [&vendor, &cloud] {
        let refusal = format!("{{\"message\":\"{}\"}}", SECRET_MARKERS.join(" "));
        server.revoke_tokens();
        server.inject(always("", FaultKind::Status(401, Vec::new(), refusal)));
    }
    metrics_once(serving.address, "a refused log-in", |families| {
        runs_of(families, "prod", "posture", "unauthorized") >= 1.0
            && runs_of(families, "cloud", "sensors", "unauthorized") >= 1.0
    })
    .await;
    seen.add("/", &serving.get("/").await);
    let ended = serving.end("TERM").await;
    assert_eq!(ended.code, Some(0));
    seen.add("stdout", &ended.stdout);
    seen.add("stderr", &ended.stderr);
    let debugged =
        ["retrying", "logging in again", "collected", "collection failed", "unreadable records were skipped"];
    assert!(debugged.iter().all(|what| ended.stderr.contains(what)), "{}", ended.stderr);
    all_was_sent(&vendor, "paginationQuery", &[302, 400, 401, 403, 500, 503]);
    all_was_sent(&cloud, "offset=49", &[302, 400, 401, 403, 404, 429, 500, 502]);
    vendor.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_leaks_nothing() {
    tokio::join!(serving("logfmt", "token"), serving("json", "basic"));
}

/// The receiver's headers are secret, in the configuration and in a file, and it echoes them in a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn otlp_headers_are_not_leaked() {
    const ECHO: &str = "who is S3CR3T-environment with S3CR3T-argument?";
    let [in_table, in_file] = [SECRET_MARKERS[0], SECRET_MARKERS[1]];
    for grpc in [false, true] {
        let refusal = Behaviour::Answer(if grpc { 16 } else { 401 }, ("www-authenticate", SECRET_MARKERS[1]), ECHO);
        let receiver = Receiver::start(grpc, &[refusal]).await;
        let vendor = vendor().await;
        let home = Home::new();
        home.write("headers", &format!("X-Api-Key: {in_file}\n"));
        let protocol = if grpc { "grpc" } else { "http/protobuf" };
        home.configure(&format!(
            "[otlp]\nendpoint = \"http://{}\"\nprotocol = {protocol:?}\ninterval = \"1s\"\n\
             headers = {{ Authorization = \"Bearer {in_table}\" }}\nheaders_file = \"headers\"\n\
             [otlp.traces]\nenabled = true\n{}",
            receiver.address,
            log_in_by_token(&home, &vendor)
        ));
        let mut seen = Seen::default();
        for format in ["logfmt", "json"] {
            let serving = home.serve(&["--log.level", "debug", "--log.format", format]).await;
            let refused = |families: &Families| {
                sum(families, "container_security_otlp_exports_total", &[("outcome", "unauthorized")])
            };
            metrics_once(serving.address, "refusals", |families| refused(families) > 1.0).await;
            for page in ["/", "/metrics", "/-/ready"] {
                seen.add(page, &serving.get(page).await);
            }
            let ended = serving.end("TERM").await;
            assert!(ended.stderr.contains("OTLP push failed"), "{}", ended.stderr);
            seen.add("the log", &ended.stderr);
        }
        let sent = receiver.got();
        assert!(
            sent.iter()
                .all(|got| got.headers["authorization"].ends_with(in_table) && got.headers["x-api-key"] == in_file)
        );
    }
}
