//! What a token says of itself: how long it is good, and for which of the vendor's modules.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::source::wire::Time;

/// How long a token is good that does not tell (Qualys CS API guide, "Authentication": four hours).
const USUAL_LIFETIME_MS: i64 = 4 * 60 * 60 * 1000;

/// A token is replaced so long before its end, or a tenth of its lifetime, whichever is less.
const MOST_MARGIN_MS: i64 = 5 * 60 * 1000;

/// The module without which no call of Container Security succeeds.
const MODULE: &str = "CS";

/// When a token must be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    /// From then on it is replaced when there is an occasion.
    pub(super) due: i64,
    /// From then on it is of no use.
    pub(super) end: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    exp: Time,
    iat: Time,
    #[serde(rename = "modulesAllowed")]
    modules: Option<Modules>,
}

/// `modulesAllowed` has been seen as a list and as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Modules {
    List(Vec<String>),
    Text(String),
}

/// Whether `text` can be a token: one word, and neither HTML nor JSON. It is a JWT today, but only its giver has to
/// understand it.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.starts_with(['<', '{', '['])
}

/// When a token that was given out `now` must be replaced.
pub(super) fn validity(token: &str, now: Timestamp) -> Validity {
    let now = now.millis();
    let claims = claims(token);
    let exp = claims.exp.0.map(Timestamp::millis);
    let lifetime = exp.map(|exp| exp - now).filter(|left| *left > 0).or_else(|| {
        // Our clock is ahead of the vendor's: its own is what the token was made by.
        let iat = claims.iat.0?.millis();
        exp.map(|exp| exp - iat).filter(|lifetime| *lifetime > 0)
    });
    let lifetime = lifetime.unwrap_or(USUAL_LIFETIME_MS);
    let end = now.saturating_add(lifetime);
    Validity { due: end - (lifetime / 10).min(MOST_MARGIN_MS), end }
}

/// Whether the token tells that its account may not use Container Security. One that tells nothing may.
pub(super) fn lacks_module(token: &str) -> bool {
    let is_module = |module: &str| module.trim().eq_ignore_ascii_case(MODULE);
    match claims(token).modules {
        None => false,
        Some(Modules::List(list)) => !list.iter().any(|module| is_module(module)),
        Some(Modules::Text(text)) => !text.split(',').any(is_module),
    }
}

/// The claims; none of them if they cannot be read, for the vendor alone has to understand its token.
fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).unwrap_or_default().trim_end_matches('=');
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_is_told_from_a_web_page() {
        for text in [token("{}").as_str(), "opaque-1"] {
            assert!(is_token(text), "{text}");
        }
        for other in ["", "<html>", "{\"token\":1}", "[]", "a.b.c d", "a\nb", "töken"] {
            assert!(!is_token(other), "{other}");
        }
    }

    #[test]
    fn it_is_replaced_ahead_of_its_end() {
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        let at = |millis: i64| 1_700_000_000_000 + millis;
        for (claims, due, end) in [
            (r#"{"exp":1700014400}"#, 14_100_000, 14_400_000),
            (r#"{"exp":"1700014400"}"#, 14_100_000, 14_400_000),
            (r#"{"exp":1700000010}"#, 9_000, 10_000),
            (r#"{"exp":1699990000,"iat":1699980000}"#, 9_700_000, 10_000_000),
            (r#"{"exp":1699990000}"#, 14_100_000, 14_400_000),
            ("{}", 14_100_000, 14_400_000),
            ("nonsense", 14_100_000, 14_400_000),
        ] {
            assert_eq!(validity(&token(claims), now), Validity { due: at(due), end: at(end) }, "{claims}");
        }
    }

    #[test]
    fn the_module_is_found_in_lists_and_texts() {
        for (claims, lacks) in [
            (r#"{"modulesAllowed":["VM","CS"]}"#, false),
            (r#"{"modulesAllowed":["VM","CSAM"]}"#, true),
            (r#"{"modulesAllowed":"VM, CS"}"#, false),
            (r#"{"modulesAllowed":"VM,PC"}"#, true),
            (r#"{"modulesAllowed":[]}"#, true),
            (r#"{"modulesAllowed":null}"#, false),
            ("{}", false),
        ] {
            assert_eq!(lacks_module(&token(claims)), lacks, "{claims}");
        }
    }
}
