//! The console's API as a client sees it, over a bare socket.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::prisma::Options;
use super::tests::{Reply, send};
use super::{Fault, FaultKind, Server, lock};
use crate::SECRET_MARKERS;
use crate::console::{Console, Shape};

const NOW: i64 = 1_750_000_000_000;

fn options() -> Options {
    Options { clock: Arc::new(|| NOW), ..Options::default() }
}

async fn start(options: Options) -> Server {
    let console = Console::generate(&Shape::small(11, NOW).hostile(true));
    Server::start_prisma(Arc::new(Mutex::new(console)), options).await.unwrap()
}

fn basic() -> String {
    let options = options();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", options.username, options.password)))
}

async fn get_as(server: &Server, target: &str, authorization: &str) -> Reply {
    let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    send(server, format!("{head}authorization: {authorization}\r\n\r\n")).await
}

async fn get(server: &Server, target: &str) -> Reply {
    get_as(server, target, &basic()).await
}

async fn log_in(server: &Server, path: &str, password: &str) -> Reply {
    let body = json!({"username": "exporter", "password": password}).to_string();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    send(server, head + &body).await
}

fn parsed(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn error(reply: &Reply) -> (u16, bool) {
    (reply.status, parsed(reply)["err"].is_string())
}

async fn all(server: &Server, target: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    loop {
        let reply = get(server, &format!("{target}limit={limit}&offset={}", rows.len())).await;
        assert_eq!(reply.status, 200);
        let page = parsed(&reply);
        if page.is_null() {
            return rows;
        }
        rows.extend(page.as_array().unwrap().iter().cloned());
    }
}

#[tokio::test]
async fn pages_form_the_complete_listing_in_order() {
    let server = start(Options { page_limit: 25, ..options() }).await;
    let console = lock(&server.console()).clone();
    for (listing, records, strays) in [
        ("containers?", console.containers.len(), console.stray_container_rows.len()),
        ("images?compact=true&", console.images.len(), console.stray_image_rows.len()),
    ] {
        let rows = all(&server, &format!("/api/v30.00/{listing}"), 40).await;
        assert_eq!(rows.len(), records + strays, "{listing}");
        let ids: Vec<&str> = rows.iter().filter_map(|row| row.get("_id")?.as_str()).collect();
        assert!(ids.is_sorted(), "{listing}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{listing}");
    }
    let first = get(&server, "/api/v30.00/containers?limit=40").await;
    assert_eq!(parsed(&first).as_array().map(Vec::len), Some(25), "pages are capped at the vendor's limit");
    assert_eq!(first.headers["total-count"], (console.containers.len() + 6).to_string());
    assert_eq!(get(&server, "/api/v30.00/containers?offset=99999").await.body, b"null");
    assert_eq!(error(&get(&server, "/api/v30.00/containers?offset=many").await), (400, true));
}

#[tokio::test]
async fn only_authorized_clients_get_in() {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = {
        let now = Arc::clone(&now);
        Arc::new(move || now.load(Ordering::Relaxed))
    };
    let server = start(Options { clock, prefix: String::from("/us-1-5"), ..options() }).await;
    let authenticate = "/us-1-5/api/v30.00/authenticate";
    assert_eq!(error(&log_in(&server, authenticate, "wrong").await), (401, true));
    let granted = parsed(&log_in(&server, authenticate, &options().password).await);
    let token = granted["token"].as_str().unwrap();
    assert!(token.split('.').count() == 3 && token.contains(SECRET_MARKERS[9]));
    let target = "/us-1-5/api/v30.00/defenders/summary";
    let bearer = format!("Bearer {token}");
    assert_eq!(get_as(&server, target, &bearer).await.status, 200);
    assert_eq!(get(&server, target).await.status, 200);
    for refused in ["Bearer forged", "Basic Zm9vOmJhcg==", ""] {
        assert_eq!(error(&get_as(&server, target, refused).await), (401, true));
    }
    now.fetch_add(30 * 60_000, Ordering::Relaxed);
    assert_eq!(error(&get_as(&server, target, &bearer).await), (401, true), "tokens end");
    let granted = parsed(&log_in(&server, authenticate, &options().password).await);
    let bearer = format!("Bearer {}", granted["token"].as_str().unwrap());
    assert_eq!(get_as(&server, target, &bearer).await.status, 200);
    server.revoke_tokens();
    assert_eq!(get_as(&server, target, &bearer).await.status, 401);
    assert_eq!(get(&server, "/api/v30.00/defenders/summary").await.status, 404, "the tenant's path is missing");
    server.stop().await;
}

#[tokio::test]
async fn other_versions_and_paths_do_not_exist() {
    let server = start(Options { absent: vec![String::from("settings/license")], ..options() }).await;
    for target in ["/api/v34.01/containers", "/api/v34.01/version", "/", "/api/v30.00/settings/license"] {
        assert_eq!(error(&get(&server, target).await), (404, true), "{target}");
    }
    assert_eq!(error(&log_in(&server, "/api/v34.01/authenticate", "").await), (404, true));
    assert_eq!(error(&log_in(&server, "/api/v30.00/containers", "").await), (405, true));
    assert_eq!(get(&server, "/api/v30.00/authenticate").await.status, 405);
    let version = lock(&server.console()).version.clone();
    for target in ["/api/v1/version", "/api/v30.00/version"] {
        assert_eq!(parsed(&get(&server, target).await), version, "{target}");
    }
}

#[tokio::test]
async fn a_request_names_its_project_and_collections() {
    let collections = vec![String::from("prod"), String::from("a b")];
    let server = start(Options { project: Some(String::from("p 1")), collections, ..options() }).await;
    let sent = "project=p+1&collections=a+b,prod";
    for resource in ["containers", "images", "stats/vulnerabilities", "defenders/summary"] {
        assert_eq!(get(&server, &format!("/api/v30.00/{resource}?{sent}")).await.status, 200, "{resource}");
        assert_eq!(error(&get(&server, &format!("/api/v30.00/{resource}")).await), (400, true), "{resource}");
    }
    assert_eq!(get(&server, "/api/v30.00/containers?project=p+1&collections=prod").await.status, 400);
    assert_eq!(get(&server, "/api/v30.00/settings/license").await.status, 200);
}

#[tokio::test]
async fn limits_are_enforced_by_listing() {
    let server = start(Options { total_count: false, enforce_limits: true, ..options() }).await;
    for _ in 0..30 {
        let reply = get(&server, "/api/v30.00/containers?limit=1").await;
        assert!(reply.status == 200 && !reply.headers.contains_key("total-count"));
    }
    assert_eq!(error(&get(&server, "/api/v30.00/containers?limit=1").await), (429, true));
    assert_eq!(get(&server, "/api/v30.00/images?limit=1").await.status, 200);
}

#[tokio::test]
async fn a_changed_console_shows_at_once_and_pages_repeat_on_demand() {
    let server = start(options()).await;
    let page = |number: usize| format!("/api/v30.00/containers?limit=50&offset={}", 50 * number);
    let (first, second) = (get(&server, &page(0)).await.body, get(&server, &page(1)).await.body);
    let repeat = Fault { path_contains: String::from("offset=50"), times: 1, skip: 0, kind: FaultKind::RepeatPage };
    server.inject(repeat);
    assert_eq!(get(&server, &page(1)).await.body, first);
    assert_eq!(get(&server, &page(1)).await.body, second, "once only");
    let console = server.console();
    let id = lock(&console).containers.iter().map(|container| container.id.clone()).min().unwrap();
    lock(&console).containers.retain(|container| container.id != id);
    lock(&console).touch();
    assert_ne!(get(&server, &page(1)).await.body, second, "rows shift");
}

#[tokio::test]
async fn a_page_can_follow_a_change_or_report_another_length() {
    let server = start(options()).await;
    let strike = |kind| server.inject(Fault { path_contains: String::from("containers"), times: 1, skip: 0, kind });
    let before = get(&server, "/api/v30.00/containers").await;
    strike(FaultKind::WithHeader(String::from("total-count"), String::from("9999")));
    let longer = get(&server, "/api/v30.00/containers").await;
    assert_eq!(longer.headers["total-count"], "9999");
    assert_eq!(longer.body, before.body);
    strike(FaultKind::Step(NOW + 1));
    let after = get(&server, "/api/v30.00/containers").await;
    assert_eq!(lock(&server.console()).generation(), 1);
    assert_ne!(after.body, before.body);
}

#[tokio::test]
async fn secrets_are_planted_and_long_lists_can_be_left_out() {
    let server = start(options()).await;
    let text = |reply: Reply| String::from_utf8(reply.body).unwrap();
    assert!(text(get(&server, "/api/v30.00/containers").await).contains(SECRET_MARKERS[7]));
    assert!(options().password.contains(SECRET_MARKERS[8]));
    assert!(text(get(&server, "/api/v30.00/images").await).contains("\"packages\""));
    assert!(!text(get(&server, "/api/v30.00/images?compact=true").await).contains("\"packages\""));
    let statistics = parsed(&get(&server, "/api/v30.00/stats/vulnerabilities").await);
    assert_eq!(statistics.as_array().map(Vec::len), Some(2), "one of them is outdated");
    assert!(parsed(&get(&server, "/api/v30.00/settings/license").await).is_object());
    assert_eq!(server.request_count("/api/v30.00/images"), 2);
}
