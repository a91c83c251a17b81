//! `infer` and `import-weights` on what they cannot use, and on what they can.

use std::collections::HashMap;
use std::path::Path;

use candle::{Device, Tensor};

use crate::files::{file, weights};
use crate::support::{command, done, refused, run};

/// A clip for `infer`.
fn clip(folder: &Path, name: &str, dims: &[usize]) -> String {
    let path = folder.join("clip.safetensors");
    let clip = Tensor::ones(dims, candle::DType::F32, &Device::Cpu).unwrap();
    candle::safetensors::save(&HashMap::from([(name.to_string(), clip)]), &path).unwrap();
    path.to_str().unwrap().to_string()
}

/// `infer` of MC3-18 with two classes.
fn infer<'a>(weights: &'a str, input: &'a str) -> [&'a str; 11] {
    [
        "infer",
        "--model",
        "mc3-18",
        "--classes",
        "2",
        "--weights",
        weights,
        "--input",
        input,
        "--output",
        "out.safetensors",
    ]
}

/// `import-weights` of two classes.
fn import<'a>(source: &'a str, model: &'a str) -> [&'a str; 8] {
    ["import-weights", source, "--model", model, "--classes", "2", "-o", "w.safetensors"]
}

#[test]
fn infer_gives_logits_and_features() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let weights = weights(folder, "mc3-18", 2);
    done(folder, &infer(weights.to_str().unwrap(), &clip(folder, "clip", &[2, 3, 4, 24, 32])));
    let out = candle::safetensors::load(folder.join("out.safetensors"), &Device::Cpu).unwrap();
    assert_eq!(out["logits"].to_vec2::<f32>().unwrap(), [[0., 3f32.ln()], [0., 3f32.ln()]]);
    assert_eq!(out["features"].to_vec2::<f32>().unwrap(), [[0.; 512], [0.; 512]]);
}

#[test]
fn infer_refuses_weights_and_clips_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = weights(folder, "mc3-18", 2);
    let good = good.to_str().unwrap();
    let input = clip(folder, "clip", &[1, 3, 2, 16, 16]);

    let other = weights(folder, "mc3-18", 3);
    let line = refused(4, folder, &infer(other.to_str().unwrap(), &input));
    assert!(line.contains("mc3-18-3.safetensors: these are not the weights of mc3-18"), "{line}");
    assert!(line.contains("fc.bias: [3] instead of [2]"), "{line}");
    let line = refused(4, folder, &infer(&file(folder, "text.pth", "no weights"), &input));
    assert!(line.contains("text.pth"), "{line}");
    let line = refused(3, folder, &infer("nowhere.pth", &input));
    assert!(line.contains("nowhere.pth"), "{line}");
    // Cut in the middle of its tensors.
    let bytes = std::fs::read(good).unwrap();
    let line = refused(
        4,
        folder,
        &infer(&file(folder, "cut.safetensors", &bytes[..bytes.len() / 2]), &input),
    );
    assert!(line.contains("cut.safetensors"), "{line}");

    let line = refused(3, folder, &infer(good, "nowhere.safetensors"));
    assert!(line.contains("nowhere.safetensors"), "{line}");
    refused(4, folder, &infer(good, &file(folder, "text.safetensors", "no clip")));
    let line = refused(4, folder, &infer(good, &clip(folder, "video", &[1, 3, 2, 16, 16])));
    assert!(line.contains("expected a tensor `clip`, got video"), "{line}");
    let line = refused(4, folder, &infer(good, &clip(folder, "clip", &[3, 2, 16, 16])));
    assert!(line.contains("[N, C, T, H, W]"), "{line}");
    assert!(!folder.join("out.safetensors").exists());
}

#[test]
fn import_weights_accounts_for_every_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let source = weights(folder, "mc3-18", 2);
    let text = done(folder, &import(source.to_str().unwrap(), "mc3-18")).stdout;
    // The count of torchvision's state dict, without `num_batches_tracked`.
    assert_eq!(text.lines().filter(|line| line.starts_with("used ")).count(), 102);
    let load = |path: &Path| candle::safetensors::load(path, &Device::Cpu).unwrap();
    let (from, to) = (load(&source), load(&folder.join("w.safetensors")));
    assert_eq!(from.len(), to.len());
    let bias = |all: &HashMap<String, Tensor>| all["fc.bias"].to_vec1::<f32>().unwrap();
    assert_eq!(bias(&from), bias(&to));
}

#[test]
fn import_weights_never_runs_a_pickle() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // What `pickle.loads` would run.
    let pickle = "cos\nsystem\n(S'touch executed'\ntR.";
    for (name, bytes) in [
        ("a.ckpt", pickle.to_string()),
        ("b.pkl", format!("\u{0}{pickle}")),
        ("c.pth", String::new()),
    ] {
        let source = file(folder, name, bytes);
        let line = refused(
            4,
            folder,
            &["import-weights", &source, "--model", "i3d", "-o", "out.safetensors"],
        );
        assert!(line.contains(name), "{line}");
        assert!(name != "a.ckpt" || line.contains("os.system"), "{line}");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn import_weights_of_another_network_lists_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let source = weights(folder, "mc3-18", 2);
    let ran = run(command(folder, &import(source.to_str().unwrap(), "r3d-18")));
    assert_eq!((ran.code, ran.stderr.lines().count()), (4, 1), "{ran:?}");
    assert!(
        ran.stderr.starts_with("error: ") && ran.stderr.contains("not the weights of r3d-18"),
        "{ran:?}"
    );
    let wrong: Vec<&str> =
        ran.stdout.lines().filter(|line| line.starts_with("mismatched ")).collect();
    // The twelve 3 x 3 kernels of the stages 2 to 4.
    assert_eq!(wrong.len(), 12, "{wrong:?}");
    assert!(wrong[0].contains("layer2.0.conv1.0.weight"), "{wrong:?}");
    assert!(!folder.join("w.safetensors").exists());
}

#[test]
fn a_dialect_may_be_named_and_an_unknown_one_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let source = weights(folder, "mc3-18", 2);
    let source = source.to_str().unwrap();
    let named = |name| [&import(source, "mc3-18")[..], &["--dialect", name]].concat();
    let text = done(folder, &named("same")).stdout;
    assert!(text.contains("mc3-18-2.safetensors (same): 102 taken"), "{text}");

    let there = "there are same, caffe2";
    let input = clip(folder, "clip", &[1, 3, 2, 16, 16]);
    for args in [named("x"), [&infer(source, &input)[..], &["--dialect", "x"]].concat()] {
        let line = refused(2, folder, &args);
        assert!(line.contains("no dialect called `x`") && line.contains(there), "{line}");
    }
    // Named, it is not recognised otherwise: what is missing is named as it was looked for.
    let ran = run(command(folder, &named("caffe2")));
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stderr.contains("not the weights of mc3-18 as caffe2 names them"), "{ran:?}");
    assert!(ran.stdout.contains("missing    fc.bias (looked for as last_out_L2_b)"), "{ran:?}");

    // Nothing that any dialect knows.
    let other = weights(folder, "i3d", 2);
    let line = refused(4, folder, &import(other.to_str().unwrap(), "mc3-18"));
    assert!(line.contains("a name of the dialects same, caffe2; the file has"), "{line}");
}
