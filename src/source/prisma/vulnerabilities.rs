//! The collector of vulnerabilities: in how many images each is. The console reckons that once a day.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, CveRow, Daily};
use crate::http::{Answer, ApiError, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::record::Vulnerability;
use crate::setting::Span;
use crate::source::session::Listing;
use crate::source::wire::{Keyed, Rejected, text};
use crate::source::{Collector, Harvest};

/// The numbers of vulnerabilities.
pub(super) const STATS: Listing = Listing {
    endpoint: Endpoint { name: "stats_vulnerabilities", class: "other" },
    what: "vulnerabilities",
    permission: "monitorVuln: to read Monitor > Vulnerabilities",
};

/// The collector's name.
pub(super) const NAME: &str = "vulnerabilities";

const NONE: &str = "the console tells of no vulnerability in any image; it tells nothing to users who are limited to \
                    collections, and on its first day";

/// The vulnerabilities that are in an image, and how many rows could not be taken.
pub(super) fn read(answer: &Answer) -> Result<(Table<Vulnerability>, Rejected), Unreadable> {
    let text = text(&answer.body);
    let rows = wire::open::<Daily, CveRow<'_>>(answer, &text)?;
    let mut rejected = Rejected::default();
    for reject in &rows.rejected {
        rejected[reject.why as usize] += 1;
    }
    let mut table: Table<Vulnerability> = Table::default();
    for row in rows.into_keyed() {
        let id = table.names.intern(row.key());
        let known = table.entry(row.key(), || Vulnerability { id, images: 0, in_use: true, fixable: false });
        known.images = known.images.max(row.impacted_resources_cnt.0.unwrap_or_default());
        known.fixable |= row.is_fixable();
    }
    table.retain(|vulnerability| vulnerability.images > 0);
    Ok((table, rejected))
}

/// Asks for the numbers of vulnerabilities.
pub(super) struct Vulnerabilities {
    pub(super) account: Arc<Account>,
    pub(super) interval: Span,
}

impl Vulnerabilities {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let call = self.account.list(&STATS, "stats/vulnerabilities");
        let (table, rejected) = self.account.session.call(&STATS, call, read).await?;
        progress();
        self.account.session.count_rejected(NAME, rejected);
        Ok(Harvest {
            records: table.len() as u64,
            missing: None,
            note: table.is_empty().then(|| NONE.to_owned()),
            tables: Tables { vulnerabilities: Some(Arc::new(table)), ..Tables::default() },
        })
    }
}

impl Collector for Vulnerabilities {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interval(&self) -> Span {
        self.interval
    }

    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<Harvest, ApiError>> {
        Box::pin(self.run(progress))
    }
}
