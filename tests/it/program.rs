//! The command line.

use container_security_exporter::clock::Clock;
use container_security_exporter::output::reference;
use simulator::exposition::{self, Format};
use simulator::oracle::{self, Question};
use simulator::server::FaultKind;
use simulator::tenant::{Shape, Tenant};

use crate::http::request;
use crate::process::{Ended, Home, Running, Serving, vendor};
use crate::support::{COLLECTORS, always, runs, value, wrong_but_for_ages};

fn tenant() -> Tenant {
    Tenant::generate(&Shape::small(31, Clock::system().now().millis()))
}

/// A home with a valid configuration and a vendor that does not exist.
fn good_home() -> Home {
    let home = Home::new();
    home.configure(&format!(
        "[[source.qualys]]\nname = \"prod\"\nbase_url = \"https://gateway.qg1.apps.qualys.com\"\nusername = \"exporter\"\n\
         password_file = '{}'\n",
        home.path("password").display()
    ));
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn version_help_and_reference_need_no_configuration() {
    let home = Home::new();
    let Ended { code, stdout, stderr } = home.run(&["--version"]).await;
    let version = concat!("container-security-exporter, version ", env!("CARGO_PKG_VERSION"), " (revision: ");
    assert!(stdout.starts_with(version) && stdout.contains("rustc: "), "{stdout}");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));

    let Ended { code, stdout, stderr } = home.run(&["--help"]).await;
    for shown in [
        "serve",
        "check",
        "once",
        "metrics",
        "--config.file",
        "--web.listen-address",
        "--web.telemetry-path",
        "--log.level",
        "--log.format",
        "--version",
    ] {
        assert!(stdout.contains(shown), "no {shown} in {stdout}");
    }
    assert_eq!((code, stderr.as_str()), (Some(0), ""));

    let Ended { code, stdout, stderr } = home.run(&["metrics"]).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout, reference::write());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_is_refused_with_2() {
    let home = good_home();
    for (arguments, expected) in [
        (&["--unknown"][..], "--unknown"),
        (&["--web.listen-adress=:1"][..], "--web.listen-adress"),
        (&["collect"][..], "collect"),
        (&["check", "--log.level", "loud"][..], "debug, info, warn, error"),
        (&["check", "--log.format", "xml"][..], "logfmt, json"),
        (&["check", "--config.file"][..], "--config.file"),
    ] {
        let ended = home.run(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_accepts_a_valid_configuration_or_reports_every_error() {
    let home = good_home();
    for arguments in [&["check"][..], &["check", "--config.file", "config.toml"], &["--config", "config.toml", "check"]]
    {
        let ended = home.run(arguments).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("config is valid\n", ""));
    }

    home.write(
        "bad.toml",
        "[server]\nlisten = \"nowhere\"\ncolour = \"S3CR3T-red\"\n[containers]\ngroup_by = [\"k8s_cluster\"]\n\
         [[source.qualys]]\nname = \"prod\"\nbase_url = \"https://qualysguard.qg2.apps.qualys.com\"\n\
         username = \"exporter\"\npassword = \"S3CR3T-password\"\npassword_file = \"password\"\ninterval = \"5 parsecs\"\n\
         [[source.qualys]]\nname = \"prod\"\nbase_url = \"http://example.com\"\nusername = \"exporter\"\n\
         password_file = \"none\"\n",
    );
    let ended = home.run(&["check", "--config.file", "bad.toml"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(!ended.stderr.contains("S3CR3T"), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let wanted = [
        ("server.listen", "is not an address with a port"),
        ("server.colour", "unknown key"),
        ("containers.group_by[0]", ""),
        ("source.qualys[0].base_url", "https://gateway.qg2.apps.qualys.com"),
        ("source.qualys[0].password", "password_file"),
        ("source.qualys[0].interval", "5m"),
        ("source.qualys[1].name", "another source has this name"),
        ("source.qualys[1].base_url", "https://"),
        ("source.qualys[1].password_file", "cannot read"),
    ];
    for (key, reason) in wanted {
        let start = format!("bad.toml: {key}: ");
        assert!(lines.iter().any(|line| line.starts_with(&start) && line.contains(reason)), "no {start} in {lines:#?}");
    }
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");

    let ended = home.run(&["check", "--config.file", "missing.toml"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.starts_with("missing.toml: cannot read the file: "), "{}", ended.stderr);
    // The other commands do not start with it either.
    for command in ["serve", "once"] {
        let ended = home.run(&[command, "--config.file", "bad.toml"]).await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), lines.len()), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_prints_the_collected_metrics() {
    let tenant = tenant();
    let expected = oracle::expected(&tenant, &Question::usual("prod", Clock::system().now().seconds()));
    let vendor = vendor(tenant).await;
    let home = Home::new();
    home.configure(&home.source("prod", &vendor, ""));
    let ended = home.run(&["once"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let shown = exposition::parse(&ended.stdout, Format::Text).expect("a good exposition").families();
    // The two clocks are a moment apart.
    let differences = wrong_but_for_ages(&expected, &shown);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for collector in COLLECTORS.iter().copied() {
        assert_eq!(runs(&shown, collector, "success"), 1.0);
    }

    vendor.inject(always("/sensors", FaultKind::Html(403)));
    let ended = home.run(&["once", "--log.level", "error"]).await;
    assert_eq!(ended.code, Some(1));
    let shown = exposition::parse(&ended.stdout, Format::Text).expect("a good exposition").families();
    assert_eq!(runs(&shown, "sensors", "forbidden"), 1.0);
    assert_eq!(runs(&shown, "containers", "success"), 1.0);
    assert!(shown.contains_key("container_security_containers") && !shown.contains_key("container_security_sensors"));
    assert!(ended.stderr.starts_with("failed: sensors of prod: "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    vendor.stop().await;

    home.configure(&home.source("prod", &self::vendor(self::tenant()).await, "http.retries = 0"));
    let ended = home.run(&["once"]).await;
    assert_eq!(ended.code, Some(1));
    let shown = exposition::parse(&ended.stdout, Format::Text).expect("a good exposition").families();
    for collector in COLLECTORS.iter().copied() {
        assert_eq!(runs(&shown, collector, "unreachable"), 1.0, "{}", ended.stdout);
        assert!(ended.stderr.contains(&format!("{collector} of prod: ")), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_runs_when_no_command_is_given() {
    let vendor = vendor(tenant()).await;
    let home = Home::new();
    home.configure(&home.source("prod", &vendor, ""));
    for arguments in [&[][..], &["serve"], &["--config", "config.toml"]] {
        let serving = home.serve(arguments).await;
        assert!(
            serving
                .get("/metrics")
                .await
                .contains("container_security_source_info{source=\"prod\",vendor=\"qualys\"} 1")
        );
        assert_eq!(serving.end("TERM").await.code, Some(0));
    }
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_overrides_the_file_and_flags_override_both() {
    let vendor = vendor(tenant()).await;
    let home = Home::new();
    // The file has an address that this machine does not have.
    home.write(
        "config.toml",
        &format!(
            "[server]\nlisten = \"192.0.2.1:1\"\ntelemetry_path = \"/file\"\n{}",
            home.source("prod", &vendor, "")
        ),
    );
    let mut command = home.command(&[]);
    command.env("CSE__SERVER__LISTEN", "127.0.0.1:0").env("CSE__LOG__FORMAT", "json");
    command.env("CSE__CONTAINERS__TOP_K", "0").env("CSE__CONTAINERS__GROUP_BY", "[k8s_node_name]");
    let serving = Serving::start(command).await;
    assert_eq!(request(serving.address, "GET", "/file", &[]).await.status, 200);
    let ended = serving.end("TERM").await;
    assert!(ended.stderr.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{}", ended.stderr);

    let mut command =
        home.command(&["--web.listen-address", "127.0.0.1:0", "--web.telemetry-path=/flag", "--log.format=logfmt"]);
    command.env("CSE__SERVER__LISTEN", "192.0.2.2:1").env("CSE__SERVER__TELEMETRY_PATH", "/environment");
    command.env("CSE__LOG__FORMAT", "json");
    let serving = Serving::start(command).await;
    assert_eq!(request(serving.address, "GET", "/flag", &[]).await.status, 200);
    for path in ["/file", "/environment", "/metrics"] {
        assert_eq!(request(serving.address, "GET", path, &[]).await.status, 404, "{path}");
    }
    let ended = serving.end("TERM").await;
    assert!(ended.stderr.contains("message=serving"), "{}", ended.stderr);

    let mut command = home.command(&["check", "--web.listen-address=nowhere"]);
    command.env("CSE__SERVER__COLOUR", "red").env("CSE__CONTAINERS__TOP_K", "many");
    let ended = Running::start(command).end().await;
    assert_eq!(ended.code, Some(1));
    for error in [
        "environment variable CSE__SERVER__COLOUR: server.colour: unknown key",
        "environment variable CSE__CONTAINERS__TOP_K: containers.top_k: expected a whole number",
        "--web.listen-address: server.listen: is not an address with a port",
    ] {
        assert!(ended.stderr.contains(error), "no {error:?} in {}", ended.stderr);
    }
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_setting_changes_the_series() {
    let vendor = vendor(tenant()).await;
    let home = Home::new();
    home.configure(&home.source("prod", &vendor, ""));
    let mut command = home.command(&["once"]);
    command.env("CSE__CONTAINERS__TOP_K", "3").env("CSE__CONTAINERS__GROUP_BY", "[]");
    let ended = Running::start(command).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let shown = exposition::parse(&ended.stdout, Format::Text).expect("a good exposition").families();
    let top = value(
        &shown,
        "container_security_exporter_series",
        &[("family", "container_security_top_container_risk_score")],
    );
    assert_eq!(top, 3.0);
    let mut groups = shown["container_security_containers"].keys();
    assert!(groups.all(|labels| labels.keys().eq(["source", "state"])), "{:?}", shown["container_security_containers"]);
    vendor.stop().await;
}
