//! The command line of ffmpeg, and nothing that a file could add to it.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{child::Child, complaint, select::Selection};
use crate::{Container, Error, Kind, Options, Result};

/// What ffmpeg is run for.
pub(crate) enum Pass<'a> {
    /// One line of text for every frame, and the size.
    Count,
    /// Some of the frames, as PPM images one after the other.
    Frames(&'a Selection),
}

/// ffmpeg before 5.1 knows only `-vsync 0`, and ffmpeg 9 only `-fps_mode`; which one it is, is found out by
/// the first video and remembered.
static OLD: AtomicBool = AtomicBool::new(false);

/// Starts ffmpeg and waits for its first words.
pub(crate) fn start(path: &Path, kind: &Kind, pass: &Pass<'_>, options: &Options) -> Result<Child> {
    let program = program(options);
    let start = |old: bool| {
        let mut command = Command::new(program);
        command.args(arguments(path, kind.container, pass, options, old));
        Child::start(command, path, options.timeout)
            .map_err(|e| complaint::not_started(path, kind, program, &e))
    };
    let old = OLD.load(Ordering::Relaxed);
    let mut child = start(old)?;
    if child.refused_option(if old { "vsync" } else { "fps_mode" })? {
        OLD.store(!old, Ordering::Relaxed);
        child = start(!old)?;
    }
    Ok(child)
}

fn program(options: &Options) -> &Path {
    options.ffmpeg.as_deref().unwrap_or_else(|| Path::new("ffmpeg"))
}

/// What ffmpeg calls itself, as "ffmpeg version 5.1.6-0+deb12u1".
pub(crate) fn version(path: &Path, kind: &Kind, options: &Options) -> Result<String> {
    const LIMIT: usize = 4096;
    let program = program(options);
    let mut command = Command::new(program);
    command.arg("-version");
    let mut child = Child::start(command, path, options.timeout)
        .map_err(|e| complaint::not_started(path, kind, program, &e))?;
    let line = String::from_utf8_lossy(&child.line(LIMIT)?.unwrap_or_default()).into_owned();
    let name = line.split(" Copyright").next().unwrap_or_default().trim();
    match name.starts_with("ffmpeg version ") {
        true => Ok(name.to_string()),
        false => Err(Error::decoder(path, format!("ffmpeg gives no version: {name:?}"))),
    }
}

fn arguments(
    path: &Path,
    container: Container,
    pass: &Pass<'_>,
    options: &Options,
    old: bool,
) -> Vec<OsString> {
    let (threads, pixels) =
        (options.threads.to_string(), options.max_pixels.min(i32::MAX as u64).to_string());
    let demuxer = container.demuxer();
    let mut out: Vec<OsString> = Vec::new();
    let mut add = |words: &[&str]| out.extend(words.iter().map(OsString::from));
    add(&["-nostdin", "-hide_banner", "-loglevel", "error"]);
    if !options.lenient {
        add(&["-xerror"]); // a damaged frame is an error, and not concealed
    }
    // The file is read by the demuxer of its content alone and opens no other: a play list cannot pass for a
    // video.
    add(&["-protocol_whitelist", "file", "-format_whitelist", demuxer]);
    add(&["-f", demuxer.split(',').next().unwrap_or(demuxer)]);
    add(&["-threads", &threads, "-max_pixels", &pixels, "-i"]);
    // A name is never an option or a pattern behind `file:`.
    let mut name = OsStr::new("file:").to_os_string();
    name.push(path);
    out.push(name);
    let mut add = |words: &[&str]| out.extend(words.iter().map(OsString::from));
    // V: no cover images.
    add(&["-map", "0:V:0", "-an", "-sn", "-dn", "-filter_threads", "1", "-threads", "1"]);
    add(if old { &["-vsync", "0"] } else { &["-fps_mode", "passthrough"] });
    // Every decoded frame is written once, whatever its time stamp: the n-th frame gets the time n.
    match pass {
        Pass::Count => add(&["-vf", "setpts=N", "-flush_packets", "1", "-f", "framecrc", "pipe:1"]),
        Pass::Frames(selection) => {
            let filter = format!("select='{selection}',setpts=N");
            add(&[
                "-vf",
                &filter,
                "-pix_fmt",
                "rgb24",
                "-c:v",
                "ppm",
                "-f",
                "image2pipe",
                "pipe:1",
            ]);
        }
    }
    out
}
