//! The collector of sensors: the number of defenders of each category.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, DefenderRow};
use crate::client::{Answer, ApiError, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::labels::word;
use crate::record::{Defenders, FieldCounts};
use crate::session::Listing;
use crate::source::{Collect, CollectOutput};
use crate::wire::{Keyed, Rejected, count, fields, text};

/// The numbers of defenders.
pub(super) const SUMMARY: Listing = Listing {
    endpoint: Endpoint { name: "defenders_summary", class: "other" },
    what: "defenders",
    permission: "manageDefenders: to read Manage > Defenders",
};

/// The collector's name.
pub(super) const NAME: &str = "sensors";

/// The defenders in a response.
#[derive(Debug, Default)]
pub struct DefendersRead {
    /// Defenders by their category.
    pub table: Table<Defenders>,
    /// The rejected rows, and the number of all rows.
    pub rejected: (Rejected, u64),
    /// The other rows by field.
    pub fields: FieldCounts,
}

/// Reads the defenders by category.
pub fn read(answer: &Answer) -> Result<DefendersRead, Unreadable> {
    let text = text(&answer.body);
    let rows = wire::rows::<DefenderRow<'_>>(answer, &text)?;
    let rejected = (rows.rejections(), rows.sent as u64);
    let (mut table, mut counts) = (Table::default(), Vec::new());
    for row in rows.into_keyed() {
        count(&row, &mut counts);
        if row.connected.0.is_none() && row.deployed.0.is_none() {
            // Without a number, the category is unknown, not empty.
            continue;
        }
        let kind = word(&mut table.names, row.category.get());
        // A console may list one category in several rows.
        let defenders = table.entry(row.key(), || Defenders { kind, connected: 0, deployed: 0 });
        defenders.connected = defenders.connected.saturating_add(row.connected.0.unwrap_or_default());
        defenders.deployed = defenders.deployed.saturating_add(row.deployed.0.unwrap_or_default());
    }
    Ok(DefendersRead { table, rejected, fields: fields::<DefenderRow<'_>>(&counts) })
}

/// Reads the numbers of defenders.
pub(super) struct Sensors {
    pub(super) account: Arc<Account>,
}

impl Sensors {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let call = self.account.list(&SUMMARY, "defenders/summary");
        let DefendersRead { table, rejected, fields } = self.account.call(&SUMMARY, call, Arc::new(read)).await?;
        progress();
        let missing = self.account.session.count_rejected(NAME, &[rejected]);
        let (records, defenders) = (table.len(), Some(Arc::new(table)));
        let tables = Tables { defenders, ..Tables::default() };
        Ok(CollectOutput { missing, fields, ..CollectOutput::full(records, tables) })
    }
}

impl Collect for Sensors {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
