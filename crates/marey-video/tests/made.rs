//! Files that ffmpeg makes on the spot, each with one difficulty, and the same files cut off.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use marey_video::{Error, Frame, Options, Result, open, sniff};

mod common;

const SOURCE: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=1";
const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -g 10";

fn strict(path: &Path) -> Result<Vec<Frame>> {
    open(path, &Options::default())?.all()
}

fn lenient(path: &Path) -> Result<Vec<Frame>> {
    open(path, &Options { lenient: true, ..Options::default() })?.all()
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.data.iter().copied()).collect()
}

/// A folder that is removed at the end, and a video in it.
fn made(name: &str, arguments: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    common::has_ffmpeg().then(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        common::make(&format!("{SOURCE} {arguments}"), &path);
        (folder, path)
    })
}

#[test]
fn rotation_is_applied() {
    let Some((folder, plain)) = made("plain.mp4", H264) else { return };
    let turned = folder.path().join("turned.mp4");
    // A quarter turn in the track's matrix, which begins 40 bytes into its header.
    let mut bytes = fs::read(&plain).unwrap();
    let at = bytes.windows(4).position(|window| window == b"tkhd").unwrap() + 44;
    let matrix: [i32; 9] = [0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000];
    bytes[at..at + 36].copy_from_slice(&matrix.map(i32::to_be_bytes).concat());
    fs::write(&turned, bytes).unwrap();
    let video = open(&turned, &Options::default()).unwrap();
    assert_eq!(video.size(), (64, 96), "the sides change places");
    assert_eq!(bytes_of(&strict(&turned).unwrap()), common::reference(&turned));
}

#[test]
fn edit_lists_are_applied() {
    let Some((folder, plain)) = made("plain.mp4", H264) else { return };
    let cut = folder.path().join("cut.mp4");
    // Copied from the key frame before, with an edit list that hides what comes before 0.56 s (frame 14).
    common::make(&format!("-ss 0.56 -i {} -c copy", plain.display()), &cut);
    let (all, rest) = (strict(&plain).unwrap(), strict(&cut).unwrap());
    assert_eq!(rest.len(), 11);
    assert_eq!(open(&cut, &Options::default()).unwrap().fps(), Some(25.0));
    assert!(rest == all[14..]);
}

#[test]
fn odd_sizes_and_variable_rates() {
    let Some((_folder, odd)) = made("odd.webm", "-vf scale=95:63 -c:v libvpx -pix_fmt yuv420p")
    else {
        return;
    };
    assert_eq!(open(&odd, &Options::default()).unwrap().size(), (95, 63));
    assert_eq!(bytes_of(&strict(&odd).unwrap()), common::reference(&odd));
    // Frames 0, 1, 2 of every 10: the third displayed frame is index 2, and the fourth, 10, is index 3.
    let keep = "select=lt(mod(n\\,10)\\,3) -fps_mode vfr";
    let (_folder, uneven) = made("uneven.mp4", &format!("-vf {keep} {H264}")).unwrap();
    let frames = strict(&uneven).unwrap();
    assert_eq!(frames.len(), 9);
    assert_eq!(bytes_of(&frames), common::reference(&uneven));
}

#[test]
fn b_frames_in_every_container() {
    let Some(probe) = made("probe.mp4", H264) else { return };
    drop(probe);
    for (name, arguments, kind) in [
        ("a.avi", "-c:v mpeg4 -bf 2 -vtag xvid", "MPEG-4 part 2 (xvid) in AVI"),
        ("a.mkv", H264, "H.264 in Matroska"),
        ("a.flv", H264, "H.264 in FLV"),
        ("a.ts", H264, "MPEG transport stream"),
        ("a.mpg", "-c:v mpeg2video -bf 2", "MPEG program stream"),
        ("a.wmv", "-c:v wmv2", "Windows Media Video 8 (WMV2) in Windows Media (ASF)"),
        ("a.webm", "-c:v libvpx", "VP8 in WebM"),
        (
            "fragments.mp4",
            "-c:v mpeg4 -movflags frag_keyframe+empty_moov",
            "MPEG-4 part 2 (mp4v) in MP4",
        ),
    ] {
        let (_folder, path) = made(name, arguments).unwrap();
        assert_eq!(sniff(&path).unwrap().to_string(), kind);
        let frames = strict(&path).unwrap();
        assert_eq!(frames.len(), 25, "{name}");
        assert_eq!(bytes_of(&frames), common::reference(&path), "{name}");
    }
}

#[test]
fn names_are_only_names() {
    let Some((folder, plain)) = made("plain.mp4", H264) else { return };
    for name in
        ["with space.mp4", "-i.mp4", "a%03d.mp4", "http:x:y.mp4", "*?'\".txt", "\u{e9}.mp4", "none"]
    {
        let path = folder.path().join(name);
        fs::copy(&plain, &path).unwrap();
        assert_eq!(strict(&path).unwrap().len(), 25, "{name}");
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe.mp4"));
        fs::copy(&plain, &path).unwrap();
        assert_eq!(strict(&path).unwrap().len(), 25);
    }
}

#[test]
fn sound_and_covers_are_no_video() {
    if !common::has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let tone = "-f lavfi -i sine=d=0.2";
    common::make(&format!("{tone} -c:a aac"), &path("sound.mp4"));
    common::make(&format!("{tone} -c:a libmp3lame"), &path("sound.mkv"));
    common::make("-f lavfi -i testsrc2=s=32x32:d=1 -frames:v 1", &path("cover.png"));
    let cover = path("cover.png").display().to_string();
    common::make(
        &format!("{tone} -i {cover} -map 0 -map 1 -c:a aac -c:v png -disposition:v attached_pic"),
        &path("cover.mp4"),
    );
    common::make(
        &format!("{tone} -c:a flac -attach {cover} -metadata:s:t mimetype=image/png"),
        &path("cover.mkv"),
    );
    common::make(&format!("{tone} -c:a libvorbis"), &path("sound.ogg"));
    for name in ["sound.mp4", "sound.mkv", "cover.mp4", "cover.mkv", "sound.ogg"] {
        let error = strict(&path(name)).unwrap_err();
        assert!(matches!(error, Error::NoVideoTrack { .. }), "{name}: {error}");
    }
}

#[test]
fn only_the_first_track_counts() {
    let Some((folder, plain)) = made("plain.mp4", H264) else { return };
    let two = folder.path().join("two.mkv");
    let plain = plain.display();
    common::make(
        &format!(
            "-i {plain} -f lavfi -i testsrc=s=48x32:d=2 -f lavfi -i sine=d=2 -map 0 -map 1 -map 2 -c:v:1 mpeg4 -c:v:0 copy"
        ),
        &two,
    );
    let video = open(&two, &Options::default()).unwrap();
    assert_eq!(video.size(), (96, 64));
    assert_eq!(strict(&two).unwrap().len(), 25);
}

#[test]
fn huge_frames_are_refused() {
    let Some((_folder, path)) = made("a.mp4", H264) else { return };
    let error =
        open(&path, &Options { max_pixels: 96 * 64 - 1, ..Options::default() }).err().unwrap();
    assert!(matches!(error, Error::TooLarge { got: 6144, limit: 6143, .. }), "{error}");
    let error = open(&path, &Options { max_frames: 24, ..Options::default() }).err().unwrap();
    assert!(matches!(error, Error::TooLarge { got: 25, limit: 24, .. }), "{error}");
}

#[test]
fn damage_within_is_seen() {
    for (name, arguments) in [("a.mp4", H264), ("a.avi", "-c:v mpeg4")] {
        let Some((_folder, path)) = made(name, arguments) else { return };
        let all = strict(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        // One byte in every thousand, from the middle on and short of the index at the end.
        let (middle, end) = (bytes.len() / 2, bytes.len() - 3000);
        bytes[middle..end].chunks_mut(1000).for_each(|part| part[0] = !part[0]);
        fs::write(&path, bytes).unwrap();
        let error = strict(&path).unwrap_err();
        assert!(matches!(error, Error::DecoderFailed { .. }), "{name}: {error}");
        // Frames are still to be had by those who ask for them so.
        let frames = lenient(&path).unwrap();
        assert!(frames.len() > 5 && frames[0] == all[0], "{name}: {} frames", frames.len());
    }
}

/// Cut off at many places, a file is an error, or it has lost nothing that is shown.
#[test]
fn truncation_is_seen() {
    let faststart = format!("{H264} -movflags +faststart");
    for (name, arguments) in [
        ("a.mp4", H264),
        ("fast.mp4", faststart.as_str()),
        ("a.avi", "-c:v mpeg4 -bf 2"),
        ("mjpeg.avi", "-c:v mjpeg"),
        ("a.y4m", "-pix_fmt yuv420p"),
        ("a.gif", "-vf scale=48:32"),
        ("a.webm", "-c:v libvpx"),
        ("a.mkv", H264),
        ("a.flv", H264),
        ("a.wmv", "-c:v wmv2"),
    ] {
        let Some((folder, path)) = made(name, arguments) else { return };
        let whole = fs::read(&path).unwrap();
        let all = strict(&path).unwrap();
        assert_eq!(all.len(), 25, "{name}");
        let cut = folder.path().join(format!("cut-{name}"));
        for part in 1..8 {
            // From a seventh to one short of all.
            let keep = whole.len() * part / 7 - part % 3;
            fs::write(&cut, &whole[..keep]).unwrap();
            match strict(&cut) {
                Err(Error::Truncated { .. }) => {}
                Err(Error::DecoderFailed { message, .. }) => {
                    println!("{name} at {keep}: {message}")
                }
                Err(error) => panic!("{name} at {keep}: {error}"),
                Ok(frames) => {
                    assert!(frames == all, "{name} at {keep}: {} frames and no error", frames.len())
                }
            }
            // Lenient: no more frames than there were; the first ones are whole.
            if part == 5 {
                match lenient(&cut) {
                    Ok(frames) => {
                        assert!(frames.len() <= 25 && frames[0] == all[0], "{name} at {keep}")
                    }
                    Err(error) => println!("{name} at {keep}, lenient: {error}"),
                }
            }
        }
    }
}
