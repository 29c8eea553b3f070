//! Kinds of values a setting can have: spans of time, rate limits, secrets, and the list of mistakes.
//!
//! Owns how such a value is written and read. It knows no option: those stand in the `Config` of the
//! module they belong to, and [`crate::config`] puts them together.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A span of time, written as in `30s`, `5m`, `1h 30m` or `24h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| "not a span of time; write it as in \"30s\", \"5m\" or \"24h\"".to_owned())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a span of time such as \"5m\"")
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many requests may be sent in any window of a length, written as in `120/60s`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per window; 1 and up.
    pub requests: u32,
    /// The window's length; more than zero.
    pub window: Duration,
}

impl RateLimit {
    /// So many requests in so many seconds.
    pub const fn per_seconds(requests: u32, seconds: u64) -> Self {
        Self { requests, window: Duration::from_secs(seconds) }
    }
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it as requests per window, as in \"120/60s\"";
        let (requests, window) = text.split_once('/').ok_or(FORM)?;
        let requests: u32 = requests.trim().parse().map_err(|_| FORM)?;
        let window = window.trim().parse::<Span>()?.0;
        if requests == 0 || window.is_zero() {
            return Err(format!("neither part may be zero; {FORM}"));
        }
        Ok(Self { requests, window })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, Span(self.window))
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a rate limit such as \"120/60s\"")
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn from_text<'de, D, T>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = String>,
{
    struct Text<T>(&'static str, std::marker::PhantomData<T>);

    impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(expected, std::marker::PhantomData))
}

/// A password, token or client secret. It cannot be printed or serialised; its bytes are had by [`Secret::expose`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The secret itself, to be put into a request and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Where a secret is kept. It is read anew each time it is used, so that it can be rotated without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file that holds it; one trailing newline is dropped.
    File(PathBuf),
    /// The name of an environment variable that holds it.
    Env(String),
}

impl SecretPlace {
    /// Reads the secret.
    ///
    /// The error says which place could not be read and why, and holds nothing of what was read.
    pub fn read(&self) -> Result<Secret, String> {
        let text = match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let end = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
                end.map_or(text.clone(), str::to_owned)
            }
            #[expect(clippy::disallowed_methods, reason = "a secret named by *_env is read where it is used")]
            Self::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => {
                    format!("the environment variable {name} is not set")
                }
                std::env::VarError::NotUnicode(_) => {
                    format!("the environment variable {name} is not valid UTF-8")
                }
            })?,
        };
        if text.is_empty() {
            return Err(match self {
                Self::File(path) => format!("{} is empty", path.display()),
                Self::Env(name) => format!("the environment variable {name} is empty"),
            });
        }
        Ok(Secret::new(text))
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's full name, as in `source.qualys[0].interval`.
    pub key: String,
    /// What is wrong and what to write instead. Never the value of a secret.
    pub reason: String,
}

/// Everything found wrong with a configuration, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Notes that the setting `key` is wrong because of `reason`.
    pub fn add(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        self.0.push(Mistake { key: key.into(), reason: reason.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_limits_read_what_they_write() {
        for text in ["1s", "5m", "1h 30m", "1day"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("120/60s".parse::<RateLimit>().unwrap(), RateLimit::per_seconds(120, 60));
        for wrong in ["", "120", "0/60s", "5/0s", "x/60s", "5/sixty", "-1/60s"] {
            assert!(wrong.parse::<RateLimit>().is_err(), "{wrong}");
        }
        for wrong in ["", "5", "5 parsecs", "-5m"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_read_anew_without_their_newline_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let place = SecretPlace::File(file.path().to_owned());
        assert!(place.read().unwrap_err().ends_with("is empty"));
        for (written, read) in [("one\n", "one"), ("two\r\n", "two"), (" three \n\n", " three \n")] {
            std::fs::write(file.path(), written).unwrap();
            assert_eq!(place.read().unwrap().expose(), read);
        }
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let unset = SecretPlace::Env("CSE_TEST_NOT_SET".to_owned()).read();
        assert!(unset.unwrap_err().contains("CSE_TEST_NOT_SET is not set"));
    }
}
