//! `[collection]`: when collectors run.

use serde::{Deserialize, Serialize};

use crate::setting::{ConfigErrors, HumanDuration};

/// A lower age would only read the same data again.
const LEAST_MIN_AGE: HumanDuration = HumanDuration::seconds(1);

/// When collectors run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What triggers collectors: their intervals, so that scrapes never wait for a vendor, or scrapes.
    pub mode: Mode,
    /// With `mode = "scrape"`: a scrape that finds older data triggers a collection.
    pub min_age: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self { mode: Mode::Interval, min_age: HumanDuration::seconds(60) }
    }
}

impl Config {
    /// Adds an error for each invalid setting.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.min_age < LEAST_MIN_AGE {
            errors.add(format!("{at}.min_age"), format!("must be at least {LEAST_MIN_AGE}"));
        }
    }
}

/// What triggers collectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Their intervals.
    Interval,
    /// Scrapes.
    Scrape,
}
