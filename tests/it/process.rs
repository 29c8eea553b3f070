//! The real binary, run as a separate process.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use simulator::console::Console;
use simulator::server::{Options, Server, prisma};
use simulator::tenant::Tenant;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::http::request;
use crate::support::{PATIENCE, few_retries, unlimited};

/// A vendor with the default account.
pub(crate) async fn vendor(tenant: Tenant) -> Server {
    vendor_with(tenant, Options::default()).await
}

/// A vendor with these options.
pub(crate) async fn vendor_with(tenant: Tenant, options: Options) -> Server {
    Server::start(Arc::new(Mutex::new(tenant)), options).await.expect("a vendor on loopback")
}

/// A Prisma Cloud console without a rate limit in practice.
pub(crate) async fn cloud(console: Console) -> Server {
    let options = prisma::Options::default();
    Server::start_prisma(Arc::new(Mutex::new(console)), options).await.expect("a console on loopback")
}

/// A directory with a configuration and the passwords of the vendors' default accounts.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().expect("a directory for the test") };
        home.write("password", &format!("{}\n", Options::default().password));
        home.write("cloud-password", &format!("{}\n", prisma::Options::default().password));
        home
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file in the test's directory");
        // It may hold a secret.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("permissions");
    }

    /// Writes the configuration: a free port to listen on, and `text`. Hostile tenants have more unreadable rows than a
    /// run may reject by default.
    pub(crate) fn configure(&self, text: &str) {
        let limits = if text.contains("[limits]") { "" } else { "[limits]\nmax_rejected_percent = 100\n" };
        self.write("config.toml", &format!("{limits}[server]\nlisten = \"127.0.0.1:0\"\n{text}"));
    }

    /// Lines of configuration for a source that logs in with the password; `keys` are extra lines.
    pub(crate) fn source(&self, name: &str, vendor: &Server, keys: &str) -> String {
        self.source_of("qualys", name, vendor, "password", &unlimited(keys))
    }

    /// Like [`Home::source`], for a Prisma Cloud console.
    pub(crate) fn cloud(&self, name: &str, vendor: &Server, keys: &str) -> String {
        self.source_of("prisma", name, vendor, "cloud-password", &few_retries(keys))
    }

    fn source_of(&self, kind: &str, name: &str, vendor: &Server, password: &str, keys: &str) -> String {
        format!(
            "[[source.{kind}]]\nname = {name:?}\nbase_url = {:?}\nusername = \"exporter\"\npassword_file = '{}'\n{keys}\n",
            vendor.base_url(),
            self.path(password).display()
        )
    }

    /// The binary with these arguments, this configuration and an empty environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_container-security-exporter"));
        command.env_clear().current_dir(self.dir.path()).args(arguments);
        command
    }

    /// Runs it until it exits.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command(arguments)).end().await
    }

    /// Runs it until it serves.
    pub(crate) async fn serve(&self, arguments: &[&str]) -> Serving {
        Serving::start(self.command(arguments)).await
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process that is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: UnboundedReceiver<String>,
    stdout: Option<JoinHandle<String>>,
    stderr: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let (said, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let line = line.expect("UTF-8 on stderr");
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).expect("UTF-8 on stdout");
            text
        });
        Self { child, lines, stdout: Some(stdout), stderr: String::new() }
    }

    /// The next line of stderr; `None` at its end.
    async fn line(&mut self) -> Option<String> {
        let line = timeout(PATIENCE, self.lines.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("no further output, and it does not exit:\n{}", self.stderr))?;
        self.stderr.extend([&line, "\n"]);
        Some(line)
    }

    /// Waits for a line of stderr that contains this.
    pub(crate) async fn said(&mut self, what: &str) -> String {
        while let Some(line) = self.line().await {
            if line.contains(what) {
                return line;
            }
        }
        panic!("it exited without printing {what:?}:\n{}", self.stderr);
    }

    /// Waits until it exits.
    pub(crate) async fn end(mut self) -> Ended {
        while self.line().await.is_some() {}
        let status = self.child.wait().expect("a child of ours");
        let stdout = self.stdout.take().expect("it is taken here only").join().expect("stdout was read");
        Ended { code: status.code(), stdout, stderr: std::mem::take(&mut self.stderr) }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("the kill command").success(), "{signal} could not be sent");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that has exited cannot and need not be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A serving process.
pub(crate) struct Serving {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
}

impl Serving {
    pub(crate) async fn start(command: Command) -> Self {
        let mut process = Running::start(command);
        // The vendors are on this address as well, but do not print this.
        let (line, at) = loop {
            let line = process.said("serving").await;
            if let Some(at) = line.find("127.0.0.1:") {
                break (line, at);
            }
        };
        let (_, address) = line[at..].split_once(':').expect("it was found with one");
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        let port = port.parse().unwrap_or_else(|_| panic!("no port: {line}"));
        Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// Gets a page as text.
    pub(crate) async fn get(&self, path: &str) -> String {
        request(self.address, "GET", path, &[]).await.text()
    }

    /// Reloads the configuration; returns the status and the body.
    pub(crate) async fn reload(&self) -> (u16, String) {
        let answer = request(self.address, "POST", "/-/reload", &[]).await;
        (answer.status, answer.text())
    }

    /// Ends it with a signal.
    pub(crate) async fn end(self, signal: &str) -> Ended {
        self.process.signal(signal);
        self.process.end().await
    }
}
