//! Rows of `/images?compact=true`.

use serde::Deserialize;

use super::Severities;
use crate::wire::{Keyed, Nested, Text, Time};

/// A row of `/images`, without the lists that `compact` leaves out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct ImageRow<'a> {
    #[serde(borrow, rename = "_id")]
    pub key: Text<'a>,
    pub id: Text<'a>,
    pub repo_tag: Nested<RepoTag<'a>>,
    pub tags: Option<Vec<Nested<RepoTag<'a>>>>,
    pub vulnerability_distribution: Nested<Severities>,
    pub creation_time: Time,
    pub scan_time: Text<'a>,
    pub err: Text<'a>,
}

/// How the vendor's language writes a time that was never set.
const ZERO_TIME: &str = "0001-01-01T00:00:00";

impl ImageRow<'_> {
    /// Critical, high, medium, low; absent if the image was never scanned. The console writes zeros for such an image,
    /// with a scan time that was never set or with an error.
    pub fn counts(&self) -> Option<[u32; 4]> {
        let counts = self.vulnerability_distribution.0.and_then(Severities::counts)?;
        let failed = self.err.filled().is_some() && counts == [0; 4];
        (!failed && !self.scan_time.get().starts_with(ZERO_TIME)).then_some(counts)
    }

    /// What the image is called: `repoTag`, or where that is empty the first of its tags.
    pub fn repository(&self) -> Option<&RepoTag<'_>> {
        let named = self.repo_tag.0.as_ref().filter(|tag| !tag.is_empty());
        named.or_else(|| self.tags.iter().flatten().find_map(|tag| tag.0.as_ref()))
    }
}

impl Keyed for ImageRow<'_> {
    fn key(&self) -> &str {
        self.key.get()
    }
}

/// A name of an image.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct RepoTag<'a> {
    #[serde(borrow)]
    pub registry: Text<'a>,
    pub repo: Text<'a>,
    pub tag: Text<'a>,
}

impl RepoTag<'_> {
    fn is_empty(&self) -> bool {
        [&self.registry, &self.repo, &self.tag].iter().all(|part| part.filled().is_none())
    }
}
