//! Properties of every console, and of its changes.

use std::collections::BTreeSet;

use super::{Console, Container, Shape};

const NOW: i64 = 1_750_000_000_123;

#[test]
fn equal_shapes_make_equal_consoles() {
    let dump = |seed| {
        let mut console = Console::generate(&Shape::small(seed, NOW).hostile(true));
        console.step(NOW + 60_000);
        format!("{console:?}")
    };
    assert_eq!(dump(3), dump(3));
    assert_ne!(dump(3), dump(4));
}

#[test]
fn keys_are_unique_and_some_images_share_an_id() {
    let console = Console::generate(&Shape::small(5, NOW).hostile(true));
    let ids: BTreeSet<_> = console.containers.iter().map(|container| &container.id).collect();
    assert_eq!(ids.len(), console.containers.len());
    let keys: BTreeSet<_> = console.images.iter().map(|image| &image.key).collect();
    assert_eq!(keys.len(), console.images.len());
    let known_as: BTreeSet<_> = console.images.iter().map(super::Image::known_as).collect();
    assert!(known_as.len() < keys.len());
    let categories: BTreeSet<_> = console.defenders.iter().map(|defenders| &defenders.category).collect();
    assert_eq!(categories.len(), console.defenders.len());
}

#[test]
fn a_console_has_every_kind_of_data() {
    let console = Console::generate(&Shape::small(1, NOW).hostile(true));
    let any = |holds: fn(&Container) -> bool| assert!(console.containers.iter().any(holds));
    any(|container| container.passed.is_none() && container.failed.is_some());
    any(|container| container.passed.as_ref().is_some_and(|passed| passed.enabled == Some(false)));
    any(|container| container.issues.is_none() && container.damage.is_none());
    any(|container| container.image_id.is_none());
    any(|container| {
        let passed = container.passed.iter().flat_map(|passed| passed.checks.iter().flatten());
        container.failed.iter().flatten().any(|failed| passed.clone().any(|passed| failed.id == passed.id))
    });
    let listed = |id: &str| console.images.iter().any(|image| image.known_as() == id);
    any(|container| container.damage.is_some());
    assert!(console.containers.iter().filter_map(|container| container.image_id.as_deref()).any(|id| !listed(id)));
    assert!(console.images.iter().any(|image| image.vulnerabilities.is_none()));
    assert!(console.unreadable_container_rows() > 6 && console.unreadable_image_rows() > 6);
}

#[test]
fn a_step_changes_a_little() {
    let mut console = Console::generate(&Shape::small(9, NOW));
    let before = console.clone();
    console.step(NOW + 60_000);
    assert!(console.generation() > before.generation() && console.now_ms() > before.now_ms());
    let same = |old: &Container| console.containers.iter().any(|new| format!("{new:?}") == format!("{old:?}"));
    let changed = before.containers.iter().filter(|old| !same(old)).count();
    assert!((2..40).contains(&changed), "{changed} changed");
    let is_known = |new: &Container| before.containers.iter().any(|old| old.id == new.id);
    assert!(console.containers.iter().any(|new| !is_known(new)), "some containers must be new");
}
