//! Images: their two listings, joined by `uuid`.
//!
//! Only the page list counts findings by severity and shows whether an image is in use, and only the bulk list names
//! the findings and their fixes.

use std::sync::Arc;

use crate::client::Endpoint;
use crate::clock::Timestamp;
use crate::inventory::{Table, Tables};
use crate::names::Names;
use crate::record::{Image, ImageBulkFields, ImagePageFields};
use crate::source::qualys::session::Listing;
use crate::source::qualys::two_listings::TwoListed;
use crate::source::qualys::two_listings::staging::{self, Half, Joined};
use crate::source::qualys::wire::{ImageBulkRow, ImagePageRow};
use map_image::{bulk_fields, page_fields};

mod map_image;

/// The page list. It shares a rate limit with that of containers: the vendor limits each of them separately, so that
/// together they stay below both limits.
pub(crate) const PAGES: Listing = Listing {
    endpoint: Endpoint { name: "images", class: "pages" },
    what: "images",
    permission: "such as CS.IMAGE.VIEW",
};

/// The bulk list, which shares its limit in the same way.
pub(crate) const BULK: Listing = Listing { endpoint: Endpoint { name: "images_list", class: "bulk" }, ..PAGES };

/// The listings of images while they are joined.
pub type Staging = staging::Staging<Image>;

impl Joined for Image {
    type Wanted = ();
    type Page = PageHalf;
    type Bulk = BulkHalf;

    const WHAT: &'static str = "images";
}

impl TwoListed for Image {
    const NAME: &'static str = "images";
    const PAGES: (&'static Listing, &'static str) = (&PAGES, "/csapi/v1.3/images");
    const BULK: (&'static Listing, &'static str) = (&BULK, "/csapi/v1.3/images/list");

    fn tables(table: Arc<Table<Self>>) -> Tables {
        Tables { images: Some(table), ..Tables::default() }
    }

    fn table(tables: Tables) -> Option<Arc<Table<Self>>> {
        tables.images
    }
}

/// The page list, as a half.
#[derive(Debug)]
pub enum PageHalf {}

impl Half for PageHalf {
    type Record = Image;
    type Row<'a> = ImagePageRow<'a>;
    type Part = ImagePageFields;

    fn read(names: &mut Names, row: &ImagePageRow<'_>, (): &()) -> ImagePageFields {
        page_fields(names, row)
    }

    fn updated(part: &ImagePageFields) -> Option<Timestamp> {
        part.updated
    }

    fn part(image: &Image) -> Option<&ImagePageFields> {
        image.page.as_ref()
    }

    fn part_mut(image: &mut Image) -> &mut Option<ImagePageFields> {
        &mut image.page
    }
}

/// The bulk list, as a half.
#[derive(Debug)]
pub enum BulkHalf {}

impl Half for BulkHalf {
    type Record = Image;
    type Row<'a> = ImageBulkRow<'a>;
    type Part = ImageBulkFields;

    fn read(names: &mut Names, row: &ImageBulkRow<'_>, (): &()) -> ImageBulkFields {
        bulk_fields(names, row)
    }

    fn updated(part: &ImageBulkFields) -> Option<Timestamp> {
        part.updated
    }

    fn part(image: &Image) -> Option<&ImageBulkFields> {
        image.bulk.as_ref()
    }

    fn part_mut(image: &mut Image) -> &mut Option<ImageBulkFields> {
        &mut image.bulk
    }
}
