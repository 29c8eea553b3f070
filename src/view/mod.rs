//! The input of the catalog's rows: the inventory with its joins resolved, and the exporter's own instruments.
//!
//! Owns the joins: from a container to its image and its host's sensor, from a control to its policies, from a
//! vulnerability to its images. Each is resolved once per name and not once per record.

use crate::inventory::{self, Inventory, SourceInventory, Table, Tables};
use crate::names::{Name, Names};
use crate::record::{
    Console, Container, Control, Image, Policy, PostureResource, Registry, Report, Sensor, Vendor, Vulnerability,
    VulnerabilityStatistics,
};
use crate::telemetry::{EndpointReading, PushReading, SourceReading};

mod exporter;
mod join;
#[cfg(test)]
mod tests;

pub use exporter::{CollectorReading, FamilyReading, FieldReading, Process, Program, RequestReading, SelfReading};
pub use join::{PolicyShare, RuleOfPolicy, SensorCount, SensorStatus};

use join::{Joined, carried, images_by_name, sensors_by_name};

/// One record, and everything that is needed to read it.
#[derive(Debug)]
pub struct Row<'a, T> {
    /// The source that it came from; a nameless one for the exporter itself.
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
pub trait Measured: Sized + 'static {
    /// Whether it changes from one scrape to the next, and not only with a new snapshot of the inventory.
    const LIVE: bool;

    /// Whether it holds the sizes of families, including its own.
    const HOLDS_SIZES: bool = false;

    /// Calls `visit` for every record, always in the same order.
    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>));
}

/// Everything that metrics are computed from, at one moment.
#[derive(Debug, Default)]
pub struct View<'a> {
    sources: Vec<SourceView<'a>>,
    exporter: Option<(&'a SelfReading, SourceView<'a>)>,
    names: Names,
}

impl<'a> View<'a> {
    /// The inventory, its joins resolved.
    pub fn of_inventory(inventory: &'a Inventory) -> Self {
        Self { sources: inventory.sources.iter().map(SourceView::new).collect(), ..Self::default() }
    }

    /// The exporter itself.
    pub fn of_exporter(reading: &'a SelfReading) -> Self {
        Self { exporter: Some((reading, SourceView::EXPORTER)), ..Self::default() }
    }

    fn visit_exporter<T>(&'a self, of: impl Fn(&'a SelfReading) -> &'a [T], visit: &mut dyn FnMut(Row<'a, T>)) {
        if let Some((reading, source)) = &self.exporter {
            for record in of(reading) {
                visit(Row { source, names: &self.names, record });
            }
        }
    }
}

/// The collector of images, of every vendor.
const IMAGES: &str = "images";

/// One source and its joins.
#[derive(Debug)]
pub struct SourceView<'a> {
    /// The source's name in the configuration.
    pub name: &'a str,
    /// Its vendor; none for the exporter itself.
    pub vendor: Option<Vendor>,
    tables: Option<&'a Tables>,
    /// Whether an image that is not in the tables does not exist.
    images_are_complete: bool,
    /// By the index of a name of the container table: the sensor of that key.
    sensors: Vec<Joined<'a, Sensor>>,
    /// By the index of a name of the container table: the image of that id.
    images: Vec<Joined<'a, Image>>,
    sensor_counts: Vec<SensorCount>,
    shares: Vec<PolicyShare>,
    rules: Vec<RuleOfPolicy>,
    carried: Vec<Vulnerability>,
}

impl<'a> SourceView<'a> {
    const EXPORTER: Self = Self {
        name: "",
        vendor: None,
        tables: None,
        images_are_complete: false,
        sensors: Vec::new(),
        images: Vec::new(),
        sensor_counts: Vec::new(),
        shares: Vec::new(),
        rules: Vec::new(),
        carried: Vec::new(),
    };

    fn new(inventory: &'a SourceInventory) -> Self {
        let tables = &inventory.tables;
        let shares = tables.controls.iter().flat_map(|controls| controls.iter());
        let rules = tables.policies.iter().flat_map(|policies| policies.iter());
        Self {
            name: &inventory.source,
            vendor: Some(inventory.vendor),
            tables: Some(tables),
            images_are_complete: inventory.statuses.iter().all(|(name, data)| *name != IMAGES || data.complete),
            sensors: sensors_by_name(tables),
            images: images_by_name(tables),
            sensor_counts: SensorCount::all(tables),
            shares: shares.flat_map(|(_, control)| PolicyShare::of(control)).collect(),
            rules: rules.flat_map(|(_, policy)| RuleOfPolicy::of(policy)).collect(),
            carried: tables.images.as_deref().map(carried).unwrap_or_default(),
        }
    }

    /// Whether the sensors are known, so that a container without one can be recognised.
    pub fn knows_sensors(&self) -> bool {
        self.tables.is_some_and(|tables| tables.sensors.is_some())
    }

    /// Whether the images are known, so that a container with an unknown image can be recognised.
    pub fn knows_images(&self) -> bool {
        self.tables.is_some_and(|tables| tables.images.is_some())
    }

    /// Whether all images are known, so that one that is not listed was never scanned.
    pub fn knows_all_images(&self) -> bool {
        self.knows_images() && self.images_are_complete
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

/// Declares the records that metrics are computed from unchanged.
macro_rules! measured {
    ($($record:ty),* $(,)?) => {$(
        impl Measured for $record {
            const LIVE: bool = false;

            fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
                visit_table(view, <$record as inventory::Record>::of, visit);
            }
        }
    )*};
}

measured! {
    Container, Image, Sensor, Control, PostureResource, Report, Registry, Policy, Console, VulnerabilityStatistics
}

/// Visits what was joined from one table of every source that has it.
fn visit_joined<'a, T: 'static, R: 'static>(
    view: &'a View<'a>,
    table: impl Fn(&'a Tables) -> Option<&'a Table<T>>,
    joined: impl Fn(&'a SourceView<'a>) -> &'a [R],
    visit: &mut dyn FnMut(Row<'a, R>),
) {
    for source in &view.sources {
        if let Some(table) = source.tables.and_then(&table) {
            for record in joined(source) {
                visit(Row { source, names: &table.names, record });
            }
        }
    }
}

impl Measured for PolicyShare {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        visit_joined(view, |tables| tables.controls.as_deref(), |source| &source.shares, visit);
    }
}

impl Measured for RuleOfPolicy {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        visit_joined(view, |tables| tables.policies.as_deref(), |source| &source.rules, visit);
    }
}

impl Measured for SensorCount {
    const LIVE: bool = false;

    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        for source in &view.sources {
            let sensors = source.tables.and_then(|tables| tables.sensors.as_deref()).map(|sensors| &sensors.names);
            let defenders = source.tables.and_then(|tables| tables.defenders.as_deref());
            // A vendor has one or the other.
            if let Some(names) = sensors.or(defenders.map(|defenders| &defenders.names)) {
                for record in &source.sensor_counts {
                    visit(Row { source, names, record });
                }
            }
        }
    }
}

impl Measured for Vulnerability {
    const LIVE: bool = false;

    /// Vulnerabilities that the vendor itself counts, and those counted from its images.
    fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
        visit_table(view, |tables| tables.vulnerabilities.as_deref(), visit);
        visit_joined(view, |tables| tables.images.as_deref(), |source| &source.carried, visit);
    }
}

/// Declares where in a [`SelfReading`] the records of a kind are.
macro_rules! exporter {
    ($($record:ty => $field:ident $(($holds:ident))?),* $(,)?) => {$(
        impl Measured for $record {
            const LIVE: bool = true;
            $(const $holds: bool = true;)?

            fn visit<'a>(view: &'a View<'a>, visit: &mut dyn FnMut(Row<'a, Self>)) {
                view.visit_exporter(|reading| &reading.$field, visit);
            }
        }
    )*};
}

exporter! {
    Program => program,
    Process => process,
    SourceReading => sources,
    EndpointReading => endpoints,
    RequestReading => requests,
    CollectorReading => collectors,
    FieldReading => fields,
    PushReading => pushes,
    FamilyReading => families (HOLDS_SIZES),
}
