//! Reports, one per row of the list.

use std::sync::Arc;

use super::listing::by_page::PagedListing;
use super::listing::collector::Listed;
use super::session::Listing;
use super::wire::ReportRow;
use crate::client::Endpoint;
use crate::inventory::{Table, Tables};
use crate::labels::{flag, word};
use crate::names::Names;
use crate::record::Report;
use crate::source::staged::FromRow;

/// The list of reports.
pub(super) const REPORTS: Listing =
    Listing { endpoint: Endpoint { name: "reports", class: "other" }, what: "reports", permission: "to view reports" };

impl Listed for Report {
    const NAME: &'static str = "reports";
    const LISTING: PagedListing = PagedListing {
        listing: &REPORTS,
        path: "/csapi/v1.3/reports",
        // No maximum is documented; the vendor's sample requests this many.
        size: 50,
        number_names: &["pageNumber"],
        size_names: &["pageSize"],
        sort: None,
    };
    const IS_OPTIONAL: bool = true;

    fn tables(table: Arc<Table<Self>>) -> Tables {
        Tables { reports: Some(table), ..Tables::default() }
    }

    fn table(tables: &Tables) -> Option<&Arc<Table<Self>>> {
        tables.reports.as_ref()
    }
}

impl FromRow for Report {
    type Row<'a> = ReportRow<'a>;

    fn from_row(names: &mut Names, row: &ReportRow<'_>) -> Self {
        Self {
            template: word(names, row.template_name.get()),
            status: word(names, row.status.get()),
            scheduled: flag(names, row.is_scheduled.0),
            created: row.created_at.0,
            expires: row.expire_on.0,
        }
    }
}
