//! Data that is stored and returned again, in a directory of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use redb::ReadableTable as _;
use tempfile::TempDir;

use super::header::Content;
use super::rows::Checksum;
use super::store_path::{Area, HEADERS, list};
use super::*;
use crate::inventory::{DataStatus, Table, Tables};
use crate::names::Name;
use crate::record::Defenders;

mod aside;
mod damage;
mod diff;
mod golden;
mod samples;

use samples::{every, saved_data, shown};

fn open(dir: &TempDir) -> Arc<Store> {
    Store::open(dir.path()).expect("a store that opens")
}

fn slot(store: &Arc<Store>) -> Slot {
    store.slot("prod", Vendor::Qualys, "containers", 7)
}

/// A table with one row per number.
fn defenders(numbers: impl IntoIterator<Item = u64>) -> Table<Defenders> {
    let mut table = Table::default();
    for number in numbers {
        let kind = table.names.intern(&format!("kind {}", number % 7));
        table.put(&number.to_string(), Defenders { kind, connected: number, deployed: number + 1 });
    }
    table
}

fn only(defenders: Table<Defenders>) -> Tables {
    Tables { defenders: Some(Arc::new(defenders)), ..Tables::default() }
}

/// The names of everything stored in the database: headers and tables.
fn contents(store: &Store) -> Vec<String> {
    let read = store.with("read", |database| {
        let transaction = database.begin_read()?;
        let mut found: Vec<_> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
        for header in transaction.open_table(HEADERS)?.iter()? {
            found.push(header?.0.value().to_owned());
        }
        Ok(found)
    });
    let mut found = read.expect("a store that can be read");
    found.retain(|name| name.contains('/'));
    found.sort();
    found
}

#[test]
fn saved_data_is_loaded_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    assert!(slot(&store).load().served.is_none());
    slot(&store).save(&every(), &saved_data()).expect("saved");
    drop(store);
    let store = open(&dir);
    for _ in 0..2 {
        let saved = slot(&store).load();
        let (tables, stands) = saved.served.expect("what was saved");
        assert_eq!(shown(&tables), shown(&every()));
        assert_eq!(stands, saved_data());
        assert!(saved.walk.is_none());
    }
}

#[test]
fn data_without_a_status_is_kept_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let bare = SavedData {
        since: crate::clock::Timestamp::from_millis(1).expect("a time"),
        status: DataStatus::default(),
        resume_state: None,
    };
    slot(&store).save(&Tables::default(), &bare).expect("saved");
    let (tables, stands) = slot(&store).load().served.expect("what was saved");
    assert_eq!((shown(&tables), stands), (shown(&Tables::default()), bare.clone()));
    // A missing table is not the same as an empty one.
    slot(&store).save(&only(Table::default()), &bare).expect("saved");
    let (tables, _) = slot(&store).load().served.expect("what was saved");
    assert!(tables.defenders.is_some_and(|table| table.is_empty()));
    slot(&store).save(&Tables::default(), &bare).expect("saved");
    assert_eq!(contents(&store), ["prod/containers/served"]);
}

#[test]
fn a_loaded_table_is_as_good_as_the_one_saved() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    slot(&store).save(&only(defenders(0..100)), &saved_data()).expect("saved");
    let (tables, _) = slot(&store).load().served.expect("what was saved");
    let table = tables.defenders.expect("the table");
    assert_eq!(table.get("42").map(|defenders| defenders.connected), Some(42));
    let mut next = Table::with_names_of(&table);
    for (key, record) in table.iter() {
        assert!(next.put_under(key.clone(), record.clone()));
    }
    assert_eq!(next.names.intern("kind 3"), table.get("3").expect("a row").kind);
    assert_eq!(next.names.text(next.get("99").expect("a row").kind), "kind 1");
}

#[test]
fn nothing_is_returned_to_another_account_or_vendor() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let others = [
        (store.slot("prod", Vendor::Qualys, "containers", 8), true),
        (store.slot("prod", Vendor::Prisma, "containers", 7), true),
        (store.slot("test", Vendor::Qualys, "containers", 7), false),
        (store.slot("prod", Vendor::Qualys, "images", 7), false),
    ];
    for (other, same_place) in others {
        slot(&store).save(&only(defenders(0..9)), &saved_data()).expect("saved");
        slot(&store).save_walk(&defenders(0..9), b"there").expect("saved");
        let saved = other.load();
        assert!(saved.served.is_none() && saved.walk.is_none(), "{other:?}");
        assert_eq!(contents(&store).is_empty(), same_place, "{other:?}: {:?}", contents(&store));
    }
}

#[test]
fn a_walk_is_kept_next_to_the_served_data_until_that_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let slot = slot(&store);
    slot.save(&only(defenders(0..9)), &saved_data()).expect("saved");
    slot.save_walk(&defenders(0..4), b"page 1").expect("saved");
    slot.save_walk(&defenders(0..6), b"page 2").expect("saved");
    let saved = slot.load();
    let (walked, position) = saved.walk.expect("the walk");
    assert_eq!((shown(&walked), &*position), (shown(&only(defenders(0..6))), &b"page 2"[..]));
    assert_eq!(shown(&saved.served.expect("the served").0), shown(&only(defenders(0..9))));

    slot.drop_walk().expect("dropped");
    slot.drop_walk().expect("nothing to drop");
    let saved = slot.load();
    assert!(saved.walk.is_none() && saved.served.is_some());

    slot.save_walk(&defenders(0..4), b"page 1").expect("saved");
    slot.save(&only(defenders(0..3)), &saved_data()).expect("saved");
    let saved = slot.load();
    assert!(saved.walk.is_none());
    assert_eq!(shown(&saved.served.expect("the served").0), shown(&only(defenders(0..3))));
    let path = "prod/containers/served";
    assert_eq!(contents(&store), [path, &format!("{path}/defenders/names"), &format!("{path}/defenders/rows")]);
}

#[test]
fn a_walk_of_another_build_is_dropped_and_the_served_data_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let slot = slot(&store);
    slot.save(&only(defenders(0..9)), &saved_data()).expect("saved");
    let put = store.with("written", |database| {
        let transaction = write::begin(database)?;
        let content = Content::Walk { build: "another".to_owned(), position: vec![1] };
        let table = defenders(0..3);
        let data = write::Data { identity: 7, vendor: "qualys", content, tables: vec![&table] };
        write::put(database, &transaction, &StorePath::new("prod", "containers", Area::Walk), data)?;
        Ok(transaction.commit()?)
    });
    put.expect("saved");
    let saved = slot.load();
    assert!(saved.walk.is_none() && saved.served.is_some());
    assert!(!contents(&store).iter().any(|name| name.contains("walk")));
}

#[test]
fn only_data_of_current_collectors_is_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let sources = ["a", "a/b", "a/containers/served", "", "é/"];
    for source in sources {
        for collector in ["containers", "images"] {
            let slot = store.slot(source, Vendor::Prisma, collector, 1);
            slot.save(&only(defenders(0..3)), &saved_data()).expect("saved");
            slot.save_walk(&defenders(0..3), &[]).expect("saved");
        }
    }
    assert_eq!(contents(&store).len(), 5 * 2 * 2 * 3);
    store.keep_only(&[("a", "containers"), ("é/", "images"), ("gone", "images")]).expect("dropped");
    for source in sources {
        for collector in ["containers", "images"] {
            let kept = [("a", "containers"), ("é/", "images")].contains(&(source, collector));
            let saved = store.slot(source, Vendor::Prisma, collector, 1).load();
            assert_eq!((saved.served.is_some(), saved.walk.is_some()), (kept, kept), "{source} {collector}");
        }
    }
    assert_eq!(contents(&store).len(), 2 * 2 * 3);
    store.keep_only(&[("a", "containers"), ("é/", "images")]).expect("nothing to drop");
    store.keep_only(&[]).expect("dropped");
    assert!(contents(&store).is_empty());
}

#[test]
fn the_store_is_private_to_its_owner() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("deep/state");
    drop(Store::open(&state).expect("a store that opens"));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&file::path(&state))), (0o700, 0o600));
}

#[test]
fn a_failure_is_not_permanent() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    slot(&store).save(&only(defenders(0..9)), &saved_data()).expect("saved");
    let failed = store.with::<()>("written", |_| Err(redb::Error::PreviousIo));
    let words = failed.expect_err("a failure");
    assert!(words.contains("checkpoint.redb could not be written: Previous I/O error"), "{words}");
    let failed = store.with::<()>("read", |_| panic!("as redb may on a page that changed under it"));
    assert!(failed.expect_err("a failure").contains("could not be read"));
    // An uncommitted change has no effect.
    let failed = store.with::<()>("written", |database| {
        let transaction = write::begin(database)?;
        write::clear(&transaction, &StorePath::new("prod", "containers", Area::Served), &[])?;
        panic!("in the middle of it");
    });
    assert!(failed.is_err());
    assert_eq!(shown(&slot(&store).load().served.expect("what was saved").0), shown(&only(defenders(0..9))));
}

#[test]
fn a_name_is_read_only_with_its_table() {
    let bytes = postcard::to_stdvec(&Name::UNKNOWN).expect("bytes");
    let table = defenders(0..3);
    assert!(postcard::from_bytes::<Name>(&bytes).is_err());
    assert!(table.names.reading(|| postcard::from_bytes::<Name>(&bytes)).is_ok());
    let next = u32::try_from(table.names.count()).expect("few names");
    let beyond = postcard::to_stdvec(&next).expect("bytes");
    assert!(table.names.reading(|| postcard::from_bytes::<Name>(&beyond)).is_err());
    let broken_off = catch_unwind(AssertUnwindSafe(|| table.names.reading(|| panic!("while reading"))));
    assert!(broken_off.is_err() && postcard::from_bytes::<Name>(&bytes).is_err());
}
