//! A listing by offset: its rows in the order of their keys, and their text, cached until the console changes.

use std::sync::Arc;

use super::super::answer::{Answer, Call};
use super::{Options, container_rows, image_rows, problem};
use crate::console::Console;

/// The kind of listing.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Containers,
    /// Images without the long lists.
    CompactImages,
    Images,
}

#[derive(Clone, Copy)]
enum Origin {
    Record(usize),
    Stray(usize),
}

struct Entry {
    id: String,
    origin: Origin,
    text: Option<Arc<str>>,
}

/// A listing.
pub(super) struct Listing {
    kind: Kind,
    generation: Option<u64>,
    entries: Vec<Entry>,
}

impl Listing {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, generation: None, entries: Vec::new() }
    }

    /// The requested page, capped at the vendor's page limit.
    pub(super) fn page(&mut self, console: &Console, call: &Call, options: &Options) -> Answer {
        let number = |name: &str, default: usize| call.parameter(name).map_or(Ok(default), str::parse);
        let (Ok(offset), Ok(limit)) = (number("offset", 0), number("limit", 50)) else {
            return problem(400, "offset and limit must be numbers");
        };
        self.refresh(console);
        let total = self.entries.len();
        let first = offset.min(total);
        let end = first.saturating_add(limit.min(options.page_limit)).min(total);
        let rows: Vec<Arc<str>> = (first..end).map(|index| self.text(console, index)).collect();
        let body = if rows.is_empty() { String::from("null") } else { format!("[{}]", rows.join(",")) };
        let answer = Answer::json(200, body);
        if options.total_count { answer.with_header("total-count", total.to_string()) } else { answer }
    }

    /// Reloads the console's records if they have changed.
    fn refresh(&mut self, console: &Console) {
        if self.generation == Some(console.generation()) {
            return;
        }
        self.generation = Some(console.generation());
        let (records, strays): (Vec<&String>, _) = match self.kind {
            Kind::Containers => {
                (console.containers.iter().map(|container| &container.id).collect(), &console.stray_container_rows)
            }
            Kind::CompactImages | Kind::Images => {
                (console.images.iter().map(|image| &image.key).collect(), &console.stray_image_rows)
            }
        };
        let records = records.into_iter().enumerate().map(|(index, id)| (id, Origin::Record(index)));
        let strays = strays.iter().enumerate().map(|(index, stray)| (&stray.id, Origin::Stray(index)));
        self.entries = records.chain(strays).map(|(id, origin)| Entry { id: id.clone(), origin, text: None }).collect();
        self.entries.sort_by(|one, other| one.id.cmp(&other.id));
    }

    fn text(&mut self, console: &Console, index: usize) -> Arc<str> {
        let kind = self.kind;
        let entry = &mut self.entries[index];
        let origin = entry.origin;
        Arc::clone(entry.text.get_or_insert_with(|| row(console, kind, origin).into()))
    }
}

/// A row as the vendor writes it.
fn row(console: &Console, kind: Kind, origin: Origin) -> String {
    let seed = console.seed();
    let value = match (kind, origin) {
        (Kind::Containers, Origin::Record(index)) => container_rows::row(&console.containers[index], seed),
        (Kind::Containers, Origin::Stray(index)) => container_rows::stray(&console.stray_container_rows[index]),
        (Kind::CompactImages, Origin::Record(index)) => image_rows::row(&console.images[index], true, seed),
        (Kind::Images, Origin::Record(index)) => image_rows::row(&console.images[index], false, seed),
        (Kind::CompactImages | Kind::Images, Origin::Stray(index)) => {
            image_rows::stray(&console.stray_image_rows[index])
        }
    };
    value.to_string()
}
