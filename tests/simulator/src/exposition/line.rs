//! Single lines of an exposition: metadata and samples, with their escapes.

use super::{Format, Sample};
use crate::oracle::Labels;

/// The information about a family in a metadata line.
pub(super) enum Metadata {
    Help(String),
    Type(String),
    Unit(String),
}

/// Parses the text after `#`; `None` is a plain comment.
pub(super) fn metadata(comment: &str, format: Format) -> Result<Option<(String, Metadata)>, String> {
    let keywords = [" HELP ", " TYPE ", " UNIT "];
    let Some(keyword) = keywords.into_iter().find(|keyword| comment.starts_with(keyword)) else { return Ok(None) };
    if keyword == " UNIT " && format == Format::Text {
        return Ok(None);
    }
    let rest = &comment[keyword.len()..];
    let (name, text) = rest.split_once(' ').ok_or("metadata without a text")?;
    if !is_metric_name(name) {
        return Err(format!("'{name}' is not a metric name"));
    }
    let metadata = match keyword {
        " HELP " => Metadata::Help(help(text, format)?),
        " UNIT " => Metadata::Unit(String::from(text)),
        _ => Metadata::Type(kind(text, format)?),
    };
    Ok(Some((String::from(name), metadata)))
}

fn kind(text: &str, format: Format) -> Result<String, String> {
    let known: &[&str] = match format {
        Format::OpenMetrics => {
            &["unknown", "gauge", "counter", "stateset", "info", "histogram", "gaugehistogram", "summary"]
        }
        Format::Text => &["counter", "gauge", "histogram", "summary", "untyped"],
    };
    if known.contains(&text) { Ok(String::from(text)) } else { Err(format!("'{text}' is not a type")) }
}

fn help(text: &str, format: Format) -> Result<String, String> {
    if format == Format::OpenMetrics {
        let mut characters = text.chars();
        let help = quoted(&mut characters, None)?;
        return Ok(help);
    }
    let mut help = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (plain, false) => help.push(plain),
            (_, true) => help.push(match characters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                _ => return Err(String::from("an invalid escape in a HELP text")),
            }),
        }
    }
    Ok(help)
}

/// Parses `name{label="value",…} value`.
pub(super) fn sample(line: &str, format: Format) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("a sample without a value")?;
    let name = &line[..end];
    if !is_metric_name(name) {
        return Err(format!("'{name}' is not a metric name"));
    }
    let mut rest = line[end..].chars();
    let labels = if line[end..].starts_with('{') {
        rest.next();
        labels(&mut rest, format)?
    } else {
        Labels::new()
    };
    let value = rest.as_str().strip_prefix(' ').ok_or("no space before the value")?;
    Ok(Sample { name: String::from(name), labels, value: number(value)? })
}

/// Parses labels up to and including the closing brace.
fn labels(rest: &mut std::str::Chars<'_>, format: Format) -> Result<Labels, String> {
    let mut labels = Labels::new();
    if let Some(after) = rest.as_str().strip_prefix('}') {
        *rest = after.chars();
        return Ok(labels);
    }
    loop {
        let (name, after) = rest.as_str().split_once('=').ok_or("a label without a value")?;
        if !is_label_name(name) {
            return Err(format!("'{name}' is not a label name"));
        }
        *rest = after.chars();
        if rest.next() != Some('"') {
            return Err(format!("the value of label '{name}' is not quoted"));
        }
        let value = quoted(rest, Some('"'))?;
        if labels.insert(String::from(name), value).is_some() {
            return Err(format!("label '{name}' twice"));
        }
        match rest.next() {
            Some('}') => return Ok(labels),
            Some(',') if format == Format::Text && rest.as_str().starts_with('}') => {
                rest.next();
                return Ok(labels);
            }
            Some(',') => {}
            _ => return Err(String::from("unterminated labels")),
        }
    }
}

/// Reads up to the closing character (or the end) and resolves escapes; only the specified escapes are valid.
fn quoted(rest: &mut std::str::Chars<'_>, closing: Option<char>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match rest.next() {
            None if closing.is_none() => return Ok(text),
            None => return Err(String::from("an unterminated quoted text")),
            Some('"') if closing == Some('"') => return Ok(text),
            Some('"') => return Err(String::from("an unescaped quote")),
            Some('\\') => text.push(match rest.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') => '"',
                _ => return Err(String::from("an invalid escape")),
            }),
            Some(character) => text.push(character),
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    let is_plain = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
        && text.chars().all(|character| character.is_ascii_digit() || "+-.eE".contains(character));
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        plain if is_plain => plain.parse().map_err(|_| format!("'{plain}' is not a number")),
        other => Err(format!("'{other}' is not a number")),
    }
}

fn is_metric_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "_:".contains(character))
}

fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}
