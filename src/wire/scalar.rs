//! Single values, in all the ways in which the vendor writes them.
//!
//! The vendor's own samples write numbers, booleans and times both as themselves and as text; null, an empty text
//! and a field that is left out all mean that there is no value. A value that cannot be read fails its row, and
//! the error never quotes it: it may be a secret.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::time::{self, Time};

/// What JSON can say in a single value.
#[derive(Clone, Debug, PartialEq)]
enum Scalar<'a> {
    Nothing,
    Flag(bool),
    Whole(i64),
    Real(f64),
    Text(Cow<'a, str>),
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "no count or time of the vendor is above 2^63")]
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Scalar::Real(number as f64), Scalar::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Real(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
}

fn read<'de, D, T>(
    deserializer: D,
    expected: &'static str,
    meaning: impl FnOnce(Scalar<'de>) -> Option<T>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    let scalar = deserializer.deserialize_any(AnyScalar)?;
    meaning(scalar).ok_or_else(|| Error::custom(format_args!("this is not {expected}")))
}

/// A text; a number or a boolean in its place is taken as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text; empty where there is none.
    pub fn get(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The text, if there is one with something in it.
    pub fn filled(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        read(deserializer, "a text", |scalar| {
            Some(Self(match scalar {
                Scalar::Nothing => None,
                Scalar::Text(text) => Some(text),
                Scalar::Flag(flag) => Some(Cow::Borrowed(if flag { "true" } else { "false" })),
                Scalar::Real(number) => Some(Cow::Owned(number.to_string())),
                // Most such numbers are a criticality from 0 to 5, which should cost no allocation.
                Scalar::Whole(number) => {
                    let digit = usize::try_from(number).ok().and_then(|at| DIGITS.get(at));
                    Some(digit.map_or_else(|| Cow::Owned(number.to_string()), |digit| Cow::Borrowed(*digit)))
                }
            }))
        })
    }
}

/// A whole number from 0, as a number or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

impl Count {
    /// The count in 32 bits; one that is larger is the largest there is.
    pub fn saturated(self) -> Option<u32> {
        self.0.map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a count", |scalar| match scalar {
            Scalar::Nothing => Some(Self(None)),
            Scalar::Flag(_) => None,
            Scalar::Whole(number) => u64::try_from(number).ok().map(|count| Self(Some(count))),
            Scalar::Real(number) => whole(number).map(|count| Self(Some(count))),
            Scalar::Text(text) => match text.trim() {
                "" => Some(Self(None)),
                text => {
                    let count = text.parse().ok().or_else(|| whole(text.parse().ok()?));
                    count.map(|count| Self(Some(count)))
                }
            },
        })
    }
}

/// A count that was written as a decimal fraction, as in `5.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative and has no fraction, and the cast saturates"
)]
fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number.is_finite() && number.fract() == 0.0).then_some(number as u64)
}

/// The counts, null ones as 0; none if all are null.
pub fn known<const N: usize>(counts: [Count; N]) -> Option<[u32; N]> {
    let some = counts.iter().any(|count| count.0.is_some());
    some.then(|| counts.map(|count| count.saturated().unwrap_or(0)))
}

/// A number, as a number or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Number(pub Option<f64>);

impl<'de> Deserialize<'de> for Number {
    #[expect(clippy::cast_precision_loss, reason = "scores go up to 1000")]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a number", |scalar| match scalar {
            Scalar::Nothing => Some(Self(None)),
            Scalar::Flag(_) => None,
            Scalar::Whole(number) => Some(Self(Some(number as f64))),
            Scalar::Real(number) => Some(Self(Some(number))),
            Scalar::Text(text) => match text.trim() {
                "" => Some(Self(None)),
                text => text.parse().ok().filter(|number: &f64| number.is_finite()).map(|number| Self(Some(number))),
            },
        })
    }
}

/// A boolean, as itself, as a word or as 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a boolean", |scalar| match scalar {
            Scalar::Nothing => Some(Self(None)),
            Scalar::Flag(flag) => Some(Self(Some(flag))),
            Scalar::Whole(0) => Some(Self(Some(false))),
            Scalar::Whole(1) => Some(Self(Some(true))),
            Scalar::Whole(_) | Scalar::Real(_) => None,
            Scalar::Text(text) => match text.trim() {
                "" => Some(Self(None)),
                "0" => Some(Self(Some(false))),
                "1" => Some(Self(Some(true))),
                word if word.eq_ignore_ascii_case("false") => Some(Self(Some(false))),
                word if word.eq_ignore_ascii_case("true") => Some(Self(Some(true))),
                _ => None,
            },
        })
    }
}

impl<'de> Deserialize<'de> for Time {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and fractions of a millisecond do not matter"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a time", |scalar| match scalar {
            Scalar::Nothing => Some(Self(None)),
            Scalar::Flag(_) => None,
            Scalar::Whole(number) => Some(Self(time::from_number(number))),
            Scalar::Real(number) => Some(Self(time::from_number(number as i64))),
            Scalar::Text(text) => time::from_text(&text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<'a, T: Deserialize<'a>>(texts: &[&'a str]) -> Vec<Option<T>> {
        texts.iter().map(|text| serde_json::from_str(text).ok()).collect()
    }

    #[test]
    fn counts_come_as_numbers_and_as_text() {
        let good = ["6", "\"6\"", "6.0", "\"6.0\"", "\" 6 \"", "null", "\"\"", "0"];
        let six = Some(Count(Some(6)));
        let none = Some(Count(None));
        assert_eq!(all::<Count>(&good), [six, six, six, six, six, none, none, Some(Count(Some(0)))]);
        assert_eq!(all::<Count>(&["-1", "\"-1\"", "1.5", "true", "[]", "{}", "\"six\""]), [None; 7]);
        assert_eq!(Count(Some(u64::MAX)).saturated(), Some(u32::MAX));
    }

    #[test]
    fn flags_come_as_booleans_words_and_numbers() {
        let flags: Vec<_> = all::<Flag>(&["true", "\"false\"", "0", "1", "\"TRUE\"", "null", "\"\""]);
        let expected = [Some(true), Some(false), Some(false), Some(true), Some(true), None, None];
        assert_eq!(flags, expected.map(|flag| Some(Flag(flag))));
        assert_eq!(all::<Flag>(&["2", "\"maybe\"", "{}", "[true]"]), [None; 4]);
    }

    #[test]
    fn numbers_may_be_negative_and_texts_may_be_numbers() {
        let numbers = all::<Number>(&["258", "\"64.7\"", "-1", "null", "\"\"", "\"NaN\"", "{\"value\":258}"]);
        let expected = [Some(Some(258.0)), Some(Some(64.7)), Some(Some(-1.0)), Some(None), Some(None), None, None];
        assert_eq!(numbers, expected.map(|number| number.map(Number)));
        for (written, read) in
            [("3", "3"), ("\"3\"", "3"), ("45049", "45049"), ("true", "true"), ("\"a\\\"b\"", "a\"b")]
        {
            assert_eq!(serde_json::from_str::<Text<'_>>(written).unwrap().get(), read);
        }
        assert_eq!(all::<Text<'_>>(&["[\"a\"]", "{}"]), [None, None]);
    }

    #[test]
    fn an_error_does_not_quote_the_value() {
        let error = serde_json::from_str::<Count>("\"hunter2\"").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
