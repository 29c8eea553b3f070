//! The whole configuration: every part's options put together, from a file, the environment and the command line.
//!
//! Owns the precedence of the three and how errors are reported: all at once, each with its origin, its key and what to
//! write instead, and never with a value, since a secret may be under a wrong key. Each option, with its default and
//! its valid values, belongs to the `Config` of the module that uses it.

mod layers;
mod located;
mod path;
mod repair;
#[cfg(test)]
mod tests;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::layers::Layers;
pub use self::located::{Invalid, Located};
use crate::output::otlp;
use crate::setting::ConfigErrors;
use crate::{catalog, collect, logging, server, source};

/// Every option.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub server: server::Config,
    /// The OTLP receiver.
    pub otlp: otlp::Config,
    /// Logging.
    pub log: logging::Config,
    /// Checkpoints.
    pub state: State,
    /// When collectors run.
    pub collection: collect::Config,
    /// Limits of what is served.
    pub limits: catalog::Limits,
    /// Grouping of containers.
    pub containers: catalog::Containers,
    /// Grouping of images.
    pub images: catalog::Images,
    /// When a sensor is stale.
    pub sensors: catalog::Sensors,
    /// The vendor accounts to read.
    pub source: source::Config,
    /// Ignored environment variables and why, to be logged once logging has started.
    #[serde(skip)]
    pub ignored: Vec<String>,
}

impl Config {
    /// Adds the errors of every part.
    fn check(&self, errors: &mut ConfigErrors) {
        self.server.check("server", errors);
        self.otlp.check("otlp", errors);
        if !self.server.is_on() {
            if !self.otlp.is_on() {
                errors.add(
                    "server.listen",
                    "is empty, so nothing is served; set it, or set otlp.endpoint to push instead",
                );
            }
            if self.collection.mode == collect::Mode::Scrape {
                errors.add("collection.mode", "must be \"interval\" if server.listen is empty: nothing is scraped");
            }
        }
        self.state.check("state", errors);
        self.collection.check("collection", errors);
        self.limits.check("limits", errors);
        self.containers.check("containers", errors);
        self.images.check("images", errors);
        self.sensors.check("sensors", errors);
        self.source.check(errors);
        if self.source == source::Config::default() {
            errors.add("source", "no source is configured; add one, as in [[source.qualys]] or [[source.prisma]]");
        }
    }
}

/// `[state]`: checkpoints that survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// Directory for the checkpoints of this exporter alone; without it, no checkpoints are written.
    pub dir: Option<PathBuf>,
}

impl State {
    /// Adds the errors of these settings, whose key is `at`. A missing directory is created at the start.
    fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.dir.as_ref().is_some_and(|dir| dir.exists() && !dir.is_dir()) {
            errors.add(
                format!("{at}.dir"),
                "is not a directory; give the path of a directory, which is created if missing",
            );
        }
    }
}

/// An option given on the command line, which wins over the file and the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The flag, for messages: `--web.listen-address`.
    pub flag: &'static str,
    /// The option's full name: `server.listen`.
    pub key: &'static str,
    /// What it is set to.
    pub value: String,
}

/// The options given on the command line.
pub type Overrides = Vec<Override>;

/// The configuration from `file`, then the environment (`CSE__SERVER__LISTEN` sets `server.listen`), then
/// `overrides`; what comes later wins.
pub fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Config, Invalid> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let environment = std::env::vars_os();
    read(file, environment, overrides)
}

/// As [`load`], with the environment as an argument.
fn read(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    overrides: &[Override],
) -> Result<Config, Invalid> {
    let (layers, mut found) = Layers::read(file, environment, overrides);
    let (mut config, noted) = repair::extract(&layers, &mut found);
    let mut semantic = ConfigErrors::default();
    if layers.whole {
        config.check(&mut semantic);
    }
    for error in semantic.0 {
        // If a key could not be read, a missing value or its substitute is not a separate error. An unknown key has no
        // substitute, and the intended option may be present as well.
        let stand_in = found.iter().any(|known| known.touches(&error.key)) && !noted.unknown.contains(&error.key);
        let misspelt = noted.meant.contains(&error.key) && !layers.has(&error.key);
        if !stand_in && !misspelt {
            found.push(layers.locate(error));
        }
    }
    config.ignored = layers.ignored;
    if found.is_empty() { Ok(config) } else { Err(Invalid(found)) }
}
