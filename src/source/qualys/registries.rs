//! Registries, one per row of the list.

use std::sync::Arc;

use super::listing::by_page::PagedListing;
use super::listing::collector::Listed;
use super::session::Listing;
use super::wire::RegistryRow;
use crate::client::Endpoint;
use crate::inventory::{Table, Tables};
use crate::names::Names;
use crate::record::Registry;
use crate::source::staged::FromRow;

/// The list of registries.
pub(super) const REGISTRIES: Listing = Listing {
    endpoint: Endpoint { name: "registries", class: "other" },
    what: "registries",
    permission: "to view registries",
};

impl Listed for Registry {
    const NAME: &'static str = "registries";
    const LISTING: PagedListing = PagedListing {
        listing: &REGISTRIES,
        path: "/csapi/v1.3/registry",
        size: 50,
        number_names: &["pageNumber", "pageNo"],
        size_names: &["pageSize"],
        sort: None,
    };
    const IS_OPTIONAL: bool = true;

    fn tables(table: Arc<Table<Self>>) -> Tables {
        Tables { registries: Some(table), ..Tables::default() }
    }

    fn table(tables: &Tables) -> Option<&Arc<Table<Self>>> {
        tables.registries.as_ref()
    }
}

impl FromRow for Registry {
    type Row<'a> = RegistryRow<'a>;

    fn from_row(names: &mut Names, row: &RegistryRow<'_>) -> Self {
        let counts = [row.total_images.0, row.total_scanned_images.0, row.total_vulnerable_images.0];
        let is_counted = counts.iter().any(Option::is_some);
        Self {
            uri: names.intern(row.registry_uri.get()),
            images: is_counted.then(|| counts.map(Option::unwrap_or_default)),
        }
    }
}
