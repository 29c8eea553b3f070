//! docs/coverage.md has a row for every field of every fixture: how it is shown, or why it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use container_security_exporter::catalog;
use container_security_exporter::metric::Metric;
use container_security_exporter::source::prisma::wire as prisma;
use container_security_exporter::source::qualys::wire as qualys;
use container_security_exporter::wire::paths as paths_of;
use serde_json::Value;

/// The keys around the rows of every Qualys listing.
const ENVELOPE: &[&str] = &["data", "count", "limit", "groups", "aggs"];

/// The page's section for one endpoint.
#[derive(Default)]
struct Section {
    fixtures: Vec<String>,
    /// For each field, what it is shown as and why it is not.
    fields: BTreeMap<String, (String, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of the page.
pub(crate) fn page() -> String {
    std::fs::read_to_string(root().join("docs/coverage.md")).expect("docs/coverage.md")
}

/// The texts between backticks.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of a table row.
pub(crate) fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect()
}

/// The sections that list the fields of a fixture, by heading.
fn sections() -> BTreeMap<String, Section> {
    let page = page();
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut heading = "";
    for line in page.lines() {
        if let Some(next) = line.strip_prefix("### ") {
            heading = next;
        } else if let Some(fixtures) = line.strip_prefix("Fields of ") {
            sections.entry(heading.to_owned()).or_default().fixtures.extend(quoted(fixtures).map(str::to_owned));
        } else if let (Some(section), true) = (sections.get_mut(heading), line.starts_with("| `")) {
            let cells = cells(line);
            let [fields, shown, why] = cells[..] else { panic!("{heading}: {line} does not have three cells") };
            for field in quoted(fields) {
                let known = section.fields.insert(field.to_owned(), (shown.to_owned(), why.to_owned()));
                assert!(known.is_none(), "{heading}: `{field}` has two rows");
            }
        }
    }
    sections
}

/// Collects every path to a value. For lists, it collects the paths of their elements.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                paths(element, &format!("{path}[]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The paths within the rows of a fixture.
fn fields_of(fixture: &str) -> BTreeSet<String> {
    let path = root().join("tests/fixtures").join(fixture);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{fixture}: {error}"));
    let mut found = BTreeSet::new();
    if let Some(rows) = value.as_object_mut().and_then(|page| page.remove("data")) {
        let others = value.as_object().expect("it is an object").keys().find(|key| !ENVELOPE.contains(&key.as_str()));
        assert_eq!(others, None, "{fixture} has a key beside its rows that no section covers");
        value = rows;
    }
    for row in value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice) {
        paths(row, "", &mut found);
    }
    found
}

/// Whether a row covers the path: one for the path itself, for a field within it, or for everything in an object.
fn is_covered(path: &str, fields: &BTreeMap<String, (String, String)>) -> bool {
    fields.keys().any(|field| {
        let below = field.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        let above = field.strip_suffix(".*").and_then(|above| path.strip_prefix(above));
        field == path || below || above.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

#[test]
fn every_field_of_every_fixture_has_a_row() {
    let sections = sections();
    let mut wrong = Vec::new();
    for (heading, section) in &sections {
        let there: BTreeSet<String> = section.fixtures.iter().flat_map(|fixture| fields_of(fixture)).collect();
        wrong.extend(
            there
                .iter()
                .filter(|path| !is_covered(path, &section.fields))
                .map(|path| format!("{heading}: no row for `{path}`")),
        );
        let known = |field: &str| {
            let all = field.strip_suffix(".*").unwrap_or(field);
            there.iter().any(|path| path == field || (all != field && path.starts_with(all)))
        };
        wrong.extend(
            section
                .fields
                .keys()
                .filter(|field| !known(field))
                .map(|field| format!("{heading}: `{field}` is in no fixture")),
        );
        for (field, (shown, why)) in &section.fields {
            if shown.is_empty() == why.is_empty() {
                wrong.push(format!("{heading}: `{field}` must be shown, or have a reason why it is not"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/coverage.md:\n{}", wrong.join("\n"));

    let documented: BTreeSet<_> = sections.values().flat_map(|section| section.fixtures.clone()).collect();
    let there: BTreeSet<_> = ["qualys", "prisma"]
        .iter()
        .flat_map(|vendor| {
            let folder = root().join("tests/fixtures").join(vendor);
            let files = std::fs::read_dir(folder).expect("a folder of fixtures");
            files.map(move |file| format!("{vendor}/{}", file.expect("a fixture").file_name().display()))
        })
        .collect();
    assert_eq!(documented, there, "fixtures in docs/coverage.md, and those that exist");
}

/// The labels that a text names, as in "label `a` of `b`" or "labels `a`, `c`".
fn named(words: &str) -> impl Iterator<Item = &str> {
    words.match_indices("label").flat_map(|(at, found)| {
        let list = words[at + found.len()..].trim_start_matches('s').strip_prefix(" `").unwrap_or_default();
        list.split("`, `")
            .map(|name| name.split('`').next().unwrap_or_default())
            .filter(|name| !name.is_empty() && !name.starts_with("container_security_"))
    })
}

#[test]
fn labels_are_found_in_words() {
    let found = |words| named(words).collect::<Vec<_>>();
    assert_eq!(found("labels `a`, `b`, from its dotted keys"), ["a", "b"]);
    assert_eq!(found("`container_security_x`, label `a`; label `b` of `container_security_y`"), ["a", "b"]);
    assert_eq!(found("labels `label_<key>` for the keys in `containers.promote_labels`"), ["label_<key>"]);
}

#[test]
fn families_and_labels_that_show_fields_are_in_the_catalog() {
    let families: BTreeSet<_> = catalog::all().map(Metric::name).collect();
    let labels: BTreeSet<_> = catalog::all()
        .flat_map(Metric::labels)
        .flatten()
        .chain(catalog::choices())
        .chain(catalog::image_choices())
        .map(|label| label.name)
        .collect();
    for (heading, section) in sections() {
        for (field, (words, _)) in section.fields {
            for name in quoted(&words).filter(|name| name.starts_with("container_security_")) {
                assert!(families.contains(name), "{heading}: `{field}` is shown as {name}, which is not a family");
            }
            for name in named(&words).filter(|name| *name != "label_<key>") {
                assert!(labels.contains(name), "{heading}: `{field}` is shown as {name}, which is not a label");
            }
        }
    }
    // Conversely, each family about vendors has a source.
    let page = page();
    let vendors = catalog::all().filter(|metric| !metric.is_live()).map(Metric::name);
    let unsaid: Vec<_> = vendors.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(unsaid.is_empty(), "docs/coverage.md has no field that is shown as {unsaid:?}");
}

/// Whether a row covers the path: one for the path itself, for everything in an object, or for a field around it.
fn covers(field: &str, path: &str) -> bool {
    let above = field.strip_suffix(".*").unwrap_or(field);
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[test]
fn counted_fields_are_the_ones_that_are_shown() {
    let listings = [
        (&["GET /csapi/v1.3/containers"][..], paths_of::<qualys::PageRow<'_>>()),
        (&["GET /csapi/v1.3/containers/list"], paths_of::<qualys::BulkRow<'_>>()),
        (&["GET /csapi/v1.3/images"], paths_of::<qualys::ImagePageRow<'_>>()),
        (&["GET /csapi/v1.3/images/list"], paths_of::<qualys::ImageBulkRow<'_>>()),
        (&["GET /csapi/v1.3/sensors"], paths_of::<qualys::SensorRow<'_>>()),
        (&["GET /csapi/v1.3/k8s_postures/list"], paths_of::<qualys::ControlRow<'_>>()),
        (&["GET /csapi/v1.3/k8s_postures/count"], paths_of::<qualys::ResourceRow<'_>>()),
        (&["GET /csapi/v1.3/reports"], paths_of::<qualys::ReportRow<'_>>()),
        (&["GET /csapi/v1.3/registry"], paths_of::<qualys::RegistryRow<'_>>()),
        (
            &["GET /csapi/v1.3/centralizedPolicy", "GET /csapi/v1.3/centralizedPolicy/{policyId}"],
            paths_of::<qualys::PolicyRow<'_>>(),
        ),
        (&["GET /api/v{version}/containers"], paths_of::<prisma::ContainerRow<'_>>()),
        (&["GET /api/v{version}/images"], paths_of::<prisma::ImageRow<'_>>()),
        (&["GET /api/v{version}/defenders/summary"], paths_of::<prisma::DefenderRow<'_>>()),
        (&["GET /api/v{version}/stats/vulnerabilities"], paths_of::<prisma::CveRow<'_>>()),
        (&["GET /api/v{version}/settings/license"], paths_of::<prisma::License>()),
    ];
    let sections = sections();
    let mut wrong = Vec::new();
    for (headings, counted) in listings {
        let heading =
            |name: &&str| sections.get(&format!("`{name}`")).unwrap_or_else(|| panic!("{name} has no section"));
        let rows: Vec<_> = headings.iter().map(heading).flat_map(|section| &section.fields).collect();
        // The rows of the statistics are nested in days; paths are relative to the rows.
        let own = |field: &str| field.strip_prefix("images.vulnerabilities[].").unwrap_or(field).to_owned();
        for path in &counted {
            let shown = rows.iter().any(|(field, (shown, _))| !shown.is_empty() && covers(&own(field), path));
            if !shown {
                wrong.push(format!("{headings:?}: `{path}` is counted, but no row shows it"));
            }
        }
        let is_key = |shown: &str| !shown.contains("label `") && !shown.contains("labels `");
        for (field, (shown, _)) in rows.iter().filter(|(_, (shown, _))| !shown.is_empty()) {
            let field = own(field);
            let known = counted.iter().any(|path| covers(&field, path) || covers(path, &field));
            if !known && !is_key(shown) && !["uuid", "cid", "_id", "cve", "category"].contains(&field.as_str()) {
                wrong.push(format!("{headings:?}: `{field}` is shown, but not counted"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/coverage.md and the row types disagree:\n{}", wrong.join("\n"));
}
