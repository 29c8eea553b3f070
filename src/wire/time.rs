//! Points in time, in the vendor's forms.
//!
//! Seen in the vendor's own samples: epoch milliseconds as number and as text (`"1683622183866"`), ISO 8601 with a
//! fraction (`2023-05-09T08:47:15.854Z`), and Java's form (`Fri Apr 11 05:02:48 GMT 2025`); on live tenants also
//! epoch seconds. Nothing before 1970 has happened: the vendor writes such a time for "never".

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// The start of a date that means "never", such as the end of a licence without one. Its last days are beyond the
/// largest point in time.
const WITHOUT_END: &str = "9999-";

/// A point in time, in any of the vendor's forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time(pub Option<Timestamp>);

/// The last millisecond of the year 9999: a larger number counts in another unit.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// The time that a number means, which may be "never"; `None` if it is not a time.
pub(super) fn from_number(number: i64) -> Option<Time> {
    // Ten digits are seconds: as milliseconds they would be a day in the first four months of 1970.
    let is_seconds = (1_000_000_000..10_000_000_000).contains(&number);
    let millis = if is_seconds { number * 1000 } else { number };
    (millis <= LAST_MILLIS).then(|| Time(Timestamp::from_millis(millis)))
}

/// The time that a text means, which may be "never"; `None` if it is not a time.
pub(super) fn from_text(text: &str) -> Option<Time> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Time(None));
    }
    if let Ok(number) = text.parse() {
        return from_number(number);
    }
    if text.starts_with(WITHOUT_END) {
        return Some(Time(None));
    }
    let millis = from_iso(text).or_else(|| from_java(text))?;
    Some(Time(Timestamp::from_millis(millis)))
}

fn from_iso(text: &str) -> Option<i64> {
    let with_zone = text.parse().map(jiff::Timestamp::as_millisecond);
    // Without a zone it is in UTC, as all of the vendor's times are.
    with_zone.ok().or_else(|| in_utc(text.parse().ok()?))
}

/// `Fri Apr 11 05:02:48 GMT 2025`; letters of another zone than GMT or UTC are ambiguous.
fn from_java(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_ascii_whitespace();
    let [_weekday, month, day, time, zone, year] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    if parts.next().is_some() || !matches!(zone, "GMT" | "UTC") {
        return None;
    }
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let mut clock = time.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    let [hour, minute, second] = std::array::from_fn(|_| clock.next().flatten());
    in_utc(DateTime::new(year.parse().ok()?, month, day.parse().ok()?, hour?, minute?, second?, 0).ok()?)
}

fn in_utc(time: DateTime) -> Option<i64> {
    TimeZone::UTC.to_timestamp(time).ok().map(jiff::Timestamp::as_millisecond)
}
