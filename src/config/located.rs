//! A configuration error with its origin, and all errors together.

use std::error::Error;
use std::fmt;

/// An error in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file, environment variable or flag that contains it.
    pub origin: String,
    /// The option's full name, as in `source.qualys[0].interval`, or the line if no option can be named.
    pub key: String,
    /// What is wrong and what to write instead. Never a value.
    pub reason: String,
}

impl Located {
    /// Whether `key` is the option of this error, or contains or is contained in it.
    pub(super) fn touches(&self, key: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        within(&self.key, key) || within(key, &self.key)
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.origin, &self.key, &self.reason];
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.try_fold("", |between, part| write!(f, "{between}{}", Plain(part)).map(|()| ": "))?;
        Ok(())
    }
}

/// A text without control characters, so that an error is one line and cannot control a terminal.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            let shown = part.trim_end_matches(char::is_control);
            f.write_str(shown)?;
            write!(f, "{}", part[shown.len()..].escape_default())?;
        }
        Ok(())
    }
}

/// All errors in the configuration, one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<Located>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_fold("", |between, one| write!(f, "{between}{one}").map(|()| "\n"))?;
        Ok(())
    }
}

impl Error for Invalid {}
