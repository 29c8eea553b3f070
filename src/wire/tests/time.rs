//! Times in every form, and texts that are not times.

use crate::clock::Timestamp;
use crate::wire::time::{Time, from_number, from_text};

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
fn never_and_nonsense_are_distinguished() {
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
    assert_eq!(from_number(999_999_999), Some(time(999_999_999)));
    // Microseconds.
    assert_eq!([from_number(1_683_622_183_866_000), from_number(i64::MAX)], [None, None]);
}
