//! The keys of records.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A vendor's key of a record, exactly as sent; a UUID in its usual form takes 16 bytes and no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Key {
    /// 8-4-4-4-12 lower-case hexadecimal digits.
    Uuid([u8; 16]),
    /// Anything else.
    Text(Box<str>),
}

impl Key {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];

    /// The key for `text`.
    pub fn new(text: &str) -> Self {
        Self::uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    /// Whether [`Self::new`] makes this key from its text, as for every key in a table.
    pub fn is_usual(&self) -> bool {
        match self {
            Self::Uuid(_) => true,
            Self::Text(text) => Self::uuid(text).is_none(),
        }
    }

    fn uuid(text: &str) -> Option<[u8; 16]> {
        let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (at, character) in text.iter().enumerate() {
            if Self::HYPHENS.contains(&at) {
                if *character != b'-' {
                    return None;
                }
                continue;
            }
            let digit = match character {
                b'0'..=b'9' => character - b'0',
                b'a'..=b'f' => character - b'a' + 10,
                _ => return None,
            };
            bytes[digits / 2] |= digit << (4 * (1 - digits % 2));
            digits += 1;
        }
        Some(bytes)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_sent() {
        for text in [
            "a90b7cb5-c704-3343-b538-74c7807807a2",
            "A90B7CB5-C704-3343-B538-74C7807807A2",
            "a90b7cb5-c704-3343-b538-74c7807807a",
            "a90b7cb5xc704-3343-b538-74c7807807a2",
            "g90b7cb5-c704-3343-b538-74c7807807a2",
            "647ae732d98e",
            "",
            "é90b7cb5-c704-3343-b538-74c7807807a2",
        ] {
            assert_eq!(Key::new(text).to_string(), text);
        }
        assert!(matches!(Key::new("a90b7cb5-c704-3343-b538-74c7807807a2"), Key::Uuid(_)));
        assert_eq!(size_of::<Key>(), 24);
    }
}
