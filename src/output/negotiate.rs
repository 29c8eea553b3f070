//! Which form of a page a client wants: what its Accept and Accept-Encoding headers say.
//!
//! Whatever stands in them, there is an answer: what cannot be read counts as not said, and a client that names
//! nothing we serve gets the text format, as from other exporters.

/// A form of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// The Prometheus text format 0.0.4.
    Text,
}

/// Whether the client takes gzip.
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut named = None;
    let mut any = None;
    for item in items(accept_encoding) {
        if item.is("gzip") || item.is("x-gzip") {
            named = named.max(Some(item.weight));
        } else if item.is("*") {
            any = any.max(Some(item.weight));
        }
    }
    named.or(any).is_some_and(|weight| weight > 0)
}

/// The format the client likes best: `OpenMetrics` in a tie only if it is named itself.
pub fn format(accept: Option<&str>) -> Format {
    let open_metrics = best(accept, &["application/openmetrics-text", "application/*", "*/*"], "1.0.0");
    let text = best(accept, &["text/plain", "text/*", "*/*"], "0.0.4");
    match (open_metrics, text) {
        (Some((weight, _)), None) if weight > 0 => Format::OpenMetrics,
        (Some((weight, range)), Some((other, _)))
            if weight > other || (weight == other && weight > 0 && range == 0) =>
        {
            Format::OpenMetrics
        }
        (Some(_) | None, _) => Format::Text,
    }
}

/// The weight of the most exact of `ranges` that the client names, and its place among them. A range with another
/// version than ours does not count.
fn best(accept: Option<&str>, ranges: &[&str], version: &str) -> Option<(u16, usize)> {
    let mut weights = vec![None; ranges.len()];
    for item in items(accept) {
        if item.version.is_none_or(|asked| asked == version)
            && let Some(place) = ranges.iter().position(|range| item.is(range))
        {
            weights[place] = weights[place].max(Some(item.weight));
        }
    }
    weights.into_iter().enumerate().find_map(|(place, weight)| Some((weight?, place)))
}

/// One element of such a header.
struct Item<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// The q-value in thousandths.
    weight: u16,
}

impl Item<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The elements of a header that can be read.
fn items(header: Option<&str>) -> impl Iterator<Item = Item<'_>> {
    split(header.unwrap_or_default(), ',').filter_map(|element| {
        let mut parts = split(element, ';');
        let mut item = Item { name: parts.next()?.trim(), version: None, weight: 1000 };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match key.trim() {
                key if key.eq_ignore_ascii_case("q") => item.weight = weight(value)?,
                key if key.eq_ignore_ascii_case("version") => item.version = Some(value),
                _ => {}
            }
        }
        Some(item)
    })
}

/// `text` cut at every `separator` that is not within quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |letter| {
        let cut = letter == separator && !quoted;
        if letter == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && letter == '\\' && !escaped;
        cut
    })
}

/// A q-value in thousandths: `0`, `1`, `0.5`, `0.123`, `1.000`.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Format::{OpenMetrics, Text};
    use super::*;

    #[test]
    fn the_format_is_the_one_liked_best() {
        for (accept, wanted) in [
            // Prometheus 3.5 as it comes, and VictoriaMetrics 1.145.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            ("text/plain;version=0.0.4", Text),
            // Prometheus 2, with native histograms, configured to prefer text.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                 application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3",
                OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2", Text),
            // A browser, curl, and nothing.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Text),
            ("*/*", Text),
            ("", Text),
            // Versions.
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=0.0.1,text/plain;version=1.0.0", Text),
            // Ties, ranges and refusals.
            ("text/plain,application/openmetrics-text", OpenMetrics),
            ("APPLICATION/OpenMetrics-Text;Q=0.5 , text/plain ; q=0.5", OpenMetrics),
            ("text/plain,application/*", Text),
            ("text/*;q=0.5,application/*;q=0.8", OpenMetrics),
            ("text/*;q=0.8,application/openmetrics-text;q=0.7", Text),
            ("application/*", OpenMetrics),
            ("application/openmetrics-text;q=0,*/*", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=0,text/plain;q=0", Text),
            ("text/plain;q=0,*/*;q=0.1", OpenMetrics),
            ("image/png", Text),
            // What cannot be read does not count.
            ("application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;q=", Text),
            ("application/openmetrics-text;q=0.1234", Text),
            ("application/openmetrics-text;q=-1,;;;=,\",", Text),
            ("x/y;a=\"b,text/plain\",application/openmetrics-text;q=0.001", OpenMetrics),
        ] {
            assert_eq!(format(Some(accept)), wanted, "{accept}");
        }
        assert_eq!(format(None), Text);
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (header, wanted) in [
            ("gzip", true),
            ("GZip;q=0.001", true),
            ("deflate, x-gzip", true),
            ("*", true),
            ("br;q=1.0, *;q=0.1", true),
            ("*;q=0, gzip", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*;q=0", false),
            ("", false),
            ("identity", false),
            ("gzippo", false),
            ("gzip;q=one", false),
            ("zstd, br", false),
        ] {
            assert_eq!(accepts_gzip(Some(header)), wanted, "{header}");
        }
        assert!(!accepts_gzip(None));
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer(header in "([a-z*/;=,\"\\\\ q0-9.]|application/openmetrics-text|\\PC){0,60}") {
            // Whatever it says, saying that we serve neither changes nothing for the better.
            let refused = format!("{header}\",application/openmetrics-text;q=0");
            let _: (bool, Format) = (accepts_gzip(Some(&header)), format(Some(&refused)));
            prop_assert_eq!(format(Some(&format!("text/plain;q=1.0,{header}"))) == Text,
                format(Some(&format!("text/plain,{header}"))) == Text);
        }

        #[test]
        fn the_heavier_of_two_wins(open_metrics in 0_u16..=1000, text in 0_u16..=1000) {
            let q = |weight: u16| format!("{}.{:03}", weight / 1000, weight % 1000);
            let accept = format!("text/plain;q={},application/openmetrics-text;q={}", q(text), q(open_metrics));
            let wanted = if open_metrics >= text && open_metrics > 0 { OpenMetrics } else { Text };
            prop_assert_eq!(format(Some(&accept)), wanted);
        }
    }
}
