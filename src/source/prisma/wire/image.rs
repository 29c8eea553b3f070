//! Rows of `/images?compact=true`.

use super::Severities;
use crate::wire::{Keyed, List, Nested, Text, Time, row};

row! {
    /// A row of `/images`, without the lists that `compact` leaves out.
    pub struct ImageRow<'a> {
        key: Text<'a> = "_id" as key,
        id: Text<'a> = "id",
        repo_tag: Nested<RepoTag<'a>> = "repoTag",
        tags: List<RepoTag<'a>> = "tags",
        vulnerability_distribution: Nested<Severities> = "vulnerabilityDistribution",
        creation_time: Time = "creationTime",
        scan_time: Text<'a> = "scanTime",
        err: Text<'a> = "err",
    }
}

/// The vendor's zero time: it was never set.
const ZERO_TIME: &str = "0001-01-01T00:00:00";

impl ImageRow<'_> {
    /// Critical, high, medium, low; `None` if the image was never scanned. The console writes zeros for such an image,
    /// with a scan time that was never set or with an error.
    pub fn counts(&self) -> Option<[u64; 4]> {
        let counts = self.vulnerability_distribution.0.as_ref().and_then(Severities::counts)?;
        let failed = self.err.filled().is_some() && counts == [0; 4];
        (!failed && !self.scan_time.get().starts_with(ZERO_TIME)).then_some(counts)
    }

    /// The name of the image: `repoTag`, or if that is empty the first of its tags.
    pub fn repository(&self) -> Option<&RepoTag<'_>> {
        let named = self.repo_tag.0.as_ref().filter(|tag| !tag.is_empty());
        named.or_else(|| self.tags.get().first())
    }
}

impl Keyed for ImageRow<'_> {
    fn key(&self) -> &str {
        self.key.get()
    }
}

row! {
    /// A name of an image.
    pub struct RepoTag<'a> {
        registry: Text<'a> = "registry",
        repo: Text<'a> = "repo",
        tag: Text<'a> = "tag" as unshown,
    }
}

impl RepoTag<'_> {
    fn is_empty(&self) -> bool {
        [&self.registry, &self.repo, &self.tag].iter().all(|part| part.filled().is_none())
    }
}
