//! Nothing secret leaves the program: not by its logs, not by its pages, whatever the vendor sends.

use std::fmt::Write as _;

use container_security_exporter::clock::Clock;
use simulator::SECRET_MARKERS;
use simulator::server::{Fault, FaultKind, Options, Server};
use simulator::tenant::{Shape, Tenant};

use crate::process::{Home, vendor_with};
use crate::support::{COLLECTORS, always, first, metrics_once, request, runs};

const STATIC_TOKEN: &str = "S3CR3T-static-token-0123456789";

/// What must not be seen, besides the markers: how every token of the vendor begins, and how one is sent.
const TRACES: [&str; 4] = ["eyJ", "Bearer ", "p%ss", "p%25ss"];

fn leaks(text: &str) -> Vec<&'static str> {
    SECRET_MARKERS.iter().chain(&TRACES).copied().filter(|secret| text.contains(secret)).collect()
}

/// All that the program let out in one test.
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

/// Refusals and broken answers full of secrets. They pass, for the most part.
fn faults() -> Vec<Fault> {
    let secrets = SECRET_MARKERS.join(" ");
    let body = format!(
        "{{\"errorCode\":\"500 ERROR\",\"message\":\"JWT expired: Bearer eyJhbGciOi {secrets}\",\"environment\":[\"{secrets}\"]}}"
    );
    let headers = || {
        let location = format!("http://127.0.0.1:1/?token={}", SECRET_MARKERS[6]);
        vec![
            ("set-cookie".to_owned(), secrets.clone()),
            ("www-authenticate".to_owned(), format!("Bearer {secrets}")),
            ("location".to_owned(), location),
        ]
    };
    let status = |status| FaultKind::Status(status, headers(), body.clone());
    let broken = FaultKind::Status(200, headers(), format!("{{\"data\":[{{\"uuid\":\"{secrets}\",\"state\":"));
    let link = format!("<http://elsewhere/list?paginationQuery={secrets}<;rel=next");
    let misled = FaultKind::Status(200, vec![("link".to_owned(), link)], "{\"data\":[]}".to_owned());
    vec![
        first(1, "/csapi/v1.3/containers?", status(401)),
        first(1, "/csapi/v1.3/containers?", broken.clone()),
        first(1, "/csapi/v1.3/containers/list", status(500)),
        first(1, "/csapi/v1.3/containers/list", FaultKind::Garbage),
        first(1, "/csapi/v1.3/containers/list", misled),
        first(1, "/sensors", FaultKind::Redirect(format!("http://127.0.0.1:1/?password={secrets}").replace(' ', "+"))),
        first(1, "/sensors", status(400)),
        first(1, "/k8s_postures/list", status(403)),
        first(1, "/k8s_postures/list", broken),
        first(2, "/k8s_postures/control", status(400)),
        first(1, "/auth", status(503)),
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

/// The vendor's faults have all struck, and rows with secrets were given out.
fn all_was_sent(vendor: &Server, statuses: &[u16]) {
    let requests = vendor.requests();
    for status in statuses {
        assert!(requests.iter().any(|request| request.status == *status), "{status} was never sent");
    }
    let rows = requests.iter().filter(|request| request.query.contains("paginationQuery") && request.status == 200);
    assert!(rows.count() > 0, "no whole walk among {requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_and_check_let_nothing_out() {
    let mut seen = Seen::default();
    for (format, login) in [
        ("logfmt", None),
        ("json", Some(log_in_as_client as fn(&Home, &Server) -> String)),
        ("logfmt", Some(log_in_by_token)),
    ] {
        let vendor = vendor().await;
        let home = Home::new();
        home.configure(&login.map_or_else(|| home.source("prod", &vendor, ""), |login| login(&home, &vendor)));
        for fault in faults() {
            vendor.inject(fault);
        }
        // Each run meets what those before have left.
        for command in ["check", "once", "once", "once"] {
            let ended = home.run(&[command, "--log.level=debug", "--log.format", format]).await;
            seen.add(command, &ended.stdout);
            seen.add(command, &ended.stderr);
        }
        all_was_sent(&vendor, &[302, 403, 500]);
        vendor.stop().await;
    }
    assert!(seen.0.contains("container_security_containers{") && seen.0.contains("collection failed"), "{}", seen.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_lets_nothing_out() {
    for format in ["logfmt", "json"] {
        let mut seen = Seen::default();
        let vendor = vendor().await;
        let home = Home::new();
        home.configure(&home.source("prod", &vendor, "interval = \"1s\""));
        for fault in faults() {
            vendor.inject(fault);
        }
        let serving = home.serve(&["--log.level=debug", "--log.format", format]).await;
        metrics_once(serving.address, "a failure", |families| runs(families, "sensors", "bad_response") >= 1.0).await;
        seen.add("/", &serving.get("/").await);
        metrics_once(serving.address, "all collectors after all faults", |families| {
            COLLECTORS.iter().all(|name| runs(families, name, "success") >= 2.0)
        })
        .await;
        for accept in ["application/openmetrics-text;version=1.0.0", "text/plain"] {
            let answer =
                request(serving.address, "GET", "/metrics", &[("Accept", accept), ("Accept-Encoding", "gzip")]).await;
            seen.add(accept, &answer.text());
            assert!(answer.text().contains("container_security_containers{"));
        }
        for path in ["/", "/-/ready", "/-/healthy", "/none"] {
            seen.add(path, &serving.get(path).await);
        }
        // A reload that fails, with a secret where none belongs.
        home.write("config.toml", &format!("[[source.qualys]]\nname = \"prod\"\npassword = \"{}\n", SECRET_MARKERS[3]));
        seen.add("reload", &serving.reload().await.1);
        home.configure(&home.source(
            "prod",
            &vendor,
            &format!("password = \"{0}\"\ninterval = \"{0}\"", SECRET_MARKERS[3]),
        ));
        let (status, told) = serving.reload().await;
        assert_eq!(status, 500);
        seen.add("reload", &told);
        // The vendor turns the account away for good.
        vendor.revoke_tokens();
        vendor.inject(always(
            "/auth",
            FaultKind::Status(401, Vec::new(), format!("{{\"message\":\"{}\"}}", SECRET_MARKERS.join(" "))),
        ));
        metrics_once(serving.address, "a refused log-in", |families| runs(families, "posture", "unauthorized") >= 1.0)
            .await;
        seen.add("/", &serving.get("/").await);
        let ended = serving.end("TERM").await;
        assert_eq!(ended.code, Some(0));
        seen.add("stdout", &ended.stdout);
        seen.add("stderr", &ended.stderr);
        let debugged =
            ["asking again", "logging in again", "collected", "collection failed", "cannot be read were left out"];
        assert!(debugged.iter().all(|what| ended.stderr.contains(what)), "{}", ended.stderr);
        all_was_sent(&vendor, &[302, 400, 401, 403, 500, 503]);
        vendor.stop().await;
    }
}
