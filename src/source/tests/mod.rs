//! What the tests of every vendor need.

use std::fmt::Write as _;

use figment::Figment;
use figment::providers::{Format, Toml};

use super::Config;
use crate::setting::Mistakes;

/// What `check` says of the accounts in a configuration, as `key: reason` lines.
pub(super) fn mistakes(toml: &str) -> String {
    let config: Config = Figment::from(Toml::string(toml)).extract().unwrap();
    let mut mistakes = Mistakes::default();
    config.check(&mut mistakes);
    mistakes.0.iter().fold(String::new(), |mut lines, mistake| {
        writeln!(lines, "{}: {}", mistake.key, mistake.reason).unwrap();
        lines
    })
}
