//! What ffmpeg says when it fails, as an error.

use std::{io, path::Path, process::ExitStatus};

use crate::{Error, Kind};

/// ffmpeg could not be started.
pub(crate) fn not_started(path: &Path, kind: &Kind, program: &Path, error: &io::Error) -> Error {
    let program = program.display();
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            let install = "`apt install ffmpeg`, `dnf install ffmpeg-free`, `brew install ffmpeg`";
            format!(
                "it needs the program ffmpeg, and there is no {program}; install it ({install})"
            )
        }
        _ => format!("it needs the program ffmpeg, and {program} does not start: {error}"),
    };
    Error::UnsupportedCodec { path: path.to_path_buf(), codec: kind.to_string(), hint }
}

/// ffmpeg failed, or gave no frame.
pub(crate) fn explain(
    path: &Path,
    kind: &Kind,
    status: ExitStatus,
    complaint: &str,
    max_pixels: u64,
) -> Error {
    let path_buf = path.to_path_buf();
    let line = |part: &str| complaint.lines().find(|line| line.contains(part));
    if line("matches no streams").is_some() {
        return Error::NoVideoTrack { path: path_buf, kind: kind.to_string() };
    }
    if let Some(line) = line("exceeds specified max pixel count") {
        let got = pixels(line).unwrap_or(max_pixels);
        return Error::TooLarge {
            path: path_buf,
            what: "pixels in a frame",
            got,
            limit: max_pixels,
        };
    }
    let no_decoder = |line: &str| {
        line.contains("not found for input stream") || line.contains("no decoder found")
    };
    if let Some(line) = complaint.lines().find(|line| no_decoder(&line.to_ascii_lowercase())) {
        let hint = format!(
            "this ffmpeg has no decoder for it ({}); install a full one",
            without_source(line)
        );
        return Error::UnsupportedCodec { path: path_buf, codec: kind.to_string(), hint };
    }
    let message = match last_line(complaint) {
        Some(line) => line.to_string(),
        None if status.success() => "ffmpeg gave no frame and no reason".to_string(),
        None => format!("ffmpeg ended without a word, {status}"),
    };
    Error::decoder(path, message)
}

/// The last line that says something: ffmpeg closes with lines about itself, and with one that says of every
/// file that it is not valid.
fn last_line(complaint: &str) -> Option<&str> {
    const CLOSING: [&str; 5] = [
        "Conversion failed",
        "Last message repeated",
        "Terminating demuxer",
        "Task finished",
        "Nothing was written",
    ];
    const GENERAL: [&str; 2] =
        ["Invalid data found when processing input", "Error opening input file"];
    let lines = complaint.lines().map(without_source).filter(|line| !line.is_empty());
    let without = |parts: &[&str]| {
        lines.clone().rev().find(|line| !parts.iter().any(|part| line.contains(part)))
    };
    without(&[CLOSING.as_slice(), &GENERAL].concat()).or_else(|| without(&CLOSING))
}

/// The line without `[h264 @ 0x55d0]`, which changes from run to run.
fn without_source(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
        Some((source, rest)) if source.contains(" @ ") => without_source(rest),
        _ => line,
    }
}

/// The product of the first `640x480` of the line.
fn pixels(line: &str) -> Option<u64> {
    line.split_ascii_whitespace().find_map(|word| {
        let (width, height) = word.split_once('x')?;
        width.parse::<u64>().ok()?.checked_mul(height.parse().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines() {
        let text = "[h264 @ 0x1] one\n[vist#0:0/h264 @ 0x2] [dec:h264 @ 0x3] Error: two\nConversion failed!\n";
        assert_eq!(last_line(text), Some("Error: two"));
        let text = "[mov @ 0x1] moov atom not found\nfile:a.mp4: Invalid data found when processing input\n";
        assert_eq!(last_line(text), Some("moov atom not found"));
        assert_eq!(last_line("\n"), None);
        assert_eq!(
            pixels("Picture size 70000x2 exceeds specified max pixel count 9"),
            Some(140_000)
        );
    }
}
