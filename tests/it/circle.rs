//! The library's files do not depend on each other in a circle, directly or indirectly.
//!
//! A file may use what the `mod.rs` above it declares. All other dependencies go one way.

use std::collections::{BTreeMap, BTreeSet};

use crate::shape::sources;

/// The path of a module below the crate's root, as in `["client", "retry"]`.
type Module = Vec<String>;

/// The modules that each module uses.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// The module paths at the start of `text`; several if they end in a list in braces.
fn paths(text: &str) -> Vec<Module> {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return rest
            .strip_prefix('{')
            .map_or_else(|| vec![Module::new()], |list| elements(list).flat_map(paths).collect());
    }
    let inner = rest.strip_prefix("::").map_or_else(|| vec![Module::new()], paths);
    inner.into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect()
}

/// The elements of a list, up to its closing brace.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                found.push(list[start..at].trim());
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found.into_iter()
}

/// The text after each `prefix` in `code` that begins a path.
fn behind<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter_map(move |(at, _)| {
        let begins = !code[..at].ends_with(|last: char| last.is_alphanumeric() || "_:$".contains(last));
        begins.then(|| &code[at + prefix.len()..])
    })
}

/// The paths that a module names, relative to the crate's root.
fn named(code: &str, module: &Module, children: &BTreeSet<String>) -> Vec<Module> {
    let mut found: Vec<_> = behind(code, "crate::").flat_map(paths).collect();
    for up in 1..=module.len() {
        let above = &module[..module.len() - up];
        let relative = behind(code, "super::").filter_map(|rest| {
            let rest = (1..up).try_fold(rest, |rest, _| rest.strip_prefix("super::"))?;
            (!rest.starts_with("super::")).then_some(rest)
        });
        found.extend(relative.flat_map(paths).map(|path| [above, &path].concat()));
    }
    for child in children {
        let prefix = format!("{child}::");
        if behind(code, &prefix).next().is_some() {
            found.push([module.as_slice(), std::slice::from_ref(child)].concat());
        }
    }
    found
}

/// The modules that each file uses, except those declared above it.
fn uses(files: &[(String, String)]) -> Uses {
    let module = |file: &str| -> Module {
        file.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").map(str::to_owned).collect()
    };
    let modules: BTreeSet<_> = files.iter().map(|(file, _)| module(file)).collect();
    let used = |(file, code): &(String, String)| {
        let module = module(file);
        let is_child = |other: &&Module| other.len() == module.len() + 1 && other.starts_with(&module);
        let children = modules.iter().filter(is_child).map(|child| child[module.len()].clone()).collect();
        let files = named(code, &module, &children).into_iter().filter_map(|mut path| {
            while !path.is_empty() && !modules.contains(&path) {
                path.pop();
            }
            (!path.is_empty() && !module.starts_with(&path)).then_some(path)
        });
        (module.clone(), files.collect())
    };
    files.iter().map(used).collect()
}

/// Finds a circle: a list of modules in which each uses the next and the last uses the first.
fn circle(uses: &Uses) -> Option<Vec<&Module>> {
    fn visit<'a>(uses: &'a Uses, at: &'a Module, way: &mut Vec<&'a Module>, done: &mut BTreeSet<&'a Module>) -> bool {
        if let Some(start) = way.iter().position(|before| *before == at) {
            way.drain(..start);
            return true;
        }
        if done.contains(at) {
            return false;
        }
        way.push(at);
        if uses.get(at).into_iter().flatten().any(|next| visit(uses, next, way, done)) {
            return true;
        }
        way.pop();
        done.insert(at);
        false
    }
    let (mut way, mut done) = (Vec::new(), BTreeSet::new());
    uses.keys().any(|start| visit(uses, start, &mut way, &mut done)).then_some(way)
}

fn written(circle: &[&Module]) -> String {
    circle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" -> ")
}

#[test]
fn files_have_no_circular_dependencies() {
    let files: Vec<_> = sources().into_iter().filter(|(file, _)| !["lib.rs", "main.rs"].contains(&&**file)).collect();
    let found = uses(&files);
    assert!(found.values().map(BTreeSet::len).sum::<usize>() > 300, "the uses were not found: {found:?}");
    let circle = circle(&found).map(|circle| written(&circle));
    assert_eq!(circle, None, "these files use each other in a circle; move what they share into one that uses neither");
}

#[test]
fn circles_are_found_however_the_paths_are_written() {
    let file = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let circle_of = |files: &[(String, String)]| circle(&uses(files)).map(|circle| written(&circle));
    let straight = [
        file("alpha/mod.rs", "mod one; mod two; pub use one::A; use two::B;"),
        file("alpha/one.rs", "use super::two::B; use super::Shared;"),
        file("alpha/two.rs", "use crate::beta::{deep::{C, D}, E}; fn f() {}"),
        file("beta/mod.rs", "pub mod deep; let x = deep::f();"),
        file("beta/deep.rs", "use super::E;"),
    ];
    assert_eq!(circle_of(&straight), None);
    for (name, code, circle) in [
        ("alpha/two.rs", "use super::one::A;", "alpha::one -> alpha::two"),
        ("alpha/two.rs", "let x = crate::alpha::one::f();", "alpha::one -> alpha::two"),
        ("alpha/two.rs", "use crate::{beta, alpha::{Shared, one}};", "alpha::one -> alpha::two"),
        ("beta/deep.rs", "use super::super::alpha::one::A;", "alpha::one -> alpha::two -> beta -> beta::deep"),
        ("beta/deep.rs", "use crate::alpha::B;", "alpha -> alpha::one -> alpha::two -> beta -> beta::deep"),
    ] {
        let mut files = straight.to_vec();
        files.iter_mut().filter(|(file, _)| file == name).for_each(|(_, old)| code.clone_into(old));
        assert_eq!(circle_of(&files).as_deref(), Some(circle), "{code}");
    }
}
