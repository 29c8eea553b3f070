//! The receiver of one signal: `[otlp.metrics]` and `[otlp.traces]`, each with `[otlp]` as its default.
//!
//! Owns what all signals share: addresses, headers, certificates, and their validation.

use std::path::PathBuf;

#[cfg(feature = "grpc")]
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use serde::Deserialize;

use super::headers::{Headers, read_file};
use super::{Compression, Protocol};
use crate::client::{ClientCertificate, check_ca_file};
use crate::setting::{ConfigErrors, HumanDuration};

/// A receiver's message is logged up to this length.
const MAX_MESSAGE_CHARS: usize = 200;

/// A signal, in OpenTelemetry's sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The metrics about the vendors and the exporter.
    Metrics,
    /// The runs of collectors and their requests.
    Traces,
}

impl Kind {
    /// The path appended to a base endpoint over HTTP.
    fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Traces => "/v1/traces",
        }
    }

    /// The gRPC method.
    #[cfg(feature = "grpc")]
    pub(super) fn method(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        })
    }
}

/// Settings of one signal; unset ones default to `[otlp]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signal {
    /// Whether it is pushed. Default: metrics if there is an endpoint, traces not.
    pub enabled: Option<bool>,
    /// The receiver's URL, used unchanged.
    pub endpoint: Option<String>,
    /// The wire protocol.
    pub protocol: Option<Protocol>,
    /// Timeout of one request.
    pub timeout: Option<HumanDuration>,
    /// Headers of each request; they replace those of `[otlp]` and its file.
    pub headers: Option<Headers>,
    /// File of secret headers; they replace those of `[otlp]` and its file.
    pub headers_file: Option<PathBuf>,
    /// Compression of requests.
    pub compression: Option<Compression>,
    /// PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub client_key_file: Option<PathBuf>,
}

/// Everything needed to send requests to a receiver.
#[derive(Clone, Debug)]
pub(super) struct ReceiverConfig {
    /// The signal.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "it leads to the service over gRPC"))]
    pub(super) kind: Kind,
    /// The URL that requests are sent to.
    pub(super) target: String,
    /// The wire protocol.
    pub(super) protocol: Protocol,
    /// Timeout of one request.
    pub(super) timeout: HumanDuration,
    /// Headers of each request.
    pub(super) headers: Headers,
    /// File of secret headers.
    pub(super) headers_file: Option<PathBuf>,
    /// Compression of requests.
    pub(super) compression: Compression,
    /// PEM file of certificates to trust in addition to the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// The client certificate.
    pub(super) certificate: Option<ClientCertificate>,
}

impl ReceiverConfig {
    /// The headers to send; the file is reread on each call.
    pub(super) fn headers(&self) -> Result<HeaderMap, String> {
        self.headers.with_file(self.headers_file.as_deref()).map_err(|reason| format!("headers: {reason}"))
    }

    /// Makes a receiver's message safe to log.
    pub(super) fn fit_for_log(&self, words: &str) -> String {
        match self.headers() {
            Ok(headers) => without_headers(words, &headers),
            Err(_) => {
                "message withheld: the headers file is unreadable, so the message may contain a secret".to_owned()
            }
        }
    }
}

/// A message safe to log: short, on one line, and without the value of any header that was sent.
fn without_headers(words: &str, headers: &HeaderMap) -> String {
    let secrets = headers.values().filter_map(|value| value.to_str().ok()).flat_map(str::split_whitespace);
    if secrets.filter(|secret| secret.len() > 3).any(|secret| words.contains(secret)) {
        return "message withheld: it contains a header value".to_owned();
    }
    words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MAX_MESSAGE_CHARS).collect()
}

impl Signal {
    /// Adds the errors of this table, whose key is `at`.
    pub(super) fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if let Some(Err(reason)) = self.endpoint.as_deref().map(read_endpoint) {
            errors.add(format!("{at}.endpoint"), reason);
        }
        if self.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
            errors.add(format!("{at}.timeout"), "must be greater than zero; the default is \"10s\"");
        }
        for reason in self.headers.iter().flat_map(Headers::errors) {
            errors.add(format!("{at}.headers"), reason);
        }
        if let Some(Err(reason)) = self.headers_file.as_deref().map(read_file) {
            errors.add(format!("{at}.headers_file"), reason);
        }
        if let Some(Err(reason)) = self.ca_file.as_deref().map(check_ca_file) {
            errors.add(format!("{at}.ca_file"), reason);
        }
        match (&self.client_certificate_file, &self.client_key_file) {
            (Some(_), None) => {
                errors.add(format!("{at}.client_key_file"), "is required together with client_certificate_file");
            }
            (None, Some(_)) => {
                errors.add(format!("{at}.client_certificate_file"), "is required together with client_key_file");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(Err((key, reason))) = self.certificate().map(|certificate| certificate.check()) {
            errors.add(format!("{at}.{key}"), reason);
        }
    }

    fn certificate(&self) -> Option<ClientCertificate> {
        let (certificate, key) = (self.client_certificate_file.clone()?, self.client_key_file.clone()?);
        Some(ClientCertificate { certificate_file: certificate, key_file: key })
    }

    /// The receiver of this `kind` of signal, with defaults from `general`; none without an endpoint.
    pub(super) fn over(&self, general: &Self, kind: Kind) -> Option<ReceiverConfig> {
        let protocol = self.protocol.or(general.protocol).unwrap_or_default();
        let target = match (&self.endpoint, general.endpoint.as_deref().map(|base| base.trim_end_matches('/'))) {
            (Some(exact), _) => exact.clone(),
            (None, Some(base)) => match protocol {
                Protocol::Http => format!("{base}{}", kind.path()),
                // The path is the service's name, whatever the endpoint.
                Protocol::Grpc => base.to_owned(),
            },
            (None, None) => return None,
        };
        let of_headers = if self.headers.is_some() || self.headers_file.is_some() { self } else { general };
        Some(ReceiverConfig {
            kind,
            target,
            protocol,
            timeout: self.timeout.or(general.timeout).unwrap_or(HumanDuration::seconds(10)),
            headers: of_headers.headers.clone().unwrap_or_default(),
            headers_file: of_headers.headers_file.clone(),
            compression: self.compression.or(general.compression).unwrap_or_default(),
            ca_file: self.ca_file.clone().or_else(|| general.ca_file.clone()),
            certificate: self.certificate().or_else(|| general.certificate()),
        })
    }
}

/// Parses an endpoint. An error never repeats the endpoint, which may contain a password.
fn read_endpoint(url: &str) -> Result<Uri, String> {
    const FORM: &str = "write a URL such as \"http://collector:4318\"";
    let uri: Uri = url.parse().map_err(|_| format!("is not an absolute URL; {FORM}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("is not an http:// or https:// URL; {FORM}"));
    }
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(format!("has no host; {FORM}"));
    };
    if authority.as_str().contains('@') {
        return Err(format!("contains a user name or password; put an authorization header into headers_file; {FORM}"));
    }
    if url.contains(['?', '#']) {
        return Err(format!("must not contain \"?\" or \"#\"; {FORM}"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn logged_messages_are_short_and_contain_no_header() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer hunter2"));
        assert_eq!(without_headers("a\nb", &headers), "a b");
        assert_eq!(without_headers(&"x".repeat(1000), &headers).len(), MAX_MESSAGE_CHARS);
        for echo in ["Bearer hunter2", "hunter2", "no: [hunter2]"] {
            assert_eq!(without_headers(echo, &headers), "message withheld: it contains a header value");
        }
    }
}
