//! The collector of containers and of posture.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use crate::client::{Answer, ApiError, Endpoint, Unreadable};
use crate::inventory::{Key, Table, Tables};
use crate::labels::{bare, lower};
use crate::lock::lock;
use crate::names::{Name, Names};
use crate::paging::{Page, PageReader};
use crate::record::{
    BulkListFields, Condition, Conditions, Container, Control, Counts, Identity, PageListFields, PrismaFields, Score,
    VendorFields,
};
use crate::session::Listing;
use crate::source::prisma::account::Account;
use crate::source::prisma::wire::{self, ContainerRow, Info};
use crate::source::{Collect, CollectOutput};
use crate::wire::{Keyed, text};
use posture::StagedChecks;

mod posture;

/// The list of containers.
pub(crate) const CONTAINERS: Listing = Listing {
    endpoint: Endpoint { name: "containers", class: "containers" },
    what: "containers",
    permission: "monitorImages: to read Monitor > Vulnerabilities and Monitor > Compliance for containers and images",
};

/// The collector's name.
pub(crate) const NAME: &str = "containers";

/// Containers and their checks while they are read.
#[derive(Debug)]
pub struct StagedContainers {
    tables: Mutex<StagedTables>,
    promote: Arc<[String]>,
}

#[derive(Debug, Default)]
struct StagedTables {
    containers: Table<Container>,
    checks: StagedChecks,
}

impl StagedContainers {
    /// Creates an empty staging area. Of the labels of containers, the values of those in `promote` are kept.
    pub fn new(promote: Arc<[String]>) -> Self {
        Self { tables: Mutex::default(), promote }
    }

    /// Reads a page of the listing. The tables have its rows once the page is stored.
    pub fn read(self: &Arc<Self>, answer: &Answer) -> Result<Page, Unreadable> {
        let text = text(&answer.body);
        let rows = wire::rows::<ContainerRow<'_>>(answer, &text)?;
        let mut page = PageReader::new(&rows);
        let mut read = Vec::with_capacity(rows.sent);
        {
            let mut tables = lock(&self.tables);
            let StagedTables { containers, checks } = &mut *tables;
            for row in rows.into_keyed() {
                let key = Key::new(row.key());
                // A row has no time of change: the later received one counts.
                if page.row(row.key(), None, containers.place_of(&key).map(|_| None)) {
                    page.count_fields(&row);
                }
                let container = Container {
                    page: Some(page_fields(&mut containers.names, &row)),
                    bulk: Some(bulk_fields(&mut containers.names, &row, &self.promote)),
                };
                read.push((key, container, checks.read(row.info.0.as_ref())));
            }
        }
        let staged = Arc::clone(self);
        Ok(Page::new(page.summary(&answer.body), move || staged.store(read)))
    }

    fn store(&self, read: Vec<(Key, Container, u32)>) {
        let mut tables = lock(&self.tables);
        for (key, container, checks) in read {
            tables.checks.put(key.clone(), checks);
            tables.containers.put_under(key, container);
        }
    }

    /// Takes out the containers and the controls from their checks.
    pub fn finish(&self) -> (Table<Container>, Table<Control>) {
        let StagedTables { mut containers, checks } = std::mem::take(&mut *lock(&self.tables));
        containers.retain(|_| true);
        (containers, checks.finish())
    }
}

fn page_fields(names: &mut Names, row: &ContainerRow<'_>) -> PageListFields {
    let none = Info::default();
    let info = row.info.0.as_ref().unwrap_or(&none);
    let firewall = row.firewall_protection.0.as_ref();
    let unprotected = firewall.map(|firewall| firewall.unprotected_processes.0.is_some_and(|processes| processes > 0));
    let passed = info.all_compliance.0.as_ref();
    PageListFields {
        identity: Identity::new(info.id.get(), info.name.get()),
        // The console lists only running containers.
        state: names.intern("running"),
        image: names.intern(bare(info.image_id.get())),
        cluster: names.intern(info.cluster.get()),
        conditions: Conditions::default()
            .with(Condition::Agentless, row.agentless.0)
            .with(Condition::Infrastructure, info.infra.0)
            .with(Condition::RuntimeProtected, row.runtime_enabled.0)
            .with(Condition::WaasSupported, firewall.and_then(|firewall| firewall.supported.0))
            .with(Condition::WaasEnabled, firewall.and_then(|firewall| firewall.enabled.0))
            .with(Condition::WaasUnprotected, unprotected),
        last_scan: row.scan_time.0,
        vendor: VendorFields::Prisma(PrismaFields {
            runtime: runtime(names, info),
            compliance_issues: info
                .compliance_distribution
                .0
                .as_ref()
                .and_then(wire::Severities::counts)
                .map(Counts::from),
            compliance_risk: Score::new(info.compliance_risk_score.0),
            keeps_passed_checks: passed.and_then(|passed| passed.enabled.0),
        }),
        ..PageListFields::default()
    }
}

/// The container runtime, as a label value.
fn runtime(names: &mut Names, info: &Info<'_>) -> Name {
    match &info.installed_products.0 {
        Some(products) if products.crio.0 == Some(true) => names.intern("cri-o"),
        Some(products) if products.docker.filled().is_some() => names.intern("docker"),
        Some(_) | None => Name::UNKNOWN,
    }
}

fn bulk_fields(names: &mut Names, row: &ContainerRow<'_>, promote: &[String]) -> BulkListFields {
    let none = Info::default();
    let info = row.info.0.as_ref().unwrap_or(&none);
    let no_cloud = wire::Cloud::default();
    let cloud = info.cloud_metadata.0.as_ref().unwrap_or(&no_cloud);
    BulkListFields {
        namespace: names.intern(info.namespace.get()),
        host_name: names.intern(row.hostname.get()),
        cloud_provider: lower(names, cloud.provider.get()),
        cloud_account: names.intern(cloud.account_id.get()),
        cloud_region: names.intern(cloud.region.get()),
        labels: promote.iter().map(|key| names.intern(value(info, key))).collect(),
        ..BulkListFields::default()
    }
}

/// The value of the first label with this key; empty if there is none. Labels are written `key:value`.
fn value<'a>(info: &'a Info<'_>, key: &str) -> &'a str {
    let mut parts = info.labels.iter().map(|label| label.split_once(':').unwrap_or((label, "")));
    parts.find(|(known, _)| *known == key).map_or("", |(_, value)| value)
}

/// Walks the list of containers.
pub(in crate::source::prisma) struct Containers {
    pub(in crate::source::prisma) account: Arc<Account>,
    pub(in crate::source::prisma) promote: Arc<[String]>,
}

impl Containers {
    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let staged = Arc::new(StagedContainers::new(Arc::clone(&self.promote)));
        let reading = Arc::clone(&staged);
        let call = self.account.list(&CONTAINERS, "containers");
        let decode = move |answer: &Answer| reading.read(answer);
        let walked = self.account.walk(&CONTAINERS, call, progress, Arc::new(decode)).await?;
        let too_many = self.account.session.count_rejected(NAME, &[(walked.rejected, walked.read)]);
        let finished = spawn_blocking(move || staged.finish()).await;
        let (containers, controls) = finished.map_err(|error| ApiError::unfinished(&CONTAINERS.endpoint, error))?;
        let (records, containers, controls) = (containers.len(), Some(Arc::new(containers)), Some(Arc::new(controls)));
        let tables = Tables { containers, controls, ..Tables::default() };
        let fields = crate::wire::fields::<ContainerRow<'_>>(&walked.fields);
        Ok(CollectOutput { missing: walked.missing.or(too_many), fields, ..CollectOutput::full(records, tables) })
    }
}

impl Collect for Containers {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }
}
