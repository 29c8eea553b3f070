//! OpenTelemetry's standard environment variables as settings of `[otlp]`. Pure: the variables are an argument.
//!
//! They follow the OpenTelemetry specification: signal-specific variables override general ones, an empty value counts as
//! unset, times are milliseconds, lists are percent-decoded, and unparseable values are logged and ignored.
//! `OTEL_SDK_DISABLED` disables the environment's settings, not those of the configuration.

use std::collections::BTreeMap;

use super::{Compression, Protocol};
use crate::setting::HumanDuration;

/// A setting, and the variable it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// The variable.
    pub variable: String,
    /// The setting: keys from `otlp` down.
    pub path: Vec<String>,
    /// Its value, as in the configuration.
    pub value: String,
}

/// Settings that belong together: if the configuration sets one, the environment sets none of them.
const TOGETHER: [&[&str]; 2] = [&["headers", "headers_file"], &["client_certificate_file", "client_key_file"]];

/// What the variables' names begin with.
const PREFIX: &str = "OTEL_EXPORTER_OTLP_";

/// The variables' forms: for all kinds of telemetry, and for one; and the table they stand for.
const FORMS: [(&str, &[&str]); 3] =
    [("", &["otlp"]), ("METRICS_", &["otlp", "metrics"]), ("TRACES_", &["otlp", "traces"])];

/// How each variable ends, and the setting it stands for.
const KEYS: [(&str, &str); 8] = [
    ("ENDPOINT", "endpoint"),
    ("PROTOCOL", "protocol"),
    ("TIMEOUT", "timeout"),
    ("HEADERS", "headers"),
    ("COMPRESSION", "compression"),
    ("CERTIFICATE", "ca_file"),
    ("CLIENT_CERTIFICATE", "client_certificate_file"),
    ("CLIENT_KEY", "client_key_file"),
];

impl Standard {
    /// Whether a setting of the configuration at `path` takes its place. What is set for all kinds of telemetry does for
    /// each, since the configuration wins over the environment.
    pub fn gives_way_to(&self, path: &[&str]) -> bool {
        let (Some((key, table)), Some((set, around))) = (split(&self.path), split(path)) else { return false };
        let group = TOGETHER.into_iter().find(|group| group.contains(&key));
        let is_same = group.map_or(key == set, |group| group.contains(&set));
        is_same && key != "resource_attributes" && table.starts_with(&around)
    }
}

/// The setting of a receiver that a path leads to, and the tables around it.
fn split<T: AsRef<str>>(path: &[T]) -> Option<(&str, Vec<&str>)> {
    let path: Vec<_> = path.iter().map(AsRef::as_ref).collect();
    let depth = FORMS.iter().map(|(_, table)| *table).filter(|table| path.starts_with(table)).map(<[_]>::len).max()?;
    Some((path.get(depth)?, path[..depth].to_vec()))
}

/// The settings that the variables stand for, and what of them was ignored and why, without a value.
pub fn settings(variables: &BTreeMap<String, String>) -> (Vec<Standard>, Vec<String>) {
    let mut reading = Reading { variables, found: Vec::new(), ignored: Vec::new() };
    let is_disabled = reading.is_disabled();
    for (form, table) in FORMS {
        for (end, key) in KEYS {
            let variable = format!("{PREFIX}{form}{end}");
            let Some(value) = reading.set(&variable) else { continue };
            let path = [table, &[key]].concat();
            match key {
                "endpoint" if is_disabled => {}
                "headers" => reading.take_pairs(&variable, &path, value),
                "protocol" => reading.take(&variable, &path, protocol(value)),
                "compression" => reading.take(&variable, &path, compression(value)),
                "timeout" => reading.take(&variable, &path, milliseconds(value)),
                _ => reading.take(&variable, &path, Ok(value.to_owned())),
            }
        }
    }
    if let Some(value) = reading.set("OTEL_METRIC_EXPORT_INTERVAL") {
        reading.take("OTEL_METRIC_EXPORT_INTERVAL", &["otlp", "interval"], milliseconds(value));
    }
    reading.attributes();
    (reading.found, reading.ignored)
}

struct Reading<'a> {
    variables: &'a BTreeMap<String, String>,
    found: Vec<Standard>,
    ignored: Vec<String>,
}

impl<'a> Reading<'a> {
    /// The value of a variable, if it has one.
    fn set(&self, variable: &str) -> Option<&'a str> {
        self.variables.get(variable).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn take(&mut self, variable: &str, path: &[&str], value: Result<String, String>) {
        match value {
            Ok(value) => {
                let path = path.iter().map(|&key| key.to_owned()).collect();
                self.found.push(Standard { variable: variable.to_owned(), path, value });
            }
            Err(reason) => self.ignored.push(format!("environment variable {variable} is ignored: {reason}")),
        }
    }

    /// Whether the environment says that nothing is to be sent.
    fn is_disabled(&mut self) -> bool {
        let disabled = self.set("OTEL_SDK_DISABLED").unwrap_or("false");
        let is_disabled = disabled.eq_ignore_ascii_case("true");
        if !is_disabled && !disabled.eq_ignore_ascii_case("false") {
            let reason = "it is neither true nor false".to_owned();
            self.ignored.push(format!("environment variable OTEL_SDK_DISABLED is ignored: {reason}"));
        }
        is_disabled
    }

    fn attributes(&mut self) {
        if let Some(value) = self.set("OTEL_RESOURCE_ATTRIBUTES") {
            self.take_pairs("OTEL_RESOURCE_ATTRIBUTES", &["otlp", "resource_attributes"], value);
        }
        if let Some(name) = self.set("OTEL_SERVICE_NAME") {
            self.take("OTEL_SERVICE_NAME", &["otlp", "resource_attributes", "service.name"], Ok(name.to_owned()));
        }
    }

    /// Takes a list over as the table at `path`; one that is wrong anywhere is ignored as a whole.
    fn take_pairs(&mut self, variable: &str, path: &[&str], list: &str) {
        match pairs(list) {
            Ok(pairs) => {
                for (name, value) in pairs {
                    self.take(variable, &[path, &[&name]].concat(), Ok(value));
                }
            }
            Err(reason) => self.take(variable, path, Err(reason)),
        }
    }
}

/// The pairs of `name=value,name=value`, percent-decoded.
fn pairs(list: &str) -> Result<Vec<(String, String)>, String> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (name, value) = item.split_once('=').ok_or("it is not a list such as name=value,name=value")?;
            let (name, value) = (percent_decoded(name.trim())?, percent_decoded(value.trim())?);
            if name.is_empty() { Err("a name in it is empty".to_owned()) } else { Ok((name, value)) }
        })
        .collect()
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err("a % in it is not followed by two hexadecimal digits".to_owned());
        };
        bytes.extend(u8::try_from(high * 16 + low));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 once percent-decoded".to_owned())
}

fn protocol(value: &str) -> Result<String, String> {
    match value {
        "grpc" | "http/protobuf" => Ok(value.to_owned()),
        _ => Err(format!("expected grpc or http/protobuf; {:?} is used", Protocol::default())),
    }
}

fn compression(value: &str) -> Result<String, String> {
    match value {
        "gzip" | "none" => Ok(value.to_owned()),
        _ => Err(format!("expected gzip or none; {:?} is used", Compression::default())),
    }
}

fn milliseconds(value: &str) -> Result<String, String> {
    let milliseconds: u64 = value.parse().map_err(|_| "expected a whole number of milliseconds")?;
    if milliseconds == 0 {
        return Err("it must be greater than zero".to_owned());
    }
    Ok(HumanDuration(std::time::Duration::from_millis(milliseconds)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (found, ignored) = settings(&variables);
        (found.into_iter().map(|one| (one.path[1..].join("/"), one.value)).collect(), ignored)
    }

    #[test]
    fn variables_mean_what_the_specification_says() {
        for (variables, wanted) in [
            (&[][..], &[][..]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/")], &[("endpoint", "http://c:4318/")]),
            (&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c/x")], &[("metrics/endpoint", "http://c/x")]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], &[]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_SDK_DISABLED", "TRUE")], &[]),
            (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], &[("protocol", "grpc")]),
            (
                &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf")],
                &[("protocol", "grpc"), ("metrics/protocol", "http/protobuf")],
            ),
            (
                &[("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", ""), ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500")],
                &[("timeout", "1s 500ms")],
            ),
            (&[("OTEL_METRIC_EXPORT_INTERVAL", "30000")], &[("interval", "30s")]),
            (&[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")], &[("compression", "none")]),
            (&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")], &[("ca_file", "/ca.pem")]),
            (
                &[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c"), ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "/k")],
                &[("client_certificate_file", "/c"), ("metrics/client_key_file", "/k")],
            ),
            (
                &[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a%3Db, x=1,")],
                &[("headers/authorization", "Bearer a=b"), ("headers/x", "1")],
            ),
            (
                &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2")],
                &[("headers/a", "1"), ("traces/headers/b", "2")],
            ),
            (
                &[
                    ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=%C3%A9"),
                    ("OTEL_SERVICE_NAME", "b"),
                ],
                &[
                    ("resource_attributes/service.name", "a"),
                    ("resource_attributes/deployment.environment.name", "é"),
                    ("resource_attributes/service.name", "b"),
                ],
            ),
        ] {
            let (found, ignored) = read(variables);
            let found: Vec<_> = found.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
            assert_eq!((found.as_slice(), ignored), (wanted, Vec::new()), "{variables:?}");
        }
    }

    #[test]
    fn unparseable_values_are_reported_without_the_value_and_ignored() {
        for (variable, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "hunter2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%4"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "=hunter2"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=hunter2%ff"),
            ("OTEL_SDK_DISABLED", "hunter2"),
        ] {
            let (found, ignored) = read(&[(variable, value)]);
            assert!(found.is_empty(), "{variable}: {found:?}");
            assert!(ignored[0].starts_with(&format!("environment variable {variable} is ignored: ")), "{ignored:?}");
            assert!(ignored.len() == 1 && !ignored[0].contains("hunter2"), "{ignored:?}");
        }
    }
}
