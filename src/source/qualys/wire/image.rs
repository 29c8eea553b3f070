//! Rows of the two image listings. Only fields that are read are named here: `softwares`, `layers` and scan output are
//! skipped without being decoded, as they are most of a row.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::container::Severities;
use crate::wire::{Count, Field, FieldState, Keyed, List, Nested, Number, Read, Row, Text, Time, other_scalars, row};

row! {
    /// A row of `/csapi/v1.3/images`; from the v1.x API release notes, "Fetch a list of images in your account".
    pub struct ImagePageRow<'a> {
        uuid: Text<'a> = "uuid" as key,
        updated: Time = "updated" as order,
        created: Time = "created",
        sha: Text<'a> = "sha",
        repo: List<Repo<'a>> = "repo",
        repo_digests: List<RepoDigest<'a>> = "repoDigests",
        size: Number = "size",
        vulnerabilities: Severities = "vulnerabilities",
        associated_containers_count: Count = "associatedContainersCount",
        scan_status: Text<'a> = "scanStatus",
        risk_score: Number = "riskScore",
    }
}

impl Keyed for ImagePageRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

row! {
    /// A row of `/csapi/v1.3/images/list`; from "Fetch a List of Images (Bulk API)".
    pub struct ImageBulkRow<'a> {
        uuid: Text<'a> = "uuid" as key,
        updated: Time = "updated" as order,
        sha: Text<'a> = "sha",
        repo: List<Repo<'a>> = "repo",
        repo_digests: List<RepoDigest<'a>> = "repoDigests",
        vulnerabilities: FindingRows<'a> = "vulnerabilities",
    }
}

impl Keyed for ImageBulkRow<'_> {
    fn key(&self) -> &str {
        self.uuid.get()
    }
}

row! {
    /// A repository of an image.
    pub struct Repo<'a> {
        registry: Text<'a> = "registry",
        repository: Text<'a> = "repository",
    }
}

row! {
    /// An image's digest in a registry.
    pub struct RepoDigest<'a> {
        registry: Text<'a> = "registry",
        digest: Text<'a> = "digest",
    }
}

row! {
    /// A finding in an image.
    pub struct FindingRow<'a> {
        qid: Text<'a> = "qid",
        type_detected: Text<'a> = "typeDetected",
        fix: Fix = "software",
    }
}

/// `vulnerabilities` of the bulk list: null while a scan is pending. An object of counts, which other listings have in
/// this field, names no findings, so the list is missing.
#[derive(Debug, Default)]
pub struct FindingRows<'a>(pub List<FindingRow<'a>>);

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = (FindingRows<'de>, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of findings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((FindingRows::default(), FieldState::Absent))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let (findings, state) = List::read(SeqAccessDeserializer::new(list))?;
        Ok((FindingRows(findings), state))
    }

    other_scalars!();
}

impl<'de> Field<'de> for FindingRows<'de> {
    const PATHS: usize = List::<FindingRow<'de>>::PATHS;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Shapes)
    }

    fn paths(path: &str, paths: &mut Vec<String>) {
        List::<FindingRow<'de>>::paths(path, paths);
    }

    fn raise(&self, state: FieldState, states: &mut [FieldState]) {
        self.0.raise(state, states);
    }
}

/// `software` of a finding: whether any of it has a version in which the finding is fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fix(pub bool);

row! {
    /// A package that a finding affects.
    struct Software<'a> {
        fix_version: Text<'a> = "fixVersion",
    }
}

struct Packages;

impl<'de> Visitor<'de> for Packages {
    type Value = (Fix, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of software")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        let (mut fix, mut states) = (false, [FieldState::Absent]);
        while let Some(Read(row, its)) = rows.next_element::<Read<Nested<Software<'de>>>>()? {
            row.raise(its, &mut states);
            fix |= row.0.is_some_and(|software| software.fix_version.filled().is_some());
        }
        Ok((Fix(fix), states[0]))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((Fix(false), FieldState::Unreadable))
    }

    other_scalars!();
}

impl<'de> Field<'de> for Fix {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Packages)
    }

    fn paths(path: &str, paths: &mut Vec<String>) {
        Software::paths(&format!("{path}[]"), paths);
    }
}
