//! The `Link` header of the bulk list.
//!
//! Its URL is never followed: its scheme is `http` and its host is not the configured one. Only the value of
//! `paginationQuery` is used, and sent to the configured host. Forms seen:
//! `<http://…?limit=2&paginationQuery=…>;rel=next`, the vendor's documented `<http://…%5D<;rel=next` (Fetch a List of
//! Images, Bulk API), with `rel` quoted or not, with the cursor percent-encoded or not; and at the end `null`,
//! `"null"`, nothing at all, or no header.

use http::HeaderMap;
use http::header::LINK;

use crate::paging::Next;

/// The vendor's headers never have more links. The rest of the header is scanned once for each unterminated link.
const MOST_LINKS: usize = 16;

/// Finds the next page in the headers of a response.
pub fn next(headers: &HeaderMap) -> Next {
    let mut found = Next::Nothing;
    for header in headers.get_all(LINK) {
        let text = String::from_utf8_lossy(header.as_bytes());
        match of_header(&text) {
            Next::Nothing => {}
            cursor @ Next::Cursor(_) => return cursor,
            broken @ Next::Broken(_) => found = broken,
        }
    }
    found
}

/// Finds the next page in one header, which may hold several links.
fn of_header(header: &str) -> Next {
    let header = header.trim();
    let bare = header.trim_matches('"').trim();
    if bare.is_empty() || bare.eq_ignore_ascii_case("null") {
        return Next::Nothing;
    }
    let mut rest = header;
    let broken = Next::Broken("the Link header is unparseable, so there may be more pages");
    let mut found = broken.clone();
    for _ in 0..MOST_LINKS {
        if rest.is_empty() {
            break;
        }
        let (url, parameters, after) = split_link(rest);
        rest = after;
        let cursor = cursor(url);
        // A link with a cursor but no relation can only mean the next page.
        match (relation(parameters), cursor) {
            (Relation::Next | Relation::Missing, Some(cursor)) => return Next::Cursor(cursor),
            (Relation::Next, None) => {
                return Next::Broken("the Link header announces a next page, but has no cursor for it");
            }
            (Relation::Other, _) => found = Next::Nothing,
            (Relation::Missing, None) => {}
        }
    }
    if rest.is_empty() { found } else { broken }
}

/// Splits a header into the URL of its first link, that link's parameters, and the links after it.
fn split_link(header: &str) -> (&str, &str, &str) {
    let url = header.split_once('<').map_or(header, |(_, url)| url);
    let end = end_of_url(url);
    let behind = url[end..].trim_start_matches(['<', '>']);
    let after = start_of_next(behind);
    (&url[..end], &behind[..after], behind[after..].trim_start_matches([',', ' ', '\t']))
}

/// Where the URL ends: at an angle bracket of either kind that is followed by a parameter, another link or nothing.
/// Inside it, an unencoded cursor has its own angle brackets and commas.
fn end_of_url(url: &str) -> usize {
    let closed = url.match_indices(['<', '>']).find(|(at, _)| {
        let behind = url[at + 1..].trim_start();
        behind.is_empty() || behind.starts_with(';') || behind.strip_prefix(',').is_some_and(is_link)
    });
    closed.map(|(at, _)| at).or_else(|| url.find(';')).unwrap_or(url.len())
}

/// Where the comma before the next link is.
fn start_of_next(text: &str) -> usize {
    let comma = text.match_indices(',').find(|(at, _)| is_link(&text[at + 1..]));
    comma.map_or(text.len(), |(at, _)| at)
}

/// Whether a link begins here.
fn is_link(text: &str) -> bool {
    text.trim_start().starts_with('<')
}

enum Relation {
    Next,
    Other,
    Missing,
}

fn relation(parameters: &str) -> Relation {
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("rel") {
            let value = value.trim().trim_matches(['"', '\'']);
            let is_next = value.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"));
            return if is_next { Relation::Next } else { Relation::Other };
        }
    }
    Relation::Missing
}

/// The decoded value of `paginationQuery`; `None` if it is missing or empty.
fn cursor(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let value = query.split('&').find_map(|field| field.strip_prefix("paginationQuery="))?;
    let decoded = decode(value.as_bytes());
    (!decoded.trim().is_empty()).then_some(decoded)
}

/// Decodes form encoding; a percent sign that encodes nothing stands for itself.
fn decode(text: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high * 16 + low
                }
                _ => b'%',
            },
            (byte, _) => *byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: &str = "updated>=1593731505425 AND not uuid: [bc092a61-caee,0011]";
    const ENCODED: &str = "updated%3E%3D1593731505425+AND+not+uuid%3A+%5Bbc092a61-caee%2C0011%5D";

    fn parsed(text: &str) -> Next {
        of_header(text)
    }

    #[test]
    fn every_form_of_a_next_link() {
        let base = "http://qualysapi.qualys.com/csapi/v1.3/containers/list?limit=2&paginationQuery=";
        let spaced = ENCODED.replace('+', "%20");
        for header in [
            format!("<{base}{ENCODED}>;rel=next"),
            format!("<{base}{ENCODED}<;rel=next"),
            format!("<{base}{ENCODED}>; rel=\"next\""),
            format!("<{base}{ENCODED}> ; REL='Next'"),
            format!("<{base}{ENCODED}&limit=2>;title=\"a;b\";rel=\"last next\""),
            format!("<{base}{spaced}>;rel=next"),
            format!("<{base}{CURSOR}>;rel=next"),
            format!("<{base}{CURSOR}<;rel=next"),
            format!("{base}{ENCODED};rel=next"),
            format!("<{base}{ENCODED}>"),
            format!("<{base}first>;rel=prev, <{base}{ENCODED}>;rel=next"),
            format!("<{base}{CURSOR}>;rel=next,<{base}first>;rel=prev"),
            format!("<{base}{ENCODED}<;rel=next, <{base}first<;rel=first"),
        ] {
            assert_eq!(parsed(&header), Next::Cursor(CURSOR.to_owned()), "{header}");
        }
    }

    #[test]
    fn every_form_of_the_end() {
        for header in ["null", "\"null\"", "", "  ", "\"\"", "NULL", "<http://h/list?paginationQuery=x>;rel=prev"] {
            assert_eq!(parsed(header), Next::Nothing, "{header}");
        }
        assert_eq!(next(&HeaderMap::new()), Next::Nothing);
    }

    #[test]
    fn a_broken_link_is_not_the_end() {
        for header in [
            "<http://h/list?limit=2>;rel=next",
            "<http://h/list>;rel=next",
            "<http://h/list?paginationQuery=>;rel=next",
            "<>;rel=next",
            ";rel=next",
            "see the manual",
            "<",
        ] {
            assert!(matches!(parsed(header), Next::Broken(_)), "{header}");
        }
    }

    #[test]
    fn all_headers_are_searched() {
        let mut headers = HeaderMap::new();
        headers.append(LINK, "null".parse().unwrap());
        headers.append(LINK, "<http://h/?paginationQuery=a%ZZ%4>;rel=next".parse().unwrap());
        assert_eq!(next(&headers), Next::Cursor("a%ZZ%4".to_owned()));
    }

    #[test]
    fn a_very_long_header_is_parsed_quickly() {
        for part in ["<", ">,a", "x;,<", ", ", "<a>;rel=x,", "> ", "<?paginationQuery=;"] {
            let header = part.repeat(400_000 / part.len()) + "x";
            assert!(!matches!(parsed(&header), Next::Cursor(_)), "{part}");
        }
        let links = |number| format!("<http://h/list>;rel=prev{}", ",<http://h/list>;rel=first".repeat(number - 1));
        assert_eq!(parsed(&links(MOST_LINKS)), Next::Nothing);
        assert!(matches!(parsed(&links(MOST_LINKS + 1)), Next::Broken(_)));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_tolerated_and_any_cursor_is_read(text in "\\PC*", cursor in "[a-z0-9>=: ,\\[\\]]*[a-z\\]]") {
            let _: Next = of_header(&text);
            let parsed = of_header(&format!("<http://h/list?paginationQuery={cursor}>;rel=next"));
            proptest::prop_assert_eq!(parsed, Next::Cursor(cursor));
        }
    }
}
