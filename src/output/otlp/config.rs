//! `[otlp]`: the OTLP receiver of metrics and traces, and the validation of its settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::headers::Headers;
use super::receiver::{Kind, ReceiverConfig, Signal};
use crate::setting::{ConfigErrors, HumanDuration};

/// A smaller limit could be too small for a single series.
const LEAST_REQUEST: u64 = 64 * 1024;

/// Why gRPC is refused by a build without it.
pub(super) const WITHOUT_GRPC: &str =
    "\"grpc\" needs a build with the feature grpc; write \"http/protobuf\", or build with --features grpc";

/// Why traces are refused by a build without them.
const WITHOUT_TRACES: &str = "needs a build with the feature traces; write false, or build with --features traces";

/// The wire protocol.
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

/// Compression of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip, about ten times smaller.
    #[default]
    Gzip,
    /// No compression.
    None,
}

/// Where and how metrics and traces are pushed; without an endpoint they are not. Changes need a restart.
///
/// Unset options default to OpenTelemetry's standard environment variables, see `environment`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The receiver, such as `http://collector:4318`; over HTTP, `/v1/metrics` and `/v1/traces` are appended.
    pub endpoint: Option<String>,
    /// The wire protocol.
    pub protocol: Protocol,
    /// Time between the starts of two pushes.
    pub interval: HumanDuration,
    /// Timeout of one request.
    pub timeout: HumanDuration,
    /// Headers of each request.
    pub headers: Headers,
    /// File of secret headers, one `name: value` per line; reread for each push.
    pub headers_file: Option<PathBuf>,
    /// Compression of requests.
    pub compression: Compression,
    /// PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub client_key_file: Option<PathBuf>,
    /// Resource attributes; they override the default ones.
    pub resource_attributes: BTreeMap<String, String>,
    /// Maximum size of a request in bytes before compression. Default: 3 MiB over gRPC, whose receivers accept 4 MiB by
    /// default, and 8 MiB over HTTP.
    pub max_request_bytes: Option<u64>,
    /// Overrides for metrics.
    pub metrics: Signal,
    /// Overrides for traces.
    pub traces: Signal,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: Protocol::default(),
            interval: HumanDuration::seconds(60),
            timeout: HumanDuration::seconds(10),
            headers: Headers::default(),
            headers_file: None,
            compression: Compression::default(),
            ca_file: None,
            client_certificate_file: None,
            client_key_file: None,
            resource_attributes: BTreeMap::new(),
            max_request_bytes: None,
            metrics: Signal::default(),
            traces: Signal::default(),
        }
    }
}

impl Config {
    /// Whether metrics are pushed.
    pub fn is_on(&self) -> bool {
        self.metrics().is_some()
    }

    /// The receiver of metrics, if they are pushed.
    pub(super) fn metrics(&self) -> Option<ReceiverConfig> {
        let wanted = self.metrics.enabled.unwrap_or(true);
        wanted.then(|| self.metrics.over(&self.general(), Kind::Metrics)).flatten()
    }

    /// The receiver of traces, if they are pushed.
    pub(super) fn traces(&self) -> Option<ReceiverConfig> {
        let wanted = self.traces.enabled.unwrap_or(false);
        wanted.then(|| self.traces.over(&self.general(), Kind::Traces)).flatten()
    }

    /// The defaults of all signals.
    fn general(&self) -> Signal {
        Signal {
            enabled: None,
            endpoint: self.endpoint.clone(),
            protocol: Some(self.protocol),
            timeout: Some(self.timeout),
            headers: Some(self.headers.clone()),
            headers_file: self.headers_file.clone(),
            compression: Some(self.compression),
            ca_file: self.ca_file.clone(),
            client_certificate_file: self.client_certificate_file.clone(),
            client_key_file: self.client_key_file.clone(),
        }
    }

    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        self.general().check(at, errors);
        for (name, signal, receiver) in
            [("metrics", &self.metrics, self.metrics()), ("traces", &self.traces, self.traces())]
        {
            signal.check(&format!("{at}.{name}"), errors);
            if !cfg!(feature = "grpc") && receiver.as_ref().is_some_and(|receiver| receiver.protocol == Protocol::Grpc)
            {
                let key =
                    if signal.protocol.is_some() { format!("{at}.{name}.protocol") } else { format!("{at}.protocol") };
                errors.add(key, WITHOUT_GRPC);
            }
            if signal.enabled == Some(true) && receiver.is_none() {
                let reason = format!("requires {at}.endpoint or {at}.{name}.endpoint");
                errors.add(format!("{at}.{name}.enabled"), reason);
            }
        }
        if !cfg!(feature = "traces") && self.traces.enabled == Some(true) {
            errors.add(format!("{at}.traces.enabled"), WITHOUT_TRACES);
        }
        if self.interval.0 < Duration::from_secs(1) {
            errors.add(format!("{at}.interval"), "must be at least \"1s\"; the default is \"1m\"");
        }
        if self.resource_attributes.keys().any(String::is_empty) {
            errors.add(format!("{at}.resource_attributes"), "contains an attribute with an empty name");
        }
        if self.max_request_bytes.is_some_and(|most| most < LEAST_REQUEST) {
            errors.add(format!("{at}.max_request_bytes"), "must be at least 65536 (64 KiB)");
        }
    }

    /// Maximum size of a request in bytes before compression.
    pub(super) fn max_request_bytes(&self, protocol: Protocol) -> usize {
        let usual = match protocol {
            Protocol::Grpc => 3 * 1024 * 1024,
            Protocol::Http => 8 * 1024 * 1024,
        };
        usize::try_from(self.max_request_bytes.unwrap_or(usual)).unwrap_or(usize::MAX)
    }
}

#[cfg(all(test, not(feature = "grpc"), not(feature = "traces")))]
mod tests_of_minimal_build {
    use super::*;

    #[test]
    fn what_this_build_lacks_is_refused_with_the_name_of_the_feature() {
        let signal = |protocol| Signal { enabled: Some(true), protocol, ..Signal::default() };
        let endpoint = Some("http://collector:4317".to_owned());
        for (config, expected) in [
            (Config { endpoint: endpoint.clone(), ..Config::default() }, &[][..]),
            (
                Config { endpoint: endpoint.clone(), protocol: Protocol::Grpc, ..Config::default() },
                &[("otlp.protocol", WITHOUT_GRPC)],
            ),
            (
                Config { endpoint, metrics: signal(Some(Protocol::Grpc)), traces: signal(None), ..Config::default() },
                &[("otlp.metrics.protocol", WITHOUT_GRPC), ("otlp.traces.enabled", WITHOUT_TRACES)],
            ),
        ] {
            let mut errors = ConfigErrors::default();
            config.check("otlp", &mut errors);
            let found: Vec<_> = errors.0.iter().map(|error| (error.key.as_str(), error.reason.as_str())).collect();
            assert_eq!(found, expected);
        }
    }
}

#[cfg(all(test, feature = "grpc", feature = "traces"))]
mod tests {
    use super::*;

    fn errors(config: &Config) -> Vec<String> {
        let mut errors = ConfigErrors::default();
        config.check("otlp", &mut errors);
        errors.0.into_iter().map(|error| format!("{} {}", error.key, error.reason)).collect()
    }

    #[test]
    fn all_errors_are_reported_at_once_without_values() {
        assert_eq!(errors(&Config::default()), [""; 0]);
        let wrong = Config {
            endpoint: Some("http://jdoe:hunter2@collector:4318".to_owned()),
            metrics: Signal { endpoint: Some("collector:4318".to_owned()), ..Signal::default() },
            traces: Signal {
                headers_file: Some("/nonexistent/headers".into()),
                enabled: Some(true),
                ..Signal::default()
            },
            interval: HumanDuration(Duration::from_millis(999)),
            timeout: HumanDuration::seconds(0),
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
        let found = errors(&wrong);
        let keys: Vec<_> = found.iter().filter_map(|error| error.split(' ').next()).collect();
        let names = [
            "endpoint",
            "timeout",
            "headers",
            "headers",
            "headers",
            "headers_file",
            "ca_file",
            "client_certificate_file",
            "metrics.endpoint",
            "traces.headers_file",
            "interval",
            "resource_attributes",
            "max_request_bytes",
        ];
        assert_eq!(keys, names.map(|name| format!("otlp.{name}")));
        assert!(!found.concat().contains("hunter2"), "{found:?}");
        assert!(!format!("{wrong:?}").replace("jdoe:hunter2@", "").contains("hunter2"), "{wrong:?}");
    }

    #[test]
    fn a_path_is_added_to_a_base_and_to_nothing_else() {
        for (endpoint, exact, protocol, target) in [
            (None, None, Protocol::Http, None),
            (
                Some("http://c:4318"),
                None,
                Protocol::Http,
                Some(("http://c:4318/v1/metrics", "http://c:4318/v1/traces")),
            ),
            (
                Some("http://c/otlp/"),
                None,
                Protocol::Http,
                Some(("http://c/otlp/v1/metrics", "http://c/otlp/v1/traces")),
            ),
            (None, Some("http://c:4318"), Protocol::Http, Some(("http://c:4318", "http://c:4318"))),
            (Some("http://c:4318"), Some("https://d/p"), Protocol::Http, Some(("https://d/p", "https://d/p"))),
            (Some("http://c:4317"), None, Protocol::Grpc, Some(("http://c:4317", "http://c:4317"))),
        ] {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let signal = |enabled| Signal { endpoint: own(exact), enabled, ..Signal::default() };
            let (metrics, traces) = (signal(None), signal(Some(target.is_some())));
            let config = Config { endpoint: own(endpoint), protocol, metrics, traces, ..Config::default() };
            assert_eq!(errors(&config), [""; 0]);
            let found = config.metrics().zip(config.traces()).map(|(metrics, traces)| (metrics.target, traces.target));
            assert_eq!(found.as_ref().map(|(metrics, traces)| (metrics.as_str(), traces.as_str())), target);
            assert_eq!(config.is_on(), target.is_some());
        }
    }

    #[test]
    fn what_one_kind_sets_holds_for_it_alone_and_headers_are_never_mixed() {
        let config = Config {
            endpoint: Some("http://c:4317".to_owned()),
            protocol: Protocol::Grpc,
            headers: [("x-metrics", "1")].into_iter().collect(),
            headers_file: Some("/run/metrics".into()),
            traces: Signal {
                enabled: Some(true),
                endpoint: Some("http://tempo:4318/v1/traces".to_owned()),
                protocol: Some(Protocol::Http),
                headers: Some([("x-traces", "2")].into_iter().collect()),
                timeout: Some(HumanDuration::seconds(3)),
                ..Signal::default()
            },
            ..Config::default()
        };
        let (metrics, traces) = (config.metrics().unwrap(), config.traces().unwrap());
        assert_eq!((metrics.protocol, traces.protocol), (Protocol::Grpc, Protocol::Http));
        assert_eq!((metrics.timeout, traces.timeout), (HumanDuration::seconds(10), HumanDuration::seconds(3)));
        assert_eq!((metrics.headers, metrics.headers_file), (config.headers.clone(), config.headers_file.clone()));
        assert_eq!((Some(traces.headers), traces.headers_file), (config.traces.headers.clone(), None));
        // Traces are wanted; metrics are where there is an endpoint.
        for (enabled, wanted) in [(None, (true, false)), (Some(true), (true, true)), (Some(false), (false, false))] {
            let signal = Signal { enabled, ..Signal::default() };
            let config = Config { metrics: signal.clone(), traces: signal, ..config.clone() };
            assert_eq!((config.metrics().is_some(), config.traces().is_some()), wanted, "{enabled:?}");
        }
        let nowhere = Config { traces: Signal { enabled: Some(true), ..Signal::default() }, ..Config::default() };
        assert_eq!(errors(&nowhere), ["otlp.traces.enabled requires otlp.endpoint or otlp.traces.endpoint"]);
    }
}
