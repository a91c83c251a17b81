//! `fuse`: scores of files into one.

use std::collections::HashMap;
use std::path::Path;

use candle::{Device, Tensor};

use crate::support::{done, json, refused};

/// A file of one tensor `name` of three videos and two classes, and labels if there are any.
fn file(folder: &Path, path: &str, name: &str, rows: [[f32; 2]; 3], labels: Option<[i64; 3]>) {
    let mut tensors =
        HashMap::from([(name.to_string(), Tensor::new(&rows, &Device::Cpu).unwrap())]);
    if let Some(labels) = labels {
        tensors.insert("labels".into(), Tensor::new(&labels, &Device::Cpu).unwrap());
    }
    candle::safetensors::save(&tensors, folder.join(path)).unwrap();
}

#[test]
fn streams_and_their_fusion_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Each is right on two of three; where they differ, the surer is right.
    let labels = Some([0, 1, 1]);
    file(folder, "rgb", "scores", [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], labels);
    file(folder, "flow", "scores", [[0.4, 0.6], [0.1, 0.9], [0.2, 0.8]], None);
    let got = json(folder, &["fuse", "rgb", "flow", "--rule", "mean", "--json"]);
    assert_eq!((&got["videos"], &got["classes"]), (&3.into(), &2.into()));
    let two_thirds = 2. / 3.;
    assert_eq!(got["streams"][0]["top1"], two_thirds);
    assert_eq!(got["streams"][1]["top1"], two_thirds);
    assert_eq!((&got["top1"], &got["top5"]), (&1.0.into(), &1.0.into()));
    // The second alone.
    let weighted = ["fuse", "rgb", "flow", "--rule", "weighted", "--weights", "0,1", "--json"];
    assert_eq!(json(folder, &weighted)["top1"], two_thirds);
    let text = done(folder, &["fuse", "rgb", "flow", "--rule", "sci"]).stdout;
    assert!(text.contains("fused (sci)") && text.contains("100.00 %"), "{text}");
}

#[test]
fn what_is_fused_can_be_fused_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    file(folder, "a", "logits", [[0., 0.], [0., 2.], [1., 0.]], Some([0, 1, 0]));
    done(folder, &["fuse", "a", "--rule", "product", "-o", "out"]);
    let tensors = candle::safetensors::load(folder.join("out"), &Device::Cpu).unwrap();
    let scores = tensors["scores"].to_vec2::<f32>().unwrap();
    let sure = (2f64.exp() / (2f64.exp() + 1.)) as f32;
    assert_eq!(scores[0], [0.5, 0.5]);
    assert!((scores[1][1] - sure).abs() < 1e-6, "{scores:?}");
    assert_eq!(json(folder, &["fuse", "out", "--rule", "max", "--json"])["top1"], 1.0);
    // Without labels there is nothing to be right about.
    file(folder, "b", "scores", [[0., 1.]; 3], None);
    assert!(json(folder, &["fuse", "b", "--rule", "mean", "--json"])["top1"].is_null());
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = [[0.5, 0.5]; 3];
    file(folder, "a", "scores", rows, Some([0, 1, 1]));
    file(folder, "other-labels", "scores", rows, Some([0, 0, 1]));
    file(folder, "no-class", "scores", rows, Some([0, 2, 1]));
    file(folder, "negative", "scores", [[-0.5, 1.5]; 3], None);
    file(folder, "neither", "features", rows, None);
    std::fs::write(folder.join("text"), "scores").unwrap();
    let four = |file: &str, says: &str| {
        let line = refused(4, folder, &["fuse", "a", file, "--rule", "mean"]);
        assert!(line.contains(file) && line.contains(says), "{line}");
    };
    four("other-labels", "label 1 is 0, not 1 as a has");
    four("no-class", "label 1 is 2, of 2 classes");
    four("negative", "a score is -0.5; are these logits?");
    four("neither", "expected `scores` or `logits`, got features");
    four("text", "not a safetensors file");
    assert!(refused(3, folder, &["fuse", "nowhere", "--rule", "mean"]).contains("nowhere"));
    let weights = |rest: &[&str]| refused(2, folder, &[&["fuse", "a"], rest].concat());
    assert!(weights(&["--rule", "weighted", "--weights", "1,2"]).contains("1 file, got 2"));
    assert!(weights(&["--rule", "mean", "--weights", "1"]).contains("--rule weighted"));
}
