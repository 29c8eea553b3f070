//! The collector of Kubernetes posture: one row per control, each control's category from its own page, and the
//! resources behind them.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use crate::checkpoint::{Saved, Slot};
use crate::client::{Answer, ApiError, Call, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::labels::word;
use crate::lock::lock;
use crate::names::{Name, Names};
use crate::record::{Control, FieldCounts, Severity, StateCounts};
use crate::source::qualys::listing::by_page::PagedListing;
use crate::source::qualys::listing::details::{DetailPages, Wanted, fetch_due};
use crate::source::qualys::listing::optional_listing::{OptionalListing, Presence};
use crate::source::qualys::session::{Listing, Session};
use crate::source::qualys::wire::{ControlDetail, ControlRow, ResourceRow};
use crate::source::staged::FromRow;
use crate::source::{Collect, CollectOutput};
use crate::telemetry::Failure;
use crate::wire::{FieldState, Nested, Read, text};
use resources::ResourcesRead;

pub mod resources;

/// The list of controls.
pub(crate) const LIST: Listing = Listing {
    endpoint: Endpoint { name: "k8s_postures_list", class: "other" },
    what: "Kubernetes posture",
    permission: "to view posture",
};

/// A control's own page.
pub(crate) const CONTROL: Listing =
    Listing { endpoint: Endpoint { name: "k8s_postures_control", class: "other" }, ..LIST };

/// The collector's name.
pub(crate) const NAME: &str = "posture";

const PAGES: PagedListing = PagedListing {
    listing: &LIST,
    path: "/csapi/v1.3/k8s_postures/list",
    // The maximum of the documented `limit`, 1 to 250.
    size: 250,
    number_names: &["pageNumber", "pageNo"],
    size_names: &["pageSize", "limit"],
    sort: None,
};

/// Walks the list of controls and the list of resources.
pub(crate) struct Posture {
    session: Arc<Session>,
    /// Categories by control: a category does not change, so it has only one version.
    categories: Mutex<DetailPages<(), String>>,
    controls: OptionalListing,
    resources: OptionalListing,
}

impl Posture {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        let (controls, resources) = (OptionalListing::default(), OptionalListing::default());
        Self { session, categories: Mutex::default(), controls, resources }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let read = PAGES.read::<Control>(&self.session, &self.controls.answered, progress).await;
        let (mut table, walked) = match self.controls.judge(&self.session, &LIST, read)? {
            Presence::Present(read) => read,
            Presence::Absent(words) => {
                let tables = Tables { controls: Some(Arc::default()), ..Tables::default() };
                let fields = fields(&[], &[]);
                return Ok(CollectOutput { note: Some(words), fields, ..CollectOutput::full(0, tables) });
            }
        };
        self.ask_categories(&table, progress).await;
        self.fill_categories(&mut table);
        let ResourcesRead { table: resources, rejected, fields: of_resources, missing, note } =
            resources::walk(&self.session, &self.resources, progress).await;
        let too_many = self.session.count_rejected(NAME, &[(walked.rejected, walked.read), rejected]);
        let records = table.len() + resources.as_ref().map_or(0, Table::len);
        let (controls, posture_resources) = (Some(Arc::new(table)), resources.map(Arc::new));
        let tables = Tables { controls, posture_resources, ..Tables::default() };
        let fields = fields(&walked.fields, &of_resources);
        Ok(CollectOutput {
            missing: walked.missing.or(too_many).or(missing),
            note,
            fields,
            ..CollectOutput::full(records, tables)
        })
    }

    /// Requests the categories that are not known yet. A missing category does not fail the run: everything else is
    /// known.
    async fn ask_categories(&self, table: &Table<Control>, progress: &(dyn Fn() + Sync)) {
        let ids = table.iter().map(|(_, control)| table.names.text(control.id));
        let wanted: Wanted<()> = ids.map(|id| (id.into(), Some(()))).collect();
        let why = fetch_due(&self.categories, &wanted, progress, |id| self.ask_category(id)).await;
        if let Some(error) = why {
            let controls = lock(&self.categories).failed();
            tracing::warn!(source = self.session.source(), %error, controls, "control categories were not readable; retrying in the next run");
        }
    }

    async fn ask_category(&self, id: &str) -> Result<String, ApiError> {
        let call = Call::get(&CONTROL.endpoint, format!("/csapi/v1.3/k8s_postures/control/{id}"));
        match self.session.call(&CONTROL, call, Arc::new(read_category)).await {
            // The vendor lists controls of built-in policies that have no page.
            Err(error) if error.failure == Failure::NotFound => Ok(String::new()),
            other => other,
        }
    }

    /// Puts the known categories into the table.
    fn fill_categories(&self, table: &mut Table<Control>) {
        for (id, category) in lock(&self.categories).known() {
            let name = table.names.intern(category);
            if let Some(control) = table.get_mut(id) {
                control.category = name;
            }
        }
    }
}

/// The rows of both listings by field.
fn fields(controls: &[StateCounts], resources: &[StateCounts]) -> FieldCounts {
    crate::wire::fields::<ControlRow<'_>>(controls).and(&crate::wire::fields::<ResourceRow<'_>>(resources))
}

/// The category on a control's own page; empty if it has none.
pub fn read_category(answer: &Answer) -> Result<String, Unreadable> {
    let text = text(&answer.body);
    if text.trim_ascii().is_empty() {
        return Ok(String::new());
    }
    match serde_json::from_str::<Read<Nested<ControlDetail<'_>>>>(&text) {
        Ok(Read(detail, FieldState::Absent | FieldState::Present)) => {
            Ok(detail.0.map(|detail| detail.category.get().to_owned()).unwrap_or_default())
        }
        Ok(_) | Err(_) => Err(Unreadable("the answer is not a control".to_owned())),
    }
}

impl FromRow for Control {
    type Row<'a> = ControlRow<'a>;

    fn from_row(names: &mut Names, row: &ControlRow<'_>) -> Self {
        let mut policies: Vec<Name> = Vec::new();
        for policy in row.policy_names.iter() {
            let policy = names.intern(policy);
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
        Self {
            id: names.intern(row.cid.get()),
            name: names.intern(row.control_name.get()),
            category: Name::EMPTY,
            severity: Severity::from_word(row.criticality.get()),
            vendor_severity: word(names, row.criticality.get()),
            policies: policies.into(),
            resources: row.resources(),
        }
    }
}

impl Collect for Posture {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }

    fn resume(&self, _: Slot, saved: Saved) {
        self.controls.remember(&saved, |tables| tables.controls.as_ref());
        self.resources.remember(&saved, |tables| tables.posture_resources.as_ref());
    }
}
