//! Listings that are read page by page by number: how they are walked, and what is shared by the collectors of them.

pub mod by_page;
pub(crate) mod details;
pub(crate) mod optional_listing;
