//! Everything that people read is in plain English, in the terms of the field.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Words and phrases that a native speaker would not use here, and what to write instead.
const FORBIDDEN: [(&str, &str); 20] = [
    ("tell", "report, show, print or log"),
    ("tells", "reports, shows, prints or logs"),
    ("told", "reported, shown, printed or logged"),
    ("reckon", "compute"),
    ("reckons", "computes"),
    ("reckoned", "computed"),
    ("heed", "observe"),
    ("heeds", "observes"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("anew", "again, or a verb with re-"),
    ("is no", "is not a"),
    ("could not be had", "was unavailable"),
    ("comes to", "is, or totals"),
    ("so many", "the number"),
    ("so long", "the duration"),
    ("is asked for", "is requested"),
    ("of its own", "its own, before the noun"),
    ("what there is", "the data, by name"),
];

/// The checked files, and folders with everything in them except this file, which lists the words.
const PATHS: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "config.example.toml",
    "docs",
    "dashboards",
    ".github",
    ".ci",
    "benches",
    "examples",
    "fuzz/Cargo.toml",
    "fuzz/fuzz_targets",
    "src",
    "tests",
];

/// The extensions of text files; scripts have none.
const KINDS: [&str; 12] = ["", "md", "rs", "toml", "json", "yaml", "yml", "py", "sh", "txt", "js", "jsx"];

#[test]
fn what_people_read_is_in_plain_english() {
    let mut files = Vec::new();
    for path in PATHS {
        gather(Path::new(path), &mut files).unwrap();
    }
    assert!(files.len() > 60, "{} files", files.len());
    let mut found = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (line, phrase, instead) in offences(&text) {
            found.insert((file.display().to_string(), line), format!("{phrase:?}: write {instead}"));
        }
    }
    let found: Vec<_> = found.iter().map(|((file, line), what)| format!("{file}:{line}: {what}")).collect();
    assert!(found.is_empty(), "{} phrases are not plain English:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_phrase_is_found_across_lines_and_not_across_sentences() {
    let at = |text: &str| offences(text).into_iter().map(|(line, phrase, _)| (line, phrase)).collect::<Vec<_>>();
    assert_eq!(at("// It is asked\n// for it.\nThis Tells all."), [(1, "is asked for"), (3, "tells")]);
    assert_eq!(at("This is what it is. No more.\nIt is no longer here: retells, is_no_path and `untold`"), []);
}

/// The text files at a path.
fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            gather(&entry?.path(), files)?;
        }
    } else if KINDS.iter().any(|kind| path.extension().unwrap_or_default() == *kind) && path != Path::new(file!()) {
        files.push(path.to_owned());
    }
    Ok(())
}

/// The forbidden phrases in a text, each with its line. A phrase may continue on the next line, after a comment sign,
/// but not in the next sentence.
fn offences(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let text = text.to_lowercase();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for part in line.split_inclusive(|letter| !is_word(letter)) {
            let word = part.trim_matches(|letter| !is_word(letter));
            if !word.is_empty() {
                words.push((number + 1, word));
            }
            if part.ends_with(['.', ':', ';', '?', '!', '|', '"', '`', ',']) {
                words.push((number + 1, ""));
            }
        }
    }
    let mut found = Vec::new();
    let phrases = FORBIDDEN.map(|(phrase, instead)| (phrase, phrase.split(' ').collect::<Vec<_>>(), instead));
    for (at, (line, _)) in words.iter().enumerate() {
        for (phrase, wanted, instead) in &phrases {
            let mut rest = words[at..].iter().map(|(_, word)| word);
            let is_there = wanted.iter().all(|wanted| rest.next() == Some(wanted));
            // "is no longer" is plain English.
            if is_there && !(*phrase == "is no" && rest.next() == Some(&"longer")) {
                found.push((*line, *phrase, *instead));
            }
        }
    }
    found
}
