//! The collector of reports.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::listing::by_page::{Fill, Numbered};
use super::listing::optional_listing::{Absence, Found};
use super::session::{Listing, Session};
use super::wire::ReportRow;
use crate::checkpoint::{Saved, Slot};
use crate::client::{ApiError, Endpoint};
use crate::inventory::{Table, Tables};
use crate::labels::{flag, word};
use crate::paging::{PageSummary, WalkSummary};
use crate::record::Report;
use crate::source::{Collect, CollectOutput};
use crate::wire::Rows;

/// The list of reports.
pub(super) const REPORTS: Listing =
    Listing { endpoint: Endpoint { name: "reports", class: "other" }, what: "reports", permission: "to view reports" };

/// The collector's name.
pub(super) const NAME: &str = "reports";

const NUMBERED: Numbered = Numbered {
    listing: &REPORTS,
    path: "/csapi/v1.3/reports",
    // No most is documented; the vendor's sample asks for so many.
    size: 50,
    number_names: &["pageNumber"],
    size_names: &["pageSize"],
    sort: None,
};

/// Walks the list of reports.
pub(super) struct Reports {
    session: Arc<Session>,
    absence: Absence,
}

impl Reports {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, absence: Absence::default() }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let walked = NUMBERED.walk::<Table<Report>>(&self.session, &self.absence.answered, progress).await;
        let ((table, walked), note) = match self.absence.heed(&self.session, &REPORTS, walked)? {
            Found::Here(found) => (found, None),
            Found::Absent(words) => ((Table::default(), WalkSummary::default()), Some(words)),
        };
        self.session.count_rejected(NAME, walked.rejected);
        let (records, reports) = (table.len(), Some(Arc::new(table)));
        let tables = Tables { reports, ..Tables::default() };
        Ok(CollectOutput { missing: walked.missing, note, ..CollectOutput::full(records, tables) })
    }
}

impl Fill for Table<Report> {
    type Row<'a> = ReportRow<'a>;

    fn fill(&mut self, rows: Rows<ReportRow<'_>>) -> PageSummary {
        let mut seen = PageSummary::of(&rows);
        for row in rows.into_keyed() {
            let names = &mut self.names;
            let report = Report {
                template: word(names, row.template_name.get()),
                status: word(names, row.status.get()),
                scheduled: flag(names, row.is_scheduled.0),
                created: row.created_at.0,
                expires: row.expire_on.0,
            };
            let new = self.put(row.report_uuid.get(), report);
            seen.undated(row.report_uuid.get(), new);
        }
        seen
    }
}

impl Collect for Reports {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }

    fn resume(&self, _: Slot, saved: Saved) {
        self.absence.remember(&saved, |tables| &tables.reports);
    }
}
