//! The vendor's JSON, as it is sent: typed, borrowed from the response, and tolerant of the variants seen.
//!
//! Owns which fields are read and which forms each may have. It knows neither requests nor records. Everything not
//! named in a row type is skipped without being decoded.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::client::Unreadable;
use crate::wire::{Count, Document, Envelope, FieldState, Key, Keyed, Read, Row, RowList, Rows};

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

/// The response of every listing.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows; the vendor always sends them, if only as `[]`.
    pub data: Option<RowList<T>>,
    /// Rows in the whole listing; the bulk list does not report it.
    pub count: Count,
    /// Whether the count is unreadable.
    count_state: FieldState,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Around(PhantomData))
    }
}

struct Around<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Around<T> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object around a list of rows")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Page { data: None, count: Count(None), count_state: FieldState::Absent })
    }

    /// Of several fields with one name, the last counts.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        enum At {
            Data,
            Count,
            Other,
        }
        let mut page = self.visit_unit()?;
        let at = |key: &str| match key {
            "data" => At::Data,
            "count" => At::Count,
            _ => At::Other,
        };
        while let Some(at) = map.next_key_seed(Key::new(at))? {
            match at {
                At::Data => page.data = map.next_value()?,
                At::Count => Read(page.count, page.count_state) = map.next_value()?,
                At::Other => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(page)
    }
}

/// How the vendor wraps every listing: in a [`Page`].
#[derive(Debug)]
enum Paged {}

impl Envelope for Paged {
    type Around<'a, T: Deserialize<'a> + 'a> = Page<T>;

    fn open<'a, T: Deserialize<'a> + 'a>(page: Page<T>) -> Result<(Vec<T>, Option<u64>), Unreadable> {
        match page {
            Page { count_state: FieldState::Unreadable, .. } => {
                Err(Unreadable("the answer has a count that is not a number".to_owned()))
            }
            Page { data: Some(rows), count, .. } => Ok((rows.rows()?, count.0)),
            // The response itself says that the listing is empty.
            Page { data: None, count: Count(Some(0)), .. } => Ok((Vec::new(), Some(0))),
            Page { data: None, .. } => Err(Unreadable("the answer is JSON, but has no records".to_owned())),
        }
    }
}

/// The rows of the page in a document; an empty document has none. Fails if it is not a page.
pub fn rows<'a, T: Row<'a> + Keyed + 'a>(page: &'a Document<'_>) -> Result<Rows<T>, Unreadable> {
    crate::wire::rows::<Paged, T>(page)
}
