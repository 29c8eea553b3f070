//! A container with its image, and their labels.

use std::collections::HashMap;

use super::super::Question;
use super::super::answer::{Key, pairs};
use super::super::facts::{label_name, name, word};
use crate::console::{Console, Container, Image, Tag};

/// A container that exists, and the data of its image in the image listing.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) container: &'a Container,
    pub(super) image: Option<&'a Image>,
}

/// The containers that exist for a reader of the API.
pub(super) fn containers(console: &Console) -> Vec<Known<'_>> {
    // Of several images with one id, the one inserted last wins: a scanned one, then the latest scan, then the smallest
    // key.
    let mut listed = images(console);
    listed.sort_by(|one, other| {
        let rank = |image: &Image| (image.vulnerabilities.is_some(), image.scan_time);
        rank(one).cmp(&rank(other)).then(other.key.cmp(&one.key))
    });
    let by_id: HashMap<&str, &Image> = listed.into_iter().map(|image| (bare(image.known_as()), image)).collect();
    let existing = console.containers.iter().filter(|container| container.damage.is_none());
    existing
        .map(|container| {
            let id = container.image_id.as_deref().filter(|id| !id.is_empty());
            Known { container, image: id.and_then(|id| by_id.get(bare(id)).copied()) }
        })
        .collect()
}

/// An image id without the hash function.
fn bare(id: &str) -> &str {
    id.trim_start_matches("sha256:")
}

/// The images that exist for a reader of the API.
pub(super) fn images(console: &Console) -> Vec<&Image> {
    console.images.iter().filter(|image| image.damage.is_none()).collect()
}

/// The name of an image: its own tag, or else the first one listed.
fn tag(image: &Image) -> Option<&Tag> {
    image.repo_tag.as_ref().or(image.tags.first())
}

/// The registry of an image, as a label value.
pub(super) fn registry(image: &Image) -> String {
    let named = tag(image).and_then(|tag| tag.registry.clone()).filter(|registry| !registry.is_empty());
    named.unwrap_or_else(|| String::from("unknown"))
}

/// The name of an image: its registry and repository.
pub(super) fn image_name(image: &Image) -> String {
    let Some(tag) = tag(image) else { return String::new() };
    match (tag.registry.as_deref().unwrap_or_default(), tag.repo.as_deref().unwrap_or_default()) {
        (_, "") => String::new(),
        ("", repository) => String::from(repository),
        (registry, repository) => format!("{registry}/{repository}"),
    }
}

impl Known<'_> {
    /// The vulnerabilities in its image; `None` if the image is unknown or was never scanned.
    pub(super) fn vulnerabilities(&self) -> Option<[Option<u32>; 4]> {
        self.image?.vulnerabilities
    }

    pub(super) fn cluster(&self) -> String {
        name(self.container.cluster.as_deref())
    }

    /// The group of the container. Folding keeps source and state; the chosen labels are open.
    pub(super) fn group(&self, question: &Question) -> Key {
        let mut chosen = question.group_by.clone();
        for key in &question.promote_labels {
            if !chosen.contains(&label_name(key)) {
                chosen.push(label_name(key));
            }
        }
        let open = chosen.into_iter().map(|label| {
            let value = self.group_label(&label, &question.promote_labels);
            (label, value)
        });
        Key { kept: pairs([("source", &question.source), ("state", "running")]), open: open.collect() }
    }

    fn group_label(&self, label: &str, promoted: &[String]) -> String {
        let cloud = self.container.cloud.as_ref();
        match label {
            "k8s_cluster_name" => self.cluster(),
            "k8s_namespace_name" => name(self.container.namespace.as_deref()),
            "host_name" => name(self.container.hostname.as_deref()),
            "container_image_name" => self.image.map(image_name).unwrap_or_default(),
            "cloud_provider" => {
                cloud.and_then(|cloud| cloud.provider.as_deref()).map(|sent| word(Some(sent))).unwrap_or_default()
            }
            "cloud_account_id" => name(cloud.and_then(|cloud| cloud.account.as_deref())),
            "cloud_region" => name(cloud.and_then(|cloud| cloud.region.as_deref())),
            "origin" => String::from("unknown"),
            other => {
                let key = promoted.iter().find(|key| label_name(key) == other);
                key.map(|key| self.own_label(key)).unwrap_or_default()
            }
        }
    }

    /// The text after the first colon of the label with this key.
    fn own_label(&self, key: &str) -> String {
        let mut labels = self.container.labels.iter().map(|label| label.split_once(':').unwrap_or((label, "")));
        labels.find(|(listed, _)| *listed == key).map(|(_, value)| String::from(value)).unwrap_or_default()
    }
}
