//! The collector of vulnerabilities: the number of images with each. The console computes it once a day.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, CveRow, Daily};
use crate::client::{Answer, ApiError, Decode, Endpoint, Unreadable};
use crate::clock::Timestamp;
use crate::inventory::{Table, Tables};
use crate::names::Names;
use crate::paging::Page;
use crate::record::{FieldCounts, Vulnerability, VulnerabilityStatistics};
use crate::session::Listing;
use crate::source::staged::{FromRow, StagedTable};
use crate::source::{Collect, CollectOutput};
use crate::wire::{Keyed, Rejected, fields, text};

/// The numbers of vulnerabilities.
pub(super) const STATS: Listing = Listing {
    endpoint: Endpoint { name: "stats_vulnerabilities", class: "other" },
    what: "vulnerabilities",
    permission: "monitorVuln: to read Monitor > Vulnerabilities",
};

/// The collector's name.
pub(super) const NAME: &str = "vulnerabilities";

const NONE: &str = "the console reports no vulnerabilities in any image; it has no statistics on its first day, and \
                    none if collections limit the request or what the user may see";

const CUT_SHORT: &str = "the console returned a full page of vulnerabilities and nothing new on the next one; later \
                         ones may be missing";

const COMPUTED_AGAIN: &str =
    "the console recomputed the statistics while they were read; the next run reads them completely";

/// The key of the one row of [`VulnerabilityStatistics`].
const STATISTICS: &str = "images";

impl FromRow for Vulnerability {
    type Row<'a> = CveRow<'a>;

    fn from_row(names: &mut Names, row: &CveRow<'_>) -> Self {
        let images = row.impacted_resources_cnt.0.unwrap_or_default();
        Self { id: names.intern(row.key()), images, in_use: true, fixable: row.is_fixable() }
    }

    fn update(&mut self, later: Self) {
        self.images = self.images.max(later.images);
        self.fixable |= later.fixable;
    }
}

/// Reads a page of the listing; returns when the console computed it.
pub fn read(
    staged: &Arc<StagedTable<Vulnerability>>,
    answer: &Answer,
) -> Result<(Page, Option<Timestamp>), Unreadable> {
    let text = text(&answer.body);
    let page = staged.read(wire::open::<Daily, _>(answer, &text)?, &answer.body);
    Ok((page, wire::computed(&text)))
}

/// The result of a walk over all pages, besides the vulnerabilities.
#[derive(Default)]
struct StatisticsWalk {
    /// Rejected rows.
    rejected: Rejected,
    /// Rows that were read.
    read: u64,
    /// Why vulnerabilities are missing, if any are.
    missing: Option<String>,
    /// When the console computed the statistics.
    computed: Option<Timestamp>,
    /// Rows by the states of their fields.
    fields: FieldCounts,
}

/// Reads the numbers of vulnerabilities.
pub(super) struct Vulnerabilities {
    pub(super) account: Arc<Account>,
}

impl Vulnerabilities {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let staged = Arc::default();
        let StatisticsWalk { rejected, read, missing, computed, fields } = self.walk(&staged, progress).await?;
        let missing = missing.or(self.account.session.count_rejected(NAME, &[(rejected, read)]));
        let mut table = staged.take();
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
        Ok(CollectOutput { missing, note, fields, ..CollectOutput::full(records, tables) })
    }

    /// Requests page after page.
    ///
    /// The vendor's own scripts request these rows with `limit` and `offset` and go by `Total-Count`. A console that
    /// ignores either parameter is read as well: it returns more than requested, or everything again.
    async fn walk(
        &self,
        staged: &Arc<StagedTable<Vulnerability>>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<StatisticsWalk, ApiError> {
        let page_limit = self.account.page_limit;
        let call = self.account.list(&STATS, "stats/vulnerabilities");
        let reading = Arc::clone(staged);
        let decode: Decode<_> = Arc::new(move |answer: &Answer| read(&reading, answer));
        let mut walk = StatisticsWalk { fields: fields::<CveRow<'_>>(&[]), ..StatisticsWalk::default() };
        let (mut offset, mut total) = (0, None);
        loop {
            let call = self.account.page(&call, offset);
            let (page, computed) = self.account.call(&STATS, call, Arc::clone(&decode)).await?;
            progress();
            if offset == 0 {
                walk.computed = computed;
            } else if computed.is_some_and(|computed| walk.computed != Some(computed)) {
                walk.missing = Some(COMPUTED_AGAIN.to_owned());
                return Ok(walk);
            }
            let page = page.accept(&STATS.endpoint).await?;
            let sent = page.sent as u64;
            total = page.count.or(total);
            let repeats = page.taken > 0 && page.new == 0;
            let unlimited = offset == 0 && sent > page_limit;
            walk.fields = walk.fields.and(&fields::<CveRow<'_>>(&page.fields));
            if !repeats {
                page.rejected.iter().for_each(|reject| walk.rejected[reject.why as usize] += 1);
                offset += sent;
                walk.read = offset;
            }
            let ended = match total {
                Some(total) => offset >= total || sent == 0 || repeats,
                None => unlimited || page.new == 0,
            };
            if ended {
                walk.missing = match total {
                    Some(total) if offset < total => {
                        Some(format!("the vendor counts {total} vulnerabilities, but returned {offset} of them"))
                    }
                    None if page.new == 0 && sent == page_limit => Some(CUT_SHORT.to_owned()),
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
