//! Maps an image's rows to its record.

use crate::names::{Name, Names};
use crate::record::{
    Counts, Finding, FindingCounts, FindingType, Findings, ImageBulkFields, ImageName, ImagePageFields, Score,
};

use crate::labels::{bare, word};
use crate::source::qualys::wire::{FindingRow, ImageBulkRow, ImagePageRow, Repo, RepoDigest};
use crate::wire::Text;

/// Fields of an image from its row of the page list.
pub(crate) fn page_fields(names: &mut Names, row: &ImagePageRow<'_>) -> ImagePageFields {
    ImagePageFields {
        updated: row.updated.0,
        ids: ids(names, &row.uuid, &row.sha, row.repo_digests.get()),
        name: name(names, row.repo.get(), row.repo_digests.get()),
        registry: registry(names, row.repo_digests.get()),
        in_use: row.associated_containers_count.0.is_some_and(|containers| containers > 0),
        scan_status: word(names, row.scan_status.get()),
        scan_failed: row.scan_status.filled().is_some_and(|status| !status.eq_ignore_ascii_case("SUCCESS")),
        findings: row.vulnerabilities.counts().map(Counts::from),
        risk: Score::new(row.risk_score.0),
        size: Score::new(row.size.0),
        created: row.created.0,
        ..ImagePageFields::default()
    }
}

/// Fields of an image from its row of the bulk list.
pub(crate) fn bulk_fields(names: &mut Names, row: &ImageBulkRow<'_>) -> ImageBulkFields {
    ImageBulkFields {
        updated: row.updated.0,
        ids: ids(names, &row.uuid, &row.sha, row.repo_digests.get()),
        name: name(names, row.repo.get(), row.repo_digests.get()),
        registry: registry(names, row.repo_digests.get()),
        findings: row.vulnerabilities.0.0.as_deref().map(|rows| findings(names, rows)),
    }
}

/// The ids that containers refer to an image by.
fn ids(names: &mut Names, uuid: &Text<'_>, sha: &Text<'_>, digests: &[RepoDigest<'_>]) -> Box<[Name]> {
    let digests = digests.iter().filter_map(|digest| digest.digest.filled());
    let others = digests.chain(sha.filled()).map(bare);
    let mut ids: Vec<Name> = others.map(|id| names.intern(id)).collect();
    if !ids.is_empty() {
        ids.push(names.intern(uuid.get()));
    }
    ids.into()
}

/// The first registry that a digest has.
fn first_registry<'a>(digests: &'a [RepoDigest<'_>]) -> Option<&'a str> {
    digests.iter().find_map(|digest| digest.registry.filled())
}

/// The registry of the first digest that has one.
fn registry(names: &mut Names, digests: &[RepoDigest<'_>]) -> Name {
    first_registry(digests).map_or(Name::UNKNOWN, |registry| names.intern(registry))
}

/// The first listed repository. If its registry is missing, it is taken from a digest.
fn name(names: &mut Names, repos: &[Repo<'_>], digests: &[RepoDigest<'_>]) -> Option<ImageName> {
    let repo = repos.first()?;
    Some(match (repo.registry.filled().or_else(|| first_registry(digests)), repo.repository.filled()) {
        (Some(registry), Some(repository)) => {
            let repository = names.intern(&[registry, repository].join("/"));
            ImageName { registry: names.intern(registry), repository }
        }
        (registry, repository) => ImageName {
            registry: registry.map_or(Name::UNKNOWN, |registry| names.intern(registry)),
            repository: names.intern(repository.unwrap_or_default()),
        },
    })
}

fn findings(names: &mut Names, rows: &[FindingRow<'_>]) -> Findings {
    let mut counts = FindingCounts::default();
    let mut distinct = Vec::with_capacity(rows.len());
    for row in rows {
        let fixable = row.fix.0;
        counts[finding_type(row.type_detected.get()) as usize][usize::from(!fixable)] += 1;
        if let Some(id) = row.qid.filled() {
            distinct.push(Finding { vulnerability: names.intern(id), fixable });
        }
    }
    distinct.sort_unstable_by_key(|finding| finding.vulnerability.index());
    distinct.dedup_by(|next, kept| {
        let same = next.vulnerability == kept.vulnerability;
        kept.fixable |= same && next.fixable;
        same
    });
    Findings { counts, distinct: distinct.into() }
}

fn finding_type(word: &str) -> FindingType {
    const WORDS: [(&str, FindingType); 2] =
        [("confirmed", FindingType::Confirmed), ("potential", FindingType::Potential)];
    let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map_or(FindingType::Unknown, |(_, kind)| *kind)
}
