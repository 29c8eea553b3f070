//! The vendor's many lossless representations of one value, chosen by the seed for each row.

use serde_json::{Map, Value, json};

use super::super::calendar::{gmt, iso};
use crate::random::Random;

/// A row under construction, in one of its representations.
pub(super) struct OddRow {
    fields: Map<String, Value>,
    random: Random,
}

impl OddRow {
    /// Starts a row of a list. Equal arguments give equal representations.
    pub(super) fn new(seed: u64, uuid: &str, list: &str) -> Self {
        Self { fields: Map::new(), random: Random::of(seed, uuid, list) }
    }

    /// The row, with additional unknown fields.
    pub(super) fn finish(mut self) -> Value {
        if self.random.percent(30) {
            self.fields.insert(String::from("futureField"), json!({"nested": [1, "two", null, {"three": 3.5}]}));
            self.fields.insert(String::from("lastSeenByAgent"), json!("unparsable, and nobody's business"));
        }
        Value::Object(self.fields)
    }

    /// True `percent` times in a hundred.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.random.percent(percent)
    }

    /// Writes a plain value.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.insert(String::from(key), value.into());
    }

    /// Writes a missing value: null, or no field at all.
    pub(super) fn put_none(&mut self, key: &str) {
        if self.random.percent(60) {
            self.put(key, Value::Null);
        }
    }

    pub(super) fn put_text(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.put(key, text),
            None => self.put_none(key),
        }
    }

    pub(super) fn put_number(&mut self, key: &str, number: Option<impl Into<u64>>) {
        match number {
            Some(number) => {
                let value = self.number(number);
                self.put(key, value);
            }
            None => self.put_none(key),
        }
    }

    /// Writes a score, or one of the representations of a missing one.
    pub(super) fn put_score(&mut self, key: &str, score: Option<u32>) {
        if score.is_none() && self.percent(20) {
            self.put(key, -1);
        } else {
            self.put_number(key, score);
        }
    }

    pub(super) fn put_flag(&mut self, key: &str, flag: Option<bool>) {
        match flag {
            Some(flag) if self.random.percent(20) => self.put(key, flag.to_string()),
            Some(flag) => self.put(key, flag),
            None => self.put_none(key),
        }
    }

    /// Writes a time, or one of the representations of a missing one.
    pub(super) fn put_time(&mut self, key: &str, ms: Option<i64>) {
        match ms {
            Some(ms) => {
                let value = self.time(ms);
                self.put(key, value);
            }
            None => match self.random.below(6) {
                0 => self.put(key, "0"),
                1 => self.put(key, 0),
                _ => self.put_none(key),
            },
        }
    }

    /// Writes the time by which walks are ordered; its unit is never seconds.
    pub(super) fn put_stamp(&mut self, key: &str, ms: i64) {
        let value = match self.random.below(10) {
            0..=5 => json!(ms.to_string()),
            6..=7 => json!(ms),
            8 => json!(iso(ms, "Z")),
            _ => json!(iso(ms, "+00:00")),
        };
        self.put(key, value);
    }

    /// Writes an object of counts. Missing ones are null or omitted.
    pub(super) fn put_counts(&mut self, key: &str, names: &[&str], counts: Option<&[Option<u32>]>) {
        let mut object = Map::new();
        let Some(counts) = counts else {
            match self.random.below(4) {
                0 => object.extend(names.iter().map(|name| (String::from(*name), Value::Null))),
                1 => {}
                _ => return self.put_none(key),
            }
            return self.put(key, object);
        };
        for (name, count) in names.iter().zip(counts) {
            match count {
                Some(count) => {
                    let value = self.number(*count);
                    object.insert(String::from(*name), value);
                }
                None if self.random.percent(50) => {
                    object.insert(String::from(*name), Value::Null);
                }
                None => {}
            }
        }
        self.put(key, object);
    }

    pub(super) fn number(&mut self, number: impl Into<u64>) -> Value {
        let number: u64 = number.into();
        if self.random.percent(20) { json!(number.to_string()) } else { json!(number) }
    }

    fn time(&mut self, ms: i64) -> Value {
        let seconds = ms / 1000;
        let is_short = ms % 1000 == 0 && (1_000_000_000..10_000_000_000).contains(&seconds);
        match self.random.below(if is_short { 8 } else { 5 }) {
            0 | 1 => json!(ms.to_string()),
            2 => json!(ms),
            3 => json!(iso(ms, "Z")),
            4 => json!(iso(ms, "+00:00")),
            5 => json!(gmt(ms)),
            6 => json!(seconds),
            _ => json!(seconds.to_string()),
        }
    }
}
