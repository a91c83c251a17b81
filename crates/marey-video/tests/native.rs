//! What is read without ffmpeg, from files written here; and, where ffmpeg is there, how near its pixels are.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{fs, io::Cursor, path::Path};

use marey_video::{Error, Frame, FrameSource, Options, open, sniff};

mod common;
mod written;

fn source(path: &Path) -> Box<dyn FrameSource> {
    open(path, &Options { ffmpeg: Some("/nowhere/ffmpeg".into()), ..Options::default() }).unwrap()
}

fn error(path: &Path) -> Error {
    let options = Options { ffmpeg: Some("/nowhere/ffmpeg".into()), ..Options::default() };
    open(path, &options).and_then(|mut video| video.all()).err().unwrap()
}

#[test]
fn folders_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert!(matches!(error(folder.path()), Error::NotAVideo { .. }));
    for (number, name) in ["img_2.png", "img_10.png", "IMG_1.PNG"].iter().enumerate() {
        fs::write(path(name), written::png(4, 3, number as u8)).unwrap();
    }
    // The name says PNG, and it is a JPEG: the content counts.
    fs::write(path("img_3.png"), written::jpeg(4, 3, 90)).unwrap();
    fs::write(path("notes.txt"), "no image").unwrap();
    fs::write(path("._img_4.png"), "hidden").unwrap();
    fs::create_dir(path("img_5.png")).unwrap();
    assert!(error(folder.path()).to_string().contains("several series"), "IMG_ and img_ are two");
    fs::rename(path("IMG_1.PNG"), path("img_001.PNG")).unwrap();
    fs::write(path("flow_x_1.jpg"), "not looked at").unwrap();
    let mut video = source(folder.path());
    assert_eq!((video.len().unwrap(), video.size(), video.fps()), (4, (4, 3), None));
    let frames = video.all().unwrap();
    // Natural order: 001, 2, 3, 10, written as 2, 0, a JPEG, 1.
    assert_eq!([0, 1, 3].map(|index| frames[index].data[0]), [2, 0, 1]);
    assert!(frames[2].data[0].abs_diff(90) < 3);
    assert!(video.frames(&[3, 1, 3]).unwrap() == [3, 1, 3].map(|index| frames[index].clone()));
    fs::write(path("img_11.png"), written::png(5, 3, 0)).unwrap();
    let error = error(folder.path());
    assert!(
        matches!(error, Error::FrameSize { index: 4, got: (5, 3), expected: (4, 3), .. }),
        "{error}"
    );
    assert!(error.path().ends_with("img_11.png"));
}

#[test]
fn stills_and_their_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("still");
    for bytes in [written::png(6, 5, 7), written::jpeg(6, 5, 7)] {
        fs::write(&path, &bytes).unwrap();
        let mut video = source(&path);
        assert_eq!((video.len().unwrap(), video.size()), (1, (6, 5)));
        assert!(video.frames(&[0, 0]).unwrap()[1].data[0].abs_diff(7) < 3);
        for cut in [bytes.len() - 1, bytes.len() / 2] {
            fs::write(&path, &bytes[..cut]).unwrap();
            // The last bytes of a PNG carry nothing.
            if open(&path, &Options::default()).is_ok() {
                assert!(cut == bytes.len() - 1 && bytes[0] == 0x89);
            }
        }
    }
    // 60000 x 60000 pixels are refused by the header.
    let mut huge = written::png(6, 5, 7);
    huge[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    fs::write(&path, huge).unwrap();
    assert!(matches!(error(&path), Error::TooLarge { got: 3_600_000_000, .. }));
}

#[test]
fn gif_composition_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, written::gif()).unwrap();
    let mut video = source(&path);
    assert_eq!((video.len().unwrap(), video.size(), video.fps()), (5, (3, 1), Some(10.0)));
    // r, g: drawn; w: the white behind what is transparent.
    let shown: Vec<String> = video.all().unwrap().iter().map(letters).collect();
    assert_eq!(shown, ["rrr", "rgr", "rrg", "rrg", "rww"]);
    assert_eq!(letters(&video.frames(&[2]).unwrap()[0]), "rrg");
    if common::has_ffmpeg() {
        let all: Vec<u8> = video.all().unwrap().into_iter().flat_map(|frame| frame.data).collect();
        assert_eq!(common::reference(&path), all);
    }
    let whole = written::gif();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(error(&path), Error::Truncated { got: 5, .. }), "{}", error(&path));
}

fn letters(frame: &Frame) -> String {
    let letter = |pixel: &[u8]| match pixel {
        [255, 0, 0] => 'r',
        [0, 255, 0] => 'g',
        [255, 255, 255] => 'w',
        _ => '?',
    };
    frame.data.chunks(3).map(letter).collect()
}

#[test]
fn motion_jpeg_with_and_without_a_container() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let images: Vec<Vec<u8>> = (0..4).map(|i| written::jpeg(16, 8, i * 50)).collect();
    // An empty chunk is a dropped frame, and a table-less image gets the standard tables.
    let mut chunks = images.clone();
    chunks.insert(2, Vec::new());
    chunks[1] = written::without_tables(&chunks[1]);
    fs::write(&path, written::avi(&chunks, b"MJPG", (16, 8))).unwrap();
    assert_eq!(sniff(&path).unwrap().to_string(), "Motion JPEG (MJPG) in AVI");
    let mut video = source(&path);
    assert_eq!((video.len().unwrap(), video.size(), video.fps()), (4, (16, 8), Some(12.5)));
    let frames = video.all().unwrap();
    for (index, frame) in frames.iter().enumerate() {
        assert!(
            frame.data.iter().all(|value| value.abs_diff(index as u8 * 50) < 3),
            "frame {index}"
        );
    }
    fs::write(&path, images.concat()).unwrap();
    assert_eq!(sniff(&path).unwrap().to_string(), "Motion JPEG stream");
    assert!(source(&path).all().unwrap() == frames);
    fs::write(&path, &images.concat()[..images.concat().len() - 3]).unwrap();
    assert!(matches!(error(&path), Error::Truncated { got: 3, expected: Some(4), .. }));
    // Two fields a frame are not for here.
    fs::write(&path, written::avi(&images, b"MJPG", (16, 16))).unwrap();
    let error = error(&path);
    assert!(matches!(error, Error::UnsupportedCodec { .. }), "{error}");
    assert!(error.to_string().contains("Motion JPEG (MJPG) in AVI cannot be decoded"), "{error}");
}

#[test]
fn cut_avi_counts_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let images: Vec<Vec<u8>> = (0..4).map(|i| written::jpeg(16, 8, i * 50)).collect();
    let whole = written::avi(&images, b"MJPG", (16, 8));
    fs::write(&path, &whole[..whole.len() - images[3].len() / 2]).unwrap();
    assert!(matches!(error(&path), Error::Truncated { got: 3, expected: Some(4), .. }));
    let lenient = Options { lenient: true, ..Options::default() };
    assert_eq!(open(&path, &lenient).unwrap().all().unwrap().len(), 3);
}

#[test]
fn one_pass_gives_all_frames_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (file, images) = (folder.path().join("a"), folder.path().join("images"));
    fs::create_dir(&images).unwrap();
    for number in 0..4 {
        fs::write(images.join(format!("{number}.png")), written::png(5, 3, number)).unwrap();
    }
    let jpegs: Vec<Vec<u8>> = (0..4).map(|i| written::jpeg(16, 8, i * 50)).collect();
    let files = [
        written::gif(),
        written::y4m("420", (5, 3), 4),
        jpegs.concat(),
        written::avi(&jpegs, b"MJPG", (16, 8)),
    ];
    let check = |path: &Path| {
        let mut video = source(path);
        let all = video.all().unwrap();
        assert!(all.len() >= 4 && common::walked(&mut *video, usize::MAX) == all, "{path:?}");
        assert!(common::walked(&mut *video, 2) == all[..2], "{path:?}");
        assert!(video.decoder().unwrap().starts_with("marey-video 0."));
    };
    check(&images);
    for bytes in files {
        fs::write(&file, bytes).unwrap();
        check(&file);
    }
    // One frame in memory is within any limit of the answer.
    let options = Options { max_bytes: 9 * 5, ..Options::default() };
    fs::write(&file, written::y4m("420", (5, 3), 4)).unwrap();
    let mut video = open(&file, &options).unwrap();
    assert!(matches!(video.all(), Err(Error::TooLarge { .. })));
    assert_eq!(common::walked(&mut *video, usize::MAX).len(), 4);
}

#[test]
fn what_is_no_video() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.mp4");
    let error = open(&missing, &Options::default()).err().unwrap();
    assert!(
        error.is_not_found() && error.to_string().ends_with("missing.mp4: no such file or folder")
    );
    for (name, content) in
        [("text.mp4", "once upon a time"), ("list.mp4", "#EXTM3U\n"), ("empty.avi", "")]
    {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        assert!(matches!(open(&path, &Options::default()), Err(Error::NotAVideo { .. })), "{name}");
    }
    #[cfg(unix)]
    {
        let error = open("/dev/null", &Options::default()).err().unwrap();
        assert!(matches!(error, Error::NotAVideo { .. }), "{error}");
        let pipe = folder.path().join("pipe.mp4");
        if std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .is_ok_and(|status| status.success())
        {
            let error = open(&pipe, &Options::default()).err().unwrap();
            assert!(matches!(error, Error::NotAVideo { .. }), "{error}");
        }
        use std::os::unix::fs::PermissionsExt;
        let locked = folder.path().join("locked.mp4");
        fs::write(&locked, "x").unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&locked).is_err() {
            let error = open(&locked, &Options::default()).err().unwrap();
            assert!(matches!(error, Error::Io { .. }), "{error}");
        } else {
            println!("skipped: this user may read every file");
        }
    }
}

#[test]
fn y4m_equals_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.y4m");
    // Colours, size, greatest and mean difference from ffmpeg 5.1 with its vector code.
    for (colours, size, worst, mean) in [
        ("420jpeg", (64, 48), 0, 0.0),
        ("420mpeg2 XCOLORRANGE=FULL", (64, 48), 0, 0.0),
        ("420", (65, 48), 0, 0.0),
        ("422", (64, 48), 0, 0.0),
        ("444", (63, 47), 1, 0.01),
        ("mono", (63, 47), 0, 0.0),
        ("420", (64, 47), 12, 1.6),
    ] {
        fs::write(&path, written::y4m(colours, size, 2)).unwrap();
        let mut video = source(&path);
        assert_eq!(
            (video.len().unwrap(), video.size(), video.fps()),
            (2, size, Some(25.0)),
            "{colours}"
        );
        let ours: Vec<u8> = video.all().unwrap().into_iter().flat_map(|frame| frame.data).collect();
        if common::has_ffmpeg() {
            near(colours, &ours, &common::reference(&path), worst, mean);
        }
    }
}

#[test]
fn motion_jpeg_is_near_ffmpeg() {
    if !common::has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.avi");
    // Chroma of every pixel, of every second one, and of hard coloured edges, where the two differ by how they
    // spread it.
    for (input, colours, worst, mean) in [
        ("mandelbrot=s=160x120:r=5", "yuvj444p", 4, 0.1),
        (
            "gradients=s=160x120:r=5:seed=1:n=2:c0=0x102040:c1=0xd0a060:x0=0:y0=0:x1=159:y1=119",
            "yuvj420p",
            6,
            1.0,
        ),
        ("testsrc2=s=160x120:r=5", "yuvj420p", 200, 6.0),
    ] {
        common::make(
            &format!("-f lavfi -i {input} -t 1 -pix_fmt {colours} -c:v mjpeg -q:v 2"),
            &path,
        );
        let ours: Vec<u8> =
            source(&path).all().unwrap().into_iter().flat_map(|frame| frame.data).collect();
        near(input, &ours, &common::reference(&path), worst, mean);
    }
}

fn near(what: &str, ours: &[u8], theirs: &[u8], worst: u8, mean: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let differences = || ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
    let (max, sum) = (differences().max().unwrap(), differences().map(u64::from).sum::<u64>());
    let average = sum as f64 / ours.len() as f64;
    println!("{what}: at most {max}, mean {average:.4}");
    assert!(max <= worst && average <= mean, "{what}: at most {max}, mean {average}");
}

/// Hundreds of damaged files of every kind read here: an error or frames of the right size, and no panic.
#[test]
fn damage_gives_errors_or_frames() {
    let images: Vec<Vec<u8>> = (0..3).map(|i| written::jpeg(16, 8, i * 50)).collect();
    let kinds = [
        written::png(6, 5, 7),
        images[1].clone(),
        images.concat(),
        written::gif(),
        written::avi(&images, b"MJPG", (16, 8)),
        written::avi(&images, b"XVID", (16, 8)),
        written::y4m("420", (5, 3), 3),
        written::y4m("mono", (5, 3), 3),
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x40moov\0\0\0\x38trak\0\0\0\x30mdia\0\0\0\x20hdlr\0\0\0\0\0\0\0\0vide".to_vec(),
        b"\x1A\x45\xDF\xA3\x84webm\x18\x53\x80\x67\x92\x16\x54\xAE\x6B\x8D\xAE\x8B\x83\x81\x01\x86\x85V_VP9".to_vec(),
        b"FLV\x01\x01\0\0\0\x09\0\0\0\0\x09\0\0\x02\0\0\0\0\0\0\0\x17\0\0\0\0\x0d".to_vec(),
        b"\0\0\x01\xBA\x44\0\0\0\0\0\0\0\0\xF8\0\0\x01\xE0\0\x02ab".to_vec(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut state = 1_u64;
    let mut random = |below: usize| {
        // Knuth's MMIX generator.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut opened, mut refused) = (0, 0);
    for round in 0..70 {
        for bytes in &kinds {
            let mut bytes = bytes.clone();
            match round % 3 {
                0 => bytes.truncate(random(bytes.len())),
                _ => {
                    for _ in 0..=round % 5 {
                        let place = random(bytes.len());
                        bytes[place] = random(256) as u8;
                    }
                }
            }
            fs::write(&path, &bytes).unwrap();
            let options = Options {
                lenient: round % 2 == 0,
                max_pixels: 1 << 20,
                ffmpeg: Some("/nowhere/ffmpeg".into()),
                ..Options::default()
            };
            match open(&path, &options).and_then(|mut video| Ok((video.size(), video.all()?))) {
                Ok(((width, height), frames)) => {
                    opened += 1;
                    let bytes = width as usize * height as usize * 3;
                    assert!(frames.iter().all(|frame| frame.data.len() == bytes));
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
                }
            }
        }
    }
    assert!(opened > 50 && refused > 200, "{opened} opened, {refused} refused");
}

#[test]
fn the_png_writer_of_these_tests_is_one() {
    let image = image::load(Cursor::new(written::png(2, 2, 9)), image::ImageFormat::Png).unwrap();
    assert_eq!(image.into_rgb8().as_raw(), &[9; 12]);
}
