//! Videos of which something is known: they are not looked through again, and what is known wrongly shows.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;

use marey_video::{Error, Known, Options, open, open_jpegs, open_known};

mod common;
#[allow(dead_code, reason = "each test binary uses its part")]
mod written;

#[test]
fn a_known_video_is_not_counted_and_gives_the_same_frames() {
    if !common::has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    common::make("-f lavfi -i testsrc2=s=96x64:r=25:d=1 -c:v libx264 -preset ultrafast", &path);
    let options = Options::default();
    let known = Known { frames: 25, size: (96, 64) };
    let mut video = open_known(&path, known, &options).unwrap();
    assert_eq!((video.len().unwrap(), video.size()), (25, (96, 64)));
    let counted = open(&path, &options).unwrap().frames(&[24, 3]).unwrap();
    assert_eq!(video.frames(&[24, 3]).unwrap(), counted);
    // Who counts needs the program, who knows does not before frames are asked for.
    let without = Options { ffmpeg: Some(folder.path().join("none")), ..Options::default() };
    assert!(open(&path, &without).is_err());
    assert!(open_known(&path, known, &without).is_ok());
    let wrong = |frames, size, wanted| {
        let known = Known { frames, size };
        open_known(&path, known, &options).unwrap().frames(&[wanted]).unwrap_err()
    };
    let error = wrong(30, (96, 64), 27);
    assert!(matches!(error, Error::Truncated { .. }) && error.is_damage(), "{error}");
    assert!(matches!(wrong(25, (64, 96), 0), Error::FrameSize { .. }));
    assert!(matches!(wrong(20, (96, 64), 20), Error::FrameOutOfRange { .. }));
    let huge = Known { frames: 25, size: (1 << 20, 1 << 20) };
    assert!(matches!(open_known(&path, huge, &options).err(), Some(Error::TooLarge { .. })));
}

#[test]
fn images_at_places_of_a_file_are_those_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (images, file) = (folder.path().join("images"), folder.path().join("file"));
    fs::create_dir(&images).unwrap();
    let (mut bytes, mut places) = (b"head".to_vec(), Vec::new());
    for i in 0..4 {
        let jpeg = written::jpeg(16, 8, i * 50);
        fs::write(images.join(format!("{i}.jpg")), &jpeg).unwrap();
        places.push((bytes.len() as u64, jpeg.len() as u64));
        bytes.extend(jpeg);
        bytes.extend(b"between");
    }
    fs::write(&file, &bytes).unwrap();
    let options = Options::default();
    let mut video = open_jpegs(&file, places.clone(), &options).unwrap();
    let mut wanted = open(&images, &options).unwrap();
    assert_eq!((video.len().unwrap(), video.size()), (4, (16, 8)));
    assert_eq!(video.all().unwrap(), wanted.all().unwrap());
    let known = Known { frames: 4, size: (16, 8) };
    let mut video = open_known(&images, known, &options).unwrap();
    assert_eq!(video.all().unwrap(), wanted.all().unwrap());
    assert!(open_jpegs(&file, vec![], &options).is_err());
    assert!(open_jpegs(&file, vec![(1, 9)], &options).is_err());
    places.push((bytes.len() as u64 - 2, 9));
    let error = open_jpegs(&file, places, &options).unwrap().frames(&[4]).unwrap_err();
    assert!(error.to_string().contains("shorter") && error.is_damage(), "{error}");
}
