//! `models`, `summary` and `bench`: what is printed is what the library says.

use marey::kernels::Isa;
use marey::zoo::MODELS;

use crate::support::{command, done, json, ran, refusal, refused, run};

#[test]
fn models_are_all_listed() {
    let folder = tempfile::tempdir().unwrap();
    let listed = json(folder.path(), &["models", "--json"])["models"].take();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, MODELS.iter().map(|model| model.name).collect::<Vec<_>>());
    let c3d = &listed[names.iter().position(|name| *name == "c3d").unwrap()];
    assert_eq!((&c3d["parameters"], &c3d["classes"]), (&79_991_015.into(), &487.into()));
    let text = done(folder.path(), &["models"]).stdout;
    assert!(
        MODELS.iter().all(|model| text.lines().any(|line| line.starts_with(model.name))),
        "{text}"
    );
}

#[test]
fn summary_has_the_numbers_of_the_paper() {
    let folder = tempfile::tempdir().unwrap();
    let summary = json(folder.path(), &["summary", "c3d", "--json"]);
    assert_eq!(summary["parameters"], 79_991_015);
    assert_eq!(summary["multiply_adds"], 38_548_959_232u64);
    assert_eq!(summary["input"], serde_json::json!([1, 3, 16, 112, 112]));
    let stages = summary["stages"].as_array().unwrap();
    let pool5 = stages.iter().find(|stage| stage["name"] == "pool5").unwrap();
    assert_eq!(pool5["shape"], serde_json::json!([1, 512, 1, 4, 4]));
    // Each stage has its share.
    let total: u64 = stages.iter().map(|stage| stage["multiply_adds"].as_u64().unwrap()).sum();
    assert_eq!(total, 38_548_959_232);

    let summary = json(
        folder.path(),
        &["summary", "r3d-18", "--classes", "7", "--frames", "8", "--size", "56", "--json"],
    );
    assert_eq!(summary["input"], serde_json::json!([1, 3, 8, 56, 56]));
    // Against 400 classes: 512 weights and a bias less for each class less.
    assert_eq!(summary["parameters"], 33_371_472 - (400 - 7) * 513);
    assert!(done(folder.path(), &["summary", "c3d"]).stdout.contains("38,548,959,232 (38.549 G)"));
}

#[test]
fn an_unknown_model_is_a_usage_error_that_lists_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let line = refused(2, folder.path(), &["summary", "c4d"]);
    assert!(line.contains("`c4d`") && line.contains("c3d, ") && line.contains(", i3d"), "{line}");
    // Sizes that no network has are usage errors, too.
    for args in [["summary", "c3d", "--size", "8"], ["summary", "c3d", "--frames", "1"]] {
        refused(2, folder.path(), &args);
    }
    for args in [["--classes", "0"], ["--size", "0"], ["--frames", "99999999999999999999"]] {
        let ran = run(command(folder.path(), &[&["summary", "i3d"], &args[..]].concat()));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{args:?}");
        assert!(ran.stderr.contains("a number from 1 to"), "{}", ran.stderr);
    }
    // What no machine holds is told all the same: a summary computes nothing.
    done(folder.path(), &["summary", "i3d", "--size", "60000", "--frames", "60000"]);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for args in
        [&["models", "--json"][..], &["summary", "i3d"], &["reproduce", "--list"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = ran(command(folder.path(), args).stdout(writer).output().unwrap());
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{args:?}");
    }
}

#[test]
fn bench_measures_what_it_was_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "bench",
        "model",
        "mc3-18",
        "--frames",
        "4",
        "--size",
        "32",
        "--runs",
        "2",
        "--threads",
        "1",
        "--json",
    ];
    for more in [&[][..], &["--train"], &["--train", "--recompute"]] {
        let (train, recompute) = (!more.is_empty(), more.len() > 1);
        let args = [&args[..], more].concat();
        let bench = json(folder.path(), &args);
        assert_eq!(bench["input"], serde_json::json!([1, 3, 4, 32, 32]));
        assert_eq!(
            (&bench["threads"], &bench["runs"], &bench["train"], &bench["recompute"]),
            (&1.into(), &2.into(), &train.into(), &recompute.into())
        );
        let (best, median) =
            (bench["min_ms"].as_f64().unwrap(), bench["median_ms"].as_f64().unwrap());
        assert!(best > 0. && median >= best, "{bench}");
    }
}

#[test]
fn bf16_is_refused_without_its_instructions_unless_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bf16 = [
        "bench",
        "model",
        "mc3-18",
        "--frames",
        "4",
        "--size",
        "32",
        "--precision",
        "bf16",
        "--json",
    ];
    let mut named = command(folder.path(), &bf16);
    named.env("MAREY_ISA", "portable");
    assert_eq!(run(named).code, 0);
    let mut unnamed = command(folder.path(), &bf16);
    unnamed.env_remove("MAREY_ISA");
    if Isa::available()[0].has_bf16() {
        assert_eq!(run(unnamed).code, 0);
    } else {
        assert!(refusal(5, unnamed).contains("AVX512-BF16"));
    }
}

#[test]
fn bench_compares_with_an_earlier_report_of_the_same_and_refuses_another() {
    let folder = tempfile::tempdir().unwrap();
    let layer = ["bench", "layer", "mc3-18", "--frames", "4", "--size", "32", "--runs", "1"];
    let with = |more: &[&'static str]| layer.iter().copied().chain(more.iter().copied()).collect();
    let before: Vec<&str> = with(&["--train", "--json"]);
    let report = json(folder.path(), &before);
    let layers = report["layers"].as_array().unwrap();
    let times = |pass: &str| {
        let of = layers.iter().filter(|layer| layer["pass"] == pass);
        of.map(|layer| layer["times"].as_u64().unwrap()).sum::<u64>()
    };
    // Table 1 of its paper: the stem, two convolutions in each of eight blocks, three shortcuts.
    assert_eq!([times("forward"), times("input gradient"), times("weight gradient")], [20; 3]);
    assert!(layers.iter().all(|layer| layer["median_ms"].as_f64().unwrap() > 0.));
    std::fs::write(folder.path().join("before.json"), report.to_string()).unwrap();
    let after: Vec<&str> = with(&["--compare", "before.json"]);
    let text = done(folder.path(), &after).stdout;
    assert!(text.contains("before / now") && !text.contains(" new"), "{text}");
    let other = ["bench", "model", "mc3-18", "--frames", "4", "--size", "32", "--runs", "1"];
    let other: Vec<&str> = other.into_iter().chain(["--compare", "before.json"]).collect();
    let error = refused(4, folder.path(), &other);
    assert!(error.contains("before.json") && error.contains("train"), "{error}");
    std::fs::write(folder.path().join("before.json"), "{").unwrap();
    assert!(refused(4, folder.path(), &after).contains("before.json"));
}
