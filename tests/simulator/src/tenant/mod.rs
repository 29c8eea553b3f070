//! The state of a simulated vendor account: generated from a seed, and changed in steps on request.

mod birth;
mod change;
mod governance;
mod hostile;
mod image;
mod landscape;
mod posture;
mod record;

pub use governance::{AGE_RULE, Policy, PolicyRule, Registry, Report};
pub use image::{Detection, Digest, Image, Repository};
pub use posture::{Outcome, PostureResource};
pub use record::{Cluster, Container, Control, Controller, DAMAGES, Damage, Host, Label, Pod, Row, Sensor, StrayRow};

use crate::random::Random;
use landscape::Landscape;

/// The size and hostility of a tenant.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The seed. Equal shapes generate equal tenants.
    pub seed: u64,
    /// The number of containers.
    pub containers: usize,
    /// The number of Kubernetes clusters.
    pub clusters: usize,
    /// The number of namespace names, which clusters share.
    pub namespaces: usize,
    /// The number of hosts, most of which have a sensor.
    pub hosts: usize,
    /// Whether names, enumerations and rows are hostile to readers.
    pub hostile: bool,
    /// The creation time of the tenant in Unix milliseconds. All its times are before it.
    pub now_ms: i64,
}

impl Shape {
    /// A few hundred containers, for fast tests.
    pub fn small(seed: u64, now_ms: i64) -> Self {
        Self { seed, containers: 400, clusters: 3, namespaces: 12, hosts: 24, hostile: false, now_ms }
    }

    /// A company's account, with more containers than a page list returns.
    pub fn demo(seed: u64, now_ms: i64) -> Self {
        Self { seed, containers: 26_000, clusters: 3, namespaces: 50, hosts: 420, hostile: false, now_ms }
    }

    /// Sets the number of containers.
    #[must_use]
    pub fn containers(self, containers: usize) -> Self {
        Self { containers, ..self }
    }

    /// Sets whether the data is hostile.
    #[must_use]
    pub fn hostile(self, hostile: bool) -> Self {
        Self { hostile, ..self }
    }
}

/// The state of a vendor account at one moment.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// All containers that any listing shows.
    pub containers: Vec<Container>,
    /// All sensors, ghosts included.
    pub sensors: Vec<Sensor>,
    /// All posture controls.
    pub controls: Vec<Control>,
    /// All images that any listing shows.
    pub images: Vec<Image>,
    /// All resources evaluated for controls.
    pub posture_resources: Vec<PostureResource>,
    /// All reports.
    pub reports: Vec<Report>,
    /// All registries.
    pub registries: Vec<Registry>,
    /// All centralized policies.
    pub policies: Vec<Policy>,
    /// Unreadable rows of the page list without a container.
    pub stray_page_rows: Vec<StrayRow>,
    /// Unreadable rows of the bulk list without a container.
    pub stray_bulk_rows: Vec<StrayRow>,
    /// Unreadable rows of the sensor list.
    pub stray_sensor_rows: Vec<StrayRow>,
    /// Unreadable rows of the posture list.
    pub stray_posture_rows: Vec<StrayRow>,
    /// Unreadable rows of the images' page list without an image.
    pub stray_image_page_rows: Vec<StrayRow>,
    /// Unreadable rows of the images' bulk list without an image.
    pub stray_image_bulk_rows: Vec<StrayRow>,
    /// Unreadable rows of the list of resources without a resource.
    pub stray_resource_rows: Vec<StrayRow>,
    /// Unreadable rows of the report list.
    pub stray_report_rows: Vec<StrayRow>,
    /// Unreadable rows of the registry list.
    pub stray_registry_rows: Vec<StrayRow>,
    /// Unreadable rows of the policy list.
    pub stray_policy_rows: Vec<StrayRow>,
    shape: Shape,
    landscape: Landscape,
    generation: u64,
    now_ms: i64,
}

impl Tenant {
    /// Generates the tenant of a shape.
    pub fn generate(shape: &Shape) -> Self {
        let mut random = Random::new(shape.seed);
        let landscape = Landscape::generate(shape, &mut random);
        let mut tenant = Self {
            containers: Vec::with_capacity(shape.containers),
            sensors: birth::sensors(&landscape, shape, &mut random),
            controls: birth::controls(&mut random),
            images: Vec::new(),
            posture_resources: Vec::new(),
            reports: Vec::new(),
            registries: Vec::new(),
            policies: Vec::new(),
            stray_page_rows: Vec::new(),
            stray_bulk_rows: Vec::new(),
            stray_sensor_rows: Vec::new(),
            stray_posture_rows: Vec::new(),
            stray_image_page_rows: Vec::new(),
            stray_image_bulk_rows: Vec::new(),
            stray_resource_rows: Vec::new(),
            stray_report_rows: Vec::new(),
            stray_registry_rows: Vec::new(),
            stray_policy_rows: Vec::new(),
            shape: shape.clone(),
            landscape,
            generation: 0,
            now_ms: shape.now_ms,
        };
        for _ in 0..shape.containers {
            let born = shape.now_ms - random.between(60_000, 90 * 86_400_000);
            let container = birth::container(&tenant.landscape, born, shape.now_ms, &mut random);
            tenant.containers.push(container);
        }
        tenant.images = image::generate(&tenant, &mut random);
        image::report_by_cluster_sensor(&mut tenant);
        tenant.posture_resources = posture::generate(&tenant.landscape, &tenant.controls, shape, &mut random);
        tenant.reports = governance::reports(shape.now_ms, &mut random);
        tenant.registries = governance::registries(shape.seed);
        tenant.policies = governance::policies(shape.now_ms, &mut random);
        if shape.hostile {
            hostile::spoil(&mut tenant, &mut random);
        }
        tenant
    }

    /// Lets time pass: about one container and one image in a hundred change, some are added, some are purged; sensors
    /// check in, resources are evaluated again, reports come and go, a policy changes. The changes depend only on the
    /// seed and the number of steps.
    pub fn step(&mut self, now_ms: i64) {
        change::step(self, now_ms);
        self.touch();
    }

    /// Declares that a test has modified the records, so that the server renders them again.
    pub fn touch(&mut self) {
        self.generation += 1;
    }

    /// A number that grows with every change of the tenant.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The seed of the tenant's shape.
    pub fn seed(&self) -> u64 {
        self.shape.seed
    }

    /// The time of the last step, or of the creation.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The number of rows of the page list that a reader must reject.
    pub fn unreadable_page_rows(&self) -> usize {
        let own = self.containers.iter().filter(|container| matches!(container.page_row, Row::Unreadable(_)));
        own.count() + self.stray_page_rows.len()
    }

    /// The number of rows of the bulk list that a reader must reject.
    pub fn unreadable_bulk_rows(&self) -> usize {
        let own = self.containers.iter().filter(|container| matches!(container.bulk_row, Row::Unreadable(_)));
        own.count() + self.stray_bulk_rows.len()
    }

    /// The number of rows of the sensor list that a reader must reject.
    pub fn unreadable_sensor_rows(&self) -> usize {
        self.stray_sensor_rows.len()
    }

    /// The number of rows of the posture list that a reader must reject.
    pub fn unreadable_posture_rows(&self) -> usize {
        self.stray_posture_rows.len()
    }

    /// The number of rows of the images' page list that a reader must reject.
    pub fn unreadable_image_page_rows(&self) -> usize {
        let own = self.images.iter().filter(|image| matches!(image.page_row, Row::Unreadable(_)));
        own.count() + self.stray_image_page_rows.len()
    }

    /// The number of rows of the images' bulk list that a reader must reject.
    pub fn unreadable_image_bulk_rows(&self) -> usize {
        let own = self.images.iter().filter(|image| matches!(image.bulk_row, Row::Unreadable(_)));
        own.count() + self.stray_image_bulk_rows.len()
    }

    /// The number of rows of the list of evaluated resources that a reader must reject.
    pub fn unreadable_resource_rows(&self) -> usize {
        let own = self.posture_resources.iter().filter(|resource| resource.outcome.is_none());
        own.count() + self.stray_resource_rows.len()
    }

    /// The number of rows of the report list that a reader must reject.
    pub fn unreadable_report_rows(&self) -> usize {
        self.stray_report_rows.len()
    }

    /// The number of rows of the registry list that a reader must reject.
    pub fn unreadable_registry_rows(&self) -> usize {
        self.stray_registry_rows.len()
    }

    /// The number of rows of the policy list that a reader must reject.
    pub fn unreadable_policy_rows(&self) -> usize {
        self.stray_policy_rows.len()
    }
}

#[cfg(test)]
mod tests;
