//! The contract's label values for single facts: enumerations, severities, the placement of containers, times.

use std::collections::HashMap;

use crate::tenant::{Container, Detection, Image, Label, Pod, Repository, Sensor, Tenant};

/// A vendor's enumeration value as a label value. An empty one counts as missing.
pub(super) fn word(sent: Option<&str>) -> String {
    sent.filter(|sent| !sent.is_empty())
        .map_or_else(|| String::from("unknown"), |sent| sent.to_lowercase().replace(' ', "_"))
}

/// A name as a label value.
pub(super) fn name(sent: Option<&str>) -> String {
    sent.map(String::from).unwrap_or_default()
}

/// The severity that a vendor's term stands for.
pub(super) fn severity(word: Option<&str>) -> &'static str {
    match word.unwrap_or_default().to_lowercase().as_str() {
        "critical" | "urgent" => "critical",
        "high" | "important" => "high",
        "medium" | "moderate" | "serious" => "medium",
        "low" => "low",
        "info" | "minimal" | "negligible" | "informational" => "info",
        _ => "unknown",
    }
}

/// Unix milliseconds in seconds; `None` for times before 1970.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are far below 2^53")]
pub(super) fn seconds(ms: Option<i64>) -> Option<f64> {
    ms.filter(|ms| *ms > 0).map(|ms| ms as f64 / 1000.0)
}

/// The first of an image's names that is not null.
fn first_repository(image: &Image) -> Option<&Repository> {
    image.repositories.iter().flatten().flatten().next()
}

/// A part of a name. An empty one counts as missing.
fn part(sent: Option<&String>) -> Option<&str> {
    sent.map(String::as_str).filter(|sent| !sent.is_empty() && *sent != "None")
}

/// The registry of an image: from its first name, or else from the first digest that has one.
pub(super) fn registry(image: &Image) -> String {
    String::from(known_registry(image).unwrap_or("unknown"))
}

fn known_registry(image: &Image) -> Option<&str> {
    let named = first_repository(image).and_then(|first| part(first.registry.as_ref()));
    named.or_else(|| image.digests.iter().find_map(|digest| part(digest.registry.as_ref())))
}

/// The name of an image.
pub(super) fn image_name(image: &Image) -> String {
    let Some(first) = first_repository(image) else { return String::new() };
    match (known_registry(image), part(first.repository.as_ref())) {
        (Some(registry), Some(repository)) => format!("{registry}/{repository}"),
        (None, Some(repository)) => String::from(repository),
        (_, None) => String::new(),
    }
}

/// The findings of an image in the bulk list; `None` while a scan is pending or if the row is unreadable.
pub(super) fn detections(image: &Image) -> Option<&Vec<Detection>> {
    image.detections.as_ref().filter(|_| image.is_detailed())
}

/// A container and what both listings reveal about it.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) container: &'a Container,
    /// The listed sensor on its host.
    pub(super) sensor: Option<&'a Sensor>,
    /// The listed image from which it was created.
    pub(super) image: Option<&'a Image>,
}

/// The containers that exist for a reader of the API.
pub(super) fn known(tenant: &Tenant) -> Vec<Known<'_>> {
    let sensors: HashMap<&str, &Sensor> = tenant.sensors.iter().map(|sensor| (sensor.uuid.as_str(), sensor)).collect();
    let existing = tenant.images.iter().filter(|image| image.exists());
    let images = ImagesById::of(existing);
    let existing = tenant.containers.iter().filter(|container| container.exists());
    existing
        .map(|container| {
            let host = container.host.as_ref().and_then(|host| host.sensor_uuid.as_deref());
            let sensor_uuid = host.or(container.sensor_uuid.as_deref()).filter(|_| container.is_placed());
            Known {
                container,
                sensor: sensor_uuid.and_then(|uuid| sensors.get(uuid).copied()),
                image: images.find(container),
            }
        })
        .collect()
}

/// The images that exist, by each of their ids.
struct ImagesById<'a> {
    uuids: HashMap<&'a str, &'a Image>,
    digests: HashMap<&'a str, &'a Image>,
    shas: HashMap<&'a str, &'a Image>,
}

impl<'a> ImagesById<'a> {
    fn of(images: impl Iterator<Item = &'a Image>) -> Self {
        let mut found = Self { uuids: HashMap::new(), digests: HashMap::new(), shas: HashMap::new() };
        for image in images {
            found.uuids.insert(&image.uuid, image);
            found.digests.extend(image.digests.iter().filter_map(|digest| Some((digest.digest.as_deref()?, image))));
            found.shas.extend(image.sha.as_deref().map(|sha| (sha, image)));
        }
        found
    }

    fn find(&self, container: &Container) -> Option<&'a Image> {
        let look = |id: Option<&String>, ids: &HashMap<&'a str, &'a Image>| ids.get(id?.as_str()).copied();
        look(container.image_uuid.as_ref(), &self.uuids)
            .or_else(|| look(container.image_digest.as_ref(), &self.digests))
            .or_else(|| look(container.image_sha.as_ref(), &self.shas))
    }
}

impl<'a> Known<'a> {
    /// The name of its image.
    pub(super) fn image_name(&self) -> String {
        self.image.map(image_name).unwrap_or_default()
    }

    /// The findings in its image.
    pub(super) fn image_detections(&self) -> Option<&'a Vec<Detection>> {
        self.image.and_then(detections)
    }

    pub(super) fn state(&self) -> String {
        word(self.container.state.as_deref())
    }

    pub(super) fn cluster(&self) -> String {
        name(self.container.cluster.as_ref().map(|cluster| cluster.name.as_str()))
    }

    pub(super) fn namespace(&self) -> String {
        let named = self.pod().map(|pod| pod.namespace.as_str()).filter(|named| !named.is_empty());
        let labels = self.container.labels.iter().filter(|_| self.container.is_placed());
        let mut labelled = labels.filter(|label| label.key == "io.kubernetes.pod.namespace");
        name(named.or(labelled.find_map(|label| label.value.as_deref())))
    }

    pub(super) fn is_scanned(&self) -> bool {
        self.container.findings.is_some()
    }

    /// The number of findings of severity 1 to 5.
    pub(super) fn findings(&self, severity: usize) -> u32 {
        self.container.findings.map_or(0, |counts| counts[severity - 1].unwrap_or(0))
    }

    pub(super) fn last_scan(&self) -> Option<f64> {
        let placed = self.container.last_scanned.filter(|_| self.container.is_placed());
        seconds(self.container.last_vm_scan).or(seconds(placed))
    }

    /// A flag that only the bulk list has.
    pub(super) fn bulk_flag(&self, flag: Option<bool>) -> bool {
        self.container.is_placed() && flag == Some(true)
    }

    /// The value of a label by which containers can be grouped.
    pub(super) fn group_label(&self, label: &str, promoted: &[String]) -> String {
        let controller = self.pod().and_then(|pod| pod.controllers.first());
        let placed = self.container.is_placed();
        match label {
            "k8s_cluster_name" => self.cluster(),
            "k8s_namespace_name" => self.namespace(),
            "k8s_node_name" => name(self.pod().and_then(|pod| pod.node.as_deref())),
            "k8s_workload_kind" => name(controller.and_then(|controller| controller.kind.as_deref())),
            "k8s_workload_name" => name(controller.and_then(|controller| controller.name.as_deref())),
            "host_name" => {
                name(self.container.host.as_ref().filter(|_| placed).and_then(|host| host.hostname.as_deref()))
            }
            "container_image_name" => self.image_name(),
            "cloud_provider" => self.cloud_provider(),
            "cloud_account_id" => self.cloud_value(&[".accountId"]),
            "cloud_region" => self.cloud_value(&[".region", ".region.code"]),
            "origin" => word(self.container.origin.as_deref().filter(|_| placed)),
            other => {
                let key = promoted.iter().find(|key| label_name(key) == other);
                key.map(|key| self.own_or_pod_label(key)).unwrap_or_default()
            }
        }
    }

    fn pod(&self) -> Option<&Pod> {
        self.container.pod.as_ref().filter(|_| self.container.is_placed())
    }

    fn own_or_pod_label(&self, key: &str) -> String {
        if !self.container.is_placed() {
            return String::new();
        }
        let value =
            |labels: &[Label]| labels.iter().find(|label| label.key == key).and_then(|label| label.value.clone());
        let own = value(&self.container.labels);
        own.or_else(|| self.pod().and_then(|pod| value(&pod.labels))).unwrap_or_default()
    }

    fn cloud_keys(&self) -> Vec<(&str, Option<&str>)> {
        let cloud = self.container.cloud.iter().filter(|_| self.container.is_placed());
        let mut keys: Vec<_> = cloud.map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        keys.sort_unstable();
        keys
    }

    fn cloud_provider(&self) -> String {
        let first = self.cloud_keys().first().and_then(|(key, _)| key.split('.').next());
        first.map(|provider| word(Some(provider))).unwrap_or_default()
    }

    fn cloud_value(&self, endings: &[&str]) -> String {
        let keys = self.cloud_keys();
        let meant = keys.iter().filter(|(key, _)| endings.iter().any(|ending| key.ends_with(ending)));
        name(meant.filter_map(|(_, value)| *value).find(|value| !value.is_empty()))
    }
}

/// The name of a promoted label.
pub(super) fn label_name(key: &str) -> String {
    let safe = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    format!("label_{}", key.chars().map(safe).collect::<String>())
}
