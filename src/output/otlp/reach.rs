//! How one kind of telemetry reaches its receiver: what `[otlp.metrics]` and `[otlp.traces]` set over `[otlp]`.
//!
//! Owns what is the same for all kinds: addresses, headers, certificates, and how they can be wrong.

use std::path::PathBuf;

#[cfg(feature = "grpc")]
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use serde::Deserialize;

use super::headers::{Headers, read_file};
use super::{Compression, Protocol};
use crate::client::{ClientCertificate, check_ca_file};
use crate::setting::{Mistakes, Span};

/// What a receiver says is told up to this length.
const MOST_WORDS: usize = 200;

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is known of the vendors, and of the exporter.
    Metrics,
    /// Which requests a run of a collector was made of.
    Traces,
}

impl Kind {
    /// What is added to the endpoint of a receiver for its address of this kind over HTTP.
    fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Traces => "/v1/traces",
        }
    }

    /// The method of its service over gRPC.
    #[cfg(feature = "grpc")]
    pub(super) fn method(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        })
    }
}

/// What is set for one kind of telemetry alone; what is not is as in `[otlp]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signal {
    /// Whether it is pushed. Unset: metrics are, where there is an endpoint; traces are not.
    pub enabled: Option<bool>,
    /// The receiver's address, used as it is.
    pub endpoint: Option<String>,
    /// How requests are written and sent.
    pub protocol: Option<Protocol>,
    /// Longest time for one request.
    pub timeout: Option<Span>,
    /// Headers that go with each request; neither those of `[otlp]` nor of its file do then.
    pub headers: Option<Headers>,
    /// A file of such headers that are secret; neither those of `[otlp]` nor of its file are sent then.
    pub headers_file: Option<PathBuf>,
    /// How requests are compressed.
    pub compression: Option<Compression>,
    /// PEM file of certificates to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM file of a certificate to show.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub client_key_file: Option<PathBuf>,
}

/// All that is to be known to send requests to a receiver.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// What is sent.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "it leads to the service over gRPC"))]
    pub(super) kind: Kind,
    /// The address that requests are sent to.
    pub(super) target: String,
    /// How requests are written and sent.
    pub(super) protocol: Protocol,
    /// Longest time for one request.
    pub(super) timeout: Span,
    /// Headers that go with each request.
    pub(super) headers: Headers,
    /// A file of such headers.
    pub(super) headers_file: Option<PathBuf>,
    /// How requests are compressed.
    pub(super) compression: Compression,
    /// PEM file of certificates to trust beside those of the system.
    pub(super) ca_file: Option<PathBuf>,
    /// The certificate to show.
    pub(super) certificate: Option<ClientCertificate>,
}

impl Reach {
    /// The headers to send, those of the file read anew.
    pub(super) fn headers(&self) -> Result<HeaderMap, String> {
        self.headers.with_file(self.headers_file.as_deref()).map_err(|reason| format!("headers: {reason}"))
    }

    /// What a receiver says, fit for a log.
    pub(super) fn fit_for_log(&self, words: &str) -> String {
        match self.headers() {
            Ok(headers) => without_headers(words, &headers),
            Err(_) => "not shown, for it cannot be told whether it holds a secret".to_owned(),
        }
    }
}

/// Words fit for a log: few, on one line, and without the value of a header that was sent.
fn without_headers(words: &str, headers: &HeaderMap) -> String {
    let secrets = headers.values().filter_map(|value| value.to_str().ok()).flat_map(str::split_whitespace);
    if secrets.filter(|secret| secret.len() > 3).any(|secret| words.contains(secret)) {
        return "not shown, for it holds a header".to_owned();
    }
    words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MOST_WORDS).collect()
}

impl Signal {
    /// Notes what is wrong; `at` is the key of this table.
    pub(super) fn check(&self, at: &str, mistakes: &mut Mistakes) {
        if let Some(Err(reason)) = self.endpoint.as_deref().map(read_endpoint) {
            mistakes.add(format!("{at}.endpoint"), reason);
        }
        if self.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
            mistakes.add(format!("{at}.timeout"), "must be more than zero; the default is \"10s\"");
        }
        for reason in self.headers.iter().flat_map(Headers::mistakes) {
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
        if let Some(Err((key, reason))) = self.certificate().map(|certificate| certificate.check()) {
            mistakes.add(format!("{at}.{key}"), reason);
        }
    }

    fn certificate(&self) -> Option<ClientCertificate> {
        let (certificate, key) = (self.client_certificate_file.clone()?, self.client_key_file.clone()?);
        Some(ClientCertificate { certificate_file: certificate, key_file: key })
    }

    /// How this `kind` of telemetry is sent, with what `general` says where this does not; none without an address.
    pub(super) fn over(&self, general: &Self, kind: Kind) -> Option<Reach> {
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
        Some(Reach {
            kind,
            target,
            protocol,
            timeout: self.timeout.or(general.timeout).unwrap_or(Span::seconds(10)),
            headers: of_headers.headers.clone().unwrap_or_default(),
            headers_file: of_headers.headers_file.clone(),
            compression: self.compression.or(general.compression).unwrap_or_default(),
            ca_file: self.ca_file.clone().or_else(|| general.ca_file.clone()),
            certificate: self.certificate().or_else(|| general.certificate()),
        })
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
    use http::HeaderValue;

    use super::*;

    #[test]
    fn words_of_a_receiver_are_short_and_hold_no_header() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer hunter2"));
        assert_eq!(without_headers("a\nb", &headers), "a b");
        assert_eq!(without_headers(&"x".repeat(1000), &headers).len(), MOST_WORDS);
        for echo in ["Bearer hunter2", "hunter2", "no: [hunter2]"] {
            assert_eq!(without_headers(echo, &headers), "not shown, for it holds a header");
        }
    }
}
