//! What every source file keeps to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{assert_none, root};

/// No file has this many lines.
const LINES: usize = 400;

/// What a source never holds. (Put together here, so that this file does not hold it either.)
const UNFINISHED: [&str; 3] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];

/// Beginnings of paths that exist on one machine only.
const ONE_MACHINE: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("C:", "\\\\"),
];

/// What is wrong with a Rust file.
fn rust(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if lines >= LINES {
        wrong.push(format!("{name} has {lines} lines, and {LINES} are too many"));
    }
    if !text.starts_with("//! ") && !text.starts_with("#![doc = ") {
        wrong.push(format!("{name} does not begin with what it is about"));
    }
    let unfinished = UNFINISHED.iter().filter(|word| text.contains(**word));
    wrong.extend(unfinished.map(|word| format!("{name} has a `{word}`")));
    wrong
}

/// Paths of one machine in any text.
fn paths(name: &str, text: &str) -> Vec<String> {
    let found = ONE_MACHINE.iter().filter(|start| text.contains(**start));
    found.map(|start| format!("{name} has a path that begins with {start}")).collect()
}

/// The files of the repository's folders with one of these extensions.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                found.push(path);
            } else if !["target", "runs"]
                .map(OsStr::new)
                .iter()
                .any(|name| path.file_name() == Some(name))
            {
                walk(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    ["crates", "tests", "xtask", "docs"]
        .iter()
        .for_each(|folder| walk(&root().join(folder), &mut found));
    found.retain(|path| {
        extensions.iter().any(|extension| path.extension() == Some(OsStr::new(extension)))
    });
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn sources_are_short_and_finished() {
    let files = files(&["rs"]);
    assert!(files.len() > 100, "{} sources: does this look in the right place?", files.len());
    assert_none(files.iter().flat_map(|(name, text)| rust(name, text)).collect());
}

#[test]
fn no_path_of_one_machine() {
    let files = files(&["rs", "toml", "md", "py", "svg"]);
    assert_none(files.iter().flat_map(|(name, text)| paths(name, text)).collect());
}

#[test]
fn wrong_sources_are_seen() {
    assert_eq!(rust("a.rs", "//! Good.\nfn f() {}\n").len(), 0);
    assert_eq!(rust("a.rs", "fn f() {}\n").len(), 1);
    assert_eq!(rust("a.rs", &"//! Long.\n".repeat(LINES)).len(), 1);
    assert_eq!(rust("a.rs", &"//! Long.\n".repeat(LINES - 1)).len(), 0);
    for word in UNFINISHED {
        assert_eq!(rust("a.rs", &format!("//! Bad.\n{word}")).len(), 1, "{word}");
    }
    for start in ONE_MACHINE {
        assert_eq!(paths("a.md", &format!("see {start}me")).len(), 1, "{start}");
    }
    assert_eq!(paths("a.md", "see docs/architecture.md").len(), 0);
}
