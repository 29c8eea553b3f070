//! Log-ins and their tokens.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::super::answer::{Answer, Call, form_pairs};
use super::super::calendar::iso;
use super::{Options, problem};
use crate::SECRET_MARKERS;

/// The issued tokens, with their expiry in Unix seconds.
#[derive(Default)]
pub(super) struct Logins {
    tokens: HashMap<String, i64>,
}

impl Logins {
    pub(super) fn with_password(&mut self, call: &Call, options: &Options, now: i64) -> Answer {
        let form = form_pairs(&String::from_utf8_lossy(&call.body));
        let has = |name: &str, value: &str| form.iter().any(|(key, sent)| key == name && sent == value);
        if !has("token", "true") {
            return problem(400, "BAD_REQUEST", "token=true is required", now);
        }
        if !has("username", &options.username) || !has("password", &options.password) {
            return refused(&options.username, now);
        }
        self.issue(options, now)
    }

    pub(super) fn with_client(&mut self, call: &Call, options: &Options, now: i64) -> Answer {
        let is_known = call.header("clientId") == Some(&options.client_id)
            && call.header("clientSecret") == Some(&options.client_secret);
        if is_known { self.issue(options, now) } else { refused(&options.client_id, now) }
    }

    /// Allows a request with a valid token.
    pub(super) fn check(&self, call: &Call, options: &Options, now: i64) -> Result<(), Answer> {
        let Some(token) = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(problem(401, "UNAUTHORIZED", "Full authentication is required to access this resource", now));
        };
        if options.static_token.as_deref() == Some(token) {
            return Ok(());
        }
        match self.tokens.get(token) {
            Some(end) if end * 1000 > now => Ok(()),
            Some(end) => {
                let message = format!("JWT expired at {}. Current time: {}", iso(end * 1000, "Z"), iso(now, "Z"));
                Err(problem(401, "UNAUTHORIZED", &message, now))
            }
            None => Err(problem(401, "UNAUTHORIZED", "JWT signature does not match locally computed signature", now)),
        }
    }

    fn issue(&mut self, options: &Options, now: i64) -> Answer {
        let lifetime = i64::try_from(options.jwt_lifetime.as_millis()).expect("a lifetime within an i64");
        let end = (now + lifetime).div_euclid(1000);
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let payload = json!({
            "sub": options.username, "iss": "qualys-simulator", "iat": now.div_euclid(1000), "exp": end,
            "modulesAllowed": options.modules, "jti": self.tokens.len(),
        });
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let token = format!("{header}.{payload}.{}-{:04}", SECRET_MARKERS[6], self.tokens.len());
        self.tokens.insert(token.clone(), end);
        Answer::text(201, "text/plain;charset=UTF-8", token)
    }
}

fn refused(user: &str, now: i64) -> Answer {
    problem(401, "UNAUTHORIZED", &format!("Bad credentials for user {user}"), now)
}
