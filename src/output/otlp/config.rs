//! `[otlp]`: where metrics are pushed to and how, and how these settings can be wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::{Deserialize, Serialize};

use super::headers::{Headers, read_file};
use crate::http::{ClientCertificate, check_ca_file};
use crate::setting::{Mistakes, Span};

/// What is added to the endpoint of a receiver for the address of its metrics over HTTP.
const METRICS_PATH: &str = "/v1/metrics";

/// A request smaller than this could not hold one series.
const LEAST_REQUEST: u64 = 64 * 1024;

/// How requests are written and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Protocol {
    /// gRPC over HTTP/2.
    #[serde(rename = "grpc")]
    Grpc,
    /// Protobuf over plain HTTP.
    #[default]
    #[serde(rename = "http/protobuf")]
    Http,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// With gzip, which makes them about ten times smaller.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

/// Where metrics are pushed to, and how. Without an endpoint, they are not. Taken over when the program starts.
///
/// What is not set here is taken from the standard environment variables of OpenTelemetry, as `environment` tells.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The receiver, as in `http://collector:4318`; over HTTP, `/v1/metrics` is added to it.
    pub endpoint: Option<String>,
    /// The receiver's address of metrics, used as it is; for one that does not end in `/v1/metrics`.
    pub metrics_endpoint: Option<String>,
    /// How requests are written and sent.
    pub protocol: Protocol,
    /// From the start of one push to the start of the next.
    pub interval: Span,
    /// Longest time for one request.
    pub timeout: Span,
    /// Headers that go with each request.
    pub headers: Headers,
    /// A file of such headers that are secret, one `name: value` a line. It is read anew for each push.
    pub headers_file: Option<PathBuf>,
    /// How requests are compressed.
    pub compression: Compression,
    /// PEM file of certificates to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM file of a certificate to show.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub client_key_file: Option<PathBuf>,
    /// Attributes of the resource that the metrics are about, over those that it has by itself.
    pub resource_attributes: BTreeMap<String, String>,
    /// Largest request, in bytes before compression. Unset: 3 MiB over gRPC, whose receivers take 4 MiB by default, and
    /// 8 MiB over HTTP.
    pub max_request_bytes: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            metrics_endpoint: None,
            protocol: Protocol::default(),
            interval: Span::seconds(60),
            timeout: Span::seconds(10),
            headers: Headers::default(),
            headers_file: None,
            compression: Compression::default(),
            ca_file: None,
            client_certificate_file: None,
            client_key_file: None,
            resource_attributes: BTreeMap::new(),
            max_request_bytes: None,
        }
    }
}

impl Config {
    /// Whether metrics are pushed.
    pub fn is_on(&self) -> bool {
        self.endpoint.is_some() || self.metrics_endpoint.is_some()
    }

    /// Notes what is wrong; `at` is the key of this table.
    pub fn check(&self, at: &str, mistakes: &mut Mistakes) {
        for (name, url) in [("endpoint", &self.endpoint), ("metrics_endpoint", &self.metrics_endpoint)] {
            if let Some(Err(reason)) = url.as_deref().map(read_endpoint) {
                mistakes.add(format!("{at}.{name}"), reason);
            }
        }
        if self.interval.0 < Duration::from_secs(1) {
            mistakes.add(format!("{at}.interval"), "must be one second or more; the default is \"1m\"");
        }
        if self.timeout.0.is_zero() {
            mistakes.add(format!("{at}.timeout"), "must be more than zero; the default is \"10s\"");
        }
        for reason in self.headers.mistakes() {
            mistakes.add(format!("{at}.headers"), reason);
        }
        if let Some(Err(reason)) = self.headers_file.as_deref().map(read_file) {
            mistakes.add(format!("{at}.headers_file"), reason);
        }
        if let Some(Err(reason)) = self.ca_file.as_deref().map(check_ca_file) {
            mistakes.add(format!("{at}.ca_file"), reason);
        }
        match (&self.client_certificate_file, &self.client_key_file) {
            (Some(_), None) => {
                mistakes.add(format!("{at}.client_key_file"), "is required with client_certificate_file");
            }
            (None, Some(_)) => {
                mistakes.add(format!("{at}.client_certificate_file"), "is required with client_key_file");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(Err((key, reason))) = self.client_certificate().map(|certificate| certificate.check()) {
            mistakes.add(format!("{at}.{key}"), reason);
        }
        if self.resource_attributes.keys().any(String::is_empty) {
            mistakes.add(format!("{at}.resource_attributes"), "an attribute has no name");
        }
        if self.max_request_bytes.is_some_and(|most| most < LEAST_REQUEST) {
            mistakes.add(format!("{at}.max_request_bytes"), "must be 65536 (64 KiB) or more");
        }
    }

    /// The certificate to show, if there is one.
    pub fn client_certificate(&self) -> Option<ClientCertificate> {
        let (certificate, key) = (self.client_certificate_file.clone()?, self.client_key_file.clone()?);
        Some(ClientCertificate { certificate_file: certificate, key_file: key })
    }

    /// The address that requests are sent to, if metrics are pushed.
    pub fn target(&self) -> Option<String> {
        if let Some(exact) = &self.metrics_endpoint {
            return Some(exact.clone());
        }
        let base = self.endpoint.as_ref()?.trim_end_matches('/');
        Some(match self.protocol {
            Protocol::Http => format!("{base}{METRICS_PATH}"),
            // The path is the service's name, whatever the endpoint.
            Protocol::Grpc => base.to_owned(),
        })
    }

    /// Largest request, in bytes before compression.
    pub fn max_request_bytes(&self) -> usize {
        let usual = match self.protocol {
            Protocol::Grpc => 3 * 1024 * 1024,
            Protocol::Http => 8 * 1024 * 1024,
        };
        usize::try_from(self.max_request_bytes.unwrap_or(usual)).unwrap_or(usize::MAX)
    }
}

/// Reads an endpoint, or says what is wrong with it. It is not repeated: it may hold a password.
fn read_endpoint(url: &str) -> Result<Uri, String> {
    const FORM: &str = "write it as in \"http://collector:4318\"";
    let uri: Uri = url.parse().map_err(|_| format!("is no absolute URL; {FORM}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("is no http:// or https:// URL; {FORM}"));
    }
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(format!("names no host; {FORM}"));
    };
    if authority.as_str().contains('@') {
        return Err(format!("holds a user name or password; put an authorization header into headers_file; {FORM}"));
    }
    if url.contains(['?', '#']) {
        return Err(format!("must end before \"?\" and \"#\"; {FORM}"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(config: &Config) -> Vec<String> {
        let mut mistakes = Mistakes::default();
        config.check("otlp", &mut mistakes);
        mistakes.0.into_iter().map(|mistake| format!("{} {}", mistake.key, mistake.reason)).collect()
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_no_value_is() {
        assert_eq!(mistakes(&Config::default()), [""; 0]);
        let wrong = Config {
            endpoint: Some("http://jdoe:hunter2@collector:4318".to_owned()),
            metrics_endpoint: Some("collector:4318".to_owned()),
            interval: Span(Duration::from_millis(999)),
            timeout: Span::seconds(0),
            headers: [("x-key", "hunter2\n"), ("content-type", "hunter2"), ("no name", "hunter2")]
                .into_iter()
                .collect(),
            headers_file: Some("/nonexistent/headers".into()),
            ca_file: Some("/nonexistent/ca.pem".into()),
            client_key_file: Some("tests/fixtures/tls/client-key.pem".into()),
            resource_attributes: [(String::new(), "x".to_owned())].into(),
            max_request_bytes: Some(1000),
            ..Config::default()
        };
        let found = mistakes(&wrong);
        let keys: Vec<_> = found.iter().filter_map(|mistake| mistake.split(' ').next()).collect();
        let names = [
            "endpoint",
            "metrics_endpoint",
            "interval",
            "timeout",
            "headers",
            "headers",
            "headers",
            "headers_file",
            "ca_file",
            "client_certificate_file",
            "resource_attributes",
            "max_request_bytes",
        ];
        assert_eq!(keys, names.map(|name| format!("otlp.{name}")));
        assert!(!found.concat().contains("hunter2"), "{found:?}");
        assert!(!format!("{wrong:?}").replace("jdoe:hunter2@", "").contains("hunter2"), "{wrong:?}");
    }

    #[test]
    fn the_path_of_metrics_is_added_to_a_base_and_to_nothing_else() {
        for (endpoint, exact, protocol, target) in [
            (None, None, Protocol::Http, None),
            (Some("http://c:4318"), None, Protocol::Http, Some("http://c:4318/v1/metrics")),
            (Some("http://c:4318/"), None, Protocol::Http, Some("http://c:4318/v1/metrics")),
            (Some("http://c/api/v1/otlp"), None, Protocol::Http, Some("http://c/api/v1/otlp/v1/metrics")),
            (None, Some("http://c:4318"), Protocol::Http, Some("http://c:4318")),
            (Some("http://c:4318"), Some("https://d/push"), Protocol::Http, Some("https://d/push")),
            (Some("http://c:4317"), None, Protocol::Grpc, Some("http://c:4317")),
        ] {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let config =
                Config { endpoint: own(endpoint), metrics_endpoint: own(exact), protocol, ..Config::default() };
            assert_eq!(mistakes(&config), [""; 0]);
            assert_eq!((config.target().as_deref(), config.is_on()), (target, target.is_some()));
        }
    }
}
