//! The house keeps its rules: each is a function from what it looks at to what is wrong with it.

mod floors;
mod packages;
mod sources;

use std::path::{Path, PathBuf};

use toml::Table;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A package of the workspace.
struct Package {
    name: String,
    folder: PathBuf,
    manifest: Table,
}

/// All packages: those in `crates`, `tests` and `xtask`.
fn packages() -> Vec<Package> {
    let entries = std::fs::read_dir(root().join("crates")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.extend(["tests", "xtask"].map(|name| root().join(name)));
    folders.sort();
    let package = |folder: PathBuf| {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: Table = text.parse().unwrap();
        Package { name: manifest["package"]["name"].as_str().unwrap().into(), folder, manifest }
    };
    folders.into_iter().map(package).collect()
}

impl Package {
    /// Whether it is published: one of `crates`.
    fn is_crate(&self) -> bool {
        self.folder.parent().is_some_and(|parent| parent.ends_with("crates"))
    }
}

/// What the tables called `kind` name, those of some targets too, renamed ones by the name of their package.
fn dependencies(manifest: &Table, kind: &str) -> Vec<String> {
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    let targets = targets
        .into_iter()
        .flat_map(|targets| targets.values().filter_map(|target| target.as_table()));
    let tables =
        std::iter::once(manifest).chain(targets).filter_map(|table| table.get(kind)?.as_table());
    let name = |(key, value): (&String, &toml::Value)| {
        value.get("package").and_then(|package| package.as_str()).unwrap_or(key).to_string()
    };
    tables.flat_map(|table| table.iter().map(name)).collect()
}

/// All of them.
fn all_dependencies(manifest: &Table) -> Vec<String> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .into_iter()
        .flat_map(|kind| dependencies(manifest, kind))
        .collect()
}

/// Fails with all of `wrong`.
fn assert_none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn dependencies_are_found_wherever_they_stand() {
    let manifest = "[dependencies]\na = \"1\"\nb = { package = \"c\", version = \"1\" }\n\
        [target.'cfg(unix)'.dependencies]\nd.workspace = true\n[dev-dependencies]\ne = \"1\"\n[build-dependencies]\nf = \"1\"";
    assert_eq!(all_dependencies(&manifest.parse().unwrap()), ["a", "c", "d", "e", "f"]);
}
