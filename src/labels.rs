//! How a vendor's words become label values.

use crate::names::{Name, Names};

/// Words up to this length are lower-cased without an allocation; those seen are much shorter.
const SHORT: usize = 64;

/// The name of an enum value as a label value: lower-cased, spaces as `_`, `unknown` for none.
pub(crate) fn word(names: &mut Names, word: &str) -> Name {
    if word.is_empty() { Name::UNKNOWN } else { lower(names, word) }
}

/// As [`word`], but none is the empty name.
pub(crate) fn lower(names: &mut Names, word: &str) -> Name {
    let mut short = [0_u8; SHORT];
    if word.is_ascii()
        && let Some(short) = short.get_mut(..word.len())
    {
        for (to, from) in short.iter_mut().zip(word.bytes()) {
            *to = if from == b' ' { b'_' } else { from.to_ascii_lowercase() };
        }
        if let Ok(lower) = str::from_utf8(short) {
            return names.intern(lower);
        }
    }
    names.intern(&lowered(word))
}

/// An image id without its hash function: vendors write it with and without.
pub(crate) fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// The name of a flag that is a label value: `true`, `false`, or `unknown` for none.
pub(crate) fn flag(names: &mut Names, flag: Option<bool>) -> Name {
    flag.map_or(Name::UNKNOWN, |flag| names.intern(if flag { "true" } else { "false" }))
}

fn lowered(word: &str) -> String {
    word.to_lowercase().replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_vendor() {
        let mut names = Names::default();
        let long = "LONG ".repeat(40);
        for (sent, shown) in [
            ("RUNNING", "running"),
            ("CRI-O", "cri-o"),
            ("Being Deleted", "being_deleted"),
            ("K8S_ADMISSION", "k8s_admission"),
            ("ÄRGER ÜBER", "ärger_über"),
            ("", "unknown"),
            (&*long, &*long.to_lowercase().replace(' ', "_")),
        ] {
            let name = word(&mut names, sent);
            assert_eq!(names.text(name), shown);
        }
        assert_eq!(lower(&mut names, ""), Name::EMPTY);
        let flags = [Some(true), Some(false), None].map(|value| flag(&mut names, value));
        assert_eq!(flags.map(|name| names.text(name)), ["true", "false", "unknown"]);
    }
}
