//! The collector of the console itself: its version, and when its licence expires.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, License};
use crate::client::{Answer, ApiError, Call, Endpoint, Unreadable};
use crate::clock::Timestamp;
use crate::inventory::{Table, Tables};
use crate::record::Console;
use crate::session::Listing;
use crate::source::{Collect, CollectOutput};
use crate::telemetry::Failure;
use crate::wire::{FieldState, Nested, Read, StateCounts, count, fields, text, unreadable};

/// The licence.
pub(super) const LICENSE: Listing = Listing {
    endpoint: Endpoint { name: "license", class: "other" },
    what: "the console's licence",
    permission: "to read Manage > System",
};

/// The collector's name.
pub(super) const NAME: &str = "console";

/// The key of the one console.
const KEY: &str = "console";

/// Reads when the licence expires, if the response says so, and whether its fields are readable.
pub fn read_license(answer: &Answer) -> Result<(Option<Timestamp>, Vec<StateCounts>), Unreadable> {
    wire::refuse_web_page(answer)?;
    let text = text(&answer.body);
    let Read(license, state) =
        serde_json::from_str::<Read<Nested<License>>>(&text).map_err(|error| unreadable(&error, &text))?;
    if state == FieldState::Unreadable {
        return Err(Unreadable("the answer is JSON, but not a licence".to_owned()));
    }
    let license = license.0.unwrap_or_default();
    let mut counts = Vec::new();
    count(&license, &mut counts);
    Ok((license.expiration_date.0, counts))
}

/// Reads the version and the licence.
pub(super) struct ConsoleItself {
    pub(super) account: Arc<Account>,
}

impl ConsoleItself {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let version = self.account.release().await?;
        progress();
        let call = Call::get(&LICENSE.endpoint, "settings/license");
        let license = self.account.call(&LICENSE, call, Arc::new(read_license)).await;
        let (licence_expiry, counts, note) = match license {
            Ok((expiry, counts)) => (expiry, counts, None),
            // The vendor's own consoles have no licence, and a role may not see it: some answer 401 then, to a token
            // that was just accepted for the version.
            Err(error) if matches!(error.failure, Failure::NotFound | Failure::Forbidden | Failure::Unauthorized) => {
                (None, Vec::new(), Some("the console does not show this account when its licence expires".to_owned()))
            }
            Err(error) => return Err(error),
        };
        let mut table = Table::default();
        let version = table.names.intern(&version);
        table.put(KEY, Console { version, licence_expiry });
        let console = Some(Arc::new(table));
        let fields = fields::<License>(&counts);
        Ok(CollectOutput { note, fields, ..CollectOutput::full(1, Tables { console, ..Tables::default() }) })
    }
}

impl Collect for ConsoleItself {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
