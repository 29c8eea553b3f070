//! Reads what a token says about itself: its lifetime, and what else its vendor put into it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::wire::Time;

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

/// Whether `text` can be a token: one word, and neither HTML nor JSON. It is a JWT today, but only its issuer has to
/// understand it.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.starts_with(['<', '{', '['])
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
        for other in ["", "<html>", "{\"token\":1}", "[]", "a.b.c d", "a\nb", "töken"] {
            assert!(!is_token(other), "{other}");
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
