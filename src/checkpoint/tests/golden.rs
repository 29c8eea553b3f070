//! The bytes of everything stored: a file holds the bytes of the current format number.

use std::fmt::Write as _;

use super::*;
use crate::inventory::{Record, Visit};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/checkpoint/tests/golden.txt");

struct Bytes(String);

impl Bytes {
    fn line(&mut self, what: &str, bytes: &[u8]) {
        self.0 += what;
        self.0.push(' ');
        for byte in bytes {
            write!(self.0, "{byte:02x}").expect("text can be added to");
        }
        self.0.push('\n');
    }
}

impl Visit for Bytes {
    type Error = String;

    fn visit<R: Record>(&mut self, table: &Arc<Table<R>>) -> Result<(), String> {
        for (key, record) in table.iter() {
            let mut bytes = Vec::new();
            encode_row(key, record, &mut bytes)?;
            self.line(&format!("{} {:?}", R::TABLE, key.to_string()), &bytes);
        }
        Ok(())
    }
}

fn header(content: Content) -> Header {
    let stored = Stored { table: "containers".to_owned(), rows: 3, rows_sum: 4, names: 500, names_sum: u32::MAX };
    Header { identity: u64::MAX, vendor: "qualys".to_owned(), content, tables: vec![stored] }
}

#[test]
fn stored_data_has_the_bytes_of_its_format() {
    let mut bytes = Bytes(format!("format {FORMAT}\n"));
    every().each(&mut bytes).expect("bytes");
    let contents = [
        Content::Served { build: "0.1.0+abc".to_owned(), data: saved_data() },
        Content::Walk { build: "0.1.0+abc".to_owned(), position: vec![1, 2, 255] },
    ];
    for content in contents {
        let header = header(content).write("a/b/c").expect("bytes");
        assert!(Header::read("a/b/c", &header).is_ok() && Header::read("a/b/d", &header).is_err());
        bytes.line("header", &header);
    }
    let mut sealed = b"text".to_vec();
    Checksum::new("list").close(258, &mut sealed);
    bytes.line("sealed", &sealed);
    #[expect(clippy::disallowed_methods, reason = "who runs the test says so whether to write the file")]
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        fs::write(FILE, &bytes.0).expect("a file that can be written");
    }
    let known = fs::read_to_string(FILE).expect("the file is there");
    let different = known.lines().zip(bytes.0.lines()).find(|(known, now)| known != now);
    assert!(
        known == bytes.0,
        "the bytes of stored data have changed, first in {different:?}.\n\
         Existing stores would be misread: raise FORMAT in src/checkpoint/mod.rs, unless it was already raised since \
         the last release, and rewrite {FILE} with\n  UPDATE=1 cargo test --lib checkpoint::tests::golden"
    );
}
