//! The resources behind Kubernetes posture: the outcome of each control for each of them.
//!
//! The vendor calls this listing a count, and its own sample shows rows. Whatever it returns, the controls are
//! collected: if it returns only numbers, nothing is guessed from them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::{Answer, Decode, Endpoint, Unreadable};
use crate::inventory::Table;
use crate::labels::word;
use crate::names::Names;
use crate::paging::{Page, PageSummary};
use crate::record::{Outcome, PostureResource, Severity};
use crate::source::qualys::listing::by_page::PagedListing;
use crate::source::qualys::listing::optional_listing::{OptionalListing, Presence};
use crate::source::qualys::session::{Listing, Session};
use crate::source::qualys::wire::{self, ResourceRow};
use crate::source::staged::{FromRow, StagedTable};
use crate::wire::{Rejected, StateCounts, text};

/// The list of resources.
pub(crate) const COUNT: Listing = Listing {
    endpoint: Endpoint { name: "k8s_postures_count", class: "other" },
    what: "the resources behind Kubernetes posture",
    permission: "to view posture",
};

const PAGES: PagedListing = PagedListing {
    listing: &COUNT,
    path: "/csapi/v1.3/k8s_postures/count",
    // The maximum of the documented `limit`, 1 to 250.
    size: 250,
    number_names: &["pageNumber", "pageNo"],
    size_names: &["pageSize", "limit"],
    sort: None,
};

/// The note to show when there are no rows.
const ONLY_NUMBERS: &str = "the vendor reports how many resources were evaluated, but not which: posture by cluster \
                            and kind of resource is not available";

/// The result of the listing.
#[derive(Debug, Default)]
pub(crate) struct ResourcesRead {
    /// The resources, if they are known.
    pub(crate) table: Option<Table<PostureResource>>,
    /// What was rejected, and what was read.
    pub(crate) rejected: (Rejected, u64),
    /// Rows by the states of their fields.
    pub(crate) fields: Vec<StateCounts>,
    /// Why resources are known to be missing, in plain words.
    pub(crate) missing: Option<String>,
    /// A note to show although nothing is wrong.
    pub(crate) note: Option<String>,
}

/// Walks the listing. A failure is reported in the result, and does not affect anything else.
pub(crate) async fn walk(session: &Session, presence: &OptionalListing, progress: &(dyn Fn() + Sync)) -> ResourcesRead {
    let resources = Arc::<StagedResources>::default();
    let decode = |number| -> Decode<Page> {
        let resources = Arc::clone(&resources);
        Arc::new(move |answer: &Answer| resources.read(answer, number))
    };
    let walked = PAGES.walk(session, &presence.answered, progress, &decode).await;
    match presence.judge(session, &COUNT, walked) {
        Ok(Presence::Present(_)) if resources.only_numbers() => {
            ResourcesRead { note: Some(ONLY_NUMBERS.to_owned()), ..ResourcesRead::default() }
        }
        Ok(Presence::Present(walked)) => ResourcesRead {
            table: Some(resources.table.take()),
            rejected: (walked.rejected, walked.read),
            fields: walked.fields,
            missing: walked.missing,
            note: None,
        },
        Ok(Presence::Absent(words)) => ResourcesRead { note: Some(words), ..ResourcesRead::default() },
        Err(error) => {
            let missing = Some(format!("controls are known, but not the resources behind them: {error}"));
            ResourcesRead { missing, ..ResourcesRead::default() }
        }
    }
}

/// The resources read so far.
#[derive(Debug, Default)]
pub struct StagedResources {
    /// Their table.
    pub table: Arc<StagedTable<PostureResource>>,
    only_numbers: AtomicBool,
}

impl StagedResources {
    /// Whether the first response had numbers without rows.
    pub fn only_numbers(&self) -> bool {
        self.only_numbers.load(Ordering::Relaxed)
    }

    /// Reads the page of this number.
    pub fn read(self: &Arc<Self>, answer: &Answer, number: u64) -> Result<Page, Unreadable> {
        let text = text(&answer.body);
        if !wire::is_only_numbers(&text) {
            return Ok(self.table.read(wire::rows(&text)?, &answer.body));
        }
        if number > 1 {
            return Err(Unreadable("the answer has no records, though the page before it had".to_owned()));
        }
        let resources = Arc::clone(self);
        Ok(Page::new(PageSummary::default(), move || resources.only_numbers.store(true, Ordering::Relaxed)))
    }
}

impl FromRow for PostureResource {
    type Row<'a> = ResourceRow<'a>;

    fn from_row(names: &mut Names, row: &ResourceRow<'_>) -> Self {
        Self {
            cluster: names.intern(row.cluster_name.get()),
            kind: names.intern(row.resource_type.get()),
            severity: Severity::from_word(row.control_criticality.get()),
            vendor_severity: word(names, row.control_criticality.get()),
            // A row without one is rejected.
            outcome: row.status.0.unwrap_or(Outcome::Skip),
            last_evaluated: row.last_evaluated.0,
        }
    }

    fn key<'r>(row: &'r ResourceRow<'_>) -> Option<Cow<'r, str>> {
        row.place().map(Cow::Owned)
    }

    fn update(&mut self, later: Self) {
        // The latest evaluation counts, wherever it is listed; of two with the same time, the later one listed.
        if self.last_evaluated <= later.last_evaluated {
            *self = later;
        }
    }
}
