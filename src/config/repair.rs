//! Finds every mistake and not only the first: what cannot be read is noted and taken out, and the rest read again.

use std::collections::{BTreeMap, BTreeSet};

use figment::error::Kind;
use figment::value::{Dict, Value};
use serde::Deserialize;

use super::Config;
use super::layers::{Layers, retyped};
use super::mistakes::Located;
use super::words;

/// Past so many readings, what is left is told only after the rest is put right.
const READINGS: usize = 1000;

/// What is to be known of the mistakes that were found, to tell their consequences from others.
#[derive(Default)]
pub(super) struct Noted {
    /// Keys that are no options.
    pub(super) unknown: BTreeSet<String>,
    /// Options that they may have been meant for.
    pub(super) meant: BTreeSet<String>,
}

/// Reads the configuration, notes what is wrong, and returns it as it is without that.
pub(super) fn extract(layers: &Layers, found: &mut Vec<Located>) -> (Config, Noted) {
    let mut repair = Repair {
        tree: layers.tree().clone(),
        tried: BTreeMap::new(),
        retyped: BTreeSet::new(),
        noted: Noted::default(),
    };
    for _ in 0..READINGS {
        match Config::deserialize(&repair.tree) {
            Ok(config) => return (config, repair.noted),
            Err(error) => repair.mend(&error, layers, found),
        }
    }
    if found.is_empty() {
        found.push(Located { origin: layers.origin(&[]), key: String::new(), reason: "cannot be read".to_owned() });
    }
    (Config::default(), repair.noted)
}

struct Repair {
    tree: Value,
    /// How often each option was taken out or replaced; those that were are noted.
    tried: BTreeMap<Vec<String>, usize>,
    /// Options from outside the file that were read as something else than text.
    retyped: BTreeSet<Vec<String>>,
    noted: Noted,
}

impl Repair {
    /// Notes `error`, and takes out what causes it.
    fn mend(&mut self, error: &figment::Error, layers: &Layers, found: &mut Vec<Located>) {
        let mut path = error.path.clone();
        if let Kind::MissingField(name) = &error.kind {
            path.push(name.to_string());
        }
        let value = at(&self.tree, &path);
        if let Kind::InvalidType(_, expected) = &error.kind
            && let Some(Value::String(_, text)) = value
            && layers.is_from_outside(&path)
            && let Some(meant) = retyped(text, expected.contains("sequence"))
            && self.retyped.insert(path.clone())
        {
            replace(&mut self.tree, &path, Some(meant));
            return;
        }
        if !self.tried.contains_key(&path) {
            found.push(Located {
                origin: layers.origin(&path),
                key: key(layers.tree(), &path),
                reason: words::reason(&error.kind, &path, value),
            });
        }
        if let Kind::UnknownField(name, known) = &error.kind {
            self.noted.unknown.insert(key(layers.tree(), &path));
            for option in words::meant(name, known) {
                let (_, table) = path.split_last().expect("it ends with the key that is unknown");
                self.noted.meant.insert(key(layers.tree(), &[table, &[option.to_owned()]].concat()));
            }
        }
        self.take_out(path);
    }

    /// Takes the value at `path` out. If that is a mistake as well, because it must be there, tries values of every
    /// kind in its place, and at last takes out what it is part of.
    fn take_out(&mut self, mut path: Vec<String>) {
        let in_list = |tree: &Value, path: &[String]| {
            path.split_last().and_then(|(_, list)| at(tree, list)).is_some_and(|list| list.as_array().is_some())
        };
        loop {
            let tried = self.tried.entry(path.clone()).or_default();
            // To drop an element would give those after it another place.
            if *tried == 0 && in_list(&self.tree, &path) {
                *tried = 1;
            }
            let stand_in = match *tried {
                0 => None,
                1 => Some(Value::from("")),
                2 => Some(Value::from(0_u8)),
                3 => Some(Value::from(false)),
                4 => Some(Value::from(Vec::<Value>::new())),
                _ if path.pop().is_some() && !path.is_empty() => continue,
                _ => Some(Value::from(Dict::new())),
            };
            *tried += 1;
            replace(&mut self.tree, &path, stand_in);
            return;
        }
    }
}

/// The value at `path`, whose parts are keys of tables and places in lists.
pub(super) fn at<'v>(tree: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(tree, |value, part| match value {
        Value::Dict(_, table) => table.get(part),
        Value::Array(_, list) => list.get(part.parse::<usize>().ok()?),
        Value::String(..) | Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => None,
    })
}

/// Puts `value` at `path`, or nothing.
fn replace(tree: &mut Value, path: &[String], value: Option<Value>) {
    let Some((part, rest)) = path.split_first() else {
        if let Some(value) = value {
            *tree = value;
        }
        return;
    };
    match tree {
        Value::Dict(_, table) => match (rest.is_empty(), value) {
            (true, None) => drop(table.remove(part)),
            (true, Some(value)) => drop(table.insert(part.clone(), value)),
            (false, value) => {
                if let Some(inner) = table.get_mut(part) {
                    replace(inner, rest, value);
                }
            }
        },
        Value::Array(_, list) => {
            if let Some(inner) = part.parse::<usize>().ok().and_then(|place| list.get_mut(place)) {
                replace(inner, rest, value);
            }
        }
        Value::String(..) | Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => {}
    }
}

/// `path` as a person writes it: `source.qualys[0].name`.
fn key(tree: &Value, path: &[String]) -> String {
    let mut key = String::new();
    for (depth, part) in path.iter().enumerate() {
        match at(tree, &path[..depth]) {
            Some(Value::Array(..)) => key.extend(["[", part, "]"]),
            _ if depth == 0 => key.push_str(part),
            _ => key.extend([".", part]),
        }
    }
    key
}
