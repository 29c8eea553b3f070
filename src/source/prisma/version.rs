//! Which version of the API a console has.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::login::{AUTO, Login, VERSION};
use super::wire;
use crate::client::{Answer, ApiError, Call, Unreadable};
use crate::session::Session;
use crate::telemetry::Failure;
use crate::wire::{FieldState, Read, Text, text, unreadable};

/// The path at which every console reports its version.
const VERSION_PATH: &str = "/api/v1/version";

/// The version of the API that calls are sent to.
pub(super) struct ApiVersion {
    /// `None`: the console is asked.
    setting: Option<String>,
    known: Mutex<Option<String>>,
}

impl ApiVersion {
    pub(super) fn new(setting: &str) -> Self {
        Self { setting: (setting != AUTO).then(|| setting.to_owned()), known: Mutex::default() }
    }

    /// Whether the console is asked.
    pub(super) fn is_asked(&self) -> bool {
        self.setting.is_none()
    }

    /// The version, such as `30.00`; asks the console once.
    pub(super) async fn get(&self, session: &Session<Login>) -> Result<String, ApiError> {
        if let Some(setting) = &self.setting {
            return Ok(setting.clone());
        }
        let mut known = self.known.lock().await;
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let version = match release(session).await {
            Ok(release) => of_release(&release).unwrap_or_else(|| session.login().found_at().to_owned()),
            // An account that may not ask, or a console that does not report it, can be read otherwise.
            Err(error) if matches!(error.failure, Failure::Forbidden | Failure::NotFound | Failure::BadResponse) => {
                let source = session.source();
                tracing::debug!(source, %error, "the console does not report its version");
                session.login().found_at().to_owned()
            }
            Err(error) => return Err(error),
        };
        Ok(known.insert(version).clone())
    }

    /// The console's release, such as `34.03.138`, for a console whose version is requested.
    pub(super) async fn release(&self, session: &Session<Login>) -> Result<String, ApiError> {
        let release = release(session).await?;
        if self.is_asked()
            && let Some(version) = of_release(&release)
        {
            *self.known.lock().await = Some(version);
        }
        Ok(release)
    }

    /// Another version to try than `refused`, at which a path was not found: the one that the console has now, or that of
    /// its log-in.
    pub(super) async fn instead_of(&self, refused: &str, session: &Session<Login>) -> Result<Option<String>, ApiError> {
        if !self.is_asked() {
            return Ok(None);
        }
        *self.known.lock().await = None;
        let now = self.get(session).await?;
        Ok([now.as_str(), session.login().found_at()].into_iter().find(|other| *other != refused).map(str::to_owned))
    }

    /// Keeps a version at which a path was found.
    pub(super) async fn keep(&self, version: String) {
        *self.known.lock().await = Some(version);
    }
}

/// Reads the version in the response.
pub fn read_version(answer: &Answer) -> Result<String, Unreadable> {
    wire::refuse_web_page(answer)?;
    let text = text(&answer.body);
    match serde_json::from_str::<Read<Text<'_>>>(&text).map_err(|error| unreadable(&error, &text))? {
        Read(_, FieldState::Unreadable) => Err(Unreadable("the answer is JSON, but not a version".to_owned())),
        Read(version, _) => Ok(version.get().to_owned()),
    }
}

/// Asks the console for its release, such as `34.03.138`.
async fn release(session: &Session<Login>) -> Result<String, ApiError> {
    session.call(&VERSION, Call::get(&VERSION.endpoint, VERSION_PATH), Arc::new(read_version)).await
}

/// The version of the API of a release: its first two numbers.
fn of_release(release: &str) -> Option<String> {
    let mut numbers = release.trim().trim_start_matches('v').split('.');
    let is_number = |number: &&str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let (major, minor) = (numbers.next().filter(is_number)?, numbers.next().filter(is_number)?);
    Some(format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_has_the_first_two_numbers_of_a_release() {
        for (release, version) in
            [("34.03.138", "34.03"), ("v30.00.140", "30.00"), ("22.12", "22.12"), ("", ""), ("dev", ""), ("34", "")]
        {
            assert_eq!(of_release(release).unwrap_or_default(), version, "{release}");
        }
    }
}
