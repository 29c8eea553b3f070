//! Tells the program which compiler made it and from which commit, without running git.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[expect(clippy::disallowed_methods, reason = "a build's own input")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CSE_REVISION");
    let revision = env::var("CSE_REVISION").ok().filter(|revision| !revision.is_empty());
    // Empty where it is not known.
    println!("cargo::rustc-env=CSE_REVISION={}", one_line(&revision.or_else(commit).unwrap_or_default()));
    println!("cargo::rustc-env=CSE_RUSTC={}", one_line(&rustc().unwrap_or_default()));
}

/// What `rustc --version` says, without its name: `1.95.0 (59807616e 2026-04-14)`.
#[expect(clippy::disallowed_methods, reason = "cargo says there which compiler it uses")]
fn rustc() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    Some(text.strip_prefix("rustc ").unwrap_or(text).to_owned())
}

/// The commit that is checked out, if this is a repository of its own and not an unpacked archive.
fn commit() -> Option<String> {
    let git = Path::new(env!("CARGO_MANIFEST_DIR")).join(".git");
    let head = watched(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return Some(head);
    };
    // The branch's own file comes and goes, and a file that is not there would make every build a new one.
    println!("cargo::rerun-if-changed={}", git.join("refs/heads").display());
    fs::read_to_string(git.join(name)).ok().or_else(|| {
        let packed = watched(&git.join("packed-refs"))?;
        let line = packed.lines().find(|line| line.ends_with(&format!(" {name}")))?;
        Some(line.split(' ').next()?.to_owned())
    })
}

/// A file's text; the program is built anew when it changes.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text)
}

/// The first line, so that nothing in it can be taken for an instruction to cargo.
fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}
