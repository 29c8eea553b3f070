//! An exporter against simulated vendors, in one process, with a clock that stands still.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use container_security_exporter::app::App;
use container_security_exporter::catalog::Limits;
use container_security_exporter::clock::{Clock, Timestamp};
use container_security_exporter::config::{self, Config};
use container_security_exporter::setting::HumanDuration;
use simulator::console::Console;
use simulator::exposition::{Exposition, Format};
use simulator::oracle::{self, Families, Question, Truth};
use simulator::server::{Fault, Options, Server, prisma};
use simulator::tenant::Tenant;
use tempfile::TempDir;
use tokio::time::{interval, timeout};

use super::{NOW, PACE, PATIENCE, metrics, metrics_as_many, metrics_once, wrong};
use crate::http::{Answer, request};

/// A family that each collector shows once its data is published.
const COLLECTED: [(&str, &[&str]); 2] = [
    (
        "prod",
        &[
            "containers",
            "images",
            "sensors",
            "posture_policy_resources",
            "posture_resources",
            "reports",
            "registry_images",
            "policies",
        ],
    ),
    (
        "cloud",
        &["containers", "images", "sensors", "posture_policy_resources", "distinct_vulnerabilities", "console_info"],
    ),
];

/// A vendor and an exporter of it, named `prod` in its configuration; optionally a second vendor, named `cloud`.
pub(crate) struct Bench {
    pub(crate) vendor: Server,
    pub(crate) tenant: Arc<Mutex<Tenant>>,
    pub(crate) cloud: Option<Cloud>,
    pub(crate) app: App,
    now: Arc<AtomicI64>,
    config_file: PathBuf,
    options: String,
    _dir: TempDir,
}

/// A Prisma Cloud console and its records.
pub(crate) struct Cloud {
    pub(crate) vendor: Server,
    pub(crate) console: Arc<Mutex<Console>>,
    /// The tenant's path.
    prefix: String,
}

/// A vendor to start: its records, its options, faults that strike from the first request on, and how many milliseconds
/// its clock is ahead of the exporter's.
pub(crate) struct Simulated<T, O> {
    pub(crate) truth: T,
    pub(crate) options: O,
    pub(crate) faults: Vec<Fault>,
    pub(crate) ahead: i64,
}

impl<T, O: Default> From<T> for Simulated<T, O> {
    fn from(truth: T) -> Self {
        Self { truth, options: O::default(), faults: Vec::new(), ahead: 0 }
    }
}

impl Bench {
    /// Starts both. `options` are lines of configuration: tables first, then keys of the Qualys source after
    /// `[[source.qualys]]`, and keys of the Prisma source after `[[source.prisma]]`.
    pub(crate) async fn start(tenant: Tenant, options: &str) -> Self {
        Self::start_with(tenant, options, Options::default()).await
    }

    /// Like [`Bench::start`], with options for the vendor.
    pub(crate) async fn start_with(tenant: Tenant, options: &str, vendor: Options) -> Self {
        Self::start_struck(tenant, options, vendor, []).await
    }

    /// Like [`Bench::start_with`], with faults that strike from the first request on.
    pub(crate) async fn start_struck(
        tenant: Tenant,
        options: &str,
        vendor: Options,
        faults: impl IntoIterator<Item = Fault>,
    ) -> Self {
        let faults = faults.into_iter().collect();
        Self::start_all(options, Simulated { options: vendor, faults, ..tenant.into() }, None).await
    }

    /// Starts both vendors, and an exporter of them.
    pub(crate) async fn start_both(tenant: Tenant, console: Console, options: &str) -> Self {
        Self::start_both_with(tenant, console, options, prisma::Options::default()).await
    }

    /// Like [`Bench::start_both`], with options for the console.
    pub(crate) async fn start_both_with(
        tenant: Tenant,
        console: Console,
        options: &str,
        cloud: prisma::Options,
    ) -> Self {
        Self::start_both_as(options, tenant.into(), Simulated { options: cloud, ..console.into() }).await
    }

    /// Like [`Bench::start_both`], with full control over both vendors.
    pub(crate) async fn start_both_as(
        options: &str,
        qualys: Simulated<Tenant, Options>,
        prisma: Simulated<Console, prisma::Options>,
    ) -> Self {
        Self::start_all(options, qualys, Some(prisma)).await
    }

    async fn start_all(
        options: &str,
        Simulated { truth: tenant, options: vendor, faults, ahead }: Simulated<Tenant, Options>,
        cloud: Option<Simulated<Console, prisma::Options>>,
    ) -> Self {
        let now = Arc::new(AtomicI64::new(NOW));
        let dir = tempfile::tempdir().expect("a directory for the test");
        write_secret(&dir.path().join("password"), &format!("{}\n", vendor.password));
        let tenant = Arc::new(Mutex::new(tenant));
        let shown = Arc::clone(&now);
        let vendor = Options { clock: Arc::new(move || shown.load(Ordering::Relaxed) + ahead), ..vendor };
        let vendor = Server::start(Arc::clone(&tenant), vendor).await.expect("a vendor on loopback");
        for fault in faults {
            vendor.inject(fault);
        }
        let cloud = match cloud {
            Some(cloud) => Some(Cloud::start(cloud, &now, dir.path()).await),
            None => None,
        };
        let config_file = dir.path().join("config.toml");
        write_configuration(&config_file, &vendor, cloud.as_ref(), options);
        let config = load(&config_file).unwrap_or_else(|error| panic!("{error}"));
        let app = App::start(config, clock(&now)).await.expect("an exporter on loopback");
        Self { vendor, tenant, cloud, app, now, config_file, options: options.to_owned(), _dir: dir }
    }

    /// Loads the current configuration with other options.
    pub(crate) fn load(&mut self, options: &str) -> Result<Config, String> {
        options.clone_into(&mut self.options);
        write_configuration(&self.config_file, &self.vendor, self.cloud.as_ref(), options);
        load(&self.config_file)
    }

    /// Stops the exporter and starts it with other options.
    pub(crate) async fn restart(mut self, options: &str) -> Self {
        let config = self.load(options).unwrap_or_else(|error| panic!("{error}"));
        self.app.stop().await;
        let mut pace = interval(PACE);
        let started = async {
            loop {
                match App::start(config.clone(), clock(&self.now)).await {
                    // The last checkpoint is still being written.
                    Err(error) if error.contains("in use") => _ = pace.tick().await,
                    started => break started.expect("an exporter on loopback"),
                }
            }
        };
        self.app = timeout(PATIENCE, started).await.expect("its state is still in use");
        self
    }

    /// The exporter's and the vendors' time, in Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Advances that time.
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).expect("a short time");
        self.now.fetch_add(by, Ordering::Relaxed);
    }

    /// The address that the exporter listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.app.address().expect("a listener")
    }

    /// Gets a page.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.address(), "GET", path, headers).await
    }

    /// The metrics in one of the formats, strictly parsed.
    pub(crate) async fn metrics(&self, format: Format) -> Exposition {
        metrics(self.address(), format).await
    }

    /// The metrics by family.
    pub(crate) async fn families(&self) -> Families {
        self.metrics(Format::OpenMetrics).await.into_families()
    }

    /// Polls the metrics until they are as wanted.
    pub(crate) async fn metrics_once(&self, what: &str, wanted: impl Fn(&Families) -> bool) -> Families {
        metrics_once(self.address(), what, wanted).await
    }

    /// The landing page.
    pub(crate) async fn landing_page(&self) -> String {
        self.get("/", &[]).await.text()
    }

    /// Waits until every collector has succeeded and its snapshot is published.
    pub(crate) async fn collected(&self) {
        let sources = &COLLECTED[..if self.cloud.is_some() { 2 } else { 1 }];
        let families: Vec<_> = sources
            .iter()
            .flat_map(|(source, families)| {
                families.iter().map(move |family| format!("\ncontainer_security_{family}{{source=\"{source}\""))
            })
            .collect();
        let collected = async {
            let mut pace = interval(PACE);
            loop {
                // Searched as text, since parsing takes longer than collecting a small tenant.
                let text = self.get("/metrics", &[]).await.text();
                let mut complete =
                    text.lines().filter(|line| line.starts_with("container_security_collector_complete{"));
                if complete.all(|line| line.ends_with(" 1")) && families.iter().all(|family| text.contains(family)) {
                    return;
                }
                pace.tick().await;
            }
        };
        let in_time = timeout(PATIENCE, collected).await.is_ok();
        assert!(in_time, "some collectors never had complete data\n{}", self.landing_page().await);
    }

    /// Fails if the families about the vendors differ from the oracle's.
    pub(crate) async fn is_exact(&self) {
        let wrong = wrong(&self.expected(), &self.families().await);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// What the oracle expects of this exporter.
    pub(crate) fn expected(&self) -> Families {
        self.expected_of(&["prod", "cloud"])
    }

    /// What the oracle expects if only these sources have data.
    pub(crate) fn expected_of(&self, sources: &[&str]) -> Families {
        let (of_tenant, of_console) = (self.question("prod"), self.question("cloud"));
        let tenant = self.tenant.lock().expect("no panic elsewhere");
        let console = self.cloud.as_ref().map(|cloud| cloud.console.lock().expect("no panic elsewhere"));
        let mut truths = vec![(Truth::Qualys(&tenant), &of_tenant)];
        truths.extend(console.iter().map(|console| (Truth::Prisma(console), &of_console)));
        truths.retain(|(_, question)| sources.contains(&question.source.as_str()));
        oracle::expected_of(&truths)
    }

    /// Polls the metrics until the families about the vendors are as expected; on timeout, fails with the differences.
    pub(crate) async fn becomes(&self, what: &str, expected: &Families) -> Families {
        let asked = async {
            let mut pace = interval(PACE);
            loop {
                if let Some(families) = metrics_as_many(self.address(), expected).await
                    && wrong(expected, &families).is_empty()
                {
                    return families;
                }
                pace.tick().await;
            }
        };
        if let Ok(families) = timeout(PATIENCE, asked).await {
            return families;
        }
        let wrong = wrong(expected, &self.families().await);
        panic!("{what}:\n{}\n{}", wrong.join("\n"), self.landing_page().await);
    }

    /// The console; panics if there is none.
    pub(crate) fn cloud(&self) -> &Cloud {
        self.cloud.as_ref().expect("started with one")
    }

    /// The oracle's question about a source of this exporter.
    fn question(&self, source: &str) -> Question {
        let config = config::load(Some(&self.config_file), &[]).expect("the configuration in force");
        #[expect(clippy::cast_precision_loss, reason = "a time of this century in milliseconds")]
        let now_s = self.now.load(Ordering::Relaxed) as f64 / 1000.0;
        Question {
            source: source.to_owned(),
            group_by: config.containers.group_by,
            promote_labels: config.containers.promote_labels,
            top_k: config.containers.top_k,
            images_group_by: config.images.group_by.clone(),
            max_label_value_length: config.limits.max_label_value_length,
            images_top_k: config.images.top_k,
            sensors_stale_after_s: config.sensors.stale_after.0.as_secs_f64(),
            max_series_per_family: config.limits.max_series_per_family,
            now_s,
        }
    }

    /// Stops the exporter and the vendors.
    pub(crate) async fn stop(self) {
        self.app.stop().await;
        self.vendor.stop().await;
        if let Some(cloud) = self.cloud {
            cloud.vendor.stop().await;
        }
    }
}

impl Cloud {
    async fn start(simulated: Simulated<Console, prisma::Options>, now: &Arc<AtomicI64>, dir: &Path) -> Self {
        let Simulated { truth, options, faults, ahead } = simulated;
        write_secret(&dir.join("cloud-password"), &format!("{}\n", options.password));
        let console = Arc::new(Mutex::new(truth));
        let shown = Arc::clone(now);
        let prefix = options.prefix.clone();
        let options = prisma::Options { clock: Arc::new(move || shown.load(Ordering::Relaxed) + ahead), ..options };
        let vendor = Server::start_prisma(Arc::clone(&console), options).await.expect("a console on loopback");
        for fault in faults {
            vendor.inject(fault);
        }
        Self { vendor, console, prefix }
    }
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::from_fn(move || Timestamp::from_millis(now.load(Ordering::Relaxed)).expect("a time after 1970"))
}

/// Loads a configuration and shortens its times, since a file cannot ask for less than a second: intervals and
/// `stale_after` of up to three seconds become a fifth, and a `min_age` of one second becomes zero.
fn load(file: &Path) -> Result<Config, String> {
    let quicken = |span: &mut HumanDuration| {
        if *span <= HumanDuration::seconds(3) {
            span.0 /= 5;
        }
    };
    let mut config = config::load(Some(file), &[]).map_err(|error| error.to_string())?;
    for account in &mut config.source.qualys {
        let of_containers = &mut account.collectors.containers.interval;
        [Some(&mut account.interval), of_containers.as_mut(), account.stale_after.as_mut()]
            .into_iter()
            .flatten()
            .for_each(quicken);
    }
    for account in &mut config.source.prisma {
        let of_containers = &mut account.collectors.containers.interval;
        [Some(&mut account.interval), of_containers.as_mut(), account.stale_after.as_mut()]
            .into_iter()
            .flatten()
            .for_each(quicken);
    }
    quicken(&mut config.otlp.interval);
    // Hostile tenants have more unreadable rows than a run may reject by default.
    if config.limits.max_rejected_percent == Limits::default().max_rejected_percent {
        config.limits.max_rejected_percent = 100.0;
    }
    if config.collection.min_age == HumanDuration::seconds(1) {
        config.collection.min_age = HumanDuration::seconds(0);
    }
    Ok(config)
}

/// Keys of a Qualys source that lift its rate limit for requests per control, unless they set one.
pub(crate) fn unlimited(keys: &str) -> String {
    let limit = if keys.contains("rate_limits.other") { "" } else { "\nrate_limits.other = \"1000/1s\"" };
    few_retries(&format!("{keys}{limit}"))
}

/// Keys of a source that retries a request four times at most, rather than for minutes, unless they set it.
pub(crate) fn few_retries(keys: &str) -> String {
    let retries = if keys.contains("http.retr") { "" } else { "\nhttp.retries = 4" };
    format!("{keys}{retries}")
}

fn write_configuration(file: &Path, vendor: &Server, cloud: Option<&Cloud>, options: &str) {
    let (options, of_prisma) = options.split_once("[[source.prisma]]").unwrap_or((options, ""));
    let (tables, of_qualys) = options.split_once("[[source.qualys]]").unwrap_or((options, ""));
    let source = |kind: &str, name: &str, url: &str, password: &str, keys: &str| {
        let password = file.with_file_name(password);
        let password = password.display();
        // Unless the test sets another address or another way to log in.
        let url = if keys.contains("base_url =") { String::new() } else { format!("base_url = {url:?}") };
        let login = if keys.contains("client_certificate_file =") {
            String::new()
        } else {
            format!("username = \"exporter\"\npassword_file = '{password}'")
        };
        format!("[[source.{kind}]]\nname = \"{name}\"\n{login}\n{url}\n{keys}\n")
    };
    let mut text = format!("[server]\nlisten = \"127.0.0.1:0\"\n{tables}\n");
    text += &source("qualys", "prod", &vendor.base_url(), "password", &unlimited(of_qualys));
    if let Some(Cloud { vendor, prefix, .. }) = cloud {
        text += &source("prisma", "cloud", &(vendor.base_url() + prefix), "cloud-password", &few_retries(of_prisma));
    }
    std::fs::write(file, text).expect("a configuration file");
}

/// Writes a secret into a file that only its owner can read.
fn write_secret(file: &Path, secret: &str) {
    std::fs::write(file, secret).expect("a file of a secret");
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).expect("permissions");
}
