//! The collectors of an account of each vendor, as the exporter builds them.

use std::sync::LazyLock;

use container_security_exporter::clock::Clock;
use container_security_exporter::source::{Config, RowRules, Source, prisma, qualys};
use container_security_exporter::telemetry::Telemetry;

/// The collectors of a Qualys account.
pub(crate) static COLLECTORS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let account = qualys::Config {
        name: "prod".to_owned(),
        base_url: "http://127.0.0.1:1".to_owned(),
        token_env: Some("TOKEN".to_owned()),
        ..qualys::Config::default()
    };
    names(&Config { qualys: vec![account], ..Config::default() })
});

/// The collectors of a Prisma Cloud console.
pub(crate) static CLOUD_COLLECTORS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let account = prisma::Config {
        name: "cloud".to_owned(),
        base_url: "http://127.0.0.1:1".to_owned(),
        username: Some("exporter".to_owned()),
        password_env: Some("PASSWORD".to_owned()),
        ..prisma::Config::default()
    };
    names(&Config { prisma: vec![account], ..Config::default() })
});

/// The number of collectors of a Qualys account, as a metric counts them.
pub(crate) static ALL: LazyLock<f64> = LazyLock::new(|| count(&COLLECTORS));

/// The number of collectors of a console.
pub(crate) static CLOUD_ALL: LazyLock<f64> = LazyLock::new(|| count(&CLOUD_COLLECTORS));

/// The number of collectors of an account `prod` and a console `cloud` together.
pub(crate) static BOTH: LazyLock<f64> = LazyLock::new(|| *ALL + *CLOUD_ALL);

/// Every collector of both, with the name of its source.
pub(crate) fn all_collectors() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_source = |source, names: &'static [&'static str]| names.iter().map(move |name| (source, *name));
    of_source("prod", &COLLECTORS).chain(of_source("cloud", &CLOUD_COLLECTORS))
}

fn names(config: &Config) -> Vec<&'static str> {
    let clock = Clock::system();
    let sources = config.build(
        &RowRules { promote_labels: [].into(), max_rejected_percent: 5.0 },
        &Telemetry::new(clock.now()),
        &clock,
    );
    let mut names: Vec<_> = sources.expect("good settings").iter().flat_map(Source::collector_names).collect();
    names.sort_unstable();
    assert!(!names.is_empty(), "an account must have collectors");
    names
}

#[expect(clippy::cast_precision_loss, reason = "a handful of collectors")]
fn count(names: &[&str]) -> f64 {
    names.len() as f64
}
