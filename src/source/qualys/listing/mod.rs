//! Listings that are walked by page number, and the code that their collectors share.

pub(crate) mod by_page;
pub(crate) mod collector;
pub(crate) mod details;
pub(crate) mod optional_listing;
