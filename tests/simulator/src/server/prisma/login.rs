//! Log-ins, tokens, and access control.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::answer::{Answer, Call};
use super::{Options, problem};
use crate::SECRET_MARKERS;

/// The issued tokens, with their expiry in Unix milliseconds.
#[derive(Default)]
pub(super) struct Logins {
    tokens: HashMap<String, i64>,
}

impl Logins {
    /// Handles a log-in with user name and password.
    pub(super) fn authenticate(&mut self, call: &Call, options: &Options, now: i64) -> Answer {
        let Ok(body) = serde_json::from_slice::<Value>(&call.body) else {
            return problem(400, "invalid request body");
        };
        if body["username"] != options.username.as_str() || body["password"] != options.password.as_str() {
            return problem(401, "invalid credentials");
        }
        self.issue(options, now)
    }

    /// Handles a log-in with a client certificate, which TLS has verified by then.
    pub(super) fn authenticate_client(&mut self, call: &Call, options: &Options, now: i64) -> Answer {
        if call.body.is_empty() { self.issue(options, now) } else { problem(400, "no body is expected") }
    }

    fn issue(&mut self, options: &Options, now: i64) -> Answer {
        let end = now + i64::try_from(options.token_lifetime.as_millis()).expect("a lifetime within an i64");
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let payload = json!({
            "user": options.username, "role": "admin", "iss": "twistlock", "exp": end.div_euclid(1000),
            "jti": self.tokens.len(),
        });
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let token = format!("{header}.{payload}.{}-{:04}", SECRET_MARKERS[9], self.tokens.len());
        self.tokens.insert(token.clone(), end);
        Answer::json(200, json!({"role": "admin", "token": token}).to_string())
    }

    /// Allows a request with the password or a valid token.
    pub(super) fn check(&self, call: &Call, options: &Options, now: i64) -> Result<(), Answer> {
        let header = call.header("authorization").unwrap_or_default();
        if let Some(sent) = header.strip_prefix("Basic ") {
            let known = STANDARD.encode(format!("{}:{}", options.username, options.password));
            return if sent == known { Ok(()) } else { Err(problem(401, "invalid credentials")) };
        }
        match header.strip_prefix("Bearer ").and_then(|token| self.tokens.get(token)) {
            Some(end) if *end > now => Ok(()),
            Some(_) => Err(problem(401, "token is expired")),
            None => Err(problem(401, "unauthorized")),
        }
    }
}
