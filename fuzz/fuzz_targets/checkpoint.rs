//! Reads arbitrary bytes as a stored header or record: they are refused, or writing and reading them again gives the
//! same value. Checksums are left out, since arbitrary bytes would never pass them.

#![no_main]

use container_security_exporter::checkpoint::{Header, decode_row, encode_row};
use container_security_exporter::inventory::Record;
use container_security_exporter::names::Names;
use container_security_exporter::record::{
    Console, Container, Control, Defenders, Image, Policy, PostureResource, Report, Sensor, Vulnerability,
};
use libfuzzer_sys::{Corpus, fuzz_target};

// The first byte selects the kind of the others.
fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((kind, bytes)) = data.split_first() else {
        return Corpus::Reject;
    };
    match kind {
        b'h' => header(bytes),
        b'a' => row::<Container>(bytes),
        b'b' => row::<Image>(bytes),
        b'c' => row::<Vulnerability>(bytes),
        b'd' => row::<Sensor>(bytes),
        b'e' => row::<Defenders>(bytes),
        b'f' => row::<Control>(bytes),
        b'g' => row::<PostureResource>(bytes),
        b'i' => row::<Report>(bytes),
        b'j' => row::<Policy>(bytes),
        b'k' => row::<Console>(bytes),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

fn header(bytes: &[u8]) {
    let Ok(header) = Header::decode(bytes) else { return };
    let written = header.write("a place").expect("what was read can be written");
    let again = Header::read("a place", &written).expect("what was written can be read");
    assert_eq!(format!("{again:?}"), format!("{header:?}"));
    assert!(Header::read("another place", &written).is_err(), "a header is valid for one place only");
}

fn row<R: Record>(bytes: &[u8]) {
    let mut names = Names::default();
    for name in ["prod", "kube-system", "é", "a longer name than the others"] {
        names.intern(name);
    }
    let Ok((key, record)) = decode_row::<R>(bytes, &names) else { return };
    let mut written = Vec::new();
    encode_row(&key, &record, &mut written).expect("what was read can be written");
    let (again, same) = decode_row::<R>(&written, &names).expect("what was written can be read");
    assert_eq!(again, key);
    assert_eq!(format!("{same:?}"), format!("{record:?}"));
    // With fewer names in the table, a row is refused or refers only to the names that exist.
    if let Ok((_, other)) = decode_row::<R>(bytes, &Names::default()) {
        assert_eq!(format!("{other:?}"), format!("{record:?}"));
    }
}
