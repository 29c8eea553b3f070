//! Finds every error, not only the first: whatever cannot be read is recorded and removed, and the rest is read again.

use std::collections::{BTreeMap, BTreeSet};

use figment::error::Kind;
use figment::value::{Dict, Value};
use serde::Deserialize;

use super::Config;
use super::layers::{Layers, retyped};
use super::located::Located;
use super::path::{at, key, replace};
use super::words;

/// After this many attempts the remaining errors are reported only once the others are fixed.
const MAX_ATTEMPTS: usize = 1000;

/// Facts about the errors that were found, to separate their consequences from others.
#[derive(Default)]
pub(super) struct Noted {
    /// Unknown keys.
    pub(super) unknown: BTreeSet<String>,
    /// Options that they may have been intended for.
    pub(super) meant: BTreeSet<String>,
}

/// Reads the configuration, records what is wrong, and returns the rest.
pub(super) fn extract(layers: &Layers, found: &mut Vec<Located>) -> (Config, Noted) {
    let mut repair = Repair {
        tree: layers.tree().clone(),
        tried: BTreeMap::new(),
        retyped: BTreeSet::new(),
        noted: Noted::default(),
    };
    for _ in 0..MAX_ATTEMPTS {
        match Config::deserialize(&repair.tree) {
            Ok(config) => return (config, repair.noted),
            Err(error) => repair.remove_cause(&error, layers, found),
        }
    }
    if found.is_empty() {
        found.push(Located { origin: layers.origin(&[]), key: String::new(), reason: "cannot be read".to_owned() });
    }
    (Config::default(), repair.noted)
}

struct Repair {
    tree: Value,
    /// How often each option was removed or replaced.
    tried: BTreeMap<Vec<String>, usize>,
    /// Options from outside the file that were read as something else than text.
    retyped: BTreeSet<Vec<String>>,
    noted: Noted,
}

impl Repair {
    /// Records `error` and removes its cause.
    fn remove_cause(&mut self, error: &figment::Error, layers: &Layers, found: &mut Vec<Located>) {
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

    /// Removes the value at `path`. If that is an error as well, because it is required, tries values of every kind
    /// instead, and finally removes what it is part of.
    fn take_out(&mut self, mut path: Vec<String>) {
        let in_list = |tree: &Value, path: &[String]| {
            path.split_last().and_then(|(_, list)| at(tree, list)).is_some_and(|list| list.as_array().is_some())
        };
        loop {
            let tried = self.tried.entry(path.clone()).or_default();
            // Dropping an element would move those after it.
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
