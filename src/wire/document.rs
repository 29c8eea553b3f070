//! The body of a response as text, repaired if it is nearly JSON.
//!
//! Vendors cut texts in the middle of a character, and send invalid bytes: one garbled name must not cost a record, let
//! alone a page.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Deref;

/// The replacement of an invalid character, in JSON's notation.
const REPLACEMENT: &str = "\\ufffd";

/// The replacement of a number that is too large to parse: one that is only too large to be read as a value.
const HUGE: &str = "1e300";

/// A response body as text. Bytes that are not UTF-8 are replaced.
#[derive(Debug)]
pub struct Document<'a> {
    text: Cow<'a, str>,
    repaired: OnceCell<Option<String>>,
}

/// The most invalid parts of a body that are replaced: each takes two bytes more. What has more is not text.
const MOST_INVALID: usize = 4_000_000;

/// The body as text. One that is not text at all becomes a text that nothing can be read from.
pub fn text(body: &[u8]) -> Document<'_> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = simdutf8::basic::from_utf8(body).map_or_else(|_| Cow::Owned(replaced(body)), Cow::Borrowed);
    Document { text, repaired: OnceCell::new() }
}

/// The body with U+FFFD in place of its invalid parts.
fn replaced(body: &[u8]) -> String {
    let invalid = body.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    if invalid > MOST_INVALID {
        // Not an empty text, which means an empty listing.
        return char::REPLACEMENT_CHARACTER.into();
    }
    let mut text = String::with_capacity(body.len() + invalid * char::REPLACEMENT_CHARACTER.len_utf8());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend((!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER));
    }
    text
}

impl Deref for Document<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Document<'_> {
    /// The text with everything repaired that JSON's grammar allows and no reader accepts: halves of characters, and
    /// numbers that are too large. `None` if there is nothing to repair.
    pub(super) fn repaired(&self) -> Option<&str> {
        self.repaired.get_or_init(|| repair(&self.text)).as_deref()
    }
}

/// How much longer a repaired text may get without being moved.
const SPARE_BYTES: usize = 1024;

fn repair(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut repaired = String::new();
    let wanted = text.len() + SPARE_BYTES;
    // The end of the copied text.
    let mut copied = 0;
    let mut at = 0;
    let mut in_string = false;
    while let Some(byte) = bytes.get(at) {
        let (length, instead) = match (in_string, byte) {
            (_, b'"') => {
                in_string = !in_string;
                (1, None)
            }
            (true, b'\\') => escape(&bytes[at..]),
            (false, b'0'..=b'9') => number(&text[at..]),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            // At once, since a text that grows takes up to three times its size. Replacements are seldom longer.
            repaired.reserve(if repaired.is_empty() { wanted } else { 0 });
            repaired.push_str(&text[copied..at]);
            repaired.push_str(instead);
            copied = at + length;
        }
        at += length;
    }
    (copied > 0).then(|| {
        repaired.push_str(&text[copied..]);
        repaired
    })
}

/// The length of the escape at the start of these bytes, and its replacement if it is half a character.
fn escape(bytes: &[u8]) -> (usize, Option<&'static str>) {
    match (unit(bytes), bytes.get(6..).and_then(unit)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, None),
        (Some(0xd800..=0xdfff), _) => (6, Some(REPLACEMENT)),
        // A single-letter escape, or an invalid escape.
        (_, _) => (2, None),
    }
}

/// The code unit of the escape at the start of these bytes.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?, 16).ok()
}

/// The length of the number at the start of this text, and its replacement if it is too large.
fn number(text: &str) -> (usize, Option<&'static str>) {
    let length = text.find(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-')).unwrap_or(text.len());
    let too_large = text[..length].parse().is_ok_and(f64::is_infinite);
    (length, too_large.then_some(HUGE))
}
