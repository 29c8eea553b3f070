//! Reads a Link header as the cursor of the next page, which is always the header's own cursor and never the URL.

#![no_main]

use std::fmt::Write as _;

use container_security_exporter::paging::Next;
use container_security_exporter::source::qualys::two_listings::link::next;
use http::header::LINK;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::{Corpus, fuzz_target};

/// The text before a cursor.
const FIELD: &str = "paginationQuery=";

// Each line is a header.
fuzz_target!(|data: &[u8]| -> Corpus {
    let lines = data.split(|byte| *byte == b'\n');
    let Ok(values) = lines.map(HeaderValue::from_bytes).collect::<Result<Vec<_>, _>>() else {
        return Corpus::Reject;
    };
    let headers: HeaderMap = values.iter().map(|value| (LINK, value.clone())).collect();
    let page = next(&headers);
    assert_eq!(page, next(&headers), "the same header gives the same cursor");
    if let Next::Cursor(cursor) = &page {
        assert!(!cursor.trim().is_empty(), "a cursor must not be blank, since that restarts the walk");
        let found = values.iter().any(|value| stands_in(&String::from_utf8_lossy(value.as_bytes()), cursor));
        assert!(found, "{cursor:?} is not the value of a {FIELD}");
    }

    if let Ok(cursor) = std::str::from_utf8(data)
        && !cursor.trim().is_empty()
    {
        let mut link = format!("<http://host/list?limit=250&{FIELD}");
        for byte in cursor.bytes() {
            write!(link, "%{byte:02X}").expect("writing to a string does not fail");
        }
        link.push_str(">;rel=next");
        let link = HeaderValue::from_str(&link).expect("all of it is ASCII");
        assert_eq!(next(&HeaderMap::from_iter([(LINK, link)])), Next::Cursor(cursor.to_owned()));
    }
    Corpus::Keep
});

/// Whether the cursor is the start of the decoded text after its field name.
fn stands_in(header: &str, cursor: &str) -> bool {
    header.match_indices(FIELD).any(|(at, name)| decoded(&header[at + name.len()..]).starts_with(cursor))
}

fn decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let code = after.get(..2).and_then(|code| {
            let digit = |at: usize| char::from(code[at]).to_digit(16);
            u8::try_from(digit(0)? * 16 + digit(1)?).ok()
        });
        decoded.push(match (first, code) {
            (b'%', Some(byte)) => {
                rest = &after[2..];
                byte
            }
            (b'+', _) => b' ',
            (byte, _) => *byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
