//! Reads arbitrary text as a configuration file: it is accepted, or every error is reported without showing a value.

#![no_main]

use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use container_security_exporter::config::{self, Override};
use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Value};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Stands for a secret.
const SECRET: &str = "hunter2";

/// Files that the configuration may name. Their contents and existence must not matter.
const FILES: [&str; 4] = ["", "/proc/self/comm", "/dev/null", SECRET];

/// Options that may be set in addition to the file.
const KEYS: [&str; 6] = [
    "server.listen",
    "log.level",
    "limits.max_series_per_family",
    "containers.group_by",
    "sensors.stale_after",
    "collection.mode",
];

// A zero byte may follow, then a letter that selects an option to set in addition to the file, and its value.
fuzz_target!(|data: &[u8]| -> Corpus {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (file, beside) = (parts.next().unwrap_or_default(), parts.next());
    let mut overrides = Vec::new();
    if let Some([letter, value @ ..]) = beside {
        let key = KEYS.get(usize::from(letter.wrapping_sub(b'a')));
        let (Some(key), Ok(value)) = (key, std::str::from_utf8(value)) else { return Corpus::Reject };
        overrides.push(Override { flag: "--flag", key, value: value.to_owned() });
    }
    let options = std::str::from_utf8(file).ok().and_then(|text| Toml::from_str::<Dict>(text).ok());
    if options.as_ref().is_some_and(names_other_files) {
        return Corpus::Reject;
    }

    let mut written = tempfile::tempfile().expect("a temporary file");
    written.write_all(file).and_then(|()| written.rewind()).expect("a file that can be written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", written.as_raw_fd()));
    let read = config::load(Some(&path), &overrides);
    let again = config::load(Some(&path), &overrides);
    assert_eq!(format!("{read:?}"), format!("{again:?}"), "the same file is read the same");
    let Err(invalid) = read else {
        assert!(options.is_some(), "text that is not TOML is not a configuration");
        return Corpus::Keep;
    };
    let errors = invalid.to_string();
    assert_eq!(errors.lines().count(), invalid.0.len(), "a line for each error: {errors}");
    assert!(errors.lines().all(|line| !line.contains(char::is_control)), "{errors:?}");
    let shows_keys = options.as_ref().map_or(errors.contains("duplicate key"), is_in_keys);
    // Errors name labels.
    let quoted =
        |key: &str| ["containers.group_by", "containers.promote_labels"].iter().any(|named| key.starts_with(named));
    let shown = invalid.0.iter().find(|error| error.reason.contains(SECRET) && !quoted(&error.key));
    assert!(shows_keys || shown.is_none(), "{shown:?}");
    Corpus::Keep
});

fn inner(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Dict(_, table) => Box::new(table.values()),
        Value::Array(_, list) => Box::new(list.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

fn tables(value: &Value) -> Vec<&Dict> {
    value.as_dict().into_iter().chain(inner(value).flat_map(tables)).collect()
}

fn all(options: &Dict) -> Vec<&Dict> {
    std::iter::once(options).chain(options.values().flat_map(tables)).collect()
}

/// Whether a key contains the secret: errors show keys.
fn is_in_keys(options: &Dict) -> bool {
    all(options).iter().any(|table| table.keys().any(|key| key.contains(SECRET)))
}

fn names_other_files(options: &Dict) -> bool {
    let named = |(key, value): (&String, &Value)| {
        key.ends_with("_file") && value.as_str().is_some_and(|path| !FILES.contains(&path))
    };
    all(options).iter().any(|table| table.iter().any(named))
}
