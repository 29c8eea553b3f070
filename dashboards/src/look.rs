//! The shared look of all dashboards: the meaning of each colour.
//!
//! The colours of severity are distinguishable for people with any kind of colour blindness, on light and dark
//! backgrounds; a test computes both. They are used only for severity and for equally bad states.

use serde_json::{Value, json};

/// The worst.
pub const CRITICAL: &str = "#dc0c4a";
/// The second worst.
pub const HIGH: &str = "#c2541c";
/// The middle.
pub const MEDIUM: &str = "#e1ab0f";
/// Slightly bad.
pub const LOW: &str = "#505ff2";
/// Hardly bad.
pub const INFO: &str = "#76b0e0";
/// Unknown.
pub const UNKNOWN: &str = "#919090";
/// Good.
pub const GOOD: &str = "#02d362";

/// Colours by the value of a label.
pub type Colours = &'static [(&'static str, &'static str)];

/// `severity`, also of a container's worst finding.
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

/// Colours by lower bound; the first applies to all values below the second bound.
pub type Scale = &'static [(f64, &'static str)];

/// A single one is too many, and as bad as possible.
pub const NONE_IS_GOOD: Scale = &[(0.0, GOOD), (1.0, CRITICAL)];
/// A single one is too many.
pub const FEW_ARE_GOOD: Scale = &[(0.0, GOOD), (1.0, HIGH)];
/// A neutral number.
pub const PLAIN: Scale = &[(0.0, INFO)];
/// The age of data: by default collectors run every 5 or 15 minutes, data is withdrawn after three intervals, and the
/// alert waits for two hours.
pub const DATA_AGE: Scale = &[(0.0, GOOD), (2.0 * 3600.0, HIGH), (6.0 * 3600.0, CRITICAL)];
/// The time since a scan or evaluation.
pub const SCAN_AGE: Scale = &[(0.0, GOOD), (7.0 * 86_400.0, MEDIUM), (30.0 * 86_400.0, HIGH)];
/// The silence of a sensor; by default the exporter calls it stale after a day.
pub const SILENCE: Scale = &[(0.0, GOOD), (3600.0, MEDIUM), (86_400.0, HIGH)];
/// A share of passed checks.
pub const PASS_RATE: Scale = &[(0.0, CRITICAL), (0.7, HIGH), (0.85, MEDIUM), (0.95, GOOD)];
/// The used share of a limit.
pub const USE: Scale = &[(0.0, GOOD), (0.8, MEDIUM), (1.0, HIGH)];
/// A change: fewer are better.
pub const CHANGE: Scale = &[(0.0, GOOD), (0.0, UNKNOWN), (1.0, HIGH)];
/// 1 means yes; 0 means no, which is bad.
pub const YES_IS_GOOD: Scale = &[(0.0, CRITICAL), (1.0, GOOD)];

/// A scale as thresholds. The lowest step has no value, since it applies to all values below the next.
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

/// The text for the empty string, which stands for a name that the vendor does not report.
pub fn empty_is(text: &str) -> Value {
    json!({ "type": "special", "options": { "match": "empty", "result": { "text": text, "index": 0 } } })
}

/// The text for an unknown number.
pub fn not_known() -> Value {
    json!({ "type": "special", "options": { "match": "nan", "result": { "text": "not known", "color": UNKNOWN, "index": 1 } } })
}

/// The text for a thing without a result for one of the questions.
pub fn no_result() -> Value {
    json!({ "type": "special", "options": { "match": "null", "result": { "text": "–", "color": UNKNOWN, "index": 2 } } })
}

/// The texts for 1 and 0.
pub fn yes_no() -> Value {
    json!({ "type": "value", "options": {
        "0": { "text": "no", "index": 0 },
        "1": { "text": "yes", "index": 1 },
    } })
}

/// An override for the field of this name.
pub fn of_field(name: &str, properties: &[(&str, Value)]) -> Value {
    let properties: Vec<_> = properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
    json!({ "matcher": { "id": "byName", "options": name }, "properties": properties })
}

/// Overrides that give the series with these names their colours.
pub fn fixed(colours: Colours) -> impl Iterator<Item = Value> {
    colours.iter().map(|(name, colour)| of_field(name, &[("color", json!({ "mode": "fixed", "fixedColor": colour }))]))
}
