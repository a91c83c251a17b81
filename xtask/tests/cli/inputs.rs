//! `train` and `eval` on two datasets at once and on flow images; `data preview --recipe`.

use std::path::Path;

use marey::weights::read;

use crate::files::{file, y4m};
use crate::support::{done, json, refused};

/// A thin C3D of small frames, on a few videos.
const SMALL: &str = r#"
model = "c3d"
width = 0.03125
dropout = 0.0
[data]
name = "marionettes"
[data.marionettes]
side = 40
train = 16
test = 12
[also]
name = "marionettes"
[also.marionettes]
side = 36
train = 14
test = 12
seed = 7
[clip]
frames = 8
size = 34
crop = 32
[train]
epochs = 1
batch = 10
[watch]
every = 1
[test]
clips = 2
"#;

fn write(folder: &Path, recipe: &str) {
    std::fs::write(folder.join("two.toml"), recipe).unwrap();
}

#[test]
fn two_datasets_are_learnt_at_once_and_the_first_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, SMALL);
    let trained = json(folder, &["train", "two.toml", "--out", "run", "--json"]);
    let weights = trained["weights"].as_str().unwrap();
    // 30 videos in batches of 10.
    assert_eq!(weights, "trained here for 3 steps, on Marionettes at once");
    assert_eq!(trained["videos"], 12);
    assert_eq!(trained["confusion"].as_array().unwrap().len(), 12);
    let run = folder.join("run");
    assert_eq!(std::fs::read_to_string(run.join("labels.txt")).unwrap().lines().count(), 12);
    let shape =
        |file: &str, tensor: &str| read(&run.join(file)).unwrap().tensors[tensor].shape.clone();
    assert_eq!(shape("weights.safetensors", "fc8.bias"), [24]);
    assert_eq!(shape("scores.safetensors", "scores"), [12, 12]);
    // By the same protocol a run is tested to the same numbers.
    let tested = json(folder, &["eval", "run", "--json"]);
    for key in ["top1", "top5", "clip_top1", "confusion", "protocol"] {
        assert_eq!(tested[key], trained[key], "{key}");
    }

    let text = done(folder, &["data", "preview", "--recipe", "two.toml", "--clips", "14"]).stdout;
    assert_eq!(text.lines().count(), 15, "{text}");
    assert!(text.contains(" (2)"), "{text}");
    let sheet = image::open(folder.join("runs/preview-two.png")).unwrap();
    // 8 frames of 32 pixels, 4 between them.
    assert_eq!((sheet.width(), sheet.height()), (8 * 36, 14 * 36));

    for (change, what) in [
        ("also.validation=0.5", "[also] validation"),
        ("augment.mixup=0.2", "no mixup"),
        ("train.loss=network", "cross-entropy"),
        ("data.flow=flow", "[data] flow: c3d sees no flow"),
        ("also.flow=flow", "of both of [data] and [also]"),
        ("also.name=ucf101", "where does \"ucf101\" lie?"),
    ] {
        let line = refused(2, folder, &["train", "two.toml", "--out", "other", "--set", change]);
        assert!(line.contains(what), "{change}: {line}");
    }
}

/// I3D of flow, as small, on videos whose flow is extracted.
const FLOW: &str = r#"
model = "i3d-flow"
width = 0.03125
[data]
name = "folders"
root = "set"
flow = "flow"
[clip]
frames = 4
stride = 1
size = 20
crop = 20
[train]
batch = 2
"#;

#[test]
fn flow_is_taken_from_images_and_shown_in_colours() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (number, video) in ["train/jump", "train/run", "test/jump", "test/run"].iter().enumerate() {
        let class = folder.join("set").join(video);
        std::fs::create_dir_all(&class).unwrap();
        file(&class, &format!("{number}.y4m"), y4m(number, 6));
    }
    write(folder, FLOW);
    let preview = ["data", "preview", "--recipe", "two.toml", "--clips", "3", "-o", "seen.png"];
    let line = refused(3, folder, &preview);
    assert!(line.contains("the flow images of 2 of 2 videos"), "{line}");
    let videos = [
        "set/train/jump/0.y4m",
        "set/train/run/1.y4m",
        "set/test/jump/2.y4m",
        "set/test/run/3.y4m",
    ];
    let flow = ["flow", "--out", "flow", "--root", "set", "--preset", "fast"];
    done(folder, &[&flow[..], &videos].concat());
    let text = done(folder, &preview).stdout;
    assert!(text.contains("jump") && text.contains("0.y4m"), "{text}");
    // 4 fields of 20 pixels, 4 between them.
    let sheet = image::open(folder.join("seen.png")).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (4 * 24, 3 * 24));
    let sheet = sheet.into_rgb8();
    assert!(sheet.pixels().any(|pixel| pixel.0 != [pixel.0[0]; 3]));
    let both = [&preview[..], &["--root", "set"]].concat();
    done(folder, &both);
    write(folder, &FLOW.replace("[clip]", "[clip]\nflow = \"fast\""));
    let line = refused(2, folder, &preview);
    assert!(line.contains("[clip] flow finds it anew"), "{line}");
}

#[test]
fn a_dataset_on_disk_is_shown_by_its_training_videos() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (number, class) in ["jump", "run"].into_iter().enumerate() {
        let class = folder.join("set").join(class);
        std::fs::create_dir_all(&class).unwrap();
        file(&class, "0.y4m", y4m(number, 5));
        file(&class, "1.y4m", y4m(number, 5));
    }
    let preview = ["data", "preview", "classes"];
    let text = done(folder, &[&preview[..], &["--root", "set", "--split", "1"]].concat()).stdout;
    let wanted = ["contact-sheet.png", "jump.gif", "run.gif"];
    let wanted: Vec<_> = wanted.iter().map(|name| format!("runs/preview-classes/{name}")).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
    for (args, what) in [
        (&["classes"][..], "--root DIR is wanted"),
        (&["clases"], "no dataset is called"),
        (&["marionettes", "--root", "set"], "it is generated"),
    ] {
        let line = refused(2, folder, &[&["data", "preview"], args].concat());
        assert!(line.contains(what), "{line}");
    }
}
