//! The standard environment variables of OpenTelemetry, as settings of `[otlp]`. Pure: the variables are an argument.
//!
//! They mean what the OpenTelemetry specification says: the form for metrics wins over the general one, an empty value
//! is none, times are milliseconds, lists are percent-decoded, and what cannot be understood is told and ignored.
//! `OTEL_SDK_DISABLED` takes back what the environment says, and not what the configuration does.

use std::collections::BTreeMap;

use super::{Compression, Protocol};
use crate::setting::Span;

/// A setting, and the variable it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// The variable.
    pub variable: &'static str,
    /// The setting: keys from `otlp` down.
    pub path: Vec<String>,
    /// Its value, as in the configuration.
    pub value: String,
}

/// Settings that stand for one another: if one of them is in the configuration, the environment has no say in any.
pub const TOGETHER: [&[&str]; 3] =
    [&["endpoint", "metrics_endpoint"], &["headers", "headers_file"], &["client_certificate_file", "client_key_file"]];

/// The variables with a form for metrics, which is first, and the settings they stand for.
const FORMS: [(&str, &str, &str); 6] = [
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL", "protocol"),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT", "timeout"),
    ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION", "compression"),
    ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE", "ca_file"),
    (
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "client_certificate_file",
    ),
    ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY", "client_key_file"),
];

/// The settings that the variables stand for, and what of them was ignored and why, without a value.
pub fn settings(variables: &BTreeMap<String, String>) -> (Vec<Standard>, Vec<String>) {
    let mut reading = Reading { variables, found: Vec::new(), ignored: Vec::new() };
    reading.endpoints();
    for (of_metrics, general, key) in FORMS {
        let Some((variable, value)) = reading.first(of_metrics, general) else { continue };
        let read = match key {
            "protocol" => protocol(value),
            "compression" => compression(value),
            "timeout" => milliseconds(value),
            _ => Ok(value.to_owned()),
        };
        reading.take(variable, &[key], read);
    }
    if let Some(value) = reading.set("OTEL_METRIC_EXPORT_INTERVAL") {
        reading.take("OTEL_METRIC_EXPORT_INTERVAL", &["interval"], milliseconds(value));
    }
    reading.headers();
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

    /// The first of the two that is set.
    fn first(&self, of_metrics: &'static str, general: &'static str) -> Option<(&'static str, &'a str)> {
        [of_metrics, general].into_iter().find_map(|variable| Some((variable, self.set(variable)?)))
    }

    fn take(&mut self, variable: &'static str, path: &[&str], value: Result<String, String>) {
        match value {
            Ok(value) => {
                let path = ["otlp"].iter().chain(path).map(|&key| key.to_owned()).collect();
                self.found.push(Standard { variable, path, value });
            }
            Err(reason) => self.ignored.push(format!("environment variable {variable} is ignored: {reason}")),
        }
    }

    fn endpoints(&mut self) {
        let disabled = self.set("OTEL_SDK_DISABLED").unwrap_or("false");
        if disabled.eq_ignore_ascii_case("true") {
            return;
        }
        if !disabled.eq_ignore_ascii_case("false") {
            let reason = "it is neither true nor false".to_owned();
            self.ignored.push(format!("environment variable OTEL_SDK_DISABLED is ignored: {reason}"));
        }
        for (variable, key) in
            [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "metrics_endpoint"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "endpoint")]
        {
            if let Some(value) = self.set(variable) {
                self.take(variable, &[key], Ok(value.to_owned()));
            }
        }
    }

    fn headers(&mut self) {
        let forms = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        if let Some((variable, value)) = self.first(forms.0, forms.1) {
            self.take_pairs(variable, "headers", value);
        }
    }

    fn attributes(&mut self) {
        if let Some(value) = self.set("OTEL_RESOURCE_ATTRIBUTES") {
            self.take_pairs("OTEL_RESOURCE_ATTRIBUTES", "resource_attributes", value);
        }
        if let Some(name) = self.set("OTEL_SERVICE_NAME") {
            self.take("OTEL_SERVICE_NAME", &["resource_attributes", "service.name"], Ok(name.to_owned()));
        }
    }

    /// Takes a list over as the table `key`; one that is wrong anywhere is ignored as a whole.
    fn take_pairs(&mut self, variable: &'static str, key: &str, list: &str) {
        match pairs(list) {
            Ok(pairs) => {
                for (name, value) in pairs {
                    self.take(variable, &[key, &name], Ok(value));
                }
            }
            Err(reason) => self.take(variable, &[key], Err(reason)),
        }
    }
}

/// The pairs of `name=value,name=value`, percent-decoded.
fn pairs(list: &str) -> Result<Vec<(String, String)>, String> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (name, value) = item.split_once('=').ok_or("it is no list as in name=value,name=value")?;
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
            return Err("a % in it does not stand before two hexadecimal digits".to_owned());
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
        return Err("it must be more than zero".to_owned());
    }
    Ok(Span(std::time::Duration::from_millis(milliseconds)).to_string())
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
            (&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c/x")], &[("metrics_endpoint", "http://c/x")]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], &[]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_SDK_DISABLED", "TRUE")], &[]),
            (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], &[("protocol", "grpc")]),
            (
                &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf")],
                &[("protocol", "http/protobuf")],
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
                &[("client_certificate_file", "/c"), ("client_key_file", "/k")],
            ),
            (
                &[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a%3Db, x=1,")],
                &[("headers/authorization", "Bearer a=b"), ("headers/x", "1")],
            ),
            (
                &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1"), ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "b=2")],
                &[("headers/b", "2")],
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
    fn what_cannot_be_understood_is_told_without_its_value_and_ignored() {
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
