//! The state of a simulated Prisma Cloud Compute console: generated from a seed, and changed in steps on request.

mod birth;
mod change;
mod check;
mod fleet;
mod hostile;
mod record;

pub use record::{
    Check, Cloud, Container, Defenders, Firewall, Image, Installed, Passed, StrayRow, Tag, Vulnerability,
};

use crate::random::Random;

/// The size and hostility of a console's data.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The seed. Equal shapes generate equal consoles.
    pub seed: u64,
    /// Running containers.
    pub containers: usize,
    /// Whether names, enumerations and rows are hostile to readers.
    pub hostile: bool,
    /// The creation time of the console in Unix milliseconds. All its scans are before it.
    pub now_ms: i64,
}

impl Shape {
    /// A few hundred containers, for fast tests.
    pub fn small(seed: u64, now_ms: i64) -> Self {
        Self { seed, containers: 300, hostile: false, now_ms }
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

/// The state of a console at one moment.
#[derive(Clone, Debug)]
pub struct Console {
    /// All running containers.
    pub containers: Vec<Container>,
    /// All rows of the image listing.
    pub images: Vec<Image>,
    /// The defenders, by category.
    pub defenders: Vec<Defenders>,
    /// The newest statistics of vulnerabilities in images.
    pub vulnerabilities: Vec<Vulnerability>,
    /// Outdated statistics, which are listed too.
    pub older_vulnerabilities: Vec<Vulnerability>,
    /// The version, such as `30.00.140`.
    pub version: String,
    /// When the licence expires, in Unix milliseconds; `None` if it does not expire.
    pub licence_expiry: Option<i64>,
    /// Unreadable rows of the container listing.
    pub stray_container_rows: Vec<StrayRow>,
    /// Unreadable rows of the image listing.
    pub stray_image_rows: Vec<StrayRow>,
    /// Unreadable rows of the summary of defenders. They all have a key.
    pub stray_defender_rows: Vec<StrayRow>,
    /// Unreadable rows of the statistics.
    pub stray_vulnerability_rows: Vec<StrayRow>,
    shape: Shape,
    checks: Vec<Check>,
    generation: u64,
    now_ms: i64,
}

impl Console {
    /// Generates the console of a shape.
    pub fn generate(shape: &Shape) -> Self {
        let mut random = Random::new(shape.seed);
        let vulnerabilities = fleet::vulnerabilities(&mut random);
        let licence_expiry = (!random.percent(20)).then(|| shape.now_ms / 1000 * 1000 + 200 * 86_400_000);
        let mut console = Self {
            containers: Vec::with_capacity(shape.containers),
            images: birth::images(shape.containers / 6 + 2, shape.now_ms, &mut random),
            defenders: fleet::defenders(&mut random),
            vulnerabilities,
            older_vulnerabilities: Vec::new(),
            version: String::from("30.00.140"),
            licence_expiry,
            stray_container_rows: Vec::new(),
            stray_image_rows: Vec::new(),
            stray_defender_rows: Vec::new(),
            stray_vulnerability_rows: Vec::new(),
            shape: shape.clone(),
            checks: check::all(&mut random),
            generation: 0,
            now_ms: shape.now_ms,
        };
        for _ in 0..shape.containers {
            let container = birth::container(&console.images, &console.checks, shape.now_ms, &mut random);
            console.containers.push(container);
        }
        if shape.hostile {
            hostile::spoil(&mut console, &mut random);
        }
        console
    }

    /// Lets time pass: about one container in a hundred is scanned again, some are added, some are removed, and counts
    /// change. The changes depend only on the seed and the number of steps.
    pub fn step(&mut self, now_ms: i64) {
        change::step(self, now_ms);
        self.touch();
    }

    /// Declares that a test has modified the records, so that the server renders them again.
    pub fn touch(&mut self) {
        self.generation += 1;
    }

    /// A number that grows with every change of the console.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The seed of the console's shape.
    pub fn seed(&self) -> u64 {
        self.shape.seed
    }

    /// The time of the last step, or of the creation.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// When the newest vulnerability statistics were computed, in Unix milliseconds; `None` without statistics.
    pub fn statistics_computed(&self) -> Option<i64> {
        let rows = self.vulnerabilities.len() + self.older_vulnerabilities.len() + self.stray_vulnerability_rows.len();
        (rows > 0).then_some(self.now_ms)
    }

    /// Copies the vulnerability statistics of `other`, or clears them.
    pub fn take_statistics(&mut self, other: Option<&Self>) {
        let rows = other.map(|other| {
            self.now_ms = other.now_ms;
            (other.vulnerabilities.clone(), other.older_vulnerabilities.clone(), other.stray_vulnerability_rows.clone())
        });
        (self.vulnerabilities, self.older_vulnerabilities, self.stray_vulnerability_rows) = rows.unwrap_or_default();
    }

    /// The number of rows of the container listing that a reader must reject.
    pub fn unreadable_container_rows(&self) -> usize {
        let own = self.containers.iter().filter(|container| container.damage.is_some());
        own.count() + self.stray_container_rows.len()
    }

    /// The number of rows of the image listing that a reader must reject.
    pub fn unreadable_image_rows(&self) -> usize {
        self.images.iter().filter(|image| image.damage.is_some()).count() + self.stray_image_rows.len()
    }
}

#[cfg(test)]
mod tests;
