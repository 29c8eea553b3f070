//! Checks which files are set aside, and which are not.

use std::io::{self, Write};
use std::sync::MutexGuard;

use redb::TableDefinition;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

struct Lines<'a>(MutexGuard<'a, Vec<u8>>);

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Lines<'a>;

    fn make_writer(&'a self) -> Lines<'a> {
        Lines(lock(&self.0))
    }
}

fn logged<T>(work: impl FnOnce() -> T) -> (T, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let done = tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(lock(&log.0).clone()).expect("text");
    (done, text)
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A store with something in it, closed.
fn saved() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    slot(&open(&dir)).save(&only(defenders(0..9)), &saved_data()).expect("saved");
    dir
}

fn is_set_aside(dir: &TempDir, kind: &str) {
    let before = fs::read(file::path(dir.path())).expect("the file");
    let (store, log) = logged(|| open(dir));
    assert!(slot(&store).load().served.is_none(), "{kind}");
    slot(&store).save(&only(defenders(0..3)), &saved_data()).expect("saved");
    let aside = format!("checkpoint.redb.{kind}");
    assert_eq!(files(dir.path()), ["checkpoint.redb", &aside]);
    let after = dir.path().join(&aside);
    // A database is checked when it is set aside; any other file stays the same to the byte.
    assert!(fs::read(&after).expect("it") == before || Database::open(after).is_ok(), "{kind}: it was changed");
    assert!(log.contains(" WARN ") && log.contains(&aside) && log.lines().count() == 1, "{kind}: {log}");
    drop(store);
    assert!(slot(&open(dir)).load().served.is_some(), "{kind}");
}

fn with_format(bytes: &[u8]) -> TempDir {
    let dir = saved();
    let database = Database::open(file::path(dir.path())).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    transaction.open_table(file::META).expect("a table").insert(file::OURS, bytes).expect("inserted");
    transaction.commit().expect("committed");
    dir
}

fn sealed(format: u32) -> Vec<u8> {
    let mut bytes = format.to_le_bytes().to_vec();
    Checksum::new(file::OURS).close(0, &mut bytes);
    bytes
}

#[test]
fn a_store_of_another_format_is_set_aside() {
    is_set_aside(&with_format(&sealed(FORMAT + 1)), "newer");
    is_set_aside(&with_format(&sealed(FORMAT - 1)), "older");
    is_set_aside(&with_format(&FORMAT.to_le_bytes()), "damaged");
    assert!(slot(&open(&with_format(&sealed(FORMAT)))).load().served.is_some());
}

#[test]
fn a_file_that_is_not_a_store_is_set_aside() {
    for (text, kind) in [
        (&b"a text\n"[..], "foreign"),
        (&b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20"[..], "foreign"),
        (&[0; 8192][..], "damaged"),
        (&b"redb\x1A"[..], "damaged"),
        (&b"redb\x1A\x0A\xA9\x0D\x0A and nothing more"[..], "damaged"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        // Twice, because files that are set aside must not pile up.
        for _ in 0..2 {
            fs::write(file::path(dir.path()), text).expect("written");
            is_set_aside(&dir, kind);
        }
    }
}

#[test]
fn another_programs_database_is_set_aside() {
    for table in ["theirs", "meta"] {
        let dir = tempfile::tempdir().expect("a directory");
        let database = Database::create(file::path(dir.path())).expect("a database");
        let transaction = database.begin_write().expect("a transaction");
        transaction.open_table(TableDefinition::<u64, u64>::new(table)).expect("a table");
        transaction.commit().expect("committed");
        drop(database);
        is_set_aside(&dir, "foreign");
    }
}

#[test]
fn an_unfinished_store_is_completed() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(file::path(dir.path()), b"").expect("written");
    drop(open(&dir));
    assert_eq!(files(dir.path()), ["checkpoint.redb"]);
    let dir = tempfile::tempdir().expect("a directory");
    drop(Database::create(file::path(dir.path())).expect("a database"));
    let (_, log) = logged(|| open(&dir));
    assert_eq!((files(dir.path()), log), (vec!["checkpoint.redb".to_owned()], String::new()));
}

#[test]
fn a_store_that_is_in_use_is_refused_and_left_alone() {
    let dir = saved();
    let store = open(&dir);
    let words = Store::open(dir.path()).expect_err("a refusal");
    assert!(words.contains("checkpoint.redb is in use by another process"), "{words}");
    // A program that does not lock the directory.
    let words = file::open(dir.path()).expect_err("a refusal");
    assert!(words.contains("checkpoint.redb is in use by another process"), "{words}");
    assert_eq!(files(dir.path()), ["checkpoint.redb"]);
    assert!(slot(&store).load().served.is_some());
    drop(store);
    assert!(slot(&open(&dir)).load().served.is_some());
}

#[test]
fn an_unopenable_store_is_reported_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(file::path(dir.path())).expect("a directory in place of the file");
    let words = Store::open(dir.path()).expect_err("a refusal");
    assert!(words.contains("checkpoint.redb could not be opened"), "{words}");
    assert_eq!(files(dir.path()), ["checkpoint.redb"]);

    let no_dir = dir.path().join("file");
    fs::write(&no_dir, b"").expect("written");
    for path in [no_dir.clone(), no_dir.join("below")] {
        let words = Store::open(&path).expect_err("a refusal");
        assert!(
            words.starts_with(&*path.to_string_lossy()) && words.contains("set state.dir to a writable directory"),
            "{words}"
        );
    }

    // Permissions do not apply to root.
    let dir = saved();
    fs::set_permissions(file::path(dir.path()), fs::Permissions::from_mode(0o000)).expect("set");
    if let Err(words) = Store::open(dir.path()) {
        assert!(words.contains("Permission denied"), "{words}");
    }
    assert_eq!(files(dir.path()), ["checkpoint.redb"]);
}
