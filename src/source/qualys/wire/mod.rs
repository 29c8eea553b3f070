//! The vendor's JSON, as it is sent: typed, borrowed from the answer, and tolerant of what has been seen.
//!
//! Owns which fields are read and in how many ways each may be written. It knows neither requests nor records.
//! Everything not named in a row type is skipped without being decoded.

use serde::de::Deserialize;

use crate::client::Unreadable;
use crate::wire::{Count, Envelope, Keyed, Nested, Rows};

mod cloud;
mod container;
mod governance;
mod image;
mod resource;
mod rows;
#[cfg(test)]
mod tests;

pub use cloud::Cloud;
pub use container::{
    BulkRow, Compliance, Controller, FullCluster, Host, Kubernetes, Label, NamedCluster, Node, PageRow, Pod, Severities,
};
pub use governance::{PolicyRow, RegistryRow, ReportRow, RuleRow};
pub use image::{FindingRow, FindingRows, Fix, ImageBulkRow, ImagePageRow, Repo, RepoDigest};
pub use resource::{ResourceRow, Status, is_only_numbers};
pub use rows::{ControlDetail, ControlRow, SensorRow};

/// The answer of every listing.
#[derive(Debug, serde::Deserialize)]
pub struct Page<T> {
    /// The rows; the vendor always sends them, if only as `[]`.
    pub data: Option<Vec<T>>,
    /// How many rows the whole listing has; the bulk list does not tell.
    #[serde(default)]
    pub count: Count,
}

/// How the vendor wraps every listing: in a [`Page`].
#[derive(Debug)]
enum Paged {}

impl Envelope for Paged {
    type Around<'a, T: Deserialize<'a> + 'a> = Nested<Page<T>>;

    fn open<'a, T: Deserialize<'a> + 'a>(page: Nested<Page<T>>) -> Result<(Vec<T>, Option<u64>), Unreadable> {
        match page.0 {
            Some(Page { data: Some(rows), count }) => Ok((rows, count.0)),
            // It says so itself that there is nothing.
            Some(Page { data: None, count: Count(Some(0)) }) => Ok((Vec::new(), Some(0))),
            Some(Page { data: None, .. }) | None => {
                Err(Unreadable("the answer is JSON, but has no records".to_owned()))
            }
        }
    }
}

/// The rows of the page in `text`; an empty one has none. Fails if it is no page at all.
pub fn rows<'a, T: Deserialize<'a> + Keyed + 'a>(text: &'a str) -> Result<Rows<T>, Unreadable> {
    crate::wire::rows::<Paged, T>(text)
}
