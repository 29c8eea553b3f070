//! What the tests of every vendor need.

mod retyped;

use std::fmt::Write as _;

use figment::Figment;
use figment::providers::{Format, Toml};

use super::Config;
use crate::setting::ConfigErrors;

/// What `check` says of the accounts in a configuration, as `key: reason` lines.
pub(super) fn errors(toml: &str) -> String {
    let config: Config = Figment::from(Toml::string(toml)).extract().unwrap();
    let mut errors = ConfigErrors::default();
    config.check(&mut errors);
    errors.0.iter().fold(String::new(), |mut lines, error| {
        writeln!(lines, "{}: {}", error.key, error.reason).unwrap();
        lines
    })
}
