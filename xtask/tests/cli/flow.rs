//! `flow`: fields of two images, and folders of flow images that are whole or not there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;
use marey::data::extract::{Digest, Manifest};
use marey::flow::{Field, FlowImages, files};
use serde_json::Value;

use crate::files::{file, gif};
use crate::support::{command, done, json, ran, refused, run};

/// A pattern, moved to the right by so many pixels.
fn grey(x: usize, y: usize, moved: usize) -> u8 {
    let (x, y) = (x as f32 - moved as f32, y as f32);
    (128. + 60. * (0.7 * x + 0.3 * y).sin() + 50. * (0.4 * y - 0.5 * x).cos()) as u8
}

/// A video in which it moves by a pixel a frame.
fn y4m(frames: usize, [width, height]: [usize; 2]) -> Vec<u8> {
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F25:1 Cmono\n").into_bytes();
    for t in 0..frames {
        bytes.extend(b"FRAME\n");
        bytes.extend((0..width * height).map(|at| grey(at % width, at / width, t)));
    }
    bytes
}

/// `from.png` and `to.png`, of 48 x 36 pixels.
fn pair(folder: &Path) {
    for (name, moved) in [("from.png", 0), ("to.png", 1)] {
        let image =
            RgbImage::from_fn(48, 36, |x, y| image::Rgb([grey(x as usize, y as usize, moved); 3]));
        image.save(folder.join(name)).unwrap();
    }
}

/// Three videos, the second of which is none.
fn videos(folder: &Path) {
    std::fs::create_dir_all(folder.join("u/a")).unwrap();
    std::fs::create_dir_all(folder.join("u/b")).unwrap();
    file(folder, "u/a/v.y4m", y4m(5, [32, 24]));
    file(folder, "u/b/broken.gif", b"GIF89a");
    file(folder, "u/b/v.gif", gif(1, 3));
}

const VIDEOS: [&str; 8] =
    ["flow", "u/a/v.y4m", "u/b/broken.gif", "u/b/v.gif", "--root", "u", "--out", "out"];

/// All files below `folder`, with their content.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let below = |path: PathBuf| match path.is_dir() {
        true => tree(&path),
        false => vec![(path.clone(), std::fs::read(path).unwrap())],
    };
    let mut all: Vec<_> = entries.flat_map(|entry| below(entry.unwrap().path())).collect();
    all.sort();
    all
}

/// That a folder has as many images of each kind as its manifest says, those of the manifest.
fn assert_whole(folder: &Path, frames: usize) {
    let manifest = Manifest::read(folder).unwrap().unwrap();
    assert_eq!(manifest.frames, frames);
    assert_eq!(manifest.files, Digest::of(folder).unwrap());
    assert_eq!(FlowImages::open(folder).unwrap().len(), frames);
    let images = marey::video::open(folder, &Default::default()).unwrap().len();
    assert_eq!(images.unwrap(), frames);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 3 * frames + 1);
}

#[test]
fn flow_of_two_images_is_written_measured_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pair(folder);
    let args = ["flow", "from.png", "to.png", "-o", "f.flo", "--preset", "ipol"];
    let line = done(folder, &args).stdout;
    assert!(line.starts_with("48x36: displacement ") && line.lines().count() == 1, "{line}");
    let field = files::read(folder.join("f.flo")).unwrap();
    let truth = Field::from_fn(48, 36, |_, _| [1., 0.]).unwrap();
    let off = field.end_point_error(&truth).unwrap().unwrap();
    assert!(off < 0.2, "{off}");

    files::write(folder.join("truth.flo"), &truth).unwrap();
    let more = ["--truth", "truth.flo", "--picture", "p.png", "--json"];
    let report = json(folder, &[&args[..], &more].concat());
    assert_eq!(report["end_point_error"].as_f64().unwrap(), off);
    assert!((report["mean"].as_f64().unwrap() - 1.).abs() < 0.2, "{report}");
    assert!(report["longest"].as_f64() >= report["mean"].as_f64());
    assert_eq!((&report["width"], &report["preset"]), (&48.into(), &"ipol".into()));
    let picture = image::open(folder.join("p.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 48 + 3 * 4, 36));
    // KITTI's file keeps 1/64 pixel.
    let args = ["flow", "from.png", "to.png", "-o", "f.png", "--preset", "ipol", "--warped"];
    let line = done(folder, &args).stdout;
    assert!(line.contains("camera's motion"), "{line}");
    files::read(folder.join("f.png")).unwrap();
}

#[test]
fn flow_refuses_what_are_not_two_images_and_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pair(folder);
    RgbImage::new(9, 9).save(folder.join("small.png")).unwrap();
    file(folder, "text.png", "no image");
    file(folder, "v.y4m", y4m(2, [8, 8]));
    for (code, to, output, what) in [
        (3, "missing.png", "f.flo", "missing.png: no such file"),
        (4, "text.png", "f.flo", "text.png: not a video"),
        (4, "v.y4m", "f.flo", "v.y4m: 2 frames, and an image is wanted"),
        (2, "small.png", "f.flo", "48x36 and 9x9"),
        (2, "to.png", "f.txt", "f.txt: .flo or .png"),
    ] {
        let line = refused(code, folder, &["flow", "from.png", to, "-o", output]);
        assert!(line.contains(what), "{line}");
    }
    let line = refused(2, folder, &["flow", "from.png", "-o", "f.flo"]);
    assert!(line.contains("two images, not of 1"), "{line}");
    for args in [
        &["flow", "from.png", "to.png"][..],
        &["flow", "from.png", "to.png", "-o", "f.flo", "--out", "out"],
        &["flow", "from.png", "to.png", "-o", "f.flo", "--force"],
        &["flow", "v.y4m", "--out", "out", "--picture", "p.png"],
        &["flow", "v.y4m", "--out", "out", "--range", "own", "--bound", "20"],
        &["flow", "v.y4m", "--out", "out", "--shard", "3/2"],
        &["flow", "v.y4m", "--out", "out", "--size", "340"],
    ] {
        let ran = run(command(folder, args));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {}", ran.stderr);
    }
    assert!(!folder.join("out").exists() && !folder.join("f.flo").exists());
}

#[test]
fn flow_makes_a_folder_of_each_video_and_tells_of_broken_ones() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    videos(folder);
    let first = done(folder, &VIDEOS);
    assert!(first.stdout.starts_with("out: 2 videos made (6 pairs of frames in "), "{first:?}");
    assert!(first.stdout.ends_with("0 there already, 1 failed\n"), "{first:?}");
    let errors: Vec<&str> =
        first.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains("u/b/broken.gif"), "{first:?}");
    assert_whole(&folder.join("out/a/v"), 5);
    assert_whole(&folder.join("out/b/v"), 3);
    let made = tree(&folder.join("out"));
    assert_eq!(made.len(), 3 * (5 + 3) + 2);

    // Again: nothing is made.
    let again = run(command(folder, &[&VIDEOS[..], &["--strict", "--json"]].concat()));
    assert_eq!(again.code, 4);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&report["made"], &report["there"], &report["failed"]),
        (&0.into(), &2.into(), &1.into())
    );
    assert_eq!(report["videos"][0]["state"], "there");
    assert!(report["videos"][1]["error"].as_str().unwrap().contains("broken.gif"));
    assert_eq!(report["videos"][2]["frames"], 3);
    assert!(tree(&folder.join("out")) == made);

    // Otherwise: refused one by one, unless it is asked for.
    let otherwise = [&VIDEOS[..], &["--short-side", "12", "--range", "own"]].concat();
    let line = done(folder, &otherwise).stderr;
    assert!(
        line.contains("out/a/v: made otherwise: range was {\"bound\":20.0}, now \"own\"; size was"),
        "{line}"
    );
    assert!(tree(&folder.join("out")) == made);
    let forced = done(folder, &[&otherwise[..], &["--force"]].concat());
    assert!(forced.stdout.starts_with("out: 2 videos made"), "{forced:?}");
    assert_whole(&folder.join("out/a/v"), 5);
    let manifest = Manifest::read(&folder.join("out/a/v")).unwrap().unwrap();
    assert_eq!((manifest.width, manifest.height), (16, 12));
    assert_eq!(manifest.ranges.unwrap().len(), 5);
}

#[test]
fn a_missing_video_of_several_does_not_stop_the_rest_and_what_is_there_can_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    videos(folder);
    let args = ["flow", "none.avi", "u/a/v.y4m", "--out", "out"];
    let ran = done(folder, &args);
    assert!(ran.stderr.contains("none.avi: no such file"), "{ran:?}");
    assert_whole(&folder.join("out/v"), 5);
    assert_eq!(run(command(folder, &[&args[..], &["--strict"]].concat())).code, 4);
    let line = done(folder, &["flow", "out/v", "--gif", "v.gif"]).stdout;
    assert!(line.starts_with("v.gif: 5 pictures"), "{line}");
    let mut shown = marey::video::open(folder.join("v.gif"), &Default::default()).unwrap();
    // Two images of 32 x 24 pixels, and 4 pixels between them.
    assert_eq!((shown.len().unwrap(), shown.size()), (5, (68, 24)));
    assert!(refused(4, folder, &["flow", "u/a", "--gif", "v.gif"]).contains("flow_x_00001.jpg"));
    std::fs::remove_file(folder.join("out/v/manifest.json")).unwrap();
    assert!(refused(3, folder, &["flow", "out/v", "--gif", "v.gif"]).contains("manifest.json"));
}

#[test]
fn flow_refuses_clashes_and_missing_videos_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    videos(folder);
    let line = refused(2, folder, &["flow", "u/a/v.y4m", "u/b/v.gif", "--out", "out"]);
    assert!(line.contains("u/a/v.y4m and u/b/v.gif") && line.contains("--root DIR"), "{line}");
    let line = refused(3, folder, &["flow", "w.avi", "x.avi", "--out", "out"]);
    assert!(line.contains("w.avi: no such file") && line.contains("1 more"), "{line}");
    assert!(refused(3, folder, &["flow", "--list", "no.txt", "--out", "out"]).contains("no.txt"));
    let empty = file(folder, "empty.txt", "\n");
    assert!(refused(2, folder, &["flow", "--list", &empty, "--out", "out"]).contains("no video"));
    assert!(!folder.join("out").exists());
}

#[test]
fn shards_part_the_list_whoever_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let names: Vec<String> = (0..7).map(|n| format!("v{n}.y4m")).collect();
    names.iter().for_each(|name| drop(file(folder, name, y4m(2, [16, 16]))));
    file(folder, "list.txt", names[1..].join("\n"));
    let args = ["flow", "v0.y4m", "--list", "list.txt", "--out", "out", "--json"];
    let made = |shard: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(folder, &[&args[..], shard].concat());
        command.envs(variables.iter().copied());
        let ran = run(command);
        assert_eq!(ran.code, 0, "{ran:?}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["failed"], 0);
        let videos = report["videos"].as_array().unwrap();
        let names = videos.iter().map(|video| video["video"].as_str().unwrap().to_string());
        (names.collect::<Vec<_>>(), ran.stderr)
    };
    let parts = ["1/3", "2/3", "3/3"].map(|shard| made(&["--shard", shard], &[]).0);
    let mut all = parts.concat();
    all.sort();
    assert_eq!(all, names);
    assert!(parts.iter().all(|part| part.len() < 7), "{parts:?}");
    let slurm = [
        ("SLURM_ARRAY_TASK_ID", "11"),
        ("SLURM_ARRAY_TASK_MIN", "10"),
        ("SLURM_ARRAY_TASK_COUNT", "3"),
    ];
    let (part, stderr) = made(&[], &slurm);
    assert_eq!(part, parts[1]);
    assert!(stderr.contains("part 2/3 of the videos, for SLURM_ARRAY_TASK_ID is set"), "{stderr}");
    let (part, _) = made(&["--shards", "3"], &[("JOB_COMPLETION_INDEX", "2")]);
    assert_eq!(part, parts[2]);
    let mut lost = command(folder, &args);
    lost.env("JOB_COMPLETION_INDEX", "2");
    assert_eq!(run(lost).code, 2);
}

/// Starts a run and waits until it has written the first image of `out/v`.
fn at_work(folder: &Path) -> Child {
    let mut child = command(folder, &["flow", "v.y4m", "--out", "out"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !folder.join("out/.v.marey-tmp/img_00001.jpg").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn a_run_that_is_killed_or_stopped_leaves_no_half_folder_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    file(folder, "v.y4m", y4m(200, [64, 48]));
    let args = ["flow", "v.y4m", "--out", "out"];
    let listed = || tree(&folder.join("out"));
    if cfg!(unix) {
        let child = at_work(folder);
        let stop = format!("kill -INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &stop]).status().unwrap().success());
        let stopped = ran(child.wait_with_output().unwrap());
        assert_eq!((stopped.code, &*stopped.stdout), (130, ""), "{stopped:?}");
        assert!(stopped.stderr.contains("error: interrupted"), "{stopped:?}");
        assert_eq!(listed(), []);
    }
    let mut child = at_work(folder);
    // Who comes meanwhile neither disturbs it nor does the same work.
    let other = done(folder, &args);
    assert!(other.stderr.contains("another process is making it just now"), "{other:?}");
    assert!(child.try_wait().unwrap().is_none() && !folder.join("out/v").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("out/v").exists());
    assert!(!listed().is_empty(), "what it left is to be removed");
    let last = done(folder, &args);
    assert!(last.stderr.contains("removed what a killed run left"), "{last:?}");
    assert_whole(&folder.join("out/v"), 200);
    assert_eq!(std::fs::read_dir(folder.join("out")).unwrap().count(), 1);
}
