//! The truth about a simulated Prisma Cloud Compute console: generated from a seed, changing in steps on request.

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

/// How large and how nasty a console's data is.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Two consoles of the same shape are equal.
    pub seed: u64,
    /// Running containers.
    pub containers: usize,
    /// Whether names, enumerations and rows are hostile to a reader.
    pub hostile: bool,
    /// The time of the console's birth in Unix milliseconds: all its scans are before it.
    pub now_ms: i64,
}

impl Shape {
    /// A few hundred containers: for tests that run in an instant.
    pub fn small(seed: u64, now_ms: i64) -> Self {
        Self { seed, containers: 300, hostile: false, now_ms }
    }

    /// The same shape with as many containers as given.
    #[must_use]
    pub fn containers(self, containers: usize) -> Self {
        Self { containers, ..self }
    }

    /// The same shape, hostile or not.
    #[must_use]
    pub fn hostile(self, hostile: bool) -> Self {
        Self { hostile, ..self }
    }
}

/// What is true of a console at one moment.
#[derive(Clone, Debug)]
pub struct Console {
    /// All running containers.
    pub containers: Vec<Container>,
    /// All rows of the list of images.
    pub images: Vec<Image>,
    /// The defenders, by category.
    pub defenders: Vec<Defenders>,
    /// The newest statistics of vulnerabilities in images.
    pub vulnerabilities: Vec<Vulnerability>,
    /// Older statistics that are listed too, and mean nothing any more.
    pub older_vulnerabilities: Vec<Vulnerability>,
    /// Such as `30.00.140`.
    pub version: String,
    /// When the licence expires, in Unix milliseconds; `None` if it has no end.
    pub licence_expiry: Option<i64>,
    /// Unreadable rows of the list of containers.
    pub stray_container_rows: Vec<StrayRow>,
    /// Unreadable rows of the list of images.
    pub stray_image_rows: Vec<StrayRow>,
    /// Unreadable rows of the summary of defenders; they lack no key.
    pub stray_defender_rows: Vec<StrayRow>,
    /// Unreadable rows of the statistics.
    pub stray_vulnerability_rows: Vec<StrayRow>,
    shape: Shape,
    checks: Vec<Check>,
    generation: u64,
    now_ms: i64,
}

impl Console {
    /// The console of that shape.
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

    /// Lets time pass: about one container in a hundred is scanned anew, some are born, some go; counts move.
    /// What changes depends on the seed and the number of steps alone.
    pub fn step(&mut self, now_ms: i64) {
        change::step(self, now_ms);
        self.touch();
    }

    /// Says that a test has changed the records by hand, so that the server shows them anew.
    pub fn touch(&mut self) {
        self.generation += 1;
    }

    /// Grows with every change of the console.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The seed of the console's shape.
    pub fn seed(&self) -> u64 {
        self.shape.seed
    }

    /// The time of the last step, or of birth.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// When the newest statistics of vulnerabilities were computed, in Unix milliseconds; none where there are none.
    pub fn statistics_computed(&self) -> Option<i64> {
        let rows = self.vulnerabilities.len() + self.older_vulnerabilities.len() + self.stray_vulnerability_rows.len();
        (rows > 0).then_some(self.now_ms)
    }

    /// Has the statistics of vulnerabilities that `other` has, or none.
    pub fn take_statistics(&mut self, other: Option<&Self>) {
        let rows = other.map(|other| {
            self.now_ms = other.now_ms;
            (other.vulnerabilities.clone(), other.older_vulnerabilities.clone(), other.stray_vulnerability_rows.clone())
        });
        (self.vulnerabilities, self.older_vulnerabilities, self.stray_vulnerability_rows) = rows.unwrap_or_default();
    }

    /// Rows of the list of containers that a reader must reject.
    pub fn unreadable_container_rows(&self) -> usize {
        let own = self.containers.iter().filter(|container| container.damage.is_some());
        own.count() + self.stray_container_rows.len()
    }

    /// Rows of the list of images that a reader must reject.
    pub fn unreadable_image_rows(&self) -> usize {
        self.images.iter().filter(|image| image.damage.is_some()).count() + self.stray_image_rows.len()
    }
}

#[cfg(test)]
mod tests;
