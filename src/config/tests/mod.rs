//! The configuration as users see it: valid files, invalid files, and the example.

use std::collections::BTreeSet;
use std::fs;

use figment::error::{Error, Kind};
use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Value};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// The errors of the environment and flags over a valid file.
fn with(environment: &[(&str, &str)], overrides: &[Override]) -> Result<Config, String> {
    let file = Path::new("tests/config/minimal.ok.toml");
    read(Some(file), variables(environment), overrides).map_err(|invalid| invalid.to_string())
}

#[test]
fn good_files_are_valid_and_bad_ones_report_every_error() {
    let mut files: Vec<_> = fs::read_dir("tests/config").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut good, mut bad) = (0, 0);
    for file in files {
        let name = file.to_str().unwrap();
        if name.ends_with(".ok.toml") {
            good += 1;
            assert_eq!(read(Some(&file), [], &[]).map_err(|invalid| invalid.to_string()).err(), None);
        } else if name.ends_with(".bad.toml") {
            bad += 1;
            let text = fs::read_to_string(&file).unwrap();
            let expected: Vec<_> = text.lines().map_while(|line| line.strip_prefix("#! ")).collect();
            let invalid = read(Some(&file), [], &[]).unwrap_err().to_string();
            let wanted: BTreeSet<_> = expected.iter().map(|error| format!("{name}: {error}")).collect();
            assert_eq!(invalid.lines().map(str::to_owned).collect::<BTreeSet<_>>(), wanted);
            assert_eq!(invalid.lines().count(), expected.len(), "an error is reported twice");
            assert!(!invalid.contains("hunter2"), "{invalid}");
        }
    }
    assert!(good > 1 && bad > 5, "{good} good and {bad} bad files");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for (file, reason) in [("tests/config/none.toml", "No such file"), ("tests/config", "Is a directory")] {
        let invalid = read(Some(Path::new(file)), [], &[]).unwrap_err();
        assert_eq!(invalid.0.len(), 1, "{invalid}");
        assert!(invalid.to_string().starts_with(&format!("{file}: cannot read the file: {reason}")), "{invalid}");
    }
    let invalid = read(None, [], &[]).unwrap_err().to_string();
    assert_eq!(
        invalid,
        "configuration: source: no source is configured; add one, as in [[source.qualys]] or [[source.prisma]]"
    );
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let environment = [
        ("CSE__SERVER__LISTEN", "127.0.0.1:1"),
        ("CSE__SERVER__TELEMETRY_PATH", "/m"),
        ("CSE__LIMITS__MAX_SERIES_PER_FAMILY", "5"),
        ("CSE__CONTAINERS__GROUP_BY", "host_name, k8s_cluster_name"),
        ("CSE__CONTAINERS__PROMOTE_LABELS", "[\"app\",\"0012\"]"),
        ("CSE__SENSORS__STALE_AFTER", "2h"),
        // Not a number, though it looks like one.
        ("CSE__STATE__DIR", "0012345"),
        ("CSE_OTHER", "not ours"),
        ("PATH", "/bin"),
    ];
    let listen = Override { flag: "--web.listen-address", key: "server.listen", value: "127.0.0.1:2".to_owned() };
    let config = with(&environment, &[listen]).unwrap();
    assert_eq!((config.server.listen.as_str(), config.server.telemetry_path.as_str()), ("127.0.0.1:2", "/m"));
    assert_eq!(config.limits.max_series_per_family, 5);
    assert_eq!(config.containers.group_by, ["host_name", "k8s_cluster_name"]);
    assert_eq!(config.containers.promote_labels, ["app", "0012"]);
    assert_eq!(config.sensors.stale_after.to_string(), "2h");
    assert_eq!(config.state.dir, Some("0012345".into()));
    let none = with(&[("CSE__CONTAINERS__GROUP_BY", "")], &[]).unwrap();
    assert!(none.containers.group_by.is_empty());
}

#[test]
fn errors_outside_the_file_name_their_origin() {
    for (name, value, expected) in [
        ("CSE__SERVER__LISTN", "hunter2", "server.listn: unknown key; did you mean listen?"),
        ("CSE__SERVR__LISTEN", "hunter2", "servr: unknown key; did you mean server?"),
        ("CSE__SERVER", "hunter2", "server: expected a table, found a text"),
        ("CSE__CONTAINERS__TOP_K", "hunter2", "containers.top_k: expected a whole number, 0 or more, found a text"),
        ("CSE__CONTAINERS__TOP_K", "-1", "containers.top_k: expected a whole number, 0 or more, found a number"),
        ("CSE__LOG__LEVEL", "2", "log.level: expected one of debug, info, warn, error"),
        ("CSE__", "hunter2", "names no option; for example, CSE__SERVER__LISTEN sets server.listen"),
        (
            "CSE__SERVER____LISTEN",
            "hunter2",
            "server..listen: names no option; for example, CSE__SERVER__LISTEN sets server.listen",
        ),
        (
            "CSE__SOURCE__QUALYS__0__PASSWORD",
            "hunter2",
            "source.qualys.0.password: sources are set in the file only, where each has a name; \
             a secret can be in an environment variable that the file names, as in password_env",
        ),
    ] {
        let error = with(&[(name, value)], &[]).unwrap_err();
        assert_eq!(error, format!("environment variable {name}: {expected}"));
    }
    let path = Override { flag: "--web.telemetry-path", key: "server.telemetry_path", value: "metrics".to_owned() };
    let error = with(&[("CSE__SERVER__LISTEN", "nowhere")], &[path]).unwrap_err();
    let keys: Vec<_> = error.lines().map(|line| line.split(": is not").next().unwrap_or_default()).collect();
    assert_eq!(
        keys,
        ["environment variable CSE__SERVER__LISTEN: server.listen", "--web.telemetry-path: server.telemetry_path"]
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused_and_an_error_is_one_line() {
    use std::os::unix::ffi::OsStringExt;
    let bad = OsString::from_vec(b"\xff".to_vec());
    let file = Path::new("tests/config/minimal.ok.toml");
    let invalid = read(Some(file), [("CSE__LOG__LEVEL".into(), bad.clone())], &[]).unwrap_err().to_string();
    assert_eq!(invalid, "environment variable CSE__LOG__LEVEL: log.level: its value is not valid UTF-8");
    assert_eq!(read(Some(file), [("OTHER".into(), bad)], &[]).map(drop), Ok(()));
    let invalid = with(&[("CSE__A\nB\u{1b}[31m", "1")], &[]).unwrap_err();
    assert!(!invalid.contains(['\n', '\u{1b}']), "{invalid:?}");
}

proptest! {
    #[test]
    fn any_file_is_refused_without_quoting_a_value(
        lines in prop::collection::vec((
            prop::sample::select(vec!["server.listen", "server", "log.level", "log", "limits.max_series_per_family",
                "sensors.stale_after", "state.dir", "containers.group_by", "containers.top_k", "x", "x.y", "\"\"",
                "source.qualys", "source"]),
            prop::sample::select(vec!["\"5 hunter2\"", "\"hunter2\"", "7", "-7", "1.5", "nan", "true", "[]", "{}",
                "2020-01-01", "[\"hunter2\", 7]", "[7, true, \"7\"]", "{ hunter2 = \"hunter2\" }", "[{ name = 7 }, 7]",
                "[[[]]]", "hunter2", "\"\"\"hunter2"]),
        ), 0..6),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("c.toml");
        let text = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n");
        fs::write(&file, &text).unwrap();
        let invalid = read(Some(&file), [], &[]).unwrap_err();
        for Located { reason, key, .. } in &invalid.0 {
            // The names of labels are shown, so that a typo can be seen among many.
            prop_assert!(!reason.contains("hunter2") || key.starts_with("containers.group_by"), "{text}\n{invalid}");
        }
    }
}

/// One step into the options: a key of a table, or an element of a list.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Element,
}

/// serde's error for a table with an impossible key at `steps`.
fn probe(steps: &[Step]) -> Error {
    let strange = Value::from(Dict::from([("?".to_owned(), Value::from(0_u8))]));
    let tree = steps.iter().rev().fold(strange, |inner, step| match step {
        Step::Key(key) => Value::from(Dict::from([(key.clone(), inner)])),
        Step::Element => Value::from(vec![inner]),
    });
    Config::deserialize(&tree).expect_err("no option is a table with such a key")
}

/// The names of all options, as the code reads them: tables report their valid keys.
fn options(steps: &[Step], found: &mut BTreeSet<String>) {
    let into = |step: Step| steps.iter().cloned().chain([step]).collect::<Vec<_>>();
    let error = probe(steps);
    if let Kind::UnknownField(_, known) = &error.kind {
        for key in *known {
            options(&into(Step::Key((*key).to_owned())), found);
        }
        return;
    }
    if let Kind::InvalidType(_, expected) = &error.kind {
        if expected.contains("sequence") {
            return options(&into(Step::Element), found);
        }
        // A table with keys of any name, whose values are tables or plain texts.
        if error.path.last().is_some_and(|last| last == "?") && steps.last() != Some(&Step::Key("?".to_owned())) {
            return options(&into(Step::Key("?".to_owned())), found);
        }
    }
    let names = steps.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Element => None,
    });
    found.insert(names.collect::<Vec<_>>().join("."));
}

/// The names of all options in a file.
fn written(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Dict(_, table) => {
            for (key, value) in table {
                written(value, format!("{at}.{key}").trim_start_matches('.'), found);
            }
        }
        Value::Array(_, list) if list.iter().any(|item| item.as_dict().is_some()) => {
            for item in list {
                written(item, at, found);
            }
        }
        Value::String(..)
        | Value::Char(..)
        | Value::Bool(..)
        | Value::Num(..)
        | Value::Empty(..)
        | Value::Array(..) => {
            found.insert(at.to_owned());
        }
    }
}

/// The example with the commented-out lines for which `on` holds enabled.
fn example(on: impl Fn(&str) -> bool) -> String {
    let text = fs::read_to_string("config.example.toml").unwrap();
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(option)
            if option.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '[') && on(option) =>
        {
            option
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_example(line: &str) -> bool {
    line.ends_with("# example")
}

#[test]
fn the_example_is_valid_and_shows_the_defaults() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "any\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let configs = [example(|_| false), example(|line| !is_example(line))].map(|text| {
        let file = directory.path().join("config.toml");
        let any = secret.path().to_str().unwrap();
        let text = text.replace("/run/secrets/qualys-password", any).replace("/run/secrets/prisma-password", any);
        fs::write(&file, text).unwrap();
        read(Some(&file), [], &[]).map_err(|invalid| invalid.to_string()).unwrap()
    });
    assert_eq!(configs[0], configs[1], "a default in config.example.toml is not the code's");
}

#[test]
fn the_example_has_every_option_and_no_others() {
    let tree: Dict = Toml::from_str(&example(|_| true)).unwrap();
    let tree = Value::from(tree);
    let config = Config::deserialize(&tree);
    assert!(config.is_ok(), "{:?}", config.map_err(|error| (error.path, error.kind)));
    let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
    options(&[], &mut known);
    written(&tree, "", &mut shown);
    // User-defined keys match any key.
    let missing: Vec<_> = known.iter().filter(|option| !shown.iter().any(|shown| matches(shown, option))).collect();
    assert!(missing.is_empty(), "config.example.toml does not show {missing:?}");
    assert!(known.len() > 10, "{known:?}");
}

#[test]
fn the_example_lists_the_labels_that_containers_can_be_grouped_by() {
    let text = fs::read_to_string("config.example.toml").unwrap();
    let (_, list) = text.split_once("Choices: ").unwrap();
    let (list, _) = list.split_once(", and label_<key> for every promoted label.").unwrap();
    let listed: Vec<_> = list.split(',').map(|name| name.trim_matches(['#', ' ', '\n'])).collect();
    let choices: Vec<_> = catalog::choices().map(|label| label.name).collect();
    assert_eq!(listed, choices, "the labels in config.example.toml are not the code's");
}

/// Whether `name` matches `pattern`, where a `?` in the pattern matches any key.
fn matches(name: &str, pattern: &str) -> bool {
    let mut parts = name.split('.');
    pattern.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "?" || wanted == part))
}

#[test]
fn the_configuration_overrides_the_variables_of_opentelemetry() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let from = |otlp: &str, environment: &[(&str, &str)]| {
        let minimal = fs::read_to_string("tests/config/minimal.ok.toml").unwrap();
        fs::write(file.path(), format!("[otlp]\n{otlp}\n{minimal}")).unwrap();
        read(Some(file.path()), variables(environment), &[]).map_err(|invalid| invalid.to_string())
    };
    let environment = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://env/exact"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=a,service.name=b"),
        ("OTEL_SERVICE_NAME", "c"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "hunter2"),
    ];
    let alone = from("", &environment).unwrap();
    assert_eq!(alone.otlp.metrics.endpoint.as_deref(), Some("http://env/exact"));
    assert_eq!(alone.otlp.headers, [("authorization", "hunter2")].into_iter().collect());
    assert_eq!((alone.otlp.interval.to_string(), alone.otlp.timeout.to_string()), ("5s".to_owned(), "2s".to_owned()));
    assert_eq!(alone.otlp.resource_attributes["service.name"], "c");
    assert_eq!(alone.ignored.len(), 1);
    assert!(!format!("{:?} {:?}", alone.otlp, alone.ignored).contains("hunter2"));

    let set = "endpoint = \"http://file\"\nheaders = { x = \"1\" }\ninterval = \"9s\"\n\
               resource_attributes = { \"service.name\" = \"d\" }";
    let both = from(set, &environment).unwrap().otlp;
    assert_eq!((both.endpoint.as_deref(), both.metrics.endpoint), (Some("http://file"), None));
    assert_eq!(both.headers, [("x", "1")].into_iter().collect());
    assert_eq!((both.interval.to_string(), both.timeout.to_string()), ("9s".to_owned(), "2s".to_owned()));
    assert_eq!(both.resource_attributes["service.name"], "d");
    assert_eq!(both.resource_attributes["service.namespace"], "a");

    let wrong = from("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")]).unwrap_err();
    assert_eq!(
        wrong,
        "environment variable OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint: is not an http:// or https:// URL; \
         write a URL such as \"http://collector:4318\""
    );
    let refused = from("headers = \"authorization=hunter2\"", &[]).unwrap_err();
    assert!(refused.ends_with("otlp.headers: expected a table, found a text"), "{refused}");
    let refused = from("headers = { a = [\"hunter2\"] }", &[]).unwrap_err();
    assert!(refused.contains("otlp.headers") && !refused.contains("hunter2"), "{refused}");
}
