//! The checked-in files are up to date.

use std::fs;

#[test]
fn generated_files_are_up_to_date() {
    for (path, content) in dashboards::files().unwrap() {
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == content, "{} is out of date; run cargo run -p dashboards", path.display());
    }
}
