//! Types of settings: durations, rate limits, secrets, and the list of configuration errors.
//!
//! Owns how such a value is written and read. It knows no option: those stand in the `Config` of the
//! module they belong to, and [`crate::config`] puts them together.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A duration, written as `30s`, `5m`, `1h 30m` or `24h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// A duration of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| "is not a duration; write it as \"30s\", \"5m\" or \"24h\"".to_owned())
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl fmt::Debug for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a duration such as \"5m\"")
    }
}

impl Serialize for HumanDuration {
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
    /// A number of requests per number of seconds.
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
        let window = window.trim().parse::<HumanDuration>()?.0;
        if requests == 0 || window.is_zero() {
            return Err(format!("neither part may be zero; {FORM}"));
        }
        Ok(Self { requests, window })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, HumanDuration(self.window))
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

/// A password, token or client secret. It cannot be printed or serialised; only [`Secret::expose`] returns it.
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

/// No secret is longer; what is, is a wrong file.
const MOST_SECRET_BYTES: usize = 64 * 1024;

/// Where a secret is kept. It is reread on each use, so it can be rotated without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file that holds it; one trailing newline is dropped.
    File(PathBuf),
    /// The name of an environment variable that holds it.
    Env(String),
}

impl SecretPlace {
    /// Reads the secret. A file is read by the calling thread, which a mount that does not answer holds up.
    ///
    /// The error says why it could not be read, and holds nothing of what was read. The caller says which setting it
    /// is about: a name that may be the secret itself, put under the wrong key, is not repeated.
    pub fn read(&self) -> Result<Secret, String> {
        const VARIABLE: &str = "the environment variable that it names";
        let (place, text) = match self {
            Self::File(path) => {
                let place = shown(path);
                let text = read_text(path).map_err(|reason| format!("cannot read {place}: {reason}"))?;
                (place, text)
            }
            #[expect(clippy::disallowed_methods, reason = "a secret named by *_env is read where it is used")]
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|error| match error {
                    std::env::VarError::NotPresent => format!("{VARIABLE} is not set"),
                    std::env::VarError::NotUnicode(_) => format!("{VARIABLE} is not valid UTF-8"),
                })?;
                (VARIABLE.to_owned(), text)
            }
        };
        if text.is_empty() {
            return Err(format!("{place} is empty"));
        }
        Ok(Secret::new(text))
    }
}

impl SecretPlace {
    /// Whether it is a file that every user of the machine can read.
    pub fn is_world_readable(&self) -> bool {
        const READ_BY_OTHERS: u32 = 0o004;
        match self {
            Self::File(path) => fs::metadata(path).is_ok_and(|file| file.permissions().mode() & READ_BY_OTHERS != 0),
            Self::Env(_) => false,
        }
    }
}

/// The path, where it is one for sure: a bare word, or base64 with a slash, may be a secret.
fn shown(path: &Path) -> String {
    let in_folder = path.parent().is_some_and(|folder| folder.parent().is_some() && folder.is_dir());
    if in_folder || path.exists() { path.display().to_string() } else { "the file that it names".to_owned() }
}

/// No file of certificates or of a key is longer.
const MOST_PEM_BYTES: usize = 16 * 1024 * 1024;

/// What a file of certificates or of a key holds. The error says why it could not be read, as a secret's does.
pub fn read_pem(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |reason: String| format!("cannot read {}: {reason}", shown(path));
    let bytes = read_bytes(path, MOST_PEM_BYTES).map_err(unreadable)?;
    if bytes.len() > MOST_PEM_BYTES {
        return Err(unreadable(format!("it holds more than {} MiB", MOST_PEM_BYTES / 1024 / 1024)));
    }
    Ok(bytes)
}

/// What a file holds, and no more of it than needed to see that it exceeds `most` and a newline.
fn read_bytes(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    // A pipe would be waited for, and is empty the next time.
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(most as u64 + 3).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What a file of a secret holds, without one newline at its end.
fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = read_bytes(path, MOST_SECRET_BYTES)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.len() > MOST_SECRET_BYTES {
        return Err(format!("it holds more than {} KiB, which no secret does", MOST_SECRET_BYTES / 1024));
    }
    String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())
}

/// An error in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting's full name, as in `source.qualys[0].interval`.
    pub key: String,
    /// What is wrong and what to write instead. Never the value of a secret.
    pub reason: String,
}

/// All errors found in a configuration, so that they are reported at once.
#[derive(Debug, Default)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// Adds an error of the setting `key`.
    pub fn add(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        self.0.push(ConfigError { key: key.into(), reason: reason.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_limits_read_what_they_write() {
        for text in ["1s", "5m", "1h 30m", "1day"] {
            assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), text);
        }
        assert_eq!("120/60s".parse::<RateLimit>().unwrap(), RateLimit::per_seconds(120, 60));
        for wrong in ["", "120", "0/60s", "5/0s", "x/60s", "5/sixty", "-1/60s"] {
            assert!(wrong.parse::<RateLimit>().is_err(), "{wrong}");
        }
        for wrong in ["", "5", "5 parsecs", "-5m"] {
            assert!(wrong.parse::<HumanDuration>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_reread_without_their_newline_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let place = SecretPlace::File(file.path().to_owned());
        assert!(place.read().unwrap_err().ends_with("is empty"));
        for (written, read) in [("one\n", "one"), ("two\r\n", "two"), (" three \n\n", " three \n")] {
            fs::write(file.path(), written).unwrap();
            assert_eq!(place.read().unwrap().expose(), read);
        }
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_in_place_of_a_name_is_not_repeated() {
        let unset = SecretPlace::Env("S3cret=\0pasted".to_owned()).read();
        assert_eq!(unset.unwrap_err(), "the environment variable that it names is not set");
        for pasted in ["S3cret", "/S3cret+pasted==", "S3c/ret+pasted==", "/S3c/ret", "S3cret\0", "S3cret\n"] {
            let found = SecretPlace::File(pasted.into()).read().unwrap_err();
            assert!(found.starts_with("cannot read the file that it names: ") && !found.contains("S3c"), "{found}");
        }
        for (path, expected) in [
            ("tests/config/none", "cannot read tests/config/none: No such file"),
            ("tests", "cannot read tests: it is not a regular file"),
            ("/dev/zero", "cannot read /dev/zero: it is not a regular file"),
        ] {
            let found = SecretPlace::File(path.into()).read().unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn key_files_are_reported_like_secrets() {
        for (path, expected) in [
            ("S3cret", "cannot read the file that it names: No such file"),
            ("tests/config/none", "cannot read tests/config/none: No such file"),
            ("/dev/zero", "cannot read /dev/zero: it is not a regular file"),
        ] {
            let found = read_pem(path.as_ref()).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(16 * 1024 * 1024 + 1).unwrap();
        assert!(read_pem(file.path()).unwrap_err().ends_with("it holds more than 16 MiB"));
    }

    #[test]
    fn a_secret_is_bounded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let place = SecretPlace::File(file.path().to_owned());
        let most = "x".repeat(64 * 1024);
        fs::write(file.path(), format!("{most}\r\n")).unwrap();
        assert_eq!(place.read().unwrap().expose(), most);
        for more in ["x", "x\n", "\r\n\n", "xxxx"] {
            fs::write(file.path(), format!("{most}{more}")).unwrap();
            assert!(place.read().unwrap_err().ends_with("holds more than 64 KiB, which no secret does"), "{more:?}");
        }
        fs::write(file.path(), b"\xff").unwrap();
        assert!(place.read().unwrap_err().ends_with("it is not valid UTF-8"));
    }
}
