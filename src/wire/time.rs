//! Points in time, in the vendor's forms.
//!
//! Seen in the vendor's own samples: epoch milliseconds as number and as text (`"1683622183866"`), ISO 8601 with a
//! fraction (`2023-05-09T08:47:15.854Z`), and Java's form (`Fri Apr 11 05:02:48 GMT 2025`); on live tenants also
//! epoch seconds. Nothing before 1970 has happened: the vendor writes such a time for "never".

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// How a date begins that stands for "never", such as the end of a licence without one. Its last days are beyond what a
/// point in time can be.
const WITHOUT_END: &str = "9999-";

/// A point in time, in any of the vendor's forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time(pub Option<Timestamp>);

/// The time that a number means; none if that is "never".
pub(super) fn from_number(number: i64) -> Option<Timestamp> {
    // Ten digits are seconds: as milliseconds they would be a day in the first four months of 1970.
    let is_seconds = (1_000_000_000..10_000_000_000).contains(&number);
    Timestamp::from_millis(if is_seconds { number * 1000 } else { number })
}

/// The time that a text means, which may be "never"; none if it is no time at all.
pub(super) fn from_text(text: &str) -> Option<Time> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Time(None));
    }
    if let Ok(number) = text.parse() {
        return Some(Time(from_number(number)));
    }
    if text.starts_with(WITHOUT_END) {
        return Some(Time(None));
    }
    let millis = from_iso(text).or_else(|| from_java(text))?;
    Some(Time(Timestamp::from_millis(millis)))
}

fn from_iso(text: &str) -> Option<i64> {
    let with_zone = text.parse().map(jiff::Timestamp::as_millisecond);
    // Without a zone it is meant in UTC, as all of the vendor's times are.
    with_zone.ok().or_else(|| in_utc(text.parse().ok()?))
}

/// `Fri Apr 11 05:02:48 GMT 2025`; another zone than GMT or UTC cannot be understood from its letters.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn time(millis: i64) -> Time {
        Time(Timestamp::from_millis(millis))
    }

    #[test]
    fn every_form_of_the_vendor() {
        for (text, expected) in [
            ("1683622183866", 1_683_622_183_866),
            (" 1683622183866 ", 1_683_622_183_866),
            ("1683622183", 1_683_622_183_000),
            ("2023-05-09T08:47:15.854Z", 1_683_622_035_854),
            ("2023-05-09T08:47:15.854000+00:00", 1_683_622_035_854),
            ("2023-05-09T14:17:15.854+05:30", 1_683_622_035_854),
            ("2023-05-09T14:17:15.854+0530", 1_683_622_035_854),
            ("2023-05-09T08:47:15", 1_683_622_035_000),
            ("2023-05-09 08:47:15Z", 1_683_622_035_000),
            ("Fri Apr 11 05:02:48 GMT 2025", 1_744_347_768_000),
            ("Thu Apr  3 05:02:48 UTC 2025", 1_743_656_568_000),
        ] {
            assert_eq!(from_text(text), Some(time(expected)), "{text}");
        }
    }

    #[test]
    fn never_and_nonsense_are_told_apart() {
        for never in
            ["", "0", "-1", "-62135596800000", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
        {
            assert_eq!(from_text(never), Some(Time(None)), "{never}");
        }
        for nonsense in
            ["soon", "2025-13-01T00:00:00Z", "Fri Apr 11 05:02:48 PST 2025", "Fri Apr 31 05:02:48 GMT 2025", "05:02"]
        {
            assert_eq!(from_text(nonsense), None, "{nonsense}");
        }
        assert_eq!(from_number(999_999_999).map(Timestamp::millis), Some(999_999_999));
    }
}
