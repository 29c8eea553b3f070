//! The program: arguments, logging, configuration and exit code. Everything else is in the library.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use container_security_exporter::clock::Clock;
use container_security_exporter::config::{self, Config, Override, Overrides};
use container_security_exporter::logging::{self, Format, Level};
use container_security_exporter::output::otlp::Traces;
use container_security_exporter::self_metrics::{REVISION, RUSTC, VERSION};
use container_security_exporter::{app, output};
use mimalloc::MiMalloc;

/// glibc's allocator keeps a heap per thread and returns little of them: ten times the memory if many threads take
/// turns.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long other threads may keep working once everything else has ended.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Prometheus metrics for Qualys Container Security and Prisma Cloud Compute
#[derive(Parser)]
#[command(name = "container-security-exporter", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Collect and serve until SIGTERM or SIGINT (default)
    Serve,
    /// Validate the configuration and print every error
    Check,
    /// Collect once and print the metrics; exit with 1 if a collector failed
    Once,
    /// Print the metric reference as Markdown
    Metrics,
}

#[derive(Args)]
struct Flags {
    /// Configuration file
    #[arg(long = "config.file", alias = "config", value_name = "FILE", default_value = "config.toml", global = true)]
    config: PathBuf,
    /// Listen address, such as 127.0.0.1:9877, or :9877 for all addresses; overrides `server.listen`
    #[arg(long = "web.listen-address", value_name = "ADDRESS", global = true)]
    listen: Option<String>,
    /// Path of the metrics; overrides `server.telemetry_path`
    #[arg(long = "web.telemetry-path", value_name = "PATH", global = true)]
    telemetry_path: Option<String>,
    /// Minimum log level; overrides `log.level`
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    #[arg(value_parser = PossibleValuesParser::new(Level::ALL.map(Level::as_str)))]
    log_level: Option<String>,
    /// Log format; overrides `log.format`
    #[arg(long = "log.format", value_name = "FORMAT", global = true)]
    #[arg(value_parser = PossibleValuesParser::new(Format::ALL.map(Format::as_str)))]
    log_format: Option<String>,
}

impl Flags {
    /// The options among them.
    fn overrides(&self) -> Overrides {
        [
            ("--web.listen-address", "server.listen", &self.listen),
            ("--web.telemetry-path", "server.telemetry_path", &self.telemetry_path),
            ("--log.level", "log.level", &self.log_level),
            ("--log.format", "log.format", &self.log_format),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| value.clone().map(|value| Override { flag, key, value }))
        .collect()
    }
}

/// The error that ends the program, for stderr; empty if it has been logged already.
struct Failed(String);

impl<E: Display> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let (outcome, code) = match Arguments::try_parse() {
        Ok(arguments) => (run(&arguments), ExitCode::FAILURE),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => (print(&version()), ExitCode::FAILURE),
        Err(error) if error.use_stderr() => (Err(Failed(error.to_string())), ExitCode::from(2)),
        Err(help) => (print(&help.to_string()), ExitCode::FAILURE),
    };
    let Err(Failed(reason)) = outcome else {
        return ExitCode::SUCCESS;
    };
    let reason = reason.trim_end();
    if reason.is_empty() {
        return code;
    }
    // Without stderr, the exit code is all that remains.
    writeln!(io::stderr(), "{reason}").map_or(code, |()| code)
}

fn run(arguments: &Arguments) -> Result<(), Failed> {
    let flags = &arguments.flags;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let overrides = flags.overrides();
            let config = config::load(Some(&flags.config), &overrides)?;
            let path = Some(flags.config.clone());
            started(&config, app::serve(path, overrides, config.clone()))
        }
        Command::Check => {
            let config = config::load(Some(&flags.config), &flags.overrides())?;
            let ignored: String = config.ignored.iter().flat_map(|ignored| [ignored, "\n"]).collect();
            print(&(ignored + "config is valid\n"))
        }
        Command::Once => {
            let config = config::load(Some(&flags.config), &flags.overrides())?;
            let (metrics, failed) = started(&config, app::once(config.clone()))?;
            print(&metrics)?;
            if failed.is_empty() { Ok(()) } else { Err(Failed(format!("failed: {}", failed.join(", ")))) }
        }
        Command::Metrics => print(&output::reference::write()),
    }
}

/// Starts logging and runs `work` to its end, including the work of its threads.
fn started<T>(config: &Config, work: impl Future<Output = Result<T, String>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let traces = {
        let _within = runtime.enter();
        Traces::start(&config.otlp, &config.server.listen, Clock::system())?
    };
    logging::start(config.log, traces.as_ref().map(Traces::listener))?;
    let outcome = runtime.block_on(async {
        let outcome = work.await;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        outcome
    });
    runtime.shutdown_timeout(LAST_WORK);
    outcome.map_err(|reason| {
        tracing::error!("{reason}");
        Failed(String::new())
    })
}

/// Prints to stdout. A closed pipe is not an error.
fn print(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed(format!("cannot write to stdout: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The version, in the form that exporters share.
fn version() -> String {
    let revision = if REVISION.is_empty() { "unknown" } else { REVISION };
    format!("{}, version {VERSION} (revision: {revision})\n  rustc: {RUSTC}\n", env!("CARGO_PKG_NAME"))
}
