//! Requests as they are sent, and what happens with each kind of response.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::time::Instant;

use super::*;
use crate::telemetry::Failure;

/// Hands out this many different tokens, and then none.
struct Tokens {
    most: usize,
    given: AtomicUsize,
}

impl Tokens {
    fn new(most: usize) -> Self {
        Self { most, given: AtomicUsize::new(0) }
    }
}

impl Authorize for Tokens {
    fn authorization(&self) -> BoxFuture<'_, Result<Authorization, ApiError>> {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(ready(if number > self.most {
            Err(ApiError::new(&LOGIN, Failure::Unauthorized, "no more tokens"))
        } else {
            Ok(Authorization::Bearer(Secret::new(format!("token-{number}"))))
        }))
    }
}

#[tokio::test]
async fn retries_end_with_the_time_for_them() {
    for (seconds, requests) in [(0, 1), (60, 2)] {
        let server = Server::new([answer("520 Unknown Error", "", b""), ok("")]);
        let config = Config { retry_for: HumanDuration::seconds(seconds), ..Config::default() };
        let result = client_with(&server.at, &config).0.call(&list(), text).await;
        assert_eq!(result.is_ok(), requests == 2, "{seconds}");
        assert_eq!(server.asked().len(), requests, "{seconds}");
    }
}

#[tokio::test]
async fn a_call_is_sent_as_described() {
    let server = Server::new([ok("[]"), ok("token"), ok("")]);
    let client = client_with(&format!("{}/tenant/", server.at), &Config::default()).0;
    let secret = Secret::new("p&ss wörd+%");
    let filter = r#"updated>="2025-01-01" AND a+b"#;
    let get = Call::get(&LIST, "/csapi/../v1.3/a b?c").query("filter", filter).query("pageSize", "1000");
    assert_eq!(client.call_with(&get, &Token("t0ken"), text).await.unwrap(), "[]");
    let post = Call::post(&LOGIN, "auth").form("username", "jdoe").form("password", &secret);
    assert_eq!(client.call(&post, text).await.unwrap(), "token");
    let bare = Call::post(&LOGIN, "auth/oidc").header(HeaderName::from_static("clientid"), &Secret::new("me"));
    assert_eq!(client.call(&bare, text).await.unwrap(), "");
    let [get, post, bare] = server.asked().try_into().unwrap();
    let first = "GET /tenant/csapi/v1.3/a%20b%3Fc\
                 ?filter=updated%3E%3D%222025-01-01%22%20AND%20a%2Bb&pageSize=1000 HTTP/1.1\r\n";
    assert!(get.starts_with(first), "{get}");
    for header in [
        "authorization: Bearer t0ken\r\n",
        concat!("user-agent: container-security-exporter/", env!("CARGO_PKG_VERSION"), "\r\n"),
        "accept-encoding: gzip\r\n",
    ] {
        assert!(get.contains(header), "{header} in {get}");
    }
    assert!(!get.contains("referer") && !get.contains("cookie"));
    assert!(post.starts_with("POST /tenant/auth HTTP/1.1\r\n"), "{post}");
    assert!(post.contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert!(post.ends_with("\r\n\r\nusername=jdoe&password=p%26ss+w%C3%B6rd%2B%25"), "{post}");
    assert!(bare.contains("clientid: me\r\n") && bare.contains("content-length: 0\r\n"), "{bare}");
}

/// A user name and a password.
struct Basic;

impl Authorize for Basic {
    fn authorization(&self) -> BoxFuture<'_, Result<Authorization, ApiError>> {
        let basic = Authorization::Basic { user: Secret::new("jdoe"), password: Secret::new("p:ss wörd") };
        Box::pin(ready(Ok(basic)))
    }
}

#[tokio::test]
async fn json_is_posted_and_basic_credentials_are_sent() {
    let server = Server::new([ok("{}"), ok("[]")]);
    let client = client(&server);
    let secret = Secret::new("p\"ss\\ wörd");
    let post = Call::post(&LOGIN, "authenticate").json("username", "jdoe").json("password", &secret);
    assert_eq!(client.call(&post, text).await.unwrap(), "{}");
    assert!(!format!("{post:?}").contains("jdoe"));
    assert_eq!(client.call_with(&list(), &Basic, text).await.unwrap(), "[]");
    let [post, get] = server.asked().try_into().unwrap();
    assert!(post.contains("content-type: application/json\r\n"), "{post}");
    assert!(post.ends_with("\r\n\r\n{\"password\":\"p\\\"ss\\\\ wörd\",\"username\":\"jdoe\"}"), "{post}");
    assert!(get.contains("authorization: Basic amRvZTpwOnNzIHfDtnJk\r\n"), "{get}");
}

#[tokio::test]
async fn a_busy_or_unavailable_vendor_is_retried() {
    let server = Server::new([
        answer("429 Too Many Requests", "retry-after: 0\r\n", b"no"),
        answer("503 Service Unavailable", "", b"<html>"),
        answer("409 Conflict", "", b""),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"uuid\"".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        answer("200 OK", "content-encoding: gzip\r\n", b"no gzip"),
        ok("[1]"),
    ]);
    let (client, telemetry) = client_with(&server.at, &Config { retries: Some(6), ..Config::default() });
    assert_eq!(client.call(&list(), text).await.unwrap(), "[1]");
    assert_eq!(
        counted(&telemetry),
        r#"[("error", 3), ("200", 1), ("409", 1), ("429", 1), ("503", 1)] 19 "#.to_owned()
            + "[(RateLimited, 2), (Unreachable, 1), (BadResponse, 3)]"
    );
    assert_eq!(server.asked().len(), 7);
}

#[tokio::test]
async fn refusals_without_a_pause_do_not_outlast_the_window() {
    let refusal = || answer("429 Too Many Requests", "", b"");
    let server = Server::new([refusal(), refusal(), refusal(), refusal(), ok("[]")]);
    let (client, _) = client_with(&server.at, &Config::default());
    let asked = Instant::now();
    client.call(&list(), text).await.unwrap();
    assert!(asked.elapsed() >= WINDOW, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_unreadable_page_is_retried() {
    let server = Server::new([ok("<html>"), ok("[]"), ok("x"), ok("y"), ok("z")]);
    let client = client(&server);
    let read = |answer: &Answer| match &answer.body[..] {
        b"[]" => Ok(()),
        body => Err(Unreadable(format!("{} bytes that are not JSON", body.len()))),
    };
    client.call(&list(), read).await.unwrap();
    let error = client.call(&list(), read).await.unwrap_err();
    assert_eq!((error.failure, error.status()), (Failure::BadResponse, Some(200)));
    let message = error.to_string();
    assert!(message.contains("1 bytes that are not JSON; tried 3 times over"), "{message}");
}

#[tokio::test]
async fn a_permanent_failure_is_not_retried() {
    for (status, failure) in [
        ("400 Bad Request", Failure::BadResponse),
        ("401 Unauthorized", Failure::Unauthorized),
        ("403 Forbidden", Failure::Forbidden),
        ("404 Not Found", Failure::NotFound),
        ("304 Not Modified", Failure::BadResponse),
        ("429 Too Many Requests\r\nretry-after: 3600", Failure::RateLimited),
        ("503 Service Unavailable\r\nretry-after: 3600", Failure::BadResponse),
    ] {
        let server = Server::new([answer(status, "", br#"{"message":"JWT expired for jdoe"}"#), ok("")]);
        let error = client(&server).call(&list(), text).await.unwrap_err();
        assert_eq!((error.failure, error.status()), (failure, status[..3].parse().ok()), "{status}");
        assert_eq!(server.asked().len(), 1, "{status}");
        let message = format!("{error} {error:?}");
        assert!(!message.contains("jdoe") && !message.contains("csapi"), "{message}");
        assert_eq!(message.contains("1h"), status.contains("3600"), "{message}");
        assert_eq!(error.mentions("JWT expired"), !status.starts_with("304"), "{status}");
    }
}

#[tokio::test]
async fn a_long_hold_applies_to_its_whole_class_only() {
    let server = Server::new([answer("429 Too Many Requests", "retry-after: 3600\r\n", b""), ok("token")]);
    let client = client(&server);
    client.call(&list(), text).await.unwrap_err();
    let error = client.call(&list(), text).await.unwrap_err();
    assert_eq!((error.failure, error.status()), (Failure::RateLimited, None));
    assert!(error.to_string().contains("skipped after an earlier response; the vendor requested a pause of"));
    assert_eq!(client.call(&Call::post(&LOGIN, "auth"), text).await.unwrap(), "token");
}

#[tokio::test]
async fn each_attempt_has_a_token_that_is_valid_when_it_is_sent() {
    let busy = || answer("503 Service Unavailable", "", b"");
    let hold = answer("429 Too Many Requests", "retry-after: 3600\r\n", b"");
    let server = Server::new([busy(), ok("[]"), busy(), hold]);
    let client = client(&server);
    let tokens = Tokens::new(3);
    assert_eq!(client.call_with(&list(), &tokens, text).await.unwrap(), "[]");
    let error = client.call_with(&list(), &tokens, text).await.unwrap_err();
    assert_eq!(error.to_string(), "login: no more tokens", "the error of the log-in, not of the call");
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "nothing is sent without a token");
    for (number, request) in (1..).zip(asked) {
        assert!(request.contains(&format!("authorization: Bearer token-{number}\r\n")), "{request}");
    }
    let tokens = Tokens::new(9);
    for _ in 0..2 {
        let error = client.call_with(&list(), &tokens, text).await.unwrap_err();
        assert_eq!(error.failure, Failure::RateLimited);
    }
    assert_eq!(tokens.given.into_inner(), 1, "not while the class is on hold");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_credentials_stay_here() {
    let elsewhere = Server::new([ok("[]")]);
    let headers = format!("location: {}/steal\r\n", elsewhere.at);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let server = Server::new([answer(status, &headers, b"")]);
        let error = client(&server).call_with(&list(), &Token("t0ken"), text).await.unwrap_err();
        assert_eq!(error.failure, Failure::BadResponse);
        let message = error.to_string();
        assert!(message.contains("redirects to another place") && !message.contains("steal"), "{message}");
    }
    assert_eq!(elsewhere.asked(), [""; 0]);
}

#[tokio::test]
async fn a_response_is_accepted_up_to_the_limit_and_counted_decompressed() {
    let config = Config { max_body_bytes: 100_000, ..Config::default() };
    let bomb = gzip(&vec![b'0'; 20_000_000]);
    assert!(bomb.len() < 100_000);
    let full = "x".repeat(100_000);
    let server = Server::new([
        ok(&full),
        answer("200 OK", "content-encoding: gzip\r\n", &gzip(full.as_bytes())),
        ok(&format!("{full}x")),
        answer("200 OK", "content-encoding: gzip\r\n", &bomb),
    ]);
    let (client, telemetry) = client_with(&server.at, &config);
    for _ in 0..2 {
        // Large enough to be read on another thread.
        assert_eq!(client.call(&list(), |answer| Ok(answer.body.len())).await.unwrap(), 100_000);
    }
    assert_eq!(counted(&telemetry), r#"[("200", 2)] 200000 []"#);
    for _ in 0..2 {
        let error = client.call(&list(), text).await.unwrap_err();
        assert_eq!(error.failure, Failure::TooLarge);
        assert!(error.to_string().contains("larger than 100000 bytes"));
    }
    let received = telemetry.read().0[0].endpoints[0].received_bytes;
    assert!(received < 600_000, "{received}: the bomb was not unpacked");
    assert_eq!(server.asked().len(), 4, "too large once is too large again");
}

#[tokio::test]
async fn a_refusal_as_large_as_a_bomb_is_a_refusal() {
    let bomb = gzip(&vec![b'0'; 20_000_000]);
    let server = Server::new([answer("403 Forbidden", "content-encoding: gzip\r\n", &bomb)]);
    let error = client(&server).call(&list(), text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Forbidden);
}

#[tokio::test]
async fn a_credential_that_cannot_be_sent_is_reported() {
    let server = Server::new([ok("")]);
    let error = client(&server).call_with(&list(), &Token("two\nlines"), text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unauthorized);
    assert!(!error.to_string().contains("two"));
}

#[test]
fn html_is_recognised_by_its_content_type() {
    for (kind, html) in [
        ("text/html", true),
        ("Text/HTML; charset=utf-8", true),
        ("application/xhtml+xml", true),
        ("application/json", false),
        ("", false),
    ] {
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
        let answer = Answer { status: reqwest::StatusCode::OK, headers, body: Bytes::new() };
        assert_eq!(answer.is_html(), html, "{kind}");
    }
}
