//! The origins of options: the file, the environment, the command line.
//!
//! Each is a figment provider that carries its name, so that every value knows its origin. The file and the environment
//! are read by hand because figment's own providers read a missing file as an empty one, quote the line of an error,
//! and read `0012345` in the environment as a number even for a text.

use std::ffi::OsString;
use std::path::Path;

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::Override;
use super::located::Located;
use super::path::{at, parts};
use crate::output::otlp::environment::{self, Standard};
use crate::setting::ConfigError;

/// The prefix of the exporter's environment variables, and the separator between the levels of an option.
const PREFIX: &str = "CSE__";
const LEVEL: &str = "__";

/// Some options, and their origin.
struct Layer {
    origin: String,
    options: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.options.clone()))
    }
}

/// All options as written, later origins over earlier ones.
pub(super) struct Layers {
    figment: Figment,
    tree: Value,
    /// The origin of an option that is not written anywhere.
    default_origin: String,
    /// Whether the file could be read.
    pub(super) whole: bool,
    /// Variables that are ignored, and why.
    pub(super) ignored: Vec<String>,
}

impl Layers {
    /// Reads all origins, and records what cannot be read.
    pub(super) fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &[Override],
    ) -> (Self, Vec<Located>) {
        let mut found = Vec::new();
        let mut layers = Vec::new();
        match file.map(from_file) {
            Some(Ok(layer)) => layers.push(layer),
            Some(Err(error)) => found.push(error),
            None => {}
        }
        let whole = found.is_empty();
        let mut variables: Vec<_> = environment.into_iter().collect();
        variables.sort();
        let (standard, ignored) = standard(&variables);
        for (name, value) in variables {
            match from_variable(&name.to_string_lossy(), value) {
                Some(Ok(layer)) => layers.push(layer),
                Some(Err(error)) => found.push(error),
                None => {}
            }
        }
        for Override { flag, key, value } in overrides {
            layers.push(one((*flag).to_owned(), key, value));
        }

        // OpenTelemetry's variables only apply where nothing else is set.
        let mut lowest: Vec<Layer> =
            standard.into_iter().filter(|one| !is_settled(one, &layers)).map(layer_of).collect();
        lowest.append(&mut layers);
        let figment = lowest.into_iter().fold(Figment::new(), Figment::merge);
        let tree = figment.extract().unwrap_or_else(|_| Value::from(Dict::new()));
        let default_origin = file.map_or_else(|| "configuration".to_owned(), |file| file.display().to_string());
        (Self { figment, tree, default_origin, whole, ignored }, found)
    }

    /// All options.
    pub(super) fn tree(&self) -> &Value {
        &self.tree
    }

    /// The origin of the option at `path`, or of the nearest table around it.
    pub(super) fn origin(&self, path: &[String]) -> String {
        let nearest = (1..=path.len()).rev().find_map(|depth| at(&self.tree, &path[..depth]));
        let metadata = nearest.and_then(|value| self.figment.get_metadata(value.tag()));
        metadata.map_or_else(|| self.default_origin.clone(), |metadata| metadata.name.to_string())
    }

    /// Whether the option at `path` comes from the environment or the command line, where everything is text.
    pub(super) fn is_from_outside(&self, path: &[String]) -> bool {
        self.origin(path) != self.default_origin
    }

    /// A part's error, with its origin.
    pub(super) fn locate(&self, error: ConfigError) -> Located {
        Located { origin: self.origin(&parts(&error.key)), key: error.key, reason: error.reason }
    }

    /// Whether the option `key` is written anywhere.
    pub(super) fn has(&self, key: &str) -> bool {
        at(&self.tree, &parts(key)).is_some()
    }
}

/// The options in a TOML file.
fn from_file(file: &Path) -> Result<Layer, Located> {
    let origin = file.display().to_string();
    let located = |key, reason| Located { origin: origin.clone(), key, reason };
    let text = std::fs::read_to_string(file)
        .map_err(|error| located(String::new(), format!("cannot read the file: {error}")))?;
    let options = Toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        located(format!("line {line}"), error.message().replace('\n', "; "))
    })?;
    Ok(Layer { origin, options })
}

/// The option that an environment variable sets, if its name is one of ours.
fn from_variable(name: &str, value: OsString) -> Option<Result<Layer, Located>> {
    let key = name.strip_prefix(PREFIX)?.to_lowercase().replace(LEVEL, ".");
    let origin = format!("environment variable {name}");
    let error =
        |reason: &str| Some(Err(Located { origin: origin.clone(), key: key.clone(), reason: reason.to_owned() }));
    if key.split('.').any(str::is_empty) {
        return error("names no option; for example, CSE__SERVER__LISTEN sets server.listen");
    }
    if key.split('.').next() == Some("source") {
        return error(
            "sources are set in the file only, where each has a name; \
             a secret can be in an environment variable that the file names, as in password_env",
        );
    }
    match value.into_string() {
        Ok(value) => Some(Ok(one(origin, &key, &value))),
        Err(_) => error("its value is not valid UTF-8"),
    }
}

/// The settings from OpenTelemetry's own variables, and those that are ignored.
fn standard(variables: &[(OsString, OsString)]) -> (Vec<Standard>, Vec<String>) {
    let texts = variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let standard = texts.filter(|(name, _)| name.starts_with("OTEL_"));
    environment::settings(&standard.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Whether another origin sets this option or its equivalent.
fn is_settled(one: &Standard, layers: &[Layer]) -> bool {
    let tables = layers.iter().filter_map(|layer| layer.options.get("otlp")?.as_dict());
    tables.flat_map(settings_of_receivers).any(|set| one.gives_way_to(&set))
}

/// Paths of the settings in the table `otlp` and in its direct subtables.
fn settings_of_receivers(otlp: &Dict) -> Vec<Vec<&str>> {
    let inner = otlp.iter().filter_map(|(key, value)| Some((key, value.as_dict()?)));
    let inner = inner.flat_map(|(table, keys)| keys.keys().map(|key| vec!["otlp", table.as_str(), key.as_str()]));
    otlp.keys().map(|key| vec!["otlp", key.as_str()]).chain(inner).collect()
}

fn layer_of(one: Standard) -> Layer {
    let nested = one
        .path
        .iter()
        .rev()
        .fold(Value::from(one.value), |inner, key| Value::from(Dict::from([(key.clone(), inner)])));
    Layer { origin: format!("environment variable {}", one.variable), options: nested.into_dict().unwrap_or_default() }
}

/// The one option `key`.
fn one(origin: String, key: &str, value: &str) -> Layer {
    let options = figment::util::nest(key, Value::from(value)).into_dict().unwrap_or_default();
    Layer { origin, options }
}

/// The value of a text from outside the file that cannot be used as a text: a list, a number, true or false.
pub(super) fn retyped(text: &str, list: bool) -> Option<Value> {
    let text = text.trim();
    if list {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let items = inner.split(',').map(|item| item.trim().trim_matches('"'));
        return Some(items.filter(|item| !item.is_empty()).collect::<Vec<_>>().into());
    }
    None.or_else(|| text.parse::<u64>().ok().map(Value::from))
        .or_else(|| text.parse::<i64>().ok().map(Value::from))
        .or_else(|| text.parse::<f64>().ok().map(Value::from))
        .or_else(|| text.parse::<bool>().ok().map(Value::from))
}
