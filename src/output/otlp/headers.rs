//! Headers that go with each request. Their values are secrets, for most are there to log in.

use std::collections::BTreeMap;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::Deserializer;

use crate::setting::{Secret, SecretPlace};

/// What the requests themselves say.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "te",
    "transfer-encoding",
];

/// Headers by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, Secret>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect())
    }
}

impl Headers {
    /// What is wrong with them, without their values.
    pub(super) fn errors(&self) -> Vec<String> {
        self.0.iter().filter_map(|(name, value)| read(name, value.expose()).err()).collect()
    }

    /// These headers as they are sent, and those of `file` over them.
    pub fn with_file(&self, file: Option<&Path>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.0 {
            let (name, value) = read(name, value.expose())?;
            headers.insert(name, value);
        }
        if let Some(file) = file {
            headers.extend(read_file(file)?);
        }
        Ok(headers)
    }
}

/// Reads one header as it is sent. The value is not shown where it is printed.
fn read(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let good = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header name contains an invalid character")?;
    if RESERVED.contains(&good.as_str()) {
        return Err(format!("{good} is reserved by the exporter"));
    }
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of {good} contains an invalid character, such as a line break"))?;
    value.set_sensitive(true);
    Ok((good, value))
}

/// Reads a file of headers, one `name: value` a line, or says what is wrong with it.
pub(super) fn read_file(path: &Path) -> Result<HeaderMap, String> {
    let text = SecretPlace::File(path.to_owned()).read()?;
    let lines = text.expose().lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(before, line)| {
            let number = before + 1;
            let (name, value) = line.split_once(':').ok_or_else(|| {
                format!("line {number} is not a header; write one \"Name: value\" per line, such as \"Authorization: Bearer …\"")
            })?;
            read(name.trim(), value.trim()).map_err(|reason| format!("line {number}: {reason}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_headers_is_read_by_the_line_and_goes_over_the_table() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "Authorization: Bearer a:b\r\n\n x-scope-orgid :7\n").unwrap();
        let table: Headers = [("X-Scope-OrgID", "1"), ("x-more", "2")].into_iter().collect();
        let headers = table.with_file(Some(file.path())).unwrap();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!((headers.len(), text("authorization")), (3, Some("Bearer a:b")));
        assert_eq!((text("x-scope-orgid"), text("x-more")), (Some("7"), Some("2")));
        assert!(!format!("{headers:?}").contains("Bearer"));
        for (wrong, expected) in [
            ("hunter2", "line 1 is not a header"),
            ("a: b\nho st: hunter2", "line 2: a header name"),
            ("Host: hunter2", "line 1: host is reserved by the exporter"),
            ("x: hunter\u{7f}2", "line 1: the value of x contains"),
        ] {
            std::fs::write(file.path(), wrong).unwrap();
            let found = read_file(file.path()).unwrap_err();
            assert!(found.starts_with(expected) && !found.contains("hunter"), "{found}");
        }
    }
}
