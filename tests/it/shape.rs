//! Rules about the repository: module dependencies, and the properties of every metric.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use container_security_exporter::catalog;
use container_security_exporter::metric::{Kind, Metric, Unit};
use container_security_exporter::output::reference;

/// Every module of the library from top to bottom, as in `lib.rs`, and the modules above it that it may use.
const MODULES: &[(&str, &[&str])] = &[
    ("setting", &[]),
    ("lock", &[]),
    ("clock", &[]),
    ("random", &[]),
    ("telemetry", &["lock", "clock"]),
    ("names", &[]),
    ("record", &["clock", "names"]),
    ("inventory", &["clock", "names", "record"]),
    ("checkpoint", &["lock", "clock", "names", "record", "inventory"]),
    ("client", &["setting", "lock", "clock", "random", "telemetry"]),
    ("wire", &["clock", "telemetry", "record", "client"]),
    ("paging", &["clock", "telemetry", "record", "client", "wire"]),
    ("session", &["setting", "lock", "clock", "telemetry", "client", "wire"]),
    ("labels", &["names"]),
    (
        "source",
        &[
            "setting",
            "lock",
            "clock",
            "telemetry",
            "names",
            "record",
            "inventory",
            "checkpoint",
            "client",
            "wire",
            "paging",
            "session",
            "labels",
        ],
    ),
    ("view", &["telemetry", "names", "record", "inventory"]),
    ("metric", &["telemetry", "record", "view"]),
    ("catalog", &["setting", "clock", "telemetry", "names", "record", "view", "metric"]),
    ("snapshot", &["inventory", "view", "metric", "catalog"]),
    ("process", &["view"]),
    (
        "self_metrics",
        &["checkpoint", "clock", "telemetry", "inventory", "view", "process", "metric", "catalog", "snapshot"],
    ),
    (
        "output",
        &[
            "setting",
            "lock",
            "clock",
            "random",
            "telemetry",
            "client",
            "record",
            "view",
            "metric",
            "catalog",
            "snapshot",
            "self_metrics",
        ],
    ),
    ("server", &["setting", "output"]),
    ("collect", &["setting", "lock", "clock", "random", "telemetry", "record", "inventory", "checkpoint", "source"]),
    ("logging", &["telemetry"]),
    ("config", &["setting", "source", "catalog", "output", "server", "collect", "logging"]),
    (
        "app",
        &[
            "lock",
            "clock",
            "telemetry",
            "inventory",
            "checkpoint",
            "source",
            "metric",
            "catalog",
            "snapshot",
            "self_metrics",
            "output",
            "server",
            "collect",
            "config",
        ],
    ),
];

/// Pure code: no clock, no input or output, nothing asynchronous.
const PURE: &[&str] = &[
    "names.rs",
    "record/",
    "inventory/",
    "view/",
    "metric/",
    "catalog/",
    "snapshot.rs",
    "output/openmetrics.rs",
    "output/text.rs",
    "output/compress.rs",
    "output/reference.rs",
    "output/negotiate.rs",
    "output/otlp/answer.rs",
    "output/otlp/encode.rs",
    "output/otlp/environment.rs",
    "output/otlp/sent_series.rs",
];

/// What pure code must not contain.
const IMPURE: &[&str] =
    &["tokio", "std::fs", "std::net", "std::env", "std::process", "async ", ".await", "Instant", "SystemTime", "Clock"];

/// Labels that scrape targets commonly have.
const OF_TARGETS: &[&str] =
    &["instance", "job", "namespace", "pod", "container", "node", "cluster", "service", "endpoint"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of the library that is not a test, with its path below `src`.
pub(crate) fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder of src") {
            let path = entry.expect("a readable entry of src").path();
            let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
            if is_test {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).expect("a path below src").display().to_string();
                found.push((name, code(&read(&path))));
            }
        }
    }
    assert!(found.len() > 50, "only {} files were found in src", found.len());
    found
}

/// The lines that are neither comments nor part of the tests at the end of a file.
fn code(text: &str) -> String {
    let text = text.split_once("#[cfg(test)]\nmod tests {").map_or(text, |(code, _)| code);
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The modules of the crate's root that a file names. `depth` is the number of folders and files below the root.
fn named(code: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&path) {
            let before = &code[..at];
            let is_inner = before.ends_with(|last: char| last.is_alphanumeric() || "_$".contains(last));
            if is_inner || before.ends_with("super::") {
                continue;
            }
            let after = &code[at + path.len()..];
            match after.strip_prefix('{') {
                Some(list) => found.extend(first_words_of_list(list)),
                None => found.extend(first_word(after)),
            }
        }
    }
    found
}

fn first_word(text: &str) -> Option<String> {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    Some(text[..end].to_owned()).filter(|word| !word.is_empty() && word != "super")
}

/// The first word of each element of a list, up to its closing brace.
fn first_words_of_list(list: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut elements = vec![String::new()];
    for letter in list.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => elements.push(String::new()),
            other => elements.last_mut().expect("it begins with one").push(other),
        }
    }
    elements.iter().filter_map(|element| first_word(element.trim())).collect()
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "use crate::{\n    alpha::{One, crate_like::Two},\n    beta,\n};\n// crate::comment::X\nlet x = crate::gamma::f();\n\
                use super::super::delta;\nuse super::sibling;\npub(crate) fn f() {}\nmy_crate::other();\n\
                #[cfg(test)]\nmod tests {\n    use crate::test_only;\n}\n";
    let names: Vec<_> = named(&code(text), 2).into_iter().collect();
    assert_eq!(names, ["alpha", "beta", "delta", "gamma"]);
    assert_eq!(named("use super::above::X;", 1).into_iter().collect::<Vec<_>>(), ["above"]);
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let lib = read(&root().join("src/lib.rs"));
    let declared: Vec<_> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let listed: Vec<_> = MODULES.iter().map(|(module, _)| *module).collect();
    assert_eq!(declared, listed, "the modules of lib.rs, in order, are not those of the table in this test");
    for (place, (module, knows)) in MODULES.iter().enumerate() {
        let back = knows.iter().find(|known| !listed[..place].contains(known));
        assert_eq!(back, None, "{module} would depend on a module below it");
    }

    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let parts: Vec<_> = file.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
        let Some((_, knows)) = MODULES.iter().find(|(module, _)| *module == parts[0]) else {
            assert!(["lib", "main"].contains(&parts[0]), "{file} does not belong to a module");
            continue;
        };
        for name in named(&code, parts.len()) {
            if name != parts[0] && listed.contains(&name.as_str()) && !knows.contains(&name.as_str()) {
                wrong.push(format!("src/{file} uses crate::{name}, which {} may not know", parts[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn computing_and_rendering_code_is_pure() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, code) in sources() {
        let Some(rule) = PURE.iter().find(|pure| file.starts_with(**pure)) else { continue };
        seen.insert(rule);
        let lines = code.lines().filter(|line| IMPURE.iter().any(|impure| line.contains(impure)));
        wrong.extend(lines.map(|line| format!("src/{file}: {}", line.trim())));
    }
    assert_eq!(seen.len(), PURE.len(), "some of {PURE:?} no longer exist");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_word(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn every_metric_follows_the_naming_rules() {
    let reference = read(&root().join("docs/metrics.md"));
    let mut names = BTreeSet::new();
    for metric in catalog::all() {
        let name = metric.name();
        assert!(names.insert(name), "{name} is in the catalog twice");
        assert!(is_word(name), "{name}");
        assert!(name.starts_with("container_security_") || name.starts_with("process_"), "{name}");
        assert_eq!(
            metric.kind() == Kind::Counter,
            name.ends_with("_total"),
            "{name}: counters, and only counters, have this ending"
        );
        assert!(metric.is_live() || metric.kind() == Kind::Gauge, "{name}: a vendor's state is a gauge");
        let stem = name.trim_end_matches("_total");
        let reserved = ["_sum", "_count", "_bucket", "_created", "_info_info"];
        assert!(!reserved.iter().any(|suffix| stem.ends_with(suffix)), "{name}: its suffix is reserved by the formats");
        assert!(stem.ends_with(metric.unit().suffix()), "{name} does not end in its unit {:?}", metric.unit());
        let in_time = stem.ends_with("_seconds");
        // The one name that is older than the rule.
        let standard = name == "process_start_time_seconds";
        assert_eq!(in_time, matches!(metric.unit(), Unit::Seconds | Unit::UnixSeconds), "{name}");
        assert!(standard || stem.ends_with("_timestamp_seconds") == (metric.unit() == Unit::UnixSeconds), "{name}");
        assert_eq!(stem.ends_with("_bytes"), metric.unit() == Unit::Bytes, "{name}");
        let ucum = metric.unit().ucum();
        let thing = ucum.strip_prefix('{').and_then(|thing| thing.strip_suffix('}'));
        assert!(thing.map_or(["", "s", "By"].contains(&ucum.as_str()), is_word), "{name}: unit {ucum:?}");
        let help = metric.help();
        assert!(help.starts_with(|first: char| first.is_uppercase()), "{name}: help {help:?}");
        assert!(!help.contains(['\n', '\\']) && !help.ends_with(['.', ' ']), "{name}: help {help:?}");
        assert!(help.chars().count() <= 80, "{name}: help is longer than 80 characters: {help:?}");
        let verbal = ["When ", "How ", "Whether ", "What ", "Which "];
        assert!(!verbal.iter().any(|word| help.starts_with(word)), "{name}: help is not a noun phrase: {help:?}");
        let says_unit = match metric.unit() {
            Unit::Seconds => help.contains("seconds"),
            Unit::UnixSeconds => help.ends_with("Unix seconds"),
            Unit::Bytes => help.to_lowercase().contains("bytes"),
            Unit::Each(_) | Unit::Plain => true,
        };
        assert!(says_unit, "{name}: help lacks the unit: {help:?}");
        assert!(reference.contains(&format!("| `{name}` |")), "{name} is not in docs/metrics.md");
        labels_are_good(metric);
    }
    assert!(names.len() > 40, "only {} families are in the catalog", names.len());
}

fn labels_are_good(metric: &dyn Metric) {
    let mut seen = BTreeSet::new();
    let labels = metric.labels().into_iter().flatten().chain(
        // Those that the configuration may choose.
        catalog::choices()
            .filter(|_| metric.group() == Some("‹group›"))
            .chain(catalog::image_choices().filter(|_| metric.group() == Some("‹image group›"))),
    );
    for label in labels {
        let (name, family) = (label.name, metric.name());
        assert!(seen.insert(name), "{family}: label {name} twice");
        assert!(is_word(name) && !name.starts_with("__"), "{family}: label {name}");
        assert!(!OF_TARGETS.contains(&name), "{family}: label {name} clashes with a scrape target's own");
        assert!(!["le", "quantile"].contains(&name), "{family}: label {name} is reserved by the formats");
        assert!(
            !label.help.is_empty() && !label.help.contains(['\n', '|']),
            "{family}: label {name} lacks a usable help text"
        );
    }
}

#[test]
fn the_reference_matches_the_catalog() {
    let file: PathBuf = root().join("docs/metrics.md");
    let wanted = reference::write();
    #[expect(clippy::disallowed_methods, reason = "the caller chooses whether to update the file")]
    let update = std::env::var_os("UPDATE").is_some_and(|update| update == "1");
    if update {
        std::fs::write(&file, &wanted).expect("a file that can be written");
    }
    let different =
        read(&file).lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted).map(|(is, _)| is.to_owned());
    assert!(
        read(&file) == wanted,
        "docs/metrics.md differs from the catalog, first at {different:?}; update it with\n  UPDATE=1 cargo test --test it shape::"
    );
}

/// Whether the text is a Rust identifier.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

#[test]
fn tests_named_by_the_promises_exist() {
    let page = read(&root().join("docs/correctness.md"));
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| text.contains("::") && text.split("::").all(is_name))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let (module, test) = name.rsplit_once("::").expect("it has one");
        let file = match module.split_once("::") {
            None => format!("tests/it/{module}.rs"),
            Some(("cases", module)) => format!("tests/it/cases/{module}.rs"),
            Some((module, "tests")) => format!("src/{module}/tests/mod.rs"),
            Some((room, module)) => format!("src/{room}/{}.rs", module.replace("::", "/")),
        };
        let code = read(&root().join(&file));
        let is_there = code.contains(&format!("fn {test}()")) || code.contains(&format!("    {test}: "));
        assert!(is_there, "{file} has no test {test}");
    }
}
