//! The bound on the length of label values.

use std::borrow::Cow;

/// Marks a value that was cut.
const ELLIPSIS: &str = "…";

/// The value, cut at a character to at most `max` bytes including the `…` that marks the cut.
pub(super) fn bounded(value: &str, max: usize) -> Cow<'_, str> {
    if value.len() <= max {
        return Cow::Borrowed(value);
    }
    let kept = value.floor_char_boundary(max.saturating_sub(ELLIPSIS.len()));
    Cow::Owned(format!("{}{ELLIPSIS}", &value[..kept]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_at_a_character() {
        for (value, max, cut) in [
            ("", 8, ""),
            ("12345678", 8, "12345678"),
            ("123456789", 8, "12345…"),
            ("1234é6789", 8, "1234…"),
            ("ééééé", 10, "ééééé"),
            ("éééééé", 10, "ééé…"),
        ] {
            assert_eq!(bounded(value, max), cut);
            assert!(bounded(value, max).len() <= max);
        }
    }
}
