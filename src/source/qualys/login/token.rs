//! What a token says of itself: how long it is good, and for which of the vendor's modules.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::session::token::{Validity, claims, lifetime};

/// How long a token without an expiry time is valid (Qualys CS API guide, "Authentication": four hours).
const USUAL_LIFETIME_MS: i64 = 4 * 60 * 60 * 1000;

/// How long before its end a token is replaced, unless a tenth of its lifetime is less.
const MOST_MARGIN_MS: i64 = 5 * 60 * 1000;

/// The module without which no call of Container Security succeeds.
const MODULE: &str = "CS";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
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

/// When a token that was given out `now` must be replaced.
pub(crate) fn validity(token: &str, now: Timestamp) -> Validity {
    let lifetime = lifetime(token, now).unwrap_or(USUAL_LIFETIME_MS);
    let end = now.millis().saturating_add(lifetime);
    Validity { due: end - (lifetime / 10).min(MOST_MARGIN_MS), end }
}

/// Whether the token shows that its account may not use Container Security. A token without such a claim does not.
pub(crate) fn lacks_module(token: &str) -> bool {
    let is_module = |module: &str| module.trim().eq_ignore_ascii_case(MODULE);
    match claims::<Claims>(token).modules {
        None => false,
        Some(Modules::List(list)) => !list.iter().any(|module| is_module(module)),
        Some(Modules::Text(text)) => !text.split(',').any(is_module),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::token::tests::token;

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
