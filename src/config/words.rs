//! Puts serde's errors into plain words, without the value.

use figment::error::Kind;
use figment::value::{Num, Value};

/// What is wrong, and what to write instead. `path` leads to the option, `value` is its value.
pub(super) fn reason(kind: &Kind, path: &[String], value: Option<&Value>) -> String {
    match kind {
        Kind::UnknownField(name, known) => unknown(name, path, known),
        Kind::MissingField(_) => "is required".to_owned(),
        Kind::DuplicateField(_) => "is set twice".to_owned(),
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            let found = value.map_or("nothing", found);
            format!("expected {}, found {found}", kind_expected(expected))
        }
        Kind::InvalidLength(length, expected) => format!("expected {expected}, found {length} of them"),
        Kind::Message(text) => without(text, value.and_then(Value::as_str).unwrap_or_default()),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is too large".to_owned(),
        Kind::Unsupported(_) | Kind::UnsupportedKey(..) => "has a type that no option has".to_owned(),
    }
}

/// An unknown key, with the options it may have been meant for.
fn unknown(name: &str, path: &[String], known: &[&str]) -> String {
    let meant = meant(name, known);
    if meant.iter().all(|option| is_place_of(name, option)) && !meant.is_empty() {
        let secret = name.replace('_', " ");
        return format!("unknown key; a {secret} is not written into the configuration: use {}", meant.join(" or "));
    }
    match meant.first() {
        Some(option) => format!("unknown key; did you mean {option}?"),
        None if path.len() == 1 => format!("unknown table or key; valid keys: {}", known.join(", ")),
        None => format!("unknown key; valid keys: {}", known.join(", ")),
    }
}

/// The options that an unknown key may have been meant for: those that name the place of such a secret, or the one with
/// the closest spelling.
pub(super) fn meant<'k>(name: &str, known: &[&'k str]) -> Vec<&'k str> {
    let places: Vec<_> = known.iter().copied().filter(|option| is_place_of(name, option)).collect();
    if !places.is_empty() {
        return places;
    }
    let close = known.iter().map(|option| (distance(name, option), *option));
    let close = close.filter(|(distance, option)| *distance <= 1 + option.len() / 5).min();
    close.into_iter().map(|(_, option)| option).collect()
}

/// Whether `option` names the place of the secret `name`.
fn is_place_of(name: &str, option: &str) -> bool {
    option.strip_prefix(name).is_some_and(|rest| matches!(rest, "_file" | "_env"))
}

/// The number of letters to add, drop, change or swap with their neighbour to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, letter) in a.chars().enumerate() {
        let mut costs = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let changed = last[column] + usize::from(letter != *other);
            let mut cost = changed.min(last[column + 1] + 1).min(costs[column] + 1);
            if column > 0 && previous == Some(*other) && b[column - 1] == letter && row > 0 {
                let swapped: &Vec<usize> = &before_last;
                cost = cost.min(swapped[column - 1] + 1);
            }
            costs.push(cost);
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, costs);
    }
    last[b.len()]
}

/// The type of a value.
fn found(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a text",
        Value::Bool(..) => "true or false",
        Value::Num(_, Num::F32(_) | Num::F64(_)) => "a number with a fraction",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

/// The type that serde expects, in TOML's terms.
fn kind_expected(expected: &str) -> &str {
    match expected {
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table",
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
}

/// `message` without its quotes of `value`.
fn without(message: &str, value: &str) -> String {
    let mut parts = message.split('"');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (place, part) in parts.enumerate() {
        let quoted = place % 2 == 0;
        text.push('"');
        text.push_str(if quoted && !part.is_empty() && value.contains(part) { "…" } else { part });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_keys_are_offered_and_far_ones_are_not() {
        let known = ["listen", "telemetry_path"];
        for (name, meant) in
            [("lisetn", "listen"), ("listne", "listen"), ("listen_", "listen"), ("telemetrypath", "telemetry_path")]
        {
            assert_eq!(unknown(name, &[], &known), format!("unknown key; did you mean {meant}?"));
        }
        assert_eq!(unknown("port", &[], &known), "unknown key; valid keys: listen, telemetry_path");
        for (a, b, steps) in
            [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("abcd", "acbd", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (steps, steps), "{a} {b}");
        }
    }

    #[test]
    fn a_message_does_not_quote_the_value() {
        assert_eq!(
            without("unknown unit \"hunter\"; write it as in \"5m\"", "2 hunter"),
            "unknown unit \"…\"; write it as in \"5m\""
        );
        assert_eq!(without("no quotes", "no"), "no quotes");
    }
}
