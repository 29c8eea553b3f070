//! The collector of images: those that containers were made of, with their vulnerabilities by severity.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::account::Account;
use super::wire::{self, ImageRow, RepoTag, Severities};
use crate::client::{Answer, ApiError, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::names::{Name, Names};
use crate::paging::PageSummary;
use crate::record::{Image, ImageName, ImagePageFields};
use crate::session::Listing;
use crate::source::{Collect, CollectOutput};
use crate::wire::{Keyed, text};

/// The list of images.
pub(super) const IMAGES: Listing = Listing {
    endpoint: Endpoint { name: "images", class: "images" },
    what: "images",
    permission: "monitorImages: to read Monitor > Vulnerabilities and Monitor > Compliance for containers and images",
};

/// The collector's name.
pub(super) const NAME: &str = "images";

/// Takes a page of the listing into the table.
pub fn take(table: &Mutex<Table<Image>>, answer: &Answer) -> Result<PageSummary, Unreadable> {
    let text = text(&answer.body);
    let rows = wire::rows::<ImageRow<'_>>(answer, &text)?;
    let mut seen = PageSummary::of(&rows);
    let mut table = lock(table);
    for row in rows.into_keyed() {
        let page = Some(page_fields(&mut table.names, &row));
        let new = table.put(row.key(), Image { page, bulk: None });
        seen.undated(row.key(), new);
    }
    Ok(seen.close(&answer.body))
}

fn page_fields(names: &mut Names, row: &ImageRow<'_>) -> ImagePageFields {
    let counts = row.vulnerability_distribution.0.and_then(Severities::counts);
    ImagePageFields {
        id: names.intern(row.id.get()),
        name: row.repository().map(|repository| name(names, repository)),
        // The console lists images that are deployed.
        in_use: true,
        findings: counts.map(|[critical, high, medium, low]| [critical, high, medium, low, 0]),
        created: row.creation_time.0,
        ..ImagePageFields::default()
    }
}

fn name(names: &mut Names, RepoTag { registry, repo, tag: _ }: &RepoTag<'_>) -> ImageName {
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
        let table = Arc::new(Mutex::new(Table::default()));
        let taking = Arc::clone(&table);
        let call = self.account.list(&IMAGES, "images").query("compact", "true");
        let walked = self.account.walk(&IMAGES, call, progress, move |answer: &Answer| take(&taking, answer)).await?;
        self.account.session.count_rejected(NAME, walked.rejected);
        let table = std::mem::take(&mut *lock(&table));
        let (records, images) = (table.len(), Some(Arc::new(table)));
        Ok(CollectOutput {
            missing: walked.missing,
            ..CollectOutput::full(records, Tables { images, ..Tables::default() })
        })
    }
}

impl Collect for Images {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
