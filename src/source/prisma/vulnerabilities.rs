//! The collector of vulnerabilities: in how many images each is. The console reckons that once a day.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, CveRow, Daily};
use crate::client::{Answer, ApiError, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::record::Vulnerability;
use crate::session::Listing;
use crate::source::{Collect, CollectOutput};
use crate::wire::{Keyed, Rejected, text};

/// The numbers of vulnerabilities.
pub(super) const STATS: Listing = Listing {
    endpoint: Endpoint { name: "stats_vulnerabilities", class: "other" },
    what: "vulnerabilities",
    permission: "monitorVuln: to read Monitor > Vulnerabilities",
};

/// The collector's name.
pub(super) const NAME: &str = "vulnerabilities";

const NONE: &str = "the console tells of no vulnerability in any image; it tells nothing where collections limit what is \
                    asked for or what the user may see, and on its first day";

const CUT_SHORT: &str = "the console gave a whole page of vulnerabilities, and none that was new on the one behind it; \
                         those behind may be missing";

/// What was on a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows, those that could not be taken included.
    pub sent: u64,
    /// Rows that could be taken.
    pub taken: u64,
    /// Vulnerabilities that were not known before.
    pub new: u64,
    /// Rows that could not be taken.
    pub rejected: Rejected,
}

/// Takes a page into the table.
pub fn take(table: &Mutex<Table<Vulnerability>>, answer: &Answer) -> Result<Page, Unreadable> {
    let text = text(&answer.body);
    let rows = wire::open::<Daily, CveRow<'_>>(answer, &text)?;
    let mut page = Page { sent: rows.sent as u64, taken: 0, new: 0, rejected: rows.rejections() };
    let mut table = lock(table);
    let before = table.len();
    for row in rows.into_keyed() {
        let id = table.names.intern(row.key());
        let known = table.entry(row.key(), || Vulnerability { id, images: 0, in_use: true, fixable: false });
        known.images = known.images.max(row.impacted_resources_cnt.0.unwrap_or_default());
        known.fixable |= row.is_fixable();
        page.taken += 1;
    }
    page.new = (table.len() - before) as u64;
    Ok(page)
}

/// Asks for the numbers of vulnerabilities.
pub(super) struct Vulnerabilities {
    pub(super) account: Arc<Account>,
}

impl Vulnerabilities {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let table = Arc::new(Mutex::new(Table::default()));
        let (rejected, missing) = self.walk(&table, progress).await?;
        self.account.session.count_rejected(NAME, rejected);
        let mut table = std::mem::take(&mut *lock(&table));
        table.retain(|vulnerability| vulnerability.images > 0);
        let note = table.is_empty().then(|| NONE.to_owned());
        let (records, vulnerabilities) = (table.len(), Some(Arc::new(table)));
        Ok(CollectOutput {
            missing,
            note,
            ..CollectOutput::full(records, Tables { vulnerabilities, ..Tables::default() })
        })
    }

    /// Asks for page after page; tells how many rows could not be taken, and why others are missing.
    ///
    /// The vendor's own scripts ask for these rows with `limit` and `offset`, and say that there is a most for the
    /// first. A console that heeds neither is taken as well: it gives more than was asked for, or all of it again.
    async fn walk(
        &self,
        table: &Arc<Mutex<Table<Vulnerability>>>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<(Rejected, Option<String>), ApiError> {
        let Account { session, page_limit, .. } = &*self.account;
        let call = self.account.list(&STATS, "stats/vulnerabilities");
        let mut rejected = Rejected::default();
        let mut offset = 0;
        loop {
            let taking = Arc::clone(table);
            let read = move |answer: &Answer| take(&taking, answer);
            let page = session.call(&STATS, self.account.page(&call, offset), read).await?;
            progress();
            let repeats = page.taken > 0 && page.new == 0;
            if !repeats {
                rejected.iter_mut().zip(page.rejected).for_each(|(all, here)| *all += here);
            }
            let unlimited = offset == 0 && page.sent > *page_limit;
            if unlimited || page.new == 0 {
                let cut_short = page.new == 0 && page.sent == *page_limit;
                return Ok((rejected, cut_short.then(|| CUT_SHORT.to_owned())));
            }
            offset += page.sent;
        }
    }
}

impl Collect for Vulnerabilities {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
