//! The resources behind Kubernetes posture: what each control came to for each of them.
//!
//! The vendor calls this listing a count, and its own sample shows rows. Whatever it answers, the controls stand: where it
//! tells numbers only, nothing is guessed from them.

use crate::client::{Answer, Endpoint, Unreadable};
use crate::inventory::Table;
use crate::labels::word;
use crate::paging::PageSummary;
use crate::record::{PostureResource, Severity};
use crate::source::qualys::listing::by_page::{Fill, Numbered};
use crate::source::qualys::listing::optional_listing::{Absence, Found};
use crate::source::qualys::session::{Listing, Session};
use crate::source::qualys::wire::{self, ResourceRow};
use crate::wire::{Rejected, Rows, text};

/// The list of resources.
pub(crate) const COUNT: Listing = Listing {
    endpoint: Endpoint { name: "k8s_postures_count", class: "other" },
    what: "the resources behind Kubernetes posture",
    permission: "to view posture",
};

const NUMBERED: Numbered = Numbered {
    listing: &COUNT,
    path: "/csapi/v1.3/k8s_postures/count",
    // The most of the documented `limit`, 1 to 250.
    size: 250,
    number_names: &["pageNumber", "pageNo"],
    size_names: &["pageSize", "limit"],
    sort: None,
};

/// What people should know where there are no rows.
const ONLY_NUMBERS: &str = "the vendor tells how many resources were evaluated, but not which: nothing is shown of posture by \
                            cluster and kind of resource";

/// What the listing brought.
#[derive(Debug, Default)]
pub(crate) struct Evaluated {
    /// The resources, if they are known.
    pub(crate) table: Option<Table<PostureResource>>,
    pub(crate) rejected: Rejected,
    /// Why resources are known to be missing, in words for people.
    pub(crate) missing: Option<String>,
    /// What people should know though nothing is wrong.
    pub(crate) note: Option<String>,
}

/// Walks the listing. That it fails is told, and keeps nothing else back.
pub(crate) async fn walk(session: &Session, absence: &Absence, progress: &(dyn Fn() + Sync)) -> Evaluated {
    let walked = NUMBERED.walk::<Resources>(session, &absence.answered, progress).await;
    match absence.heed(session, &COUNT, walked) {
        Ok(Found::Here((Resources { only_numbers: true, .. }, _))) => {
            Evaluated { note: Some(ONLY_NUMBERS.to_owned()), ..Evaluated::default() }
        }
        Ok(Found::Here((Resources { table, .. }, walked))) => {
            Evaluated { table: Some(table), rejected: walked.rejected, missing: walked.missing, note: None }
        }
        Ok(Found::Absent(words)) => Evaluated { note: Some(words), ..Evaluated::default() },
        Err(error) => {
            let missing = Some(format!("controls are known, but not the resources behind them: {error}"));
            Evaluated { missing, ..Evaluated::default() }
        }
    }
}

/// The resources up to now.
#[derive(Debug, Default)]
pub struct Resources {
    /// Themselves.
    pub table: Table<PostureResource>,
    /// Whether the first answer told numbers without rows.
    pub only_numbers: bool,
}

impl Fill for Resources {
    type Row<'a> = ResourceRow<'a>;

    fn fill(&mut self, rows: Rows<ResourceRow<'_>>) -> PageSummary {
        let mut seen = PageSummary::of(&rows);
        for row in rows.into_keyed() {
            let Some(key) = row.place() else { continue };
            let names = &mut self.table.names;
            let resource = PostureResource {
                cluster: names.intern(row.cluster_name.get()),
                kind: names.intern(row.resource_type.get()),
                severity: Severity::from_word(row.control_criticality.get()),
                vendor_severity: word(names, row.control_criticality.get()),
                outcome: row.status.0,
                last_evaluated: row.last_evaluated.0,
            };
            // What was found out last counts, wherever it stands; of two of the same time the one that comes later.
            let known = self.table.get(&key);
            let latest = known.is_none_or(|known| known.last_evaluated <= resource.last_evaluated);
            let new = latest && self.table.put(&key, resource);
            seen.undated(&key, new);
        }
        seen
    }

    fn take(&mut self, answer: &Answer, number: u64) -> Result<PageSummary, Unreadable> {
        let text = text(&answer.body);
        let only_numbers = wire::is_only_numbers(&text);
        if only_numbers && number > 1 {
            return Err(Unreadable("the answer has no records, though the page before it had".to_owned()));
        }
        self.only_numbers = only_numbers;
        if only_numbers {
            return Ok(PageSummary::default());
        }
        let rows = wire::rows(&text)?;
        Ok(self.fill(rows).close(&answer.body))
    }
}
