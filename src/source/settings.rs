//! Settings that accounts of every vendor have, and their validation.

use std::hash::BuildHasher;
use std::path::PathBuf;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use crate::setting::{ConfigErrors, HumanDuration, Secret, SecretPlace};

/// The shortest interval: a shorter one only requests the same data again.
const SHORTEST_INTERVAL: HumanDuration = HumanDuration::seconds(1);

/// `[source.<vendor>.collectors.<name>]`: one collector.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Collector {
    /// Whether it runs.
    pub enabled: bool,
    /// Its own interval. Unset: the account's.
    pub interval: Option<HumanDuration>,
}

impl Default for Collector {
    fn default() -> Self {
        Self { enabled: true, interval: None }
    }
}

/// Hash of the settings that identify an account, and of `promote`. It is the same after a restart, and after an
/// upgrade that knows more settings.
pub(super) fn identity<Account: Default + Serialize>(account: &Account, promote: &[String]) -> u64 {
    let (mut account, defaults) = (written(account), written(&Account::default()));
    if let (Some(account), Some(defaults)) = (account.as_object_mut(), defaults.as_object()) {
        account.retain(|key, value| defaults.get(key) != Some(value));
    }
    FixedState::default().hash_one(serde_json::json!([account, promote]).to_string())
}

/// All settings of an account, as configured.
pub(super) fn written<Account: Serialize>(account: &Account) -> serde_json::Value {
    serde_json::to_value(account).expect("settings are written as they were read")
}

/// Errors in settings, by the last part of their names.
pub(super) type Wrong = Vec<(&'static str, String)>;

/// Returns one error.
pub(super) fn one<T>(key: &'static str, reason: &str) -> Result<T, Wrong> {
    Err(vec![(key, reason.to_owned())])
}

/// The error of a user name without a password.
pub(super) fn no_password<T>() -> Result<T, Wrong> {
    one("password_file", "must be set, or password_env: there is a user name without a password")
}

/// The error of a password without a user name.
pub(super) fn no_username<T>() -> Result<T, Wrong> {
    one("username", "must be set, or username_file: there is a password without a user name")
}

/// Joins the errors in plain words.
pub(super) fn in_words(wrong: Wrong) -> String {
    wrong.into_iter().map(|(key, reason)| format!("{key}: {reason}")).collect::<Vec<_>>().join("; ")
}

/// The place of a user name: given itself, or in a file; `None` if neither is set.
pub(super) fn username(
    given: Option<&String>,
    file: Option<&PathBuf>,
    wrong: &mut Wrong,
) -> Option<Result<Secret, SecretPlace>> {
    match (given, file) {
        (Some(_), Some(_)) => {
            wrong.push(("username_file", "username is set already; give one of the two".to_owned()));
            None
        }
        (Some(name), None) if name.is_empty() => {
            wrong.push(("username", "must not be empty".to_owned()));
            None
        }
        (Some(name), None) => Some(Ok(Secret::new(name.as_str()))),
        (None, file) => file.cloned().map(|file| Err(SecretPlace::File(file))),
    }
}

/// The place of a secret: a file, or an environment variable; `None` if neither is set.
pub(super) fn place(
    file_key: &'static str,
    env_key: &'static str,
    file: Option<&PathBuf>,
    env: Option<&String>,
    wrong: &mut Wrong,
) -> Option<SecretPlace> {
    match (file, env) {
        (Some(_), Some(_)) => {
            wrong.push((file_key, format!("{env_key} is set too; give one of the two")));
            None
        }
        (Some(file), None) => Some(SecretPlace::File(file.clone())),
        (None, Some(env)) => Some(SecretPlace::Env(env.clone())),
        (None, None) => None,
    }
}

/// Adds an error if the account at `at` has no name.
pub(super) fn check_named(name: &str, at: &str, errors: &mut ConfigErrors) {
    if name.is_empty() {
        errors.add(format!("{at}.name"), "must be set: it is the source label of this account's series");
    }
}

/// Adds an error for each problem with the log-in of the account at `at`, or with the places it is read from.
pub(super) fn check_login<L: crate::session::Login>(login: Result<L, Wrong>, at: &str, errors: &mut ConfigErrors) {
    match login {
        Err(found) => found.into_iter().for_each(|(key, reason)| errors.add(format!("{at}.{key}"), reason)),
        Ok(login) => {
            let before = errors.0.len();
            for (key, place) in login.places() {
                if let Err(reason) = place.read() {
                    errors.add(format!("{at}.{key}"), reason);
                }
            }
            if errors.0.len() == before
                && let Err((key, reason)) = login.read()
            {
                errors.add(format!("{at}.{key}"), reason);
            }
        }
    }
}

/// Adds an error for each interval of the account at `at` that is too short; unset ones are skipped.
pub(super) fn check_intervals(
    intervals: impl IntoIterator<Item = (&'static str, Option<HumanDuration>)>,
    at: &str,
    errors: &mut ConfigErrors,
) {
    for (key, interval) in intervals {
        if interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
            errors.add(format!("{at}.{key}"), format!("must be at least {SHORTEST_INTERVAL}"));
        }
    }
}
