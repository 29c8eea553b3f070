//! The records of a tenant as they truly are. What a listing shows of them, and how, is the server's affair.

/// Whether a listing shows a container, and whether its row there can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The listing does not show it.
    Absent,
    /// The listing shows it.
    Readable,
    /// The listing shows a row that no reader can make sense of.
    Unreadable(Damage),
}

/// What is wrong with a row that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The row is a JSON string.
    NotAnObject,
    /// The row lacks what identifies it.
    NoKey,
    /// What identifies the row is an object.
    ObjectForKey,
    /// What identifies the row is a list.
    ListForKey,
}

/// All kinds of damage, to choose from.
pub const DAMAGES: &[Damage] = &[Damage::NotAnObject, Damage::NoKey, Damage::ObjectForKey, Damage::ListForKey];

/// An unreadable row of a listing that belongs to no record.
#[derive(Clone, Debug)]
pub struct StrayRow {
    /// What the vendor would sort and page it by; it may not show it.
    pub uuid: String,
    /// Creation time in Unix milliseconds.
    pub created: i64,
    /// Time of the last change in Unix milliseconds.
    pub updated: i64,
    /// What is wrong with it.
    pub damage: Damage,
}

/// A label; the vendor may give a key without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The key.
    pub key: String,
    /// The value, if there is one.
    pub value: Option<String>,
}

/// What controls a pod.
#[derive(Clone, Debug)]
pub struct Controller {
    /// Such as `DaemonSet`.
    pub kind: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// The Kubernetes placement of a container.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Its controllers, the nearest first.
    pub controllers: Vec<Controller>,
    /// The node it runs on.
    pub node: Option<String>,
}

/// A Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub uid: String,
}

/// The host of a container.
#[derive(Clone, Debug)]
pub struct Host {
    /// The sensor on it, listed or not.
    pub sensor_uuid: Option<String>,
    /// Its name.
    pub hostname: Option<String>,
}

/// A container. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Container {
    /// The key of both listings.
    pub uuid: String,
    /// The vendor's short id.
    pub container_id: String,
    /// The long id.
    pub sha: Option<String>,
    /// Its name.
    pub name: String,
    /// Its image.
    pub image_uuid: Option<String>,
    /// A digest of its image, which the cluster sensor reports in place of the above.
    pub image_digest: Option<String>,
    /// The long id of its image.
    pub image_sha: Option<String>,
    /// The sensor that found it, where there is no host to name it.
    pub sensor_uuid: Option<String>,
    /// The vendor's word for its life-cycle state.
    pub state: Option<String>,
    /// Its cluster, if it is in one.
    pub cluster: Option<Cluster>,
    /// Its pod, if it is in one.
    pub pod: Option<Pod>,
    /// Its own labels.
    pub labels: Vec<Label>,
    /// Its host.
    pub host: Option<Host>,
    /// CPU architectures listed for its host; an entry may be null.
    pub architectures: Option<Vec<Option<String>>>,
    /// The flat cloud keys and their values.
    pub cloud: Vec<(String, Option<String>)>,
    /// Findings of severity 1 to 5, in that order; `None` if it was never scanned. Never all `None` inside.
    pub findings: Option<[Option<u32>; 5]>,
    /// 0 to 1000.
    pub risk_score: Option<u32>,
    /// 0 to 100.
    pub max_qds_score: Option<u32>,
    /// The vendor's word.
    pub qds_severity: Option<String>,
    /// The vendor's number (or, one day, word) as text.
    pub criticality: Option<String>,
    /// Runs as root.
    pub is_root: Option<bool>,
    /// Vulnerabilities were propagated from its image.
    pub is_vuln_propagated: Option<bool>,
    /// Passed, failed and erroneous checks; `None` if there were none. Never all `None` inside.
    pub compliance: Option<[Option<u32>; 3]>,
    /// The last vulnerability scan.
    pub last_vm_scan: Option<i64>,
    /// The last scan of any kind.
    pub last_scanned: Option<i64>,
    /// How many exceptions apply.
    pub exceptions: usize,
    /// Differs from its image.
    pub is_drift: Option<bool>,
    /// Runs privileged.
    pub privileged: Option<bool>,
    /// Reachable from everywhere.
    pub is_exposed: Option<bool>,
    /// Has the vendor's instrumentation.
    pub is_instrumented: Option<bool>,
    /// The vendor's `source`: what found it.
    pub origin: Option<String>,
    /// Environment, with secrets.
    pub environment: Vec<String>,
    /// Arguments, with secrets.
    pub arguments: Vec<String>,
    /// Birth.
    pub created: i64,
    /// Last change of anything above.
    pub updated: i64,
    /// Whether its rows have values of another type where others have null.
    pub is_odd: bool,
    /// Its row in the page list.
    pub page_row: Row,
    /// Its row in the bulk list.
    pub bulk_row: Row,
}

impl Container {
    /// Whether a reader of the API can know of it: the page list decides.
    pub fn exists(&self) -> bool {
        self.page_row == Row::Readable
    }

    /// Whether a reader can know what only the bulk list tells.
    pub fn is_placed(&self) -> bool {
        self.bulk_row == Row::Readable
    }
}

/// A sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Its key.
    pub uuid: String,
    /// Given at registration; a row without it never finished registering.
    pub sensor_id: Option<String>,
    /// The host it is on.
    pub hostname: Option<String>,
    /// Such as `GENERAL`.
    pub kind: Option<String>,
    /// Such as `Provisioned`.
    pub status: Option<String>,
    /// Such as `CRI-O`.
    pub runtime: Option<String>,
    /// The runtime's version.
    pub runtime_version: Option<String>,
    /// The sensor's version.
    pub version: Option<String>,
    /// Unix milliseconds.
    pub last_checked_in: Option<i64>,
    /// Unix milliseconds.
    pub created: Option<i64>,
    /// It no longer checks in.
    pub is_silent: bool,
}

/// A posture control.
#[derive(Clone, Debug)]
pub struct Control {
    /// Its number.
    pub cid: u32,
    /// Its name.
    pub name: Option<String>,
    /// The policies that contain it, as listed (one may be named twice).
    pub policies: Vec<String>,
    /// The vendor's word for its severity.
    pub criticality: Option<String>,
    /// Resources that pass.
    pub passed: Option<u32>,
    /// Resources that fail.
    pub failed: Option<u32>,
    /// Resources that were skipped.
    pub skipped: Option<u32>,
    /// From its detail page.
    pub category: Option<String>,
    /// Whether it has a detail page.
    pub has_detail: bool,
}
