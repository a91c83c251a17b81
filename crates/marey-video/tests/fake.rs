//! Programs that are not ffmpeg, or not well: none of them holds up the caller or is left behind.
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![cfg(unix)]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use marey_video::{Error, Frame, FrameSource, Options, Result, open};

/// A file that reads as MP4 far enough to be given to ffmpeg, and a folder for the programs.
struct Stage {
    folder: tempfile::TempDir,
    video: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("video.mp4");
        // `ftyp` and an empty `moov`.
        fs::write(&video, b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov").unwrap();
        Self { folder, video }
    }

    /// Opens the video with a shell script for ffmpeg. `$COUNT` tells the first pass from the second.
    fn open(&self, script: &str) -> Result<Box<dyn FrameSource>> {
        let program = self.folder.path().join("ffmpeg");
        let count = "case \"$*\" in *framecrc*) COUNT=1;; *) COUNT=;; esac";
        let pid = self.folder.path().join("pids");
        let script = format!("#!/bin/sh\necho $$ >> '{}'\n{count}\n{script}\n", pid.display());
        // Written by another process: a program that this one holds open for writing, or a child that it forks
        // meanwhile for another test does, cannot be started.
        let mut writer = Command::new("sh");
        writer
            .args(["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""])
            .arg(&program)
            .arg(script);
        assert!(writer.status().unwrap().success());
        self.open_with(&program)
    }

    fn open_with(&self, program: &Path) -> Result<Box<dyn FrameSource>> {
        let options = Options {
            timeout: Duration::from_millis(500),
            ffmpeg: Some(program.to_path_buf()),
            ..Options::default()
        };
        open(&self.video, &options)
    }

    fn error(&self, script: &str) -> Error {
        self.open(script).err().unwrap()
    }
}

impl Drop for Stage {
    /// No process that was started is left, not even as a zombie.
    fn drop(&mut self) {
        if std::thread::panicking() || !Path::new("/proc/self").exists() {
            return;
        }
        let pids = fs::read_to_string(self.folder.path().join("pids")).unwrap_or_default();
        for pid in pids.lines() {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            assert!(status.is_empty(), "{pid} is left: {status}");
        }
    }
}

/// The report of a first pass over `len` frames of 2 x 1 pixels.
fn report(len: usize) -> String {
    let frames: String = (0..len).map(|i| format!("0, {i}, {i}, 1, 3, 0x0\\n")).collect();
    format!("printf '#dimensions 0: 2x1\\n{frames}'")
}

#[test]
fn a_well_behaved_stand_in() {
    let stage = Stage::new();
    let frame = |c: char| format!("printf 'P6\\n2 1\\n255\\n{}'", String::from(c).repeat(6));
    let script =
        format!("if [ $COUNT ]; then {}; else {}; {}; fi", report(2), frame('a'), frame('b'));
    let mut video = stage.open(&script).unwrap();
    assert_eq!((video.len().unwrap(), video.size()), (2, (2, 1)));
    let frames = video.frames(&[1, 0, 1]).unwrap();
    assert_eq!(frames.iter().map(|frame| frame.data[5]).collect::<Vec<_>>(), b"bab");
    assert!(matches!(video.frames(&[2]), Err(Error::FrameOutOfRange { index: 2, len: 2, .. })));
    let mut seen = Vec::new();
    let mut visit = |frame: Frame| {
        seen.push(frame.data[5]);
        ControlFlow::Continue(())
    };
    video.each(&mut visit).unwrap();
    assert_eq!(seen, b"ab");
}

#[test]
fn one_pass_ends_with_the_error_that_frames_gives() {
    let stage = Stage::new();
    let short =
        format!("if [ $COUNT ]; then {}; else printf 'P6\\n2 1\\n255\\nabcdef'; fi", report(2));
    let mut seen = 0;
    let error = stage.open(&short).unwrap().each(&mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(Error::Truncated { got: 1, expected: Some(2), .. })), "{error:?}");
    assert_eq!(seen, 1);
    // Broken off, a program that would go on is not waited for.
    let frame = "printf 'P6\\n2 1\\n255\\nabcdef'";
    let script = format!("if [ $COUNT ]; then {}; else {frame}; exec sleep 60; fi", report(2));
    stage.open(&script).unwrap().each(&mut |_| ControlFlow::Break(())).unwrap();
}

#[test]
fn the_decoder_is_ffmpeg_by_its_version() {
    let stage = Stage::new();
    let tell = |line: &str| {
        let script = format!("case \"$*\" in -version) echo '{line}';; *) {};; esac", report(1));
        stage.open(&script).unwrap().decoder()
    };
    let version =
        tell("ffmpeg version 5.1.6-0+deb12u1 Copyright (c) 2000-2024 the FFmpeg developers");
    assert_eq!(version.unwrap(), "ffmpeg version 5.1.6-0+deb12u1");
    assert!(matches!(tell("hello"), Err(Error::DecoderFailed { .. })));
}

#[test]
fn hung_programs_are_killed() {
    let stage = Stage::new();
    let after_first = format!("if [ $COUNT ]; then {}; else exec sleep 60; fi", report(1));
    let scripts = [
        "exec sleep 60".to_string(),             // silent from the start
        format!("{}; exec sleep 60", report(1)), // silent in the middle
        format!("{}; exec 1>&- ; exec sleep 60", report(1)), // closed its output and stays
        "kill -STOP $$".to_string(),             // stopped
        "sleep 4".to_string(),                   // with a process of its own that holds the pipes
        "trap '' TERM INT HUP; while :; do sleep 1; done".to_string(),
    ];
    for script in scripts {
        let start = Instant::now();
        let error = stage.error(&script);
        assert!(matches!(error, Error::TimedOut { .. }), "{script}: {error}");
        assert!(start.elapsed() < Duration::from_secs(5), "{script}: {:?}", start.elapsed());
    }
    let error = stage.open(&after_first).unwrap().frames(&[0]).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[test]
fn trickles_do_not_count_as_progress() {
    let stage = Stage::new();
    let trickle = "printf 'P6\\n2 1\\n255\\n'; for i in 1 2 3 4 5 6; do printf x; sleep 0.3; done";
    let script = format!("if [ $COUNT ]; then {}; else {trickle}; fi", report(1));
    let error = stage.open(&script).unwrap().frames(&[0]).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[test]
fn garbage_and_short_output() {
    let stage = Stage::new();
    for script in ["echo hello", "head -c 300000 /dev/zero", "printf '0,0,0,0,0,0\\n'", "exit 0"] {
        let error = stage.error(script);
        assert!(matches!(error, Error::DecoderFailed { .. }), "{script}: {error}");
    }
    let second = |script: &str| format!("if [ $COUNT ]; then {}; else {script}; fi", report(2));
    for script in [
        "head -c 100000 /dev/urandom",
        "printf 'P6\\n2 9999999999\\n255\\n'",
        "printf 'P5\\n2 1\\n255\\n'",
    ] {
        let error = stage.open(&second(script)).unwrap().frames(&[0]).unwrap_err();
        assert!(matches!(error, Error::DecoderFailed { .. }), "{script}: {error}");
    }
    let error =
        stage.open(&second("printf 'P6\\n2 2\\n255\\n'")).unwrap().frames(&[0]).unwrap_err();
    assert!(matches!(error, Error::FrameSize { got: (2, 2), expected: (2, 1), .. }), "{error}");
    // One frame and a half, and a clean end.
    let error = stage
        .open(&second("printf 'P6\\n2 1\\n255\\nabcdefP6\\n2 1\\n255\\nabc'"))
        .unwrap()
        .all()
        .unwrap_err();
    assert!(matches!(error, Error::Truncated { got: 1, expected: Some(2), .. }), "{error}");
    // A frame too large for the limit is refused by its header.
    let error = stage.error("printf '#dimensions 0: 100000x100000\\n'; exec sleep 60");
    assert!(matches!(error, Error::TooLarge { got: 10_000_000_000, .. }), "{error}");
}

#[test]
fn failures_keep_their_last_line() {
    let stage = Stage::new();
    let error = stage.error("echo 'first' >&2; echo '[h264 @ 0x5] no frame!' >&2; echo 'Conversion failed!' >&2; exit 3");
    assert_eq!(
        error.to_string(),
        format!("{}: the decoder failed: no frame!", stage.video.display())
    );
    let error = stage.error("exit 7");
    assert!(error.to_string().contains("exit status: 7"), "{error}");
    let error = stage.error("kill -9 $$");
    assert!(error.to_string().contains("signal: 9"), "{error}");
    // Failing after frames that were good is failing.
    let error = stage.error(&format!("{}; echo broken >&2; exit 1", report(3)));
    assert!(error.to_string().ends_with("failed: broken"), "{error}");
    // Megabytes of complaint neither block nor stay.
    let error = stage
        .error("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo enough >&2; exit 1");
    assert!(error.to_string().ends_with("failed: enough"), "{error}");
}

#[test]
fn both_spellings_of_the_option() {
    let stage = Stage::new();
    let refuse = |option: &str| {
        format!(
            "case \"$*\" in *-{option}*) echo \"Unrecognized option '{option}'.\" >&2; exit 1;; esac; {}",
            report(1)
        )
    };
    for option in ["fps_mode", "vsync", "fps_mode"] {
        assert_eq!(stage.open(&refuse(option)).unwrap().len().unwrap(), 1, "{option}");
    }
}

#[test]
fn a_missing_program_says_what_to_install() {
    let stage = Stage::new();
    let error = stage.open_with(Path::new("/nowhere/ffmpeg")).err().unwrap();
    let text = error.to_string();
    assert!(
        matches!(error, Error::UnsupportedCodec { .. }) && text.contains("MP4 cannot be decoded"),
        "{text}"
    );
    assert!(text.contains("no /nowhere/ffmpeg") && text.contains("apt install ffmpeg"), "{text}");
    let text = stage.open_with(&stage.video).err().unwrap().to_string();
    assert!(text.contains("does not start"), "{text}");
}
