//! The server as a client sees it, over a bare socket.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{form_encoded, form_pairs};
use super::{Fault, FaultKind, Options, Server, lock};
use crate::tenant::{Row, Shape, Tenant};

const NOW: i64 = 1_750_000_000_000;
const PAGES: &str = "/csapi/v1.3/containers?sort=updated:asc&pageSize=100&pageNumber=";
const BULK: &str = "/csapi/v1.3/containers/list?limit=37";

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    /// Whether the connection ended before the body did.
    is_cut: bool,
}

impl Reply {
    fn rows(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["data"].as_array().unwrap().clone()
    }
}

fn options() -> Options {
    Options { clock: Arc::new(|| NOW), ..Options::default() }
}

async fn start(options: Options) -> Server {
    let tenant = Tenant::generate(&Shape::small(11, NOW).hostile(true));
    Server::start(Arc::new(Mutex::new(tenant)), options).await.unwrap()
}

pub(super) async fn send(server: &Server, request: String) -> Reply {
    let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    let is_reset = stream.read_to_end(&mut raw).await.is_err();
    let end = raw.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(raw[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let (body, is_whole) = if headers.contains_key("transfer-encoding") {
        unchunked(&raw[end + 4..])
    } else {
        (raw[end + 4..].to_vec(), true)
    };
    Reply { status, headers, body, is_cut: is_reset || !is_whole }
}

/// The content of a chunked body, and whether it is complete.
fn unchunked(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        body.extend(&raw[end + 2..end + 2 + size]);
        raw = &raw[end + 2 + size + 2..];
    }
    (body, false)
}

async fn log_in(server: &Server, password: &str) -> Reply {
    let body = format!("username=exporter&password={}&token=true", form_encoded(password));
    let head = format!("POST /auth HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    send(server, head + &body).await
}

async fn get(server: &Server, target: &str, token: &str, more: &str) -> Reply {
    let target = target.replace('>', "%3E");
    send(
        server,
        format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{more}\r\n"),
    )
    .await
}

async fn token(server: &Server) -> String {
    let reply = log_in(server, &Options::default().password).await;
    assert_eq!(reply.status, 201);
    String::from_utf8(reply.body).unwrap()
}

fn uuids(rows: &[Value]) -> Vec<String> {
    rows.iter().filter_map(|row| row.get("uuid")?.as_str().map(String::from)).collect()
}

#[tokio::test]
async fn only_logged_in_clients_get_in() {
    let server = start(Options { static_token: Some(String::from("static")), ..options() }).await;
    let refused = log_in(&server, "wrong").await;
    assert_eq!(refused.status, 401);
    assert!(String::from_utf8(refused.body).unwrap().contains("errorCode"));
    assert_eq!(get(&server, &format!("{PAGES}1"), "forged", "").await.status, 401);
    let token = token(&server).await;
    assert_eq!(token.split('.').count(), 3);
    for token in [token.as_str(), "static"] {
        assert_eq!(get(&server, &format!("{PAGES}1"), token, "").await.status, 200);
    }
    server.revoke_tokens();
    assert_eq!(get(&server, &format!("{PAGES}1"), &token, "").await.status, 401);
    assert_eq!(server.request_count("/auth"), 2);
    assert_eq!(server.requests().last().map(|request| request.status), Some(401));
    server.stop().await;
}

#[tokio::test]
async fn both_lists_show_every_container() {
    let server = start(options()).await;
    let token = token(&server).await;
    let mut pages = Vec::new();
    for page in 1.. {
        let reply = get(&server, &format!("{PAGES}{page}"), &token, "").await;
        if reply.status == 204 {
            break;
        }
        pages.extend(reply.rows());
    }
    let mut bulk = Vec::new();
    let mut target = String::from(BULK);
    loop {
        let reply = get(&server, &target, &token, "").await;
        bulk.extend(reply.rows());
        let link = reply.headers.get("link").cloned().unwrap_or_default();
        let Some((_, query)) = link.split_once('?') else { break };
        let query = form_pairs(query.split(['>', '<']).next().unwrap());
        target = format!("{BULK}&paginationQuery={}", form_encoded(&query.last().unwrap().1));
    }
    let tenant = server.tenant();
    let tenant = lock(&tenant);
    let listed = |row: fn(&crate::tenant::Container) -> Row| {
        tenant.containers.iter().filter(|one| row(one) != Row::Absent).count()
    };
    assert_eq!(pages.len(), listed(|container| container.page_row) + tenant.stray_page_rows.len());
    assert_eq!(bulk.len(), listed(|container| container.bulk_row) + tenant.stray_bulk_rows.len());
    for rows in [&pages, &bulk] {
        let mut keys = uuids(rows);
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), uuids(rows).len());
    }
}

#[tokio::test]
async fn windows_filters_and_errors_match_the_vendor() {
    let server = start(Options { window: 150, enforce_limits: true, ..options() }).await;
    let token = token(&server).await;
    let last = get(&server, &format!("{PAGES}2"), &token, "").await;
    let body: Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!((last.rows().len(), body["count"].as_u64()), (50, Some(150)));
    assert_eq!(get(&server, &format!("{PAGES}3"), &token, "").await.status, 204);
    assert_eq!(get(&server, &format!("{PAGES}1&filter=updated>{NOW}"), &token, "").await.status, 204);
    assert_eq!(get(&server, &format!("{PAGES}1&filter=state:RUNNING"), &token, "").await.status, 400);
    assert_eq!(get(&server, "/csapi/v1.3/containers?pageSize=1001", &token, "").await.status, 400);
    assert_eq!(get(&server, "/csapi/v1.3/containers/list?limit=251", &token, "").await.status, 400);
    assert_eq!(last.headers["x-ratelimit-limit"], "5000");
    let delete = format!(
        "DELETE /csapi/v1.3/containers HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    assert_eq!(send(&server, delete).await.status, 405);
}

#[tokio::test]
async fn sensors_and_postures_are_listed() {
    let server = start(options()).await;
    let token = token(&server).await;
    let first = get(&server, "/csapi/v1.3/sensors?pageSize=5&pageNumber=1", &token, "").await.rows();
    let other = get(&server, "/csapi/v1.1/sensors?pageSize=5&pageNumber=2", &token, "").await.rows();
    assert_eq!(first, other, "v1.1 does not know pageNumber");
    assert_ne!(first, get(&server, "/csapi/v1.1/sensors?pageSize=5&pageNo=2", &token, "").await.rows());
    let postures =
        get(&server, "/csapi/v1.3/k8s_postures/list?pageNumber=1&pageSize=5000&limit=250", &token, "").await.rows();
    let tenant = server.tenant();
    let controls = lock(&tenant).controls.clone();
    assert_eq!(postures.len(), controls.len() + lock(&tenant).unreadable_posture_rows());
    for control in &controls {
        let reply = get(&server, &format!("/csapi/v1.3/k8s_postures/control/{}", control.cid), &token, "").await;
        assert_eq!(reply.status == 200, control.has_detail);
    }
}

#[tokio::test]
async fn a_changed_tenant_shows_at_once() {
    let server = start(options()).await;
    let token = token(&server).await;
    let delta = format!("/csapi/v1.3/containers/list?limit=250&filter=updated>{NOW}");
    assert_eq!(get(&server, &delta, &token, "").await.status, 204);
    let tenant = server.tenant();
    lock(&tenant).step(NOW + 60_000);
    assert!(!get(&server, &delta, &token, "").await.rows().is_empty());
}

#[tokio::test]
async fn limits_are_enforced() {
    let server = start(Options { enforce_limits: true, ..options() }).await;
    let token = token(&server).await;
    for _ in 0..120 {
        assert_eq!(get(&server, BULK, &token, "").await.status, 200);
    }
    let over = get(&server, BULK, &token, "").await;
    assert_eq!((over.status, over.headers["x-ratelimit-remaining"].as_str()), (429, "0"));
}

#[tokio::test]
async fn faults_strike_as_configured() {
    let server = start(options()).await;
    let token = token(&server).await;
    let target = format!("{PAGES}2");
    let truth = get(&server, &target, &token, "").await;
    let strike = async |kind: FaultKind| {
        server.inject(Fault { path_contains: String::from("pageNumber=2"), times: 1, skip: 0, kind });
        get(&server, &target, &token, "").await
    };
    assert_eq!(strike(FaultKind::Status(503, Vec::new(), String::from("{}"))).await.status, 503);
    let truncated = strike(FaultKind::Truncate).await;
    assert!(!truncated.is_cut && serde_json::from_slice::<Value>(&truncated.body).is_err());
    assert!(strike(FaultKind::Reset).await.is_cut);
    assert_eq!(strike(FaultKind::BigBody(300_000)).await.body.len(), 300_009);
    assert_eq!(
        strike(FaultKind::Redirect(String::from("http://elsewhere/"))).await.headers["location"],
        "http://elsewhere/"
    );
    assert_eq!(strike(FaultKind::Stall(Duration::from_millis(1))).await.body, truth.body);
    assert_eq!(strike(FaultKind::StallInside(Duration::from_millis(1))).await.body, truth.body);
    let bomb = strike(FaultKind::GzipBomb(1_000_000)).await;
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bomb.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!((unpacked.len(), bomb.body.len() < 100_000), (1_000_009, true));
    let first = get(&server, &format!("{PAGES}1"), &token, "").await;
    assert_eq!(strike(FaultKind::RepeatPage).await.body, first.body);
    assert_eq!(get(&server, &target, &token, "").await.body, truth.body, "faults end");
    let packed = get(&server, &target, &token, "accept-encoding: gzip\r\n").await;
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, truth.body);
}

#[tokio::test]
async fn tokens_are_revoked_from_the_chosen_request_on() {
    let server = start(options()).await;
    let old = token(&server).await;
    let target = format!("{PAGES}1");
    server.inject(Fault { path_contains: String::from("pageNumber"), times: 1, skip: 1, kind: FaultKind::Revoke });
    for status in [200, 401, 401] {
        assert_eq!(get(&server, &target, &old, "").await.status, status);
    }
    assert_eq!(get(&server, &target, &token(&server).await, "").await.status, 200);
}

#[tokio::test]
async fn a_closed_server_refuses_connections_until_it_is_open_again() {
    let mut server = start(options()).await;
    let token = token(&server).await;
    server.close().await.unwrap();
    for _ in 0..3 {
        let refused = TcpStream::connect(server.address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    server.reopen().unwrap();
    assert_eq!(get(&server, &format!("{PAGES}1"), &token, "").await.status, 200, "it keeps its state");
}
