//! What the tests share: the real ffmpeg to make files with and to compare to, and where the sample files are.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use marey_video::{Frame, FrameSource};

/// The first `most` frames of a pass over `video`, which is stopped then.
pub(crate) fn walked(video: &mut dyn FrameSource, most: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut visit = |frame| {
        frames.push(frame);
        if frames.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    video.each(&mut visit).unwrap();
    frames
}

/// Prints why and gives `false` where there is no ffmpeg.
pub(crate) fn has_ffmpeg() -> bool {
    let run =
        Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = run.is_ok_and(|status| status.success());
    if !found {
        println!("skipped: ffmpeg is not installed");
    }
    found
}

/// The folder of sample files; prints why where there is none.
pub(crate) fn data() -> Option<PathBuf> {
    let data = std::env::var_os("MAREY_DATA").map(PathBuf::from);
    if data.is_none() {
        println!("skipped: MAREY_DATA is not set");
    }
    data
}

/// Runs ffmpeg with `arguments`, divided at spaces, and the name of the file to write.
pub(crate) fn make(arguments: &str, out: &Path) {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y", "-threads", "1"])
        .args(arguments.split_ascii_whitespace())
        .arg(out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// All frames by ffmpeg's own straight way, one after the other.
pub(crate) fn reference(path: &Path) -> Vec<u8> {
    let mut name = std::ffi::OsString::from("file:");
    name.push(path);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(name);
    command.args([
        "-map",
        "0:V:0",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]);
    command.output().unwrap().stdout
}
