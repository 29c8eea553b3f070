//! What is checked in is what the source says.

use std::fs;

#[test]
fn the_files_are_what_is_generated() {
    for (path, content) in dashboards::files().unwrap() {
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == content, "{} is not what the source says: cargo run -p dashboards", path.display());
    }
}
