//! Containers: their two listings, joined by `uuid`.
//!
//! Only the page list counts findings by severity, and only the bulk list has the namespace.

use std::sync::Arc;

use crate::client::Endpoint;
use crate::clock::Timestamp;
use crate::inventory::{Table, Tables};
use crate::names::Names;
use crate::record::{BulkListFields, Container, PageListFields};
use crate::source::qualys::session::Listing;
use crate::source::qualys::two_listings::TwoListed;
use crate::source::qualys::two_listings::staging::{self, Half, Joined};
use crate::source::qualys::wire::{BulkRow, PageRow};
use map_container::{bulk_fields, page_fields};

mod map_container;

/// The page list.
pub(crate) const PAGES: Listing = Listing {
    endpoint: Endpoint { name: "containers", class: "pages" },
    what: "containers",
    permission: "such as CS.CONTAINER.VIEW",
};

/// The bulk list.
pub(crate) const BULK: Listing = Listing { endpoint: Endpoint { name: "containers_list", class: "bulk" }, ..PAGES };

/// The listings of containers while they are joined. Of the labels of containers and pods, the values with the
/// configured keys are kept.
pub type Staging = staging::Staging<Container>;

impl Joined for Container {
    type Wanted = Arc<[String]>;
    type Page = PageHalf;
    type Bulk = BulkHalf;

    const WHAT: &'static str = "containers";
}

impl TwoListed for Container {
    const NAME: &'static str = "containers";
    const PAGES: (&'static Listing, &'static str) = (&PAGES, "/csapi/v1.3/containers");
    const BULK: (&'static Listing, &'static str) = (&BULK, "/csapi/v1.3/containers/list");

    fn tables(table: Arc<Table<Self>>) -> Tables {
        Tables { containers: Some(table), ..Tables::default() }
    }

    fn table(tables: Tables) -> Option<Arc<Table<Self>>> {
        tables.containers
    }
}

/// The page list, as a half.
#[derive(Debug)]
pub enum PageHalf {}

impl Half for PageHalf {
    type Record = Container;
    type Row<'a> = PageRow<'a>;
    type Part = PageListFields;

    fn read(names: &mut Names, row: &PageRow<'_>, _: &Arc<[String]>) -> PageListFields {
        page_fields(names, row)
    }

    fn updated(part: &PageListFields) -> Option<Timestamp> {
        part.updated
    }

    fn part(container: &Container) -> Option<&PageListFields> {
        container.page.as_ref()
    }

    fn part_mut(container: &mut Container) -> &mut Option<PageListFields> {
        &mut container.page
    }
}

/// The bulk list, as a half.
#[derive(Debug)]
pub enum BulkHalf {}

impl Half for BulkHalf {
    type Record = Container;
    type Row<'a> = BulkRow<'a>;
    type Part = BulkListFields;

    fn read(names: &mut Names, row: &BulkRow<'_>, promote: &Arc<[String]>) -> BulkListFields {
        bulk_fields(names, row, promote)
    }

    fn updated(part: &BulkListFields) -> Option<Timestamp> {
        part.updated
    }

    fn part(container: &Container) -> Option<&BulkListFields> {
        container.bulk.as_ref()
    }

    fn part_mut(container: &mut Container) -> &mut Option<BulkListFields> {
        &mut container.bulk
    }
}
