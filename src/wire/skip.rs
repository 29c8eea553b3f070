//! Recognises and skips absent values.

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

/// Whether a text means that the value is absent.
pub(super) fn is_nothing(text: &str) -> bool {
    matches!(text.trim_ascii(), "" | "None")
}

/// Skips the rest of an object.
pub(super) fn skip_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Skips the rest of a list; returns the number of skipped elements.
pub(super) fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<usize, A::Error> {
    let mut elements = 0;
    while list.next_element::<IgnoredAny>()?.is_some() {
        elements += 1;
    }
    Ok(elements)
}
