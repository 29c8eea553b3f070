//! The vendor's many ways to write one value, none of which loses anything: chosen by the seed, row by row.

use serde_json::{Map, Value, json};

use super::super::calendar::{gmt, iso};
use crate::random::Random;

/// A row being written in one of the possible ways.
pub(super) struct OddRow {
    fields: Map<String, Value>,
    random: Random,
}

impl OddRow {
    /// A row of a list: equal arguments write it in equal ways.
    pub(super) fn new(seed: u64, uuid: &str, list: &str) -> Self {
        Self { fields: Map::new(), random: Random::of(seed, uuid, list) }
    }

    /// The row, with fields that no reader knows yet.
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

    /// Writes a value as it is.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.insert(String::from(key), value.into());
    }

    /// Writes that there is no value: as null or not at all.
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

    /// Writes a score, or, in one of the ways of saying so, that there is none.
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

    /// Writes a point in time, or, in one of the ways of saying so, that there is none.
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

    /// Writes the time that walks go by: never in seconds.
    pub(super) fn put_stamp(&mut self, key: &str, ms: i64) {
        let value = match self.random.below(10) {
            0..=5 => json!(ms.to_string()),
            6..=7 => json!(ms),
            8 => json!(iso(ms, "Z")),
            _ => json!(iso(ms, "+00:00")),
        };
        self.put(key, value);
    }

    /// An object of counts whose missing ones are null or left out.
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
