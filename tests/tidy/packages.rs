//! What every crate has.

use toml::Table;

use super::{Package, assert_none, dependencies, packages, root};

/// Candle's features, which every crate that depends on it hands on.
const FEATURES: [&str; 5] = ["cuda", "cudnn", "metal", "mkl", "accelerate"];

/// What is wrong with the manifest of a crate; `has_features` tells which crates have candle's features.
fn manifest(name: &str, manifest: &Table, has_features: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |is_good: bool, what: &str| {
        if !is_good {
            wrong.push(format!("{name}: {what}"));
        }
    };
    let package = manifest.get("package").and_then(|package| package.as_table());
    let described = package.and_then(|package| package.get("description")?.as_str());
    check(described.is_some_and(|text| text.len() > 10), "no description");
    let readme = package.and_then(|package| package.get("readme")?.as_str());
    check(readme == Some("README.md"), "no `readme`");
    let docs = package.and_then(|package| package.get("metadata")?.get("docs")?.get("rs"));
    check(docs.is_some(), "no [package.metadata.docs.rs]");
    check(has_workspace_lints(manifest), "no `workspace = true` in [lints]");

    let of = dependencies(manifest, "dependencies");
    let mut of: Vec<&str> =
        of.iter().map(|name| if name == "candle-core" { "candle" } else { name }).collect();
    of.retain(|name| has_features(name));
    for feature in FEATURES {
        let mut wanted: Vec<String> = of.iter().map(|name| format!("{name}/{feature}")).collect();
        wanted.sort_unstable();
        let list = manifest.get("features").and_then(|features| features.get(feature)?.as_array());
        let mut met: Vec<&str> =
            list.into_iter().flatten().filter_map(|value| value.as_str()).collect();
        met.sort_unstable();
        check(
            met == wanted,
            &format!("the feature `{feature}` is {met:?}, and should be {wanted:?}"),
        );
    }
    wrong
}

fn has_workspace_lints(manifest: &Table) -> bool {
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    lints.and_then(|value| value.as_bool()) == Some(true)
}

/// What is wrong with a crate's page and the door it is read through.
fn page(name: &str, readme: Option<&str>, lib: &str) -> Vec<String> {
    let readme = readme.unwrap_or_default();
    let checks = [
        (readme.starts_with(&format!("# {name}\n")), "README.md does not begin with its name"),
        (readme.contains("```rust\n"), "README.md has no example that is run"),
        (
            lib.starts_with("#![doc = include_str!(\"../README.md\")]\n"),
            "lib.rs does not begin with README.md",
        ),
    ];
    checks
        .into_iter()
        .filter(|(good, _)| !good)
        .map(|(_, what)| format!("{name}: {what}"))
        .collect()
}

/// Crates that the roof does not hand on, and those that the map of the code leaves out.
fn unlisted(names: &[&str], roof: &str, map: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in names {
        if *name != "marey" && !roof.contains(&format!("pub use {} as ", name.replace('-', "_"))) {
            wrong.push(format!("{name} is not handed on by crates/marey/src/lib.rs"));
        }
        if !map.contains(&format!("`{name}`")) {
            wrong.push(format!("docs/architecture.md does not mention `{name}`"));
        }
    }
    wrong
}

#[test]
fn manifests_are_complete() {
    let all = packages();
    let knows_candle = |package: &Package| {
        dependencies(&package.manifest, "dependencies")
            .iter()
            .any(|name| name.starts_with("candle"))
    };
    let has_features = |name: &str| {
        name.starts_with("candle")
            || all.iter().any(|package| package.name == name && knows_candle(package))
    };
    let crates = all.iter().filter(|package| package.is_crate());
    assert_none(
        crates
            .flat_map(|package| manifest(&package.name, &package.manifest, has_features))
            .collect(),
    );
    let tests = all.iter().find(|package| package.name == "marey-tests").unwrap();
    assert!(has_workspace_lints(&tests.manifest));
}

#[test]
fn every_crate_has_a_page() {
    let page = |package: &Package| {
        let readme = std::fs::read_to_string(package.folder.join("README.md")).ok();
        let lib = std::fs::read_to_string(package.folder.join("src/lib.rs")).unwrap();
        page(&package.name, readme.as_deref(), &lib)
    };
    assert_none(packages().iter().filter(|package| package.is_crate()).flat_map(page).collect());
}

#[test]
fn every_crate_is_under_the_roof_and_on_the_map() {
    let all = packages();
    let names: Vec<&str> =
        all.iter().filter(|package| package.is_crate()).map(|package| &*package.name).collect();
    let roof = std::fs::read_to_string(root().join("crates/marey/src/lib.rs")).unwrap();
    let map = std::fs::read_to_string(root().join("docs/architecture.md"));
    assert_none(unlisted(&names, &roof, &map.expect("docs/architecture.md, the map of the code")));
}

#[test]
fn wrong_crates_are_seen() {
    let good = "[package]\ndescription = \"does something\"\nreadme = \"README.md\"\n[package.metadata.docs.rs]\n\
        [lints]\nworkspace = true\n[dependencies]\n";
    let count = |text: String| {
        manifest("x", &text.parse().unwrap(), |name| name.starts_with("candle")).len()
    };
    assert_eq!(count(good.into()), 0);
    for line in [
        "description = \"does something\"\n",
        "readme = \"README.md\"\n",
        "workspace = true",
        "[package.metadata.docs.rs]",
    ] {
        assert_eq!(count(good.replacen(line, "", 1)), 1, "without {line}");
    }
    // Five features are missing, or one hands on too little.
    let candle = format!(
        "{good}candle = {{ package = \"candle-core\", version = \"1\" }}\ncandle-nn = \"1\"\n"
    );
    assert_eq!(count(candle.clone()), 5);
    let features =
        FEATURES.map(|f| format!("{f} = [\"candle/{f}\", \"candle-nn/{f}\"]\n")).concat();
    assert_eq!(count(format!("{candle}[features]\n{features}")), 0);
    assert_eq!(
        count(format!("{candle}[features]\n{}", features.replace(", \"candle-nn/mkl\"", ""))),
        1
    );

    assert_eq!(page("x", None, "//! x").len(), 3);
    assert_eq!(
        page("x", Some("# x\n```rust\n"), "#![doc = include_str!(\"../README.md\")]\n").len(),
        0
    );
    assert_eq!(unlisted(&["marey-3d"], "pub use marey_3d as three_d;", "`marey-3d`").len(), 0);
    assert_eq!(unlisted(&["marey-3d"], "use marey_3d as three_d;", "marey").len(), 2);
}
