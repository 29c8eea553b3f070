//! The positions of panels: rows of 24 columns without gaps or overlaps, on the page and in collapsed rows.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::generated;

fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap())
}

#[test]
fn every_row_is_full_and_nothing_overlaps() {
    for (name, dashboard) in generated::all() {
        let top = dashboard["panels"].as_array().unwrap();
        let inside = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
        let mut rows: BTreeMap<u64, Vec<[u64; 4]>> = BTreeMap::new();
        for panel in top.iter().chain(inside) {
            rows.entry(place(panel)[1]).or_default().push(place(panel));
        }
        let mut end = 0;
        for (y, row) in rows {
            assert_eq!(y, end, "{name}: a row begins where the one above it ends");
            let mut x = 0;
            for [left, _, width, height] in &row {
                assert_eq!(*left, x, "{name}: row {y} has a gap or an overlap");
                assert_eq!(*height, row[0][3], "{name}: row {y} is of one height");
                x += width;
            }
            assert_eq!(x, 24, "{name}: row {y} is full");
            end = y + row[0][3];
        }
    }
}

#[test]
fn the_answer_comes_first_and_detail_may_be_folded() {
    for (name, dashboard) in generated::all() {
        let top = dashboard["panels"].as_array().unwrap();
        assert_eq!(top[0]["type"], "stat", "{name}: an answer in five seconds is on top");
        let rows: Vec<_> = top.iter().filter(|panel| panel["type"] == "row").collect();
        assert!(rows.len() > 1, "{name}");
        for row in rows {
            assert_eq!(
                row["collapsed"].as_bool().unwrap(),
                !row["panels"].as_array().unwrap().is_empty(),
                "{name}: {row}"
            );
        }
    }
}

#[test]
fn the_age_of_the_data_is_on_every_dashboard() {
    for (name, dashboard) in generated::all() {
        let shows = |title: &str| {
            let top = dashboard["panels"].as_array().unwrap();
            top.iter().take_while(|panel| panel["type"] != "row").any(|panel| panel["title"] == title)
        };
        assert!(shows("Data age"), "{name}");
        assert!(shows("Failing collectors"), "{name}");
    }
}
