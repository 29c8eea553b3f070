//! The collector of vulnerabilities: in how many images each is. The console computes that once a day.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, CveRow, Daily};
use crate::client::{Answer, ApiError, Endpoint, Unreadable};
use crate::clock::Timestamp;
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::record::{Vulnerability, VulnerabilityStatistics};
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

const CUT_SHORT: &str = "the console gave a full page of vulnerabilities and nothing new on the next one; those after \
                         it may be missing";

const COMPUTED_AGAIN: &str =
    "the console computed the statistics again while they were read; the next run reads them whole";

/// The key of the one row of [`VulnerabilityStatistics`].
const STATISTICS: &str = "images";

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
    /// How many rows there are on all pages, where the console counts them.
    pub total: Option<u64>,
    /// When the console computed them.
    pub computed: Option<Timestamp>,
}

/// Takes a page into the table.
pub fn take(table: &Mutex<Table<Vulnerability>>, answer: &Answer) -> Result<Page, Unreadable> {
    let text = text(&answer.body);
    let rows = wire::open::<Daily, CveRow<'_>>(answer, &text)?;
    let sent = rows.sent as u64;
    let mut page = Page {
        sent,
        taken: 0,
        new: 0,
        rejected: rows.rejections(),
        // A page with rows of a listing without any contradicts itself.
        total: rows.count.filter(|count| *count > 0 || sent == 0),
        computed: wire::computed(&text),
    };
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

/// What a walk over all pages found out, besides the vulnerabilities.
#[derive(Default)]
struct Walk {
    /// Rows that could not be taken.
    rejected: Rejected,
    /// Why vulnerabilities are missing, if any are.
    missing: Option<String>,
    /// When the console computed what was read.
    computed: Option<Timestamp>,
}

/// Asks for the numbers of vulnerabilities.
pub(super) struct Vulnerabilities {
    pub(super) account: Arc<Account>,
}

impl Vulnerabilities {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let table = Arc::new(Mutex::new(Table::default()));
        let Walk { rejected, missing, computed } = self.walk(&table, progress).await?;
        self.account.session.count_rejected(NAME, rejected);
        let mut table = std::mem::take(&mut *lock(&table));
        table.retain(|vulnerability| vulnerability.images > 0);
        let note = table.is_empty().then(|| NONE.to_owned());
        let mut statistics = Table::default();
        if let Some(computed) = computed {
            statistics.put(STATISTICS, VulnerabilityStatistics { computed });
        }
        let records = table.len();
        let tables = Tables {
            vulnerabilities: Some(Arc::new(table)),
            vulnerability_statistics: Some(Arc::new(statistics)),
            ..Tables::default()
        };
        Ok(CollectOutput { missing, note, ..CollectOutput::full(records, tables) })
    }

    /// Asks for page after page.
    ///
    /// The vendor's own scripts ask for these rows with `limit` and `offset` and go by `Total-Count`. A console that
    /// ignores either parameter is read as well: it gives more than was asked for, or all of it again.
    async fn walk(
        &self,
        table: &Arc<Mutex<Table<Vulnerability>>>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Walk, ApiError> {
        let Account { session, page_limit, .. } = &*self.account;
        let call = self.account.list(&STATS, "stats/vulnerabilities");
        let mut walk = Walk::default();
        let (mut offset, mut total) = (0, None);
        loop {
            let taking = Arc::clone(table);
            let read = move |answer: &Answer| take(&taking, answer);
            let page = session.call(&STATS, self.account.page(&call, offset), read).await?;
            progress();
            total = page.total.or(total);
            if offset == 0 {
                walk.computed = page.computed;
            } else if page.computed.is_some_and(|computed| walk.computed != Some(computed)) {
                walk.missing = Some(COMPUTED_AGAIN.to_owned());
                return Ok(walk);
            }
            let repeats = page.taken > 0 && page.new == 0;
            let unlimited = offset == 0 && page.sent > *page_limit;
            if !repeats {
                walk.rejected.iter_mut().zip(page.rejected).for_each(|(all, here)| *all += here);
                offset += page.sent;
            }
            let ended = match total {
                Some(total) => offset >= total || page.sent == 0 || repeats,
                None => unlimited || page.new == 0,
            };
            if ended {
                walk.missing = match total {
                    Some(total) if offset < total => {
                        Some(format!("the vendor counts {total} vulnerabilities, but returned {offset} of them"))
                    }
                    None if page.new == 0 && page.sent == *page_limit => Some(CUT_SHORT.to_owned()),
                    Some(_) | None => None,
                };
                return Ok(walk);
            }
        }
    }
}

impl Collect for Vulnerabilities {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
