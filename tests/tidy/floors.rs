//! Arrows between crates point down.

use super::{Package, all_dependencies, assert_none, dependencies, packages};

/// The floors of the house, as `docs/architecture.md` draws them.
const FLOORS: [&[&str]; 6] = [
    &["marey-kernels"],
    &[
        "marey-layers",
        "marey-fusion",
        "marey-shallow",
        "marey-clip",
        "marey-video",
        "marey-flow",
        "marey-weights",
    ],
    &["marey-backbone", "marey-train", "marey-data", "marey-inspect"],
    // Families: none knows another. What two of them want moves down.
    &[
        "marey-two-stream",
        "marey-3d",
        "marey-factorized",
        "marey-channel-separated",
        "marey-recurrent",
    ],
    &["marey"],
    &["xtask", "marey-tests"],
];

/// The one arrow along a floor: fusion inside a network is made of layers.
const ALONG: (&str, &str) = ("marey-fusion", "marey-layers");

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&name))
}

/// Arrows of the package `name` that do not point down, and packages that have no floor.
fn arrows(name: &str, dependencies: &[String]) -> Vec<String> {
    let Some(own) = floor(name) else {
        return vec![format!("{name} has no floor: give it one in tidy/floors.rs")];
    };
    let house =
        |other: &&String| *other == "marey" || other.starts_with("marey-") || *other == "xtask";
    let wrong = |other: &String| match floor(other) {
        Some(_) if (name, other.as_str()) == ALONG => None,
        Some(below) if below < own => None,
        Some(other_floor) => {
            Some(format!("{name} (floor {own}) depends on {other} (floor {other_floor})"))
        }
        None => Some(format!("{name} depends on {other}, which has no floor")),
    };
    dependencies.iter().filter(house).filter_map(wrong).collect()
}

/// Packages that only the command line, tests and examples may use.
const UPSTAIRS: [&str; 2] = ["anyhow", "clap"];

fn upstairs(name: &str, dependencies: &[String]) -> Vec<String> {
    let wrong = dependencies.iter().filter(|other| UPSTAIRS.contains(&other.as_str()));
    wrong
        .map(|other| format!("{name} depends on {other}, which belongs to the command line"))
        .collect()
}

#[test]
fn arrows_point_down() {
    let all = packages();
    assert_none(
        all.iter()
            .flat_map(|package| arrows(&package.name, &all_dependencies(&package.manifest)))
            .collect(),
    );
    for name in FLOORS.into_iter().flatten() {
        assert!(
            all.iter().any(|package| package.name == *name),
            "{name} has a floor and is not there"
        );
    }
}

#[test]
fn errors_of_crates_are_their_own() {
    let named = |package: &Package| {
        upstairs(&package.name, &dependencies(&package.manifest, "dependencies"))
    };
    assert_none(packages().iter().filter(|package| package.is_crate()).flat_map(named).collect());
}

#[test]
fn kernels_know_no_tensor_library() {
    let kernels = packages().into_iter().find(|package| package.name == "marey-kernels").unwrap();
    let candle =
        all_dependencies(&kernels.manifest).into_iter().filter(|name| name.starts_with("candle"));
    assert_none(candle.collect());
}

#[test]
fn wrong_arrows_are_seen() {
    let count = |name: &str, dependencies: &[&str]| {
        arrows(name, &dependencies.iter().map(|name| name.to_string()).collect::<Vec<_>>()).len()
    };
    assert_eq!(count("marey-3d", &["candle", "marey-layers", "marey-backbone"]), 0);
    // Up, along a row, to itself, to and from a crate without a floor.
    assert_eq!(count("marey-layers", &["marey-backbone", "marey-kernels", "marey"]), 2);
    assert_eq!(count("marey-3d", &["marey-factorized"]), 1);
    assert_eq!(count("xtask", &["marey", "marey-tests"]), 1);
    assert_eq!(count("marey-3d", &["marey-nowhere"]), 1);
    assert_eq!(count("marey-nowhere", &[]), 1);
    assert_eq!(upstairs("marey-3d", &["clap".into(), "candle".into()]).len(), 1);
}
