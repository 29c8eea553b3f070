//! The true records of a tenant. The server decides how listings render them.

/// Whether a listing shows a record, and whether its row is readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The listing does not show it.
    Absent,
    /// The listing shows it.
    Readable,
    /// The listing shows an unreadable row.
    Unreadable(Damage),
}

/// The damage to an unreadable row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The row is a JSON string.
    NotAnObject,
    /// The row lacks its key.
    NoKey,
    /// The row's key is an object.
    ObjectForKey,
    /// The row's key is a list.
    ListForKey,
}

/// All kinds of damage.
pub const DAMAGES: &[Damage] = &[Damage::NotAnObject, Damage::NoKey, Damage::ObjectForKey, Damage::ListForKey];

/// An unreadable row without a record.
#[derive(Clone, Debug)]
pub struct StrayRow {
    /// The key by which the vendor sorts it, which the row may not show.
    pub uuid: String,
    /// Creation time in Unix milliseconds.
    pub created: i64,
    /// Time of the last change in Unix milliseconds.
    pub updated: i64,
    /// The damage.
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

/// The controller of a pod.
#[derive(Clone, Debug)]
pub struct Controller {
    /// The kind, such as `DaemonSet`.
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
    /// Its controllers, nearest first.
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
    /// The sensor on it, which may not be listed.
    pub sensor_uuid: Option<String>,
    /// Its name.
    pub hostname: Option<String>,
}

/// A container. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Container {
    /// The key in both listings.
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
    /// The sensor that found it, if it does not have a host.
    pub sensor_uuid: Option<String>,
    /// The vendor's term for its life-cycle state.
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
    /// Findings of severity 1 to 5, at least one of them `Some`; `None` if it was never scanned.
    pub findings: Option<[Option<u32>; 5]>,
    /// The risk score, 0 to 1000.
    pub risk_score: Option<u32>,
    /// The highest QDS score, 0 to 100.
    pub max_qds_score: Option<u32>,
    /// The vendor's term.
    pub qds_severity: Option<String>,
    /// The vendor's number, or possibly word, as text.
    pub criticality: Option<String>,
    /// Whether it runs as root.
    pub is_root: Option<bool>,
    /// Whether vulnerabilities were propagated from its image.
    pub is_vuln_propagated: Option<bool>,
    /// Passed, failed and erroneous checks, at least one of them `Some`; `None` if there were none.
    pub compliance: Option<[Option<u32>; 3]>,
    /// The time of the last vulnerability scan.
    pub last_vm_scan: Option<i64>,
    /// The time of the last scan of any kind.
    pub last_scanned: Option<i64>,
    /// The number of exceptions that apply.
    pub exceptions: usize,
    /// Whether it differs from its image.
    pub is_drift: Option<bool>,
    /// Whether it is privileged.
    pub privileged: Option<bool>,
    /// Whether it is reachable from everywhere.
    pub is_exposed: Option<bool>,
    /// Whether it has the vendor's instrumentation.
    pub is_instrumented: Option<bool>,
    /// The vendor's `source`: what found it.
    pub origin: Option<String>,
    /// Environment variables, with secrets.
    pub environment: Vec<String>,
    /// Arguments, with secrets.
    pub arguments: Vec<String>,
    /// Creation time.
    pub created: i64,
    /// Time of the last change of anything above.
    pub updated: i64,
    /// Whether its rows have values of other types in place of nulls.
    pub is_odd: bool,
    /// Its row in the page list.
    pub page_row: Row,
    /// Its row in the bulk list.
    pub bulk_row: Row,
}

impl Container {
    /// Whether it exists for a reader of the API: the page list decides.
    pub fn exists(&self) -> bool {
        self.page_row == Row::Readable
    }

    /// Whether a reader can see the fields that only the bulk list has.
    pub fn is_placed(&self) -> bool {
        self.bulk_row == Row::Readable
    }
}

/// A sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Its key.
    pub uuid: String,
    /// Its id, assigned at registration; without one, registration never finished.
    pub sensor_id: Option<String>,
    /// The host it is on.
    pub hostname: Option<String>,
    /// The type, such as `GENERAL`.
    pub kind: Option<String>,
    /// The status, such as `Provisioned`.
    pub status: Option<String>,
    /// The runtime, such as `CRI-O`.
    pub runtime: Option<String>,
    /// The runtime's version.
    pub runtime_version: Option<String>,
    /// The sensor's version.
    pub version: Option<String>,
    /// Unix milliseconds.
    pub last_checked_in: Option<i64>,
    /// Unix milliseconds.
    pub created: Option<i64>,
    /// Whether it has stopped checking in.
    pub is_silent: bool,
}

/// A posture control.
#[derive(Clone, Debug)]
pub struct Control {
    /// Its number.
    pub cid: u32,
    /// Its name.
    pub name: Option<String>,
    /// The policies that contain it, as listed; one may occur twice.
    pub policies: Vec<String>,
    /// The vendor's term for its severity.
    pub criticality: Option<String>,
    /// The number of resources that pass.
    pub passed: Option<u32>,
    /// The number of resources that fail.
    pub failed: Option<u32>,
    /// The number of resources that were skipped.
    pub skipped: Option<u32>,
    /// A field of its detail page.
    pub category: Option<String>,
    /// Whether it has a detail page.
    pub has_detail: bool,
}
