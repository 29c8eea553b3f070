//! What the catalog's rows are read from: the inventory with its joins resolved, and the exporter's own instruments.
//!
//! Owns the joins: a container finds its host's sensor here, a control its policies. Each is resolved once per
//! name and not once per record. It computes no number.

use crate::inventory::{Inventory, SourceInventory, Table, Tables};
use crate::names::{Name, Names};
use crate::record::{Container, Control, Sensor, Vendor};
use crate::telemetry::{CollectorReading, EndpointReading, Reload, SourceReading};

/// One record, and what is needed to read it.
#[derive(Debug)]
pub struct Row<'a, T> {
    /// The source it came from; a nameless one for what the exporter tells of itself.
    pub source: &'a SourceView<'a>,
    /// The names it refers to.
    pub names: &'a Names,
    /// The record.
    pub record: &'a T,
}

impl<T> Clone for Row<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Row<'_, T> {}

impl<'a, T> Row<'a, T> {
    /// The text of one of the record's names.
    pub fn text(self, name: Name) -> &'a str {
        self.names.text(name)
    }
}

/// A kind of record that metrics are computed from.
pub trait Record: Sized + 'static {
    /// Whether it changes from one scrape to the next, and not only with a new snapshot of the inventory.
    const LIVE: bool;

    /// Calls `visit` for every record there is, always in the same order.
    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>));
}

/// Everything that metrics are computed from, at one moment.
#[derive(Debug, Default)]
pub struct View<'a> {
    sources: Vec<SourceView<'a>>,
    own: Option<(&'a OwnReading, SourceView<'a>)>,
    names: Names,
}

impl<'a> View<'a> {
    /// The inventory, its joins resolved.
    pub fn of_inventory(inventory: &'a Inventory) -> Self {
        Self { sources: inventory.sources.iter().map(SourceView::new).collect(), ..Self::default() }
    }

    /// What the exporter tells of itself.
    pub fn of_own(own: &'a OwnReading) -> Self {
        Self { own: Some((own, SourceView::OWN)), ..Self::default() }
    }

    fn own<T>(&'a self, of: impl Fn(&'a OwnReading) -> &'a [T], visit: &mut dyn FnMut(Row<'a, T>)) {
        if let Some((own, source)) = &self.own {
            for record in of(own) {
                visit(Row { source, names: &self.names, record });
            }
        }
    }
}

/// One source and its joins.
#[derive(Debug)]
pub struct SourceView<'a> {
    /// The source's name in the configuration.
    pub name: &'a str,
    /// Its vendor; none for the exporter itself.
    pub vendor: Option<Vendor>,
    tables: Option<&'a Tables>,
    /// By the index of a name of the container table: the sensor of that key.
    sensors: Vec<Option<(&'a Sensor, &'a Names)>>,
    shares: Vec<PolicyShare>,
}

impl<'a> SourceView<'a> {
    const OWN: Self = Self { name: "", vendor: None, tables: None, sensors: Vec::new(), shares: Vec::new() };

    fn new(inventory: &'a SourceInventory) -> Self {
        let tables = &inventory.tables;
        let sensors = match (&tables.containers, &tables.sensors) {
            (Some(containers), Some(sensors)) => {
                containers.names.iter().map(|(_, text)| Some((sensors.get(text)?, &sensors.names))).collect()
            }
            _ => Vec::new(),
        };
        let shares = tables.controls.iter().flat_map(|controls| controls.iter());
        Self {
            name: &inventory.source,
            vendor: Some(inventory.vendor),
            tables: Some(tables),
            sensors,
            shares: shares.flat_map(|(_, control)| PolicyShare::of(control)).collect(),
        }
    }

    /// Whether it is known which sensors there are, so that a container can be found to have none.
    pub fn knows_sensors(&self) -> bool {
        self.tables.is_some_and(|tables| tables.sensors.is_some())
    }
}

impl<'a> Row<'a, Container> {
    /// The sensor on the container's host, with the names it refers to.
    pub fn sensor(self) -> Option<(&'a Sensor, &'a Names)> {
        let placement = self.record.placement.as_ref()?;
        *self.source.sensors.get(placement.sensor.index())?
    }
}

/// A control's part in one policy.
#[derive(Clone, Copy, Debug)]
pub struct PolicyShare {
    /// The policy.
    pub policy: Name,
    /// Resources that passed, failed and were skipped.
    pub resources: [u64; 3],
}

impl PolicyShare {
    fn of(control: &Control) -> impl Iterator<Item = Self> {
        let resources = control.resources;
        control.policies.iter().filter_map(move |policy| resources.map(|resources| Self { policy: *policy, resources }))
    }
}

/// Visits one table of every source that has it.
fn visit_table<'a, T: 'static>(
    view: &'a View<'a>,
    table: impl Fn(&'a Tables) -> Option<&'a Table<T>>,
    visit: &mut dyn FnMut(Row<'a, T>),
) {
    for source in &view.sources {
        if let Some(table) = source.tables.and_then(&table) {
            for (_, record) in table.iter() {
                visit(Row { source, names: &table.names, record });
            }
        }
    }
}

impl Record for Container {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        visit_table(view, |tables| tables.containers.as_deref(), visit);
    }
}

impl Record for Sensor {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        visit_table(view, |tables| tables.sensors.as_deref(), visit);
    }
}

impl Record for Control {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        visit_table(view, |tables| tables.controls.as_deref(), visit);
    }
}

impl Record for PolicyShare {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        for source in &view.sources {
            let controls = source.tables.and_then(|tables| tables.controls.as_deref());
            if let Some(controls) = controls {
                for record in &source.shares {
                    visit(Row { source, names: &controls.names, record });
                }
            }
        }
    }
}

/// What the exporter tells of itself at one moment.
#[derive(Debug, Default)]
pub struct OwnReading {
    /// The program and its configuration.
    pub program: Vec<Program>,
    /// This process.
    pub process: Vec<Process>,
    /// The sources' instruments.
    pub sources: Vec<SourceReading>,
    /// The endpoints' instruments, of all sources.
    pub endpoints: Vec<EndpointReading>,
    /// Requests by code, of all endpoints.
    pub requests: Vec<RequestReading>,
    /// What is known of the collectors, of all sources.
    pub collectors: Vec<CollectorReading>,
    /// How large the other families are.
    pub families: Vec<FamilyReading>,
}

/// The program that runs.
#[derive(Debug)]
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from.
    pub revision: &'static str,
    /// The compiler it was built with.
    pub rustc: &'static str,
    /// How its configuration was read last.
    pub reload: Reload,
}

/// What the operating system tells of this process; what it does not tell is none.
#[derive(Debug, Default)]
pub struct Process {
    /// Processor time used, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// Most file descriptors it may open.
    pub max_fds: Option<f64>,
    /// Virtual memory, in bytes.
    pub virtual_memory_bytes: Option<f64>,
    /// Resident memory, in bytes.
    pub resident_memory_bytes: Option<f64>,
    /// When it started, in seconds since 1970.
    pub start_time_seconds: Option<f64>,
    /// Its threads.
    pub threads: Option<f64>,
}

/// The requests to one endpoint that had one outcome.
#[derive(Debug)]
pub struct RequestReading {
    /// The source's name.
    pub source: String,
    /// The endpoint's fixed name.
    pub endpoint: &'static str,
    /// HTTP status, or `error`.
    pub code: String,
    /// How many.
    pub count: u64,
}

/// The size of one family.
#[derive(Debug)]
pub struct FamilyReading {
    /// Its name.
    pub family: &'static str,
    /// Series served now.
    pub series: u64,
    /// Groups folded into `_other`, or series left out; none for families without a limit.
    pub folded: Option<u64>,
}

/// Says where in an [`OwnReading`] the records of a kind are.
macro_rules! own {
    ($($record:ty => $field:ident),* $(,)?) => {$(
        impl Record for $record {
            const LIVE: bool = true;

            fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
                view.own(|own| &own.$field, visit);
            }
        }
    )*};
}

own! {
    Program => program,
    Process => process,
    SourceReading => sources,
    EndpointReading => endpoints,
    RequestReading => requests,
    CollectorReading => collectors,
    FamilyReading => families,
}
