//! Reads what a token says about itself: its lifetime, and what else its vendor put into it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::setting::Secret;
use crate::wire::Time;

/// No token is longer; what is, is something else.
const MOST_TOKEN_BYTES: usize = 64 * 1024;

/// When a token must be replaced, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// From this time on the token is replaced at the next opportunity.
    pub(crate) due: i64,
    /// From this time on the token is invalid.
    pub(crate) end: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lifetime {
    exp: Time,
    iat: Time,
}

/// Whether `text` can be a token: one word, and neither HTML nor JSON.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=MOST_TOKEN_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.starts_with(['<', '{', '['])
}

/// Whether `text` has the form of a JWT: three parts in the alphabet of base64url.
pub(crate) fn is_jwt(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='))
    };
    text.len() <= MOST_TOKEN_BYTES && text.split('.').count() == 3 && text.split('.').all(is_part)
}

/// Whether `text` is the beginning of a JWT, which starts with an encoded `{"`.
pub(crate) fn is_cut_off(text: &str) -> bool {
    text.starts_with("eyJ") && !is_jwt(text) && is_token(text)
}

/// Reads a token that a person copied: with white space or a byte order mark around it, in quotes, after `Bearer`, or in
/// the JSON object that it came in. The error says what the text is instead.
pub(crate) fn copied(text: &str) -> Result<Secret, &'static str> {
    #[derive(Deserialize)]
    struct Given {
        access_token: Option<String>,
        token: Option<String>,
    }

    const SCHEME: &str = "bearer ";
    let trimmed = |text: &str| -> String {
        let around = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '"' | '\'');
        let text = text.trim_matches(around);
        let has_scheme = text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
        text.get(SCHEME.len()..).filter(|_| has_scheme).unwrap_or(text).trim_matches(around).to_owned()
    };
    let mut token = trimmed(text);
    if token.starts_with('{') {
        let given = serde_json::from_str(&token).ok();
        let given = given.and_then(|Given { access_token, token }| access_token.or(token));
        token = trimmed(&given.ok_or("holds JSON without a text \"access_token\" or \"token\"")?);
    }
    match () {
        () if token.is_empty() || token.eq_ignore_ascii_case(SCHEME.trim_end()) => Err("is empty"),
        () if token.starts_with('<') => Err("holds a web page instead of a token"),
        () if is_cut_off(&token) => {
            Err("holds a token that is cut off: such a token has three parts with a dot between")
        }
        () if !is_token(&token) => Err("does not hold a token, which is one word"),
        () => Ok(Secret::new(token)),
    }
}

/// The lifetime in milliseconds of a token that was issued `now`, if its claims contain one.
pub(crate) fn lifetime(token: &str, now: Timestamp) -> Option<i64> {
    let Lifetime { exp, iat } = claims(token);
    let exp = exp.0?.millis();
    // If our clock is ahead of the vendor's, the token's own issue time counts.
    let [left, whole] = [Some(now), iat.0].map(|since| since.map(|since| exp - since.millis()));
    [left, whole].into_iter().flatten().find(|lifetime| *lifetime > 0)
}

/// The claims; the default if they are unreadable, because only the vendor has to understand its token.
pub(crate) fn claims<T: DeserializeOwned + Default>(token: &str) -> T {
    let payload = token.split('.').nth(1).unwrap_or_default().trim_end_matches('=');
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_is_distinguished_from_a_web_page() {
        for text in [token("{}").as_str(), "opaque-1"] {
            assert!(is_token(text), "{text}");
        }
        assert!(!is_token(&"a".repeat(1 << 20)));
        for other in ["", "<html>", "{\"token\":1}", "[]", "a.b.c d", "a\nb", "töken"] {
            assert!(!is_token(other), "{other}");
        }
    }

    #[test]
    fn a_jwt_has_three_parts() {
        let whole = token(r#"{"exp":1}"#);
        assert!(is_jwt(&whole) && !is_cut_off(&whole));
        for other in ["OK", "null", "a.b", "a..c", "a.b.c.d", "a.b.c d", "", "opaque-1", &"a".repeat(1 << 20)] {
            assert!(!is_jwt(other), "{other}");
        }
        for cut_off in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJub25lIn0.e30", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(is_cut_off(cut_off), "{cut_off}");
        }
    }

    #[test]
    fn a_copied_token_is_found_in_what_came_with_it() {
        let token = token("{}");
        for text in [
            token.clone(),
            format!("\u{feff}{token}\r\n\n"),
            format!("\"{token}\""),
            format!("Bearer {token}\n"),
            format!("bearer  '{token}'"),
            format!("{{\"access_token\": \"{token}\", \"token_type\": \"Bearer\"}}"),
            format!("\u{feff} {{\"token\": \"Bearer {token}\"}}\n"),
        ] {
            assert_eq!(copied(&text).unwrap().expose(), token, "{text}");
        }
        for (text, words) in [
            ("  \n", "is empty"),
            ("Bearer \n", "is empty"),
            ("<html></html>", "web page"),
            ("eyJhbGciOiJub25lIn0.e30", "cut off"),
            ("{\"error\": \"denied\"}", "without a text"),
            ("{\"token\": 1}", "without a text"),
            ("two words", "one word"),
            ("[\"a\"]", "one word"),
        ] {
            let reason = copied(text).unwrap_err();
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }

    #[test]
    fn the_lifetime_is_computed_by_our_clock_or_the_issuers() {
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        for (claims, expected) in [
            (r#"{"exp":1700014400}"#, Some(14_400_000)),
            (r#"{"exp":"1700000010"}"#, Some(10_000)),
            (r#"{"exp":1699990000,"iat":1699980000}"#, Some(10_000_000)),
            (r#"{"exp":1699990000}"#, None),
            (r#"{"exp":1699970000,"iat":1699980000}"#, None),
            ("{}", None),
            ("nonsense", None),
        ] {
            assert_eq!(lifetime(&token(claims), now), expected, "{claims}");
        }
    }
}
