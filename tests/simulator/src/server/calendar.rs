//! Times in the vendors' formats.

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

struct Moment {
    year: i64,
    /// The month, from 1.
    month: usize,
    day: i64,
    /// Days since 1970-01-01, a Thursday.
    days: i64,
    hour: i64,
    minute: i64,
    second: i64,
    millisecond: i64,
}

/// Splits Unix milliseconds by counting years one by one, which is slow but obviously correct.
fn moment(ms: i64) -> Moment {
    let days = ms.div_euclid(86_400_000);
    let mut left = days;
    let mut year = 1970;
    while left >= year_length(year) {
        left -= year_length(year);
        year += 1;
    }
    let february = if year_length(year) == 366 { 29 } else { 28 };
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        month += 1;
        if left < length {
            break;
        }
        left -= length;
    }
    let of_day = ms.rem_euclid(86_400_000);
    Moment {
        year,
        month,
        day: left + 1,
        days,
        hour: of_day / 3_600_000,
        minute: of_day / 60_000 % 60,
        second: of_day / 1000 % 60,
        millisecond: of_day % 1000,
    }
}

fn year_length(year: i64) -> i64 {
    if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 }
}

/// A time such as `2023-05-09T08:47:15.854Z`, with the given notation for UTC.
pub(super) fn iso(ms: i64, zone: &str) -> String {
    let Moment { year, month, day, hour, minute, second, millisecond, days: _ } = moment(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}{zone}")
}

/// A time such as `Fri Apr 11 05:02:48 GMT 2025`, without milliseconds.
pub(super) fn gmt(ms: i64) -> String {
    let Moment { year, month, day, hour, minute, second, days, millisecond: _ } = moment(ms);
    let weekday = WEEKDAYS[usize::try_from(days.rem_euclid(7)).expect("below 7")];
    format!("{weekday} {} {day:02} {hour:02}:{minute:02}:{second:02} GMT {year}", MONTHS[month - 1])
}

#[cfg(test)]
mod tests {
    use super::{gmt, iso};

    #[test]
    fn known_moments() {
        assert_eq!(gmt(1_744_347_768_000), "Fri Apr 11 05:02:48 GMT 2025");
        assert_eq!(iso(1_683_622_035_854, "Z"), "2023-05-09T08:47:15.854Z");
        assert_eq!(iso(951_782_400_000, "+00:00"), "2000-02-29T00:00:00.000+00:00");
        assert_eq!(iso(1_735_689_599_999, "Z"), "2024-12-31T23:59:59.999Z");
    }
}
