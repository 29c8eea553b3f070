//! The collector of images: those of containers, with their vulnerabilities by severity.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, ImageRow, RepoTag};
use crate::client::{Answer, ApiError, Endpoint, Unreadable};
use crate::inventory::Tables;
use crate::labels::bare;
use crate::names::{Name, Names};
use crate::paging::Page;
use crate::record::{Image, ImageName, ImagePageFields};
use crate::session::Listing;
use crate::source::staged::{FromRow, StagedTable};
use crate::source::{Collect, CollectOutput};
use crate::wire::{Keyed, text, time};

/// The list of images.
pub(super) const IMAGES: Listing = Listing {
    endpoint: Endpoint { name: "images", class: "images" },
    what: "images",
    permission: "monitorImages: to read Monitor > Vulnerabilities and Monitor > Compliance for containers and images",
};

/// The collector's name.
pub(super) const NAME: &str = "images";

impl FromRow for Image {
    type Row<'a> = ImageRow<'a>;

    fn from_row(names: &mut Names, row: &ImageRow<'_>) -> Self {
        Self { page: Some(page_fields(names, row)), bulk: None }
    }
}

/// Reads a page of the listing.
pub fn read(staged: &Arc<StagedTable<Image>>, answer: &Answer) -> Result<Page, Unreadable> {
    Ok(staged.read(wire::rows(answer, &text(&answer.body))?, &answer.body))
}

fn page_fields(names: &mut Names, row: &ImageRow<'_>) -> ImagePageFields {
    ImagePageFields {
        ids: [names.intern(bare(row.id.filled().unwrap_or(row.key())))].into(),
        name: row.repository().map(|repository| name(names, repository)),
        // The console lists images that are deployed.
        in_use: true,
        scan_failed: row.err.filled().is_some(),
        findings: row.counts().map(|[critical, high, medium, low]| [critical, high, medium, low, 0].into()),
        created: row.creation_time.0,
        last_scan: time(row.scan_time.get()),
        ..ImagePageFields::default()
    }
}

fn name(names: &mut Names, RepoTag { registry, repo, .. }: &RepoTag<'_>) -> ImageName {
    let repository = match (registry.filled(), repo.filled()) {
        (Some(registry), Some(repo)) => names.intern(&format!("{registry}/{repo}")),
        (None, Some(repo)) => names.intern(repo),
        (_, None) => Name::EMPTY,
    };
    ImageName { registry: registry.filled().map_or(Name::UNKNOWN, |registry| names.intern(registry)), repository }
}

/// Walks the list of images.
pub(super) struct Images {
    pub(super) account: Arc<Account>,
}

impl Images {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let staged = Arc::<StagedTable<Image>>::default();
        let reading = Arc::clone(&staged);
        let call = self.account.list(&IMAGES, "images").query("compact", "true");
        let decode = move |answer: &Answer| read(&reading, answer);
        let walked = self.account.walk(&IMAGES, call, progress, Arc::new(decode)).await?;
        let too_many = self.account.session.count_rejected(NAME, &[(walked.rejected, walked.read)]);
        let table = staged.take();
        let (records, images) = (table.len(), Some(Arc::new(table)));
        Ok(CollectOutput {
            missing: walked.missing.or(too_many),
            fields: crate::wire::fields::<ImageRow<'_>>(&walked.fields),
            ..CollectOutput::full(records, Tables { images, ..Tables::default() })
        })
    }
}

impl Collect for Images {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
