//! Logging: one line per event on stderr, as logfmt or JSON.
//!
//! Owns the format of a line and the level filter; events are defined where they happen.

use std::fmt;
use std::io;
use std::panic;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use crate::telemetry::span;

/// The minimum level of logged events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Level {
    /// Every request to a vendor and every run of a collector.
    Debug,
    /// Starts, stops, reloads.
    #[default]
    Info,
    /// Events that may need attention.
    Warn,
    /// Failures.
    Error,
}

impl Level {
    /// Every level, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    const fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error => LevelFilter::ERROR,
        }
    }
}

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object.
    Json,
}

impl Format {
    /// Every format, in the order of their declaration.
    pub const ALL: [Self; 2] = [Self::Logfmt, Self::Json];

    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logfmt => "logfmt",
            Self::Json => "json",
        }
    }
}

/// Reads and writes an enumeration by its words alone; serde's own would take a number for one as well.
macro_rules! by_word {
    ($($kind:ident),*) => {$(
        impl FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| {
                    format!("expected one of {}", Self::ALL.map(Self::as_str).join(", "))
                })
            }
        }

        impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$kind> for &'static str {
            fn from(one: $kind) -> Self {
                one.as_str()
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

by_word!(Level, Format);

/// Level and format. Changes need a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Minimum level: `debug`, `info`, `warn` or `error`.
    pub level: Level,
    /// Line format: `logfmt` or `json`.
    pub format: Format,
}

/// A layer that receives spans.
pub type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging to stderr, panics included. If `spans` are received, lines within the run of a collector carry its
/// trace id.
pub fn start(config: Config, spans: Option<Listener>) -> Result<(), TryInitError> {
    let with_trace = spans.is_some();
    tracing_subscriber::registry().with(spans).with(lines(config, with_trace, io::stderr)).try_init()?;
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
    Ok(())
}

/// The layer that writes a line per event to `writer`, with its trace if that is wanted.
fn lines<S, W>(config: Config, with_trace: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Libraries are heard from `warn` up only: what they say below that is not held to our rules on secrets.
    let shown = Targets::new()
        .with_default(config.level.filter().min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), config.level.filter())
        .with_target(span::TARGET, LevelFilter::OFF)
        .with_target(span::RUN, if with_trace { LevelFilter::ERROR } else { LevelFilter::OFF });
    // A line that cannot be written is dropped: telling stderr that stderr is gone would panic.
    let lines = match config.format {
        Format::Logfmt => {
            let builder = tracing_logfmt::builder().with_target(false).with_span_name(false).with_span_path(false);
            builder.layer().with_writer(writer).log_internal_errors(false).boxed()
        }
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_target(false)
            .with_writer(writer)
            .log_internal_errors(false)
            .boxed(),
    };
    lines.with_filter(shown).boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, format: Format, events: impl FnOnce()) -> Vec<String> {
        logged_with(false, level, format, events)
    }

    fn logged_with(trace: bool, level: Level, format: Format, events: impl FnOnce()) -> Vec<String> {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = lines(Config { level, format }, trace, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), events);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_level_holds_for_us_and_libraries_are_kept_quiet() {
        for (level, shown) in [
            (Level::Debug, "debug info warn error library"),
            (Level::Info, "info warn error library"),
            (Level::Warn, "warn error library"),
            (Level::Error, "error"),
        ] {
            let lines = logged(level, Format::Logfmt, || {
                tracing::trace!("trace");
                tracing::debug!("debug");
                tracing::info!("info");
                tracing::warn!("warn");
                tracing::error!("error");
                tracing::info!(target: "hyper::proto", "never");
                tracing::warn!(target: "hyper::proto", "library");
            });
            let messages: Vec<_> = lines.iter().filter_map(|line| line.split("message=").nth(1)).collect();
            assert_eq!(messages.join(" "), shown);
        }
    }

    #[test]
    fn a_line_within_a_run_shows_its_trace_if_traces_are_pushed() {
        for format in Format::ALL {
            for trace in [false, true] {
                let lines = logged_with(trace, Level::Error, format, || {
                    let within =
                        || span::of_request("GET", "containers", "host", 0).in_scope(|| tracing::error!("within"));
                    span::of_run("prod", "containers").in_scope(within);
                });
                assert_eq!(lines[0].matches("trace_id").count(), usize::from(trace), "{lines:?}");
                assert!(!lines[0].contains("otel") && !lines[0].contains("request"), "{lines:?}");
                if trace && format == Format::Json {
                    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
                    assert_eq!(line["span"]["trace_id"].as_str().map(str::len), Some(32));
                }
            }
        }
    }

    #[test]
    fn no_value_makes_a_second_line_or_a_second_field() {
        let hostile = "one\ntwo\r level=error \"quoted\" \u{1b}[31m";
        for format in Format::ALL {
            let lines = logged(Level::Info, format, || {
                tracing::info!(text = hostile, shown = %hostile, debugged = ?hostile, "said {hostile}");
            });
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(!lines[0].contains('\u{1b}'), "{lines:?}");
            if format == Format::Json {
                let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
                assert_eq!((&line["level"], &line["text"]), (&"INFO".into(), &hostile.into()));
                assert_eq!(line["shown"], hostile);
            }
        }
    }

    #[test]
    fn words_are_read_as_they_are_written_and_numbers_are_not_words() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(serde_json::to_string(&level).unwrap(), format!("\"{level}\""));
        }
        assert_eq!("JSON".parse::<Format>(), Err("expected one of logfmt, json".to_owned()));
        assert!(serde_json::from_str::<Level>("1").is_err());
    }
}
