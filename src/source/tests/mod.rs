//! Helpers for the tests of every vendor.

mod retyped;

use std::fmt::Write as _;

use figment::Figment;
use figment::providers::{Format, Toml};

use super::Config;
use crate::setting::ConfigErrors;

/// The errors that `check` finds in the accounts of a configuration, as `key: reason` lines.
pub(super) fn errors(toml: &str) -> String {
    let config: Config = Figment::from(Toml::string(toml)).extract().unwrap();
    let mut errors = ConfigErrors::default();
    config.check(&mut errors);
    errors.0.iter().fold(String::new(), |mut lines, error| {
        writeln!(lines, "{}: {}", error.key, error.reason).unwrap();
        lines
    })
}
