//! Names that break careless code.

use crate::random::Random;

const NASTY: &[&str] = &[
    "quote\"d",
    "back\\slash",
    "trailing\\",
    "two\nlines",
    "carriage\rreturn",
    "",
    "_other",
    "{a=\"b\"}",
    "a,b=c",
    "nul\u{0}byte",
    "\u{202e}right-to-left",
    "emoji 🧨 e\u{301}",
    "tab\there",
    "# HELP not_a_family nonsense",
    "\\n",
    " padded ",
    "line\u{2028}separator",
];

/// One of these names, or a very long one.
pub(crate) fn nasty(random: &mut Random) -> String {
    if random.percent(8) {
        return format!("{}{}", "very-long-".repeat(60), random.below(3));
    }
    String::from(random.word(NASTY))
}
