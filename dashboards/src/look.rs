//! One look for all dashboards: what each colour means.
//!
//! The colours of severity are distinguishable for people who see no red, no green or no blue, on a light and on a dark
//! ground; a test computes both. They are used for severity and for what is as bad as it, and for nothing else.

use serde_json::{Value, json};

/// As bad as it gets.
pub const CRITICAL: &str = "#dc0c4a";
/// The next after it.
pub const HIGH: &str = "#c2541c";
/// The middle.
pub const MEDIUM: &str = "#e1ab0f";
/// Little.
pub const LOW: &str = "#505ff2";
/// Hardly any.
pub const INFO: &str = "#76b0e0";
/// Nobody knows.
pub const UNKNOWN: &str = "#919090";
/// All is well.
pub const GOOD: &str = "#02d362";

/// Colours by the value of a label.
pub type Colours = &'static [(&'static str, &'static str)];

/// `severity`, as the worst finding of a container too.
pub const SEVERITY: Colours = &[
    ("critical", CRITICAL),
    ("high", HIGH),
    ("medium", MEDIUM),
    ("low", LOW),
    ("info", INFO),
    ("unknown", UNKNOWN),
    ("none", GOOD),
];

/// `risk_level`.
pub const RISK: Colours =
    &[("severe", CRITICAL), ("high", HIGH), ("medium", MEDIUM), ("low", LOW), ("unscored", UNKNOWN)];

/// `status` of a check.
pub const STATUS: Colours = &[("fail", CRITICAL), ("error", HIGH), ("skip", UNKNOWN), ("pass", GOOD)];

/// `sensor_state`.
pub const SENSOR_STATE: Colours = &[("missing", CRITICAL), ("stale", HIGH), ("live", GOOD)];

/// From which value on which colour; the first holds for all below the second.
pub type Scale = &'static [(f64, &'static str)];

/// One is one too many, of the worst.
pub const NONE_IS_GOOD: Scale = &[(0.0, GOOD), (1.0, CRITICAL)];
/// One is one too many.
pub const FEW_ARE_GOOD: Scale = &[(0.0, GOOD), (1.0, HIGH)];
/// A number that is neither good nor bad.
pub const PLAIN: Scale = &[(0.0, INFO)];
/// How old data is: by default collectors run every 5 or 15 minutes, data is withdrawn after three times that, and the alert
/// waits for two hours.
pub const DATA_AGE: Scale = &[(0.0, GOOD), (2.0 * 3600.0, HIGH), (6.0 * 3600.0, CRITICAL)];
/// How long ago something was scanned or evaluated.
pub const SCAN_AGE: Scale = &[(0.0, GOOD), (7.0 * 86_400.0, MEDIUM), (30.0 * 86_400.0, HIGH)];
/// How long a sensor has been silent; the exporter calls it stale after a day, unless configured otherwise.
pub const SILENCE: Scale = &[(0.0, GOOD), (3600.0, MEDIUM), (86_400.0, HIGH)];
/// A share of passed checks.
pub const PASS_RATE: Scale = &[(0.0, CRITICAL), (0.7, HIGH), (0.85, MEDIUM), (0.95, GOOD)];
/// A share of something that has a limit.
pub const USE: Scale = &[(0.0, GOOD), (0.8, MEDIUM), (1.0, HIGH)];
/// A change: fewer are better.
pub const CHANGE: Scale = &[(0.0, GOOD), (0.0, UNKNOWN), (1.0, HIGH)];
/// 1 means yes and 0 means no, which is bad.
pub const YES_IS_GOOD: Scale = &[(0.0, CRITICAL), (1.0, GOOD)];

/// A scale as thresholds. The lowest step has no value: it holds for all below the next.
pub fn thresholds(scale: Scale) -> Value {
    let steps: Vec<_> = scale
        .iter()
        .enumerate()
        .map(
            |(at, (from, colour))| json!({ "value": if at == 0 { Value::Null } else { json!(from) }, "color": colour }),
        )
        .collect();
    json!({ "mode": "absolute", "steps": steps })
}

/// What is shown for the empty string, which stands for a name that the vendor does not report.
pub fn empty_is(text: &str) -> Value {
    json!({ "type": "special", "options": { "match": "empty", "result": { "text": text, "index": 0 } } })
}

/// What is shown for an unknown number.
pub fn not_known() -> Value {
    json!({ "type": "special", "options": { "match": "nan", "result": { "text": "not known", "color": UNKNOWN, "index": 1 } } })
}

/// What is shown for a thing that one question has no answer about.
pub fn not_told() -> Value {
    json!({ "type": "special", "options": { "match": "null", "result": { "text": "–", "color": UNKNOWN, "index": 2 } } })
}

/// 1 and 0 in words.
pub fn yes_no() -> Value {
    json!({ "type": "value", "options": {
        "0": { "text": "no", "index": 0 },
        "1": { "text": "yes", "index": 1 },
    } })
}

/// An override of the field of this name.
pub fn of_field(name: &str, properties: &[(&str, Value)]) -> Value {
    let properties: Vec<_> = properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
    json!({ "matcher": { "id": "byName", "options": name }, "properties": properties })
}

/// Overrides that give the series with these names their colours.
pub fn fixed(colours: Colours) -> impl Iterator<Item = Value> {
    colours.iter().map(|(name, colour)| of_field(name, &[("color", json!({ "mode": "fixed", "fixedColor": colour }))]))
}
