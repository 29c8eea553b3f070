//! Untrusted bytes: a store is as it was saved, or it is empty.

use std::os::unix::fs::FileExt as _;

use proptest::prelude::*;

use super::*;
use crate::inventory::{Make, Record};

const ROWS: &str = "prod/containers/served/defenders/rows";
const NAMES: &str = "prod/containers/served/defenders/names";

/// Data that was stored in a file at some time: a store may fall back to its earlier data.
struct Known {
    /// The file as a crash leaves it, which is checked completely when it is opened, and as it is once closed.
    bytes: [Vec<u8>; 2],
    served: Vec<String>,
    walks: Vec<String>,
}

fn known() -> Known {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let slot = slot(&store);
    let served = [every(), only(defenders(0..300)), only(defenders(5..3000))];
    for tables in &served {
        slot.save(tables, &saved_data()).expect("saved");
    }
    let walks = [defenders(0..50), defenders(0..100)];
    for walk in &walks {
        slot.save_walk(walk, b"there").expect("saved");
    }
    store.slot("other", Vendor::Prisma, "images", 9).save(&every(), &saved_data()).expect("saved");
    let file = || fs::read(file::path(dir.path())).expect("the file");
    let crashed = file();
    drop((store, slot));
    let bytes = [crashed, file()];
    Known { bytes, served: served.iter().map(shown).collect(), walks: walks.map(only).iter().map(shown).collect() }
}

/// Loads the data of a store, which must be known. Returns whether there was any.
fn is_known_or_nothing(store: &Arc<Store>, known: &Known) -> bool {
    let saved = slot(store).load();
    let (served, walked) = (saved.served.is_some(), saved.walk.is_some());
    if let Some((tables, stands)) = saved.served {
        assert!(known.served.contains(&shown(&tables)) && stands == saved_data(), "{}", shown(&tables));
    }
    if let Some((tables, position)) = saved.walk {
        assert!(known.walks.contains(&shown(&tables)) && position == b"there", "{}", shown(&tables));
    }
    let other = store.slot("other", Vendor::Prisma, "images", 9).load();
    assert!(other.walk.is_none());
    if let Some((tables, stands)) = &other.served {
        assert!(shown(tables) == known.served[0] && *stands == saved_data(), "{}", shown(tables));
    }
    served || walked || other.served.is_some()
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    /// Damages bytes in one of the ways that disks do.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        match self.below(6) {
            0 => bytes.truncate(self.below(bytes.len())),
            1 => {
                let (at, length) = (self.below(bytes.len()), self.below(5000));
                bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = 0);
            }
            2 => {
                // A page that was not written, or was written to the wrong place.
                let (from, to) = (self.below(bytes.len() / 4096) * 4096, self.below(bytes.len() / 4096) * 4096);
                bytes.copy_within(from..from + 4096, to);
            }
            3 => {
                // In the header of the file, which has few checks.
                let at = self.below(320);
                bytes[at] ^= 1 << self.below(8);
            }
            _ => {
                for _ in 0..=self.below(8) {
                    let at = self.written(bytes);
                    bytes[at] ^= 1 << self.below(8);
                }
            }
        }
    }

    /// A position outside the large empty parts of a file.
    fn written(&mut self, bytes: &[u8]) -> usize {
        loop {
            let at = self.below(bytes.len());
            if bytes[at] != 0 {
                return at;
            }
        }
    }
}

#[test]
fn a_damaged_store_returns_the_saved_data_or_nothing() {
    let known = known();
    let mut dice = Dice(1);
    let (mut anything, mut nothing) = (0, 0);
    for round in 0..100 {
        let dir = tempfile::tempdir().expect("a directory");
        let mut bytes = known.bytes[round % 2].clone();
        dice.damage(&mut bytes);
        fs::write(file::path(dir.path()), bytes).expect("written");
        let store = open(&dir);
        *(if is_known_or_nothing(&store, &known) { &mut anything } else { &mut nothing }) += 1;
        slot(&store).save(&only(defenders(0..9)), &saved_data()).expect("saved");
        drop(store);
        assert_eq!(shown(&slot(&open(&dir)).load().served.expect("what was saved").0), shown(&only(defenders(0..9))));
    }
    assert!(anything > 10 && nothing > 10, "the damage is not of many kinds: {anything} {nothing}");
}

#[test]
fn every_changed_bit_of_a_row_or_name_is_detected() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    slot(&store).save(&only(defenders(0..9)), &saved_data()).expect("saved");
    let items: Vec<_> = [ROWS, NAMES].iter().flat_map(|list| diff::stored(&store, list)).collect();
    drop(store);
    let bytes = fs::read(file::path(dir.path())).expect("the file");
    for (number, item) in items {
        let places: Vec<_> = (0..=bytes.len() - item.len()).filter(|at| bytes[*at..].starts_with(&item)).collect();
        assert!(!places.is_empty(), "item {number} is not in the file");
        for within in [0, item.len() / 2, item.len() - 1] {
            let mut damaged = bytes.clone();
            for at in &places {
                damaged[at + within] ^= 1;
            }
            let dir = tempfile::tempdir().expect("a directory");
            fs::write(file::path(dir.path()), damaged).expect("written");
            assert!(slot(&open(&dir)).load().served.is_none(), "item {number}, byte {within}");
        }
    }
}

#[test]
fn a_store_damaged_while_open_returns_the_saved_data_or_nothing() {
    let known = known();
    let mut dice = Dice(2);
    for _ in 0..30 {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(file::path(dir.path()), &known.bytes[1]).expect("written");
        let store = open(&dir);
        let mut bytes = known.bytes[1].clone();
        dice.damage(&mut bytes);
        let file = fs::OpenOptions::new().write(true).open(file::path(dir.path())).expect("the file");
        file.write_all_at(&bytes, 0).expect("written");
        file.set_len(bytes.len() as u64).expect("cut");
        is_known_or_nothing(&store, &known);
        // The first write may fail on the damage; the next one starts over if it must.
        if slot(&store).save(&only(defenders(0..9)), &saved_data()).is_err() {
            slot(&store).save(&only(defenders(0..9)), &saved_data()).expect("saved at last");
        }
        assert_eq!(shown(&slot(&store).load().served.expect("what was saved").0), shown(&only(defenders(0..9))));
    }
}

/// Changes one list with valid database checksums.
fn tampered(change: impl FnOnce(&mut redb::Table<'_, u64, &'static [u8]>), list: &str) -> Saved {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    slot(&store).save(&only(defenders(0..9)), &saved_data()).expect("saved");
    let changed = store.with("written", |database| {
        let transaction = write::begin(database)?;
        change(&mut transaction.open_table(store_path::List::new(list))?);
        Ok(transaction.commit()?)
    });
    changed.expect("changed");
    let saved = slot(&store).load();
    assert_eq!(contents(&store).is_empty(), saved.served.is_none(), "what is damaged is dropped");
    saved
}

#[test]
fn a_list_that_does_not_match_its_header_is_not_returned() {
    let copy = |table: &mut redb::Table<'_, u64, &'static [u8]>, from, to| {
        let bytes = table.get(from).expect("read").expect("a row").value().to_vec();
        table.insert(to, &*bytes).expect("written");
    };
    // A row with a valid checksum that was not there.
    let sealed = |list: &str, number, bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        Checksum::new(list).close(number, &mut bytes);
        bytes
    };
    assert!(tampered(|_| {}, ROWS).served.is_some());
    for list in [ROWS, NAMES] {
        for at in [0, 4, 8] {
            assert!(tampered(|table| drop(table.remove(at).expect("removed")), list).served.is_none());
        }
        assert!(tampered(|table| copy(table, 4, 5), list).served.is_none());
        assert!(tampered(|table| copy(table, 4, 100), list).served.is_none());
        assert!(tampered(|table| drop(table.insert(4, &b""[..]).expect("put")), list).served.is_none());
        let other = sealed(list, 4, b"1234");
        assert!(tampered(|table| drop(table.insert(4, &*other).expect("put")), list).served.is_none());
        let more = sealed(list, 9, b"more");
        assert!(tampered(|table| drop(table.insert(9, &*more).expect("put")), list).served.is_none());
    }
    // Another value of the same kind, in its place, with a valid checksum, which only the checksum of the whole list
    // reveals.
    let text = sealed(NAMES, 4, b"another");
    assert!(tampered(|table| drop(table.insert(4, &*text).expect("put")), NAMES).served.is_none());
}

/// Reads a row of every kind from any bytes.
struct Any<'a>(&'a [u8], usize);

impl Make for Any<'_> {
    type Error = ();

    fn make<R: Record>(&mut self) -> Result<Option<Table<R>>, ()> {
        let names = defenders(0..9).names;
        if let Ok((key, record)) = decode_row::<R>(self.0, &names) {
            self.1 += 1;
            let mut again = Vec::new();
            encode_row(&key, &record, &mut again).expect("bytes");
            let (same_key, same) = decode_row::<R>(&again, &names).expect("what was just written");
            assert_eq!(format!("{key:?} {record:?}"), format!("{same_key:?} {same:?}"));
        }
        Ok(None)
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_row_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        Tables::made(&mut Any(&bytes, 0)).expect("none fails");
        prop_assert!(Header::read("a/b/served", &bytes).is_err());
    }

    #[test]
    fn few_different_bytes_are_a_row_or_are_refused(bytes in prop::collection::vec(0_u8..3, 0..60)) {
        let mut any = Any(&bytes, 0);
        Tables::made(&mut any).expect("none fails");
    }

    #[test]
    fn any_bytes_are_a_header_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(header) = Header::decode(&bytes) {
            let again = header.write("a/b/served").expect("bytes");
            prop_assert!(Header::read("a/b/served", &again).is_ok());
        }
    }
}

#[test]
fn invalid_values_are_refused() {
    let refused = |bytes: &[u8], of: &str| {
        let read = match of {
            "time" => postcard::from_bytes::<crate::clock::Timestamp>(bytes).is_ok(),
            "score" => postcard::from_bytes::<crate::record::Score>(bytes).is_ok(),
            "conditions" => postcard::from_bytes::<crate::record::Conditions>(bytes).is_ok(),
            _ => postcard::from_bytes::<crate::record::Identity>(bytes).is_ok(),
        };
        assert!(!read, "{of} {bytes:?}");
    };
    let bytes = |value: &dyn Fn() -> postcard::Result<Vec<u8>>| value().expect("bytes");
    for millis in [0_i64, -1, i64::MIN] {
        refused(&bytes(&|| postcard::to_stdvec(&millis)), "time");
    }
    for score in [-1.0, f64::INFINITY, f64::NEG_INFINITY] {
        refused(&bytes(&|| postcard::to_stdvec(&score)), "score");
    }
    for conditions in [(1_u16 << 13, 0_u16), (0, 1), (2, 3)] {
        refused(&bytes(&|| postcard::to_stdvec(&conditions)), "conditions");
    }
    refused(&[2, 0xC3, 0xA9, 1, 0xA9], "identity");
    refused(&[1, 0xC3, 1, 0xA9], "identity");
    let names = crate::names::Names::default();
    let mut row = bytes(&|| postcard::to_stdvec(&(1_u8, "a90b7cb5-c704-3343-b538-74c7807807a2")));
    row.extend([0, 0, 0]);
    assert!(decode_row::<Defenders>(&row, &names).is_err(), "a key that no look-up would find");
    let row = bytes(&|| postcard::to_stdvec(&(1_u8, "x", 0_u8, 0_u8, 0_u8)));
    assert!(decode_row::<Defenders>(&row, &names).is_ok());
    assert!(decode_row::<Defenders>(&[&*row, &[0]].concat(), &names).is_err());
}
