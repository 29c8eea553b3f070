//! The whole configuration: every part's options put together, from a file, the environment and the command line.
//!
//! Owns the order of the three and how mistakes are told: all at once, each with where it stands, its key and
//! what to write instead, and never with a value, since a secret may have been put under a wrong key. An option
//! itself, its default and what it may be, belong to the `Config` of the module that uses it.

mod layers;
mod mistakes;
mod repair;
#[cfg(test)]
mod tests;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::layers::Layers;
pub use self::mistakes::{Invalid, Located};
use crate::output::otlp;
use crate::setting::Mistakes;
use crate::{catalog, collect, logging, server, source};

/// Every option.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What it serves, and where.
    pub server: server::Config,
    /// Where it pushes to.
    pub otlp: otlp::Config,
    /// What it logs.
    pub log: logging::Config,
    /// What it keeps over a restart.
    pub state: State,
    /// When it asks the vendors.
    pub collection: collect::Config,
    /// How much it shows at most.
    pub limits: catalog::Limits,
    /// How containers are grouped.
    pub containers: catalog::Containers,
    /// What it shows of images.
    pub images: catalog::Images,
    /// When a sensor counts as gone.
    pub sensors: catalog::Sensors,
    /// The vendor accounts it reads.
    pub source: source::Config,
    /// Environment variables that are ignored, and why; to be told once there is a log.
    #[serde(skip)]
    pub ignored: Vec<String>,
}

impl Config {
    /// Notes what is wrong in each part, as the part itself knows.
    fn check(&self, mistakes: &mut Mistakes) {
        self.server.check("server", mistakes);
        self.otlp.check("otlp", mistakes);
        if !self.server.is_on() {
            if !self.otlp.is_on() {
                mistakes.add(
                    "server.listen",
                    "is empty, so that nothing is served; set it, or otlp.endpoint to push instead",
                );
            }
            if self.collection.mode == collect::Mode::Scrape {
                mistakes
                    .add("collection.mode", "must be \"interval\" where server.listen is empty: nothing is scraped");
            }
        }
        self.state.check("state", mistakes);
        self.collection.check("collection", mistakes);
        self.limits.check("limits", mistakes);
        self.containers.check("containers", mistakes);
        self.images.check("images", mistakes);
        self.sensors.check("sensors", mistakes);
        self.source.check(mistakes);
        if self.source == source::Config::default() {
            mistakes.add("source", "no source is configured; add one, as in [[source.qualys]] or [[source.prisma]]");
        }
    }
}

/// What is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// A directory for checkpoints, of this exporter alone; without one, nothing is kept.
    pub dir: Option<PathBuf>,
}

impl State {
    /// Notes what is wrong with these settings, which stand at `at`. A directory that is not there is made at the start.
    fn check(&self, at: &str, mistakes: &mut Mistakes) {
        if self.dir.as_ref().is_some_and(|dir| dir.exists() && !dir.is_dir()) {
            mistakes.add(format!("{at}.dir"), "is no directory; give the path of one, or of one that can be made");
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
    let mut semantic = Mistakes::default();
    if layers.whole {
        config.check(&mut semantic);
    }
    for mistake in semantic.0 {
        // Where a key could not be read, what is missing or stands in for it is no mistake of its own. Nothing stands in
        // for an unknown key, and an option that it may have been meant for can be there as well.
        let stand_in = found.iter().any(|known| known.touches(&mistake.key)) && !noted.unknown.contains(&mistake.key);
        let misspelt = noted.meant.contains(&mistake.key) && !layers.has(&mistake.key);
        if !stand_in && !misspelt {
            found.push(layers.locate(mistake));
        }
    }
    config.ignored = layers.ignored;
    if found.is_empty() { Ok(config) } else { Err(Invalid(found)) }
}
