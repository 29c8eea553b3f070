//! Single values, in all the notations of vendors.
//!
//! The vendors' own samples write numbers, booleans and times both as themselves and as text. Null, an empty text, the
//! word `None` and a missing field all mean that the value is absent. An unreadable value is absent as well, and its
//! state shows it; nothing quotes it, because it may be a secret.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::field::{Field, state_of};
use super::skip::{is_nothing, skip_list, skip_object};
use super::time::{self, Time};
use crate::record::FieldState;

/// The largest number up to which every whole number has its own float: metrics are floats.
const LARGEST_EXACT: u64 = 1 << 53;

/// Any JSON in place of a single value.
#[derive(Clone, Debug, PartialEq)]
enum Scalar<'a> {
    Nothing,
    Flag(bool),
    Whole(i64),
    Real(f64),
    Text(Cow<'a, str>),
    /// An object or a list.
    Compound,
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

    #[expect(clippy::cast_precision_loss, reason = "no number above 2^53 is read as one")]
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

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list)?;
        Ok(Scalar::Compound)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_object(map)?;
        Ok(Scalar::Compound)
    }
}

/// Reads a value; `meaning` maps it, and fails for an unreadable one.
fn read<'de, D, T>(
    deserializer: D,
    meaning: impl FnOnce(Scalar<'de>) -> Result<Option<T>, Unreadable>,
) -> Result<(Option<T>, FieldState), D::Error>
where
    D: Deserializer<'de>,
{
    let scalar = deserializer.deserialize_any(AnyScalar)?;
    Ok(match meaning(scalar) {
        Ok(value) => {
            let state = state_of(value.as_ref());
            (value, state)
        }
        Err(Unreadable) => (None, FieldState::Unreadable),
    })
}

/// A value of another kind than the expected one.
struct Unreadable;

/// A text; a number or a boolean is accepted as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text; empty if there is none.
    pub fn get(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The text, if it is not empty.
    pub fn filled(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl From<bool> for Text<'_> {
    fn from(flag: bool) -> Self {
        Self(Some(Cow::Borrowed(if flag { "true" } else { "false" })))
    }
}

impl From<i64> for Text<'_> {
    fn from(number: i64) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        // Most such numbers are a criticality from 0 to 5, which should cost no allocation.
        let digit = usize::try_from(number).ok().and_then(|at| DIGITS.get(at));
        Self(Some(digit.map_or_else(|| Cow::Owned(number.to_string()), |digit| Cow::Borrowed(*digit))))
    }
}

impl From<u64> for Text<'_> {
    fn from(number: u64) -> Self {
        Self(Some(Cow::Owned(number.to_string())))
    }
}

impl From<f64> for Text<'_> {
    fn from(number: f64) -> Self {
        Self(Some(Cow::Owned(number.to_string())))
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        // An empty text is not a value either, but a reader of label values must know that the label exists.
        Self((text != "None").then_some(text))
    }
}

impl<'de> Field<'de> for Text<'de> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let text = match deserializer.deserialize_any(AnyScalar)? {
            Scalar::Nothing => Self(None),
            Scalar::Text(text) => Self::from(text),
            Scalar::Flag(flag) => Self::from(flag),
            Scalar::Whole(number) => Self::from(number),
            Scalar::Real(number) => Self::from(number),
            Scalar::Compound => return Ok((Self(None), FieldState::Unreadable)),
        };
        let state = state_of(text.filled().as_ref());
        Ok((text, state))
    }
}

/// A whole number from 0 to 2^53, as a number or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

impl<'de> Field<'de> for Count {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let (count, state) = read(deserializer, |scalar| match scalar {
            Scalar::Nothing => Ok(None),
            Scalar::Whole(number) => u64::try_from(number).ok().and_then(exact).map(Some).ok_or(Unreadable),
            Scalar::Real(number) => whole(number).map(Some).ok_or(Unreadable),
            Scalar::Text(text) if is_nothing(&text) => Ok(None),
            Scalar::Text(text) => {
                let text = text.trim();
                let count = text.parse().ok().and_then(exact).or_else(|| whole(text.parse().ok()?));
                count.map(Some).ok_or(Unreadable)
            }
            Scalar::Flag(_) | Scalar::Compound => Err(Unreadable),
        })?;
        Ok((Self(count), state))
    }
}

/// A count, if metrics can show it exactly.
fn exact(count: u64) -> Option<u64> {
    (count <= LARGEST_EXACT).then_some(count)
}

/// A count that was written as a decimal fraction, as in `5.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative and has no fraction, and the cast saturates"
)]
fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number.is_finite() && number.fract() == 0.0).then_some(number as u64).and_then(exact)
}

/// The counts, null ones as 0; `None` if all are null.
pub fn known<const N: usize>(counts: [Count; N]) -> Option<[u64; N]> {
    let some = counts.iter().any(|count| count.0.is_some());
    some.then(|| counts.map(|count| count.0.unwrap_or(0)))
}

/// A number of at most 2^53, whatever its sign, as a number or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Number(pub Option<f64>);

impl<'de> Field<'de> for Number {
    #[expect(clippy::cast_precision_loss, reason = "no larger number is taken")]
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let within = |number: f64| (number.abs() <= LARGEST_EXACT as f64).then_some(Some(number)).ok_or(Unreadable);
        let (number, state) = read(deserializer, |scalar| match scalar {
            Scalar::Nothing => Ok(None),
            Scalar::Whole(number) => within(number as f64),
            Scalar::Real(number) => within(number),
            Scalar::Text(text) if is_nothing(&text) => Ok(None),
            Scalar::Text(text) => text.trim().parse().map_err(|_| Unreadable).and_then(within),
            Scalar::Flag(_) | Scalar::Compound => Err(Unreadable),
        })?;
        Ok((Self(number), state))
    }
}

/// A boolean, as itself, as a word or as 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub Option<bool>);

impl<'de> Field<'de> for Flag {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let (flag, state) = read(deserializer, |scalar| match scalar {
            Scalar::Nothing => Ok(None),
            Scalar::Flag(flag) => Ok(Some(flag)),
            Scalar::Whole(0) => Ok(Some(false)),
            Scalar::Whole(1) => Ok(Some(true)),
            Scalar::Text(text) if is_nothing(&text) => Ok(None),
            Scalar::Text(text) => match text.trim() {
                "0" => Ok(Some(false)),
                "1" => Ok(Some(true)),
                word if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
                word if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
                _ => Err(Unreadable),
            },
            Scalar::Whole(_) | Scalar::Real(_) | Scalar::Compound => Err(Unreadable),
        })?;
        Ok((Self(flag), state))
    }
}

impl<'de> Field<'de> for Time {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and fractions of a millisecond do not matter"
    )]
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        // "Never" is readable, but is not a value.
        let (time, state) = read(deserializer, |scalar| match scalar {
            Scalar::Nothing => Ok(None),
            Scalar::Whole(number) => time::from_number(number).map(|time| time.0).ok_or(Unreadable),
            Scalar::Real(number) => time::from_number(number as i64).map(|time| time.0).ok_or(Unreadable),
            Scalar::Text(text) if is_nothing(&text) => Ok(None),
            Scalar::Text(text) => time::from_text(&text).map(|time| time.0).ok_or(Unreadable),
            Scalar::Flag(_) | Scalar::Compound => Err(Unreadable),
        })?;
        Ok((Self(time), state))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(deserializer).map(|(time, _)| time)
    }
}

/// A value of any kind: only its presence counts, even as null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence(pub bool);

impl<'de> Field<'de> for Presence {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| (Self(true), FieldState::Present))
    }
}
