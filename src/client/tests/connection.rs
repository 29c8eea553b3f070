//! What happens to a call without a connection, with an insecure one, or with a silent one.

use super::*;
use crate::telemetry::Failure;

#[tokio::test]
async fn silence_is_a_timeout() {
    let begun = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[", STALL].concat();
    let server = Server::new([STALL, STALL, &begun, &begun]);
    let (short, long) = (HumanDuration(Duration::from_millis(60)), HumanDuration::seconds(5));
    for (read_timeout, timeout) in [(short, long), (long, short), (short, long), (long, short)] {
        let config = Config { read_timeout, timeout, retries: Some(0), ..Config::default() };
        let (client, telemetry) = client_with(&server.at, &config);
        let error = client.call(&list(), text).await.unwrap_err();
        assert_eq!(error.failure, Failure::Timeout, "{error}");
        assert!(counted(&telemetry).starts_with(r#"[("error", 1)]"#));
    }
}

#[tokio::test]
async fn a_refused_connection_is_reported_without_the_url() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config { retries: Some(2), ..Config::default() };
    let (client, _) = client_with(&format!("http://{free}/tenant"), &config);
    let call = list().query("token", "t0ken");
    let error = client.call_with(&call, &Token("t0ken"), text).await.unwrap_err();
    assert_eq!((error.failure, error.status()), (Failure::Unreachable, None));
    let message = error.to_string();
    assert!(message.starts_with(&format!("containers at {free}: cannot connect: ")), "{message}");
    assert!(message.contains("refused") && message.contains("tried 3 times over"), "{message}");
    for shown in [message, format!("{error:?}"), format!("{client:?}"), format!("{call:?}")] {
        assert!(!["t0ken", "csapi", "tenant", "://"].iter().any(|hidden| shown.contains(hidden)), "{shown}");
    }
}

#[tokio::test]
async fn a_failed_dns_lookup_is_reported() {
    // A proxy's name, so that none from the environment is used.
    let proxy = Some("http://nothing.invalid:3128".to_owned());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CA).unwrap();
    let config = Config { proxy, ca_file: Some(file.path().to_owned()), retries: Some(1), ..Config::default() };
    let (client, _) = client_with("https://vendor.invalid", &config);
    let error = client.call_with(&list(), &Token("t0ken"), text).await.unwrap_err();
    assert_eq!((error.failure, error.status()), (Failure::Unreachable, None), "{error}");
    let message = error.to_string();
    assert!(message.contains("DNS lookup failed") && message.contains("tried 2 times"), "{message}");
}

#[tokio::test]
async fn only_trusted_certificates_are_accepted() {
    let server = Server::tls([ok("[]"), ok("[]")]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CA).unwrap();
    let trusting = Config { ca_file: Some(file.path().to_owned()), ..Config::default() };
    assert_eq!(client_with(&server.at, &trusting).0.call(&list(), text).await.unwrap(), "[]");
    // Another name than the certificate's.
    let other = server.at.replace("127.0.0.1", "localhost");
    let error = client_with(&other, &trusting).0.call(&list(), text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Tls, "{error}");
    assert!(error.to_string().contains("http.ca_file"), "{error}");
    // No TLS at all.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.accept().unwrap().0.write_all(&answer("400 Bad Request", "", b"")).unwrap());
    let error = client_with(&plain, &trusting).0.call(&list(), text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Tls, "{error}");
}

#[tokio::test]
async fn an_unknown_authority_is_not_retried() {
    let server = Server::tls([ok("[]"), ok("[]")]);
    // A client cannot be built without any certificate where the system has none: the server's own, which is not an
    // authority's.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CERTIFICATE).unwrap();
    let config = Config { ca_file: Some(file.path().to_owned()), ..Config::default() };
    let (client, telemetry) = client_with(&server.at, &config);
    let error = client.call(&list(), text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Tls, "{error}");
    assert_eq!(counted(&telemetry), r#"[("error", 1)] 0 []"#);
}

#[tokio::test]
async fn an_unknown_authority_is_accepted_if_configured() {
    let server = Server::tls([ok("[]")]);
    let connection = Connection { insecure_skip_verify: true, ..Connection::default() };
    let (client, _) = client_over(&server.at.replace("127.0.0.1", "localhost"), &Config::default(), &connection);
    assert_eq!(client.call(&list(), text).await.unwrap(), "[]");
}

#[tokio::test]
async fn a_client_certificate_is_presented_on_request() {
    const CLIENT: &str = "tests/fixtures/tls/client.pem";
    let server = Server::mutual_tls(CLIENT, [ok("[]"), ok("[]")]);
    let own =
        ClientCertificate { certificate_file: CLIENT.into(), key_file: "tests/fixtures/tls/client-key.pem".into() };
    let connection = Connection { client_certificate: Some(own), insecure_skip_verify: true };
    let config = Config { retries: Some(0), ..Config::default() };
    let bare = Call::post(&LOGIN, "authenticate-client");
    assert_eq!(client_over(&server.at, &config, &connection).0.call(&bare, text).await.unwrap(), "[]");
    let without = Connection { client_certificate: None, ..connection };
    let error = client_over(&server.at, &config, &without).0.call(&bare, text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Tls, "{error}");
    assert!(error.to_string().contains("connection closed by peer"), "{error}");
}

#[tokio::test]
async fn a_proxy_is_used_except_for_this_machine() {
    let proxy = Server::new([answer("407 Proxy Authentication Required", "", b"")]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CA).unwrap();
    let config = Config {
        proxy: Some(proxy.at.clone()),
        ca_file: Some(file.path().to_owned()),
        retries: Some(0),
        ..Config::default()
    };
    let server = Server::new([ok("[]")]);
    let token = Token("t0ken");
    assert_eq!(client_with(&server.at, &config).0.call_with(&list(), &token, text).await.unwrap(), "[]");
    assert_eq!(proxy.asked(), [""; 0]);
    let error = client_with("https://vendor.invalid", &config).0.call_with(&list(), &token, text).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unreachable, "{error}");
    assert!(proxy.asked()[0].starts_with("CONNECT vendor.invalid:443 HTTP/1.1\r\n"));
    assert!(!proxy.asked()[0].contains("t0ken"));
}
