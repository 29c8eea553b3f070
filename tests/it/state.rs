//! The state directory: one process uses it alone, a damaged one is set aside, and it does not hold secrets.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use container_security_exporter::checkpoint::{FORMAT, Store};
use container_security_exporter::clock::Clock;
use redb::{Database, TableDefinition};
use simulator::SECRET_MARKERS;
use simulator::console::{self, Console};
use simulator::exposition::Format;
use simulator::oracle::Families;
use simulator::server::{Options, Server, prisma};
use simulator::tenant::{Shape, Tenant};

use crate::kept::{STORE, becomes, ended, expected, files, hold, is_all, kept_once, state};
use crate::process::{Ended, Home, Serving, vendor, vendor_with};
use crate::support::{ALL, metrics, metrics_once, of_vendor, sum, wrong_but_for_ages};

fn tenant(seed: u64) -> Tenant {
    Tenant::generate(&Shape::small(seed, Clock::system().now().millis()))
}

/// The home of an exporter that stores its data about a vendor.
fn home_of(vendor: &Server, keys: &str) -> Home {
    let home = Home::new();
    home.configure(&(state(&home) + &home.source("prod", vendor, keys)));
    home
}

fn truth(vendor: &Server) -> Families {
    expected(&vendor.tenant().lock().expect("no panic elsewhere"), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_exporter_refuses_to_start_and_the_first_continues() {
    let vendor = vendor(tenant(81)).await;
    let home = home_of(&vendor, "interval = \"1s\"");
    let serving = home.serve(&[]).await;
    becomes(serving.address, "at first", &truth(&vendor)).await;
    for _ in 0..2 {
        let Ended { code, stdout, stderr } = home.run(&[]).await;
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        let words = format!("{} is in use by another process", home.path("state").join(STORE).display());
        assert!(stderr.contains(&words) && stderr.lines().count() == 1, "{stderr}");
    }
    // What it collects from now on is stored, too.
    vendor.tenant().lock().expect("no panic elsewhere").step(Clock::system().now().millis());
    let truth = truth(&vendor);
    becomes(serving.address, "after a refusal", &truth).await;
    let runs = ended(&metrics(serving.address, Format::Text).await.families());
    metrics_once(serving.address, "two more cycles", |families| ended(families) >= runs + 2.0 * *ALL).await;
    assert_eq!(serving.end("TERM").await.code, Some(0));
    assert_eq!(files(&home.path("state")), [STORE]);
    let _gate = hold(&vendor);
    home.configure(&(state(&home) + &home.source("prod", &vendor, "")));
    let serving = home.serve(&[]).await;
    let wrong = wrong_but_for_ages(&truth, &metrics(serving.address, Format::OpenMetrics).await.families());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    vendor.stop().await;
}

/// Changes the format version of a store.
fn of_format(store: &Path, format: u32) {
    const OURS: &str = "container-security-exporter checkpoint";
    let mut sealed = format.to_le_bytes().to_vec();
    let mut sum = crc32fast::Hasher::new();
    sum.update(OURS.as_bytes());
    sum.update(&0_u64.to_le_bytes());
    sum.update(&sealed);
    sealed.extend(sum.finalize().to_le_bytes());
    let database = Database::open(store).expect("a store");
    let transaction = database.begin_write().expect("a transaction");
    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    transaction.open_table(meta).expect("a table").insert(OURS, &*sealed).expect("inserted");
    transaction.commit().expect("committed");
}

/// Changes the bytes of a file.
fn rewrite(store: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(store).expect("a store");
    change(&mut bytes);
    std::fs::write(store, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_store_is_set_aside_and_everything_is_collected_again() {
    let vendor = vendor(tenant(82)).await;
    let home = home_of(&vendor, "");
    let serving = home.serve(&[]).await;
    let truth = truth(&vendor);
    becomes(serving.address, "at first", &truth).await;
    kept_once(&home, "all", is_all).await;
    serving.end("TERM").await;
    let (store, spare) = (home.path("state").join(STORE), home.path("spare"));
    std::fs::copy(&store, &spare).expect("a spare copy");
    let flip = |from: usize, step: usize| {
        move |bytes: &mut Vec<u8>| bytes.iter_mut().skip(from).step_by(step).for_each(|byte| *byte ^= 0x41)
    };
    let ruins: [(&str, &dyn Fn()); 7] = [
        ("newer", &|| of_format(&store, FORMAT + 1)),
        ("older", &|| of_format(&store, 0)),
        ("foreign", &|| std::fs::write(&store, "a file of somebody else\n").expect("written")),
        ("damaged", &|| rewrite(&store, |bytes| bytes.truncate(bytes.len() / 2))),
        ("damaged", &|| rewrite(&store, flip(4096, 97))),
        ("damaged", &|| rewrite(&store, flip(64, 7))),
        ("damaged", &|| rewrite(&store, |bytes| bytes.fill(0))),
    ];
    for (kind, ruin) in ruins {
        std::fs::copy(&spare, &store).expect("a store from the spare copy");
        ruin();
        let gate = hold(&vendor);
        let serving = home.serve(&[]).await;
        let first = metrics(serving.address, Format::OpenMetrics).await.families();
        assert_eq!(sum(&first, "container_security_collector_complete", &[]), 0.0, "{kind}");
        assert!(of_vendor(&first).values().flatten().all(|(_, value)| *value == 0.0), "{kind}: {first:?}");
        gate.close();
        becomes(serving.address, kind, &truth).await;
        kept_once(&home, "all", is_all).await;
        let Ended { code, stderr, .. } = serving.end("TERM").await;
        assert_eq!(code, Some(0), "{kind}: {stderr}");
        let aside = format!("{STORE}.{kind}");
        let warnings: Vec<_> = stderr.lines().filter(|line| line.contains("level=warn")).collect();
        assert!(
            warnings.len() == 1 && warnings[0].contains("set aside") && warnings[0].contains(&aside),
            "{kind}: {stderr}"
        );
        assert_eq!(files(&home.path("state")), [STORE, &aside]);
        std::fs::remove_file(home.path("state").join(aside)).expect("it was there");
    }
    // A directory without a store works as well.
    std::fs::remove_file(&store).expect("it was there");
    let serving = home.serve(&[]).await;
    becomes(serving.address, "without a store", &truth).await;
    assert!(!serving.end("TERM").await.stderr.contains("level=warn"));
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_that_cannot_be_used_is_refused() {
    let vendor = vendor(tenant(83)).await;
    let home = Home::new();
    home.write("state", "not a directory");
    let source = home.source("prod", &vendor, "");
    for (dir, words) in
        [("state", "state.dir: is not a directory"), ("state/below", "below"), ("/proc/none", "/proc/none")]
    {
        let dir = home.path(dir);
        home.configure(&format!("[state]\ndir = '{}'\n{source}", dir.display()));
        let Ended { code, stdout, stderr } = home.run(&[]).await;
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{}: {stderr}", dir.display());
        assert!(stderr.contains(words) && stderr.contains("director"), "{}: {stderr}", dir.display());
    }
    assert!(vendor.requests().is_empty());
    vendor.stop().await;
}

/// Whether `bytes` contain `what`.
fn has(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_never_stored() {
    let now = Clock::system().now().millis();
    let tenant = Tenant::generate(&Shape::small(84, now).hostile(true));
    let console = Console::generate(&console::Shape::small(84, now).hostile(true));
    // Data that is shown is stored.
    let pods = tenant.containers.iter().filter_map(|container| container.pod.as_ref());
    let shown: Vec<_> = pods.map(|pod| pod.namespace.clone()).filter(|name| !name.is_empty()).collect();
    let user = "s1mulated-user";
    let qualys = vendor_with(tenant, Options { username: user.to_owned(), ..Options::default() }).await;
    let options = prisma::Options { username: user.to_owned(), ..prisma::Options::default() };
    let cloud = Server::start_prisma(Arc::new(Mutex::new(console)), options).await;
    let cloud = cloud.expect("a console on loopback");
    let home = Home::new();
    let sources = home.source("prod", &qualys, "") + &home.cloud("cloud", &cloud, "rate_limit = \"1000/1s\"");
    home.configure(&(state(&home) + &sources.replace("username = \"exporter\"", &format!("username = {user:?}"))));
    let serving = home.serve(&[]).await;
    kept_once(&home, "all", is_all).await;
    serving.end("KILL").await;
    let mut forbidden: Vec<&str> = SECRET_MARKERS.to_vec();
    let (password, cloud_password) = (Options::default().password, prisma::Options::default().password);
    forbidden.extend([
        user,
        &password,
        &cloud_password,
        "@example.org",
        "FLANNEL",
        "DB_PASS",
        "--token",
        "eyJ",
        "Bearer",
        "Basic",
        "p%ss",
    ]);
    for file in files(&home.path("state")) {
        let bytes = std::fs::read(home.path("state").join(&file)).expect("a file");
        let found: Vec<_> = forbidden.iter().filter(|what| has(&bytes, what)).collect();
        assert!(found.is_empty(), "{file} has {found:?}");
        let seen = shown.iter().filter(|shown| has(&bytes, shown)).count();
        assert!(seen > shown.len() / 2, "{file} has {seen} of {} namespaces: is this search still valid?", shown.len());
    }
    qualys.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_counted_and_logged_and_harms_nothing_else() {
    const WRITES: &str = "container_security_exporter_checkpoints_total";
    let now = Clock::system().now().millis();
    let vendor = vendor(Tenant::generate(&Shape::small(86, now).containers(2000))).await;
    let home = home_of(&vendor, "interval = \"1s\"");
    drop(Store::open(&home.path("state")).expect("an empty store"));
    // A file that may not grow stands for a full disk: the data does not fit into an empty store.
    let blocks = std::fs::metadata(home.path("state").join(STORE)).expect("a store").len() / 512;
    let mut command = Command::new("/bin/sh");
    // The child inherits that the signal is ignored, so a write fails instead of ending the process.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\"");
    command.env_clear().current_dir(home.path("")).args([
        "-c",
        &script,
        env!("CARGO_BIN_EXE_container-security-exporter"),
    ]);
    let serving = Serving::start(command).await;
    let truth = truth(&vendor);
    becomes(serving.address, "while nothing can be written", &truth).await;
    let written = |families: &Families, outcome| sum(families, WRITES, &[("outcome", outcome)]);
    metrics_once(serving.address, "a failure", |families| written(families, "failure") > 0.0).await;
    let before = ended(&metrics(serving.address, Format::Text).await.families());
    let families = metrics_once(serving.address, "more runs", |families| ended(families) >= before + 2.0 * *ALL).await;
    let wrong = wrong_but_for_ages(&truth, &families);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let Ended { code, stderr, .. } = serving.end("TERM").await;
    assert_eq!(code, Some(0), "{stderr}");
    // There is one line for the whole store, though small writes succeed between two failures.
    assert_eq!(stderr.matches("checkpoint write failed").count(), 1, "{stderr}");
    assert!(!stderr.contains("checkpointing recovered"), "{stderr}");

    // Once there is space, everything is stored.
    let serving = home.serve(&[]).await;
    kept_once(&home, "all", is_all).await;
    let families = metrics_once(serving.address, "a write", |families| written(families, "success") > 0.0).await;
    assert_eq!(written(&families, "failure"), 0.0);
    vendor.stop().await;
}
