//! The collector of Kubernetes posture: one row per control, and each control's category from its own page.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, join_all};

use super::session::{Listing, Session};
use super::wire::{self, ControlDetail, ControlRow};
use crate::http::{Answer, ApiError, Call, Endpoint, Unreadable};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::names::Name;
use crate::record::{Control, Severity};
use crate::setting::Span;
use crate::source::label::word;
use crate::source::paging::{Brought, Seen, Walked, by_number};
use crate::source::wire::{Nested, Rows, text};
use crate::source::{Collector, Harvest};
use crate::telemetry::Failure;

/// The list of controls.
pub(super) const LIST: Listing = Listing {
    endpoint: Endpoint { name: "k8s_postures_list", class: "other" },
    what: "Kubernetes posture",
    permission: "to view posture",
};

/// A control's own page.
pub(super) const CONTROL: Listing =
    Listing { endpoint: Endpoint { name: "k8s_postures_control", class: "other" }, ..LIST };

/// The collector's name.
pub(super) const NAME: &str = "posture";

/// Rows per page: the most of the documented `limit`, 1 to 250.
const PAGE_SIZE: u64 = 250;

/// So many categories are asked for at the same time.
const AT_ONCE: usize = 8;

/// Walks the list of controls.
pub(super) struct Posture {
    session: Arc<Session>,
    interval: Span,
    categories: Mutex<Categories>,
    /// Whether the list ever answered: then a "not found" is a fault, and not a tenant without posture.
    answered: AtomicBool,
    warned: AtomicBool,
}

/// Categories of the controls that were listed last.
#[derive(Default)]
struct Categories {
    known: HashMap<Box<str>, Box<str>>,
    /// Controls whose page could not be had: they are asked for after the others, so as not to keep those waiting.
    failed: HashSet<Box<str>>,
}

impl Posture {
    pub(super) fn new(session: Arc<Session>, interval: Span) -> Self {
        let (answered, warned) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { session, interval, categories: Mutex::default(), answered, warned }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<Harvest, ApiError> {
        let (mut table, walked) = match self.walk(progress).await {
            Err(error) if error.failure == Failure::NotFound && !self.answered.load(Ordering::Relaxed) => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(source = self.session.source(), %error, "this tenant has no Kubernetes posture; nothing is shown of it");
                }
                (Table::default(), Walked::default())
            }
            other => other?,
        };
        self.session.count_rejected(NAME, walked.rejected);
        self.ask_categories(&table, progress).await;
        self.fill_categories(&mut table);
        Ok(Harvest {
            records: table.len() as u64,
            tables: Tables { controls: Some(Arc::new(table)), ..Tables::default() },
            missing: walked.missing,
            note: None,
        })
    }

    async fn walk(&self, progress: &(dyn Fn() + Sync)) -> Result<(Table<Control>, Walked), ApiError> {
        let table = Arc::new(Mutex::new(Table::default()));
        let fetch = |number: u64| {
            let table = Arc::clone(&table);
            let number = number.to_string();
            let call = Call::get(&LIST.endpoint, "/csapi/v1.3/k8s_postures/list")
                .query("pageNumber", number.as_str())
                .query("pageNo", number)
                .query("pageSize", PAGE_SIZE.to_string())
                .query("limit", PAGE_SIZE.to_string());
            let read = move |answer: &Answer| {
                let text = text(&answer.body);
                let rows = wire::rows(&text)?;
                Ok(take(&mut lock(&table), rows).close(&answer.body))
            };
            async move {
                let seen = self.session.call(&LIST, call, read).await?;
                self.answered.store(true, Ordering::Relaxed);
                Ok(seen)
            }
        };
        let walked = by_number(&LIST.endpoint, PAGE_SIZE, progress, fetch).await?;
        let table = std::mem::take(&mut *lock(&table));
        Ok((table, walked))
    }

    /// Asks for the categories that are not known yet. That some cannot be had fails no run: all else is known.
    async fn ask_categories(&self, table: &Table<Control>, progress: &(dyn Fn() + Sync)) {
        let mut unknown: Vec<&str> = {
            let categories = lock(&self.categories);
            let ids = table.iter().map(|(_, control)| table.names.text(control.id));
            let mut unknown: Vec<_> = ids.filter(|id| !categories.known.contains_key(*id)).collect();
            unknown.sort_by_key(|id| categories.failed.contains(*id));
            unknown
        };
        unknown.retain(|id| is_segment(id));
        let mut failed = HashSet::new();
        let mut why = None;
        for ids in unknown.chunks(AT_ONCE) {
            let answers = join_all(ids.iter().map(|id| self.ask_category(id))).await;
            progress();
            let mut none = true;
            for (id, answer) in ids.iter().zip(answers) {
                match answer {
                    Ok(category) => {
                        none = false;
                        lock(&self.categories).known.insert((*id).into(), category.into());
                    }
                    Err(error) => {
                        failed.insert(Box::from(*id));
                        why = Some(error);
                    }
                }
            }
            if none {
                // The vendor is not well, or does not let us: the next run will ask again.
                break;
            }
        }
        if let Some(error) = why {
            tracing::warn!(source = self.session.source(), %error, controls = failed.len(), "categories of controls could not be had; asking again at the next run");
        }
        lock(&self.categories).failed = failed;
    }

    async fn ask_category(&self, id: &str) -> Result<String, ApiError> {
        let call = Call::get(&CONTROL.endpoint, format!("/csapi/v1.3/k8s_postures/control/{id}"));
        match self.session.call(&CONTROL, call, read_category).await {
            // The vendor lists controls of its own policies that have no page.
            Err(error) if error.failure == Failure::NotFound => Ok(String::new()),
            other => other,
        }
    }

    /// Puts the known categories into the table, and forgets those of controls that are no longer listed.
    fn fill_categories(&self, table: &mut Table<Control>) {
        let mut categories = lock(&self.categories);
        categories.known.retain(|id, _| table.get(id).is_some());
        for (id, category) in &categories.known {
            let name = table.names.intern(category);
            if let Some(control) = table.get_mut(id) {
                control.category = name;
            }
        }
    }
}

/// Whether an id can be part of a path. The vendor's are numbers.
fn is_segment(id: &str) -> bool {
    !id.contains('/') && id != "." && id != ".."
}

pub(super) fn read_category(answer: &Answer) -> Result<String, Unreadable> {
    let text = text(&answer.body);
    if text.trim_ascii().is_empty() {
        return Ok(String::new());
    }
    match serde_json::from_str::<Nested<ControlDetail<'_>>>(&text) {
        Ok(detail) => Ok(detail.0.map(|detail| detail.category.get().to_owned()).unwrap_or_default()),
        Err(_) => Err(Unreadable("the answer is not a control".to_owned())),
    }
}

/// Puts the rows of a page into the table.
pub(super) fn take(table: &mut Table<Control>, rows: Rows<ControlRow<'_>>) -> Seen {
    let mut seen = Seen::of(&rows);
    for row in rows.into_keyed() {
        let names = &mut table.names;
        let mut policies: Vec<Name> = Vec::new();
        for policy in row.policy_names.iter().flatten().filter_map(|policy| policy.0.as_deref()) {
            let policy = names.intern(policy);
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
        let control = Control {
            id: names.intern(row.cid.get()),
            name: names.intern(row.control_name.get()),
            category: Name::EMPTY,
            severity: Severity::from_word(row.criticality.get()),
            vendor_severity: word(names, row.criticality.get()),
            policies: policies.into(),
            resources: row.resources(),
        };
        let new = table.put(row.cid.get(), control);
        seen.row(row.cid.get(), None, if new { Brought::New } else { Brought::Nothing });
    }
    seen
}

impl Collector for Posture {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interval(&self) -> Span {
        self.interval
    }

    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<Harvest, ApiError>> {
        Box::pin(self.run(progress))
    }
}
