//! Small files of every kind that is read without ffmpeg, written byte by byte or by the image crate's encoders.

use image::ExtendedColorType::Rgb8;

/// A PNG of one grey.
pub(crate) fn png(width: u32, height: u32, grey: u8) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let pixels = vec![grey; (width * height * 3) as usize];
    image::write_buffer_with_format(
        &mut out,
        &pixels,
        width,
        height,
        Rgb8,
        image::ImageFormat::Png,
    )
    .unwrap();
    out.into_inner()
}

/// A JPEG of one grey.
pub(crate) fn jpeg(width: u32, height: u32, grey: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let pixels = vec![grey; (width * height * 3) as usize];
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 95)
        .encode(&pixels, width, height, Rgb8)
        .unwrap();
    out
}

/// The JPEG without its Huffman tables.
pub(crate) fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (jpeg[..2].to_vec(), 2);
    while jpeg[at + 1] != 0xDA {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != 0xC4 {
            out.extend_from_slice(&jpeg[at..end]);
        }
        at = end;
    }
    out.extend_from_slice(&jpeg[at..]);
    out
}

/// Five frames of 3 x 1 pixels: red; green in the middle, to be undone; green at the right; nothing, to be
/// cleared at the middle and the right; nothing.
pub(crate) fn gif() -> Vec<u8> {
    use gif::{DisposalMethod::*, Encoder, Frame};
    let mut out = Vec::new();
    let mut encoder =
        Encoder::new(&mut out, 3, 1, &[255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0]).unwrap();
    for (left, pixels, dispose) in [
        (0, vec![0, 0, 0], Keep),
        (1, vec![1], Previous),
        (2, vec![1], Any),
        (1, vec![2, 2], Background),
        (0, vec![2], Keep),
    ] {
        let frame = Frame {
            left,
            width: pixels.len() as u16,
            height: 1,
            buffer: pixels.into(),
            dispose,
            transparent: Some(2),
            delay: 10,
            ..Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    out
}

/// An AVI of 12.5 frames/s without an index.
pub(crate) fn avi(frames: &[Vec<u8>], codec: &[u8; 4], size: (u32, u32)) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_le_bytes();
    let chunk = |tag: &[u8], data: &[u8]| {
        let mut out = [tag, &number(data.len()), data].concat();
        out.resize(out.len().next_multiple_of(2), 0);
        out
    };
    let strh = [
        b"vids",
        codec.as_slice(),
        &[0; 12],
        &number(2),
        &number(25),
        &[0; 4],
        &number(frames.len()),
        &[0; 20],
    ];
    let (header, width, height) = (number(40), size.0.to_le_bytes(), size.1.to_le_bytes());
    let strf = [header.as_slice(), &width, &height, &[1, 0, 24, 0], codec, &[0; 20]];
    let strl =
        [b"strl".to_vec(), chunk(b"strh", &strh.concat()), chunk(b"strf", &strf.concat())].concat();
    let hdrl = [b"hdrl".to_vec(), chunk(b"avih", &[0; 56]), chunk(b"LIST", &strl)].concat();
    let movi =
        frames.iter().fold(b"movi".to_vec(), |movi, frame| [movi, chunk(b"00dc", frame)].concat());
    chunk(b"RIFF", &[b"AVI ".to_vec(), chunk(b"LIST", &hdrl), chunk(b"LIST", &movi)].concat())
}

/// Smooth waves in every plane.
pub(crate) fn y4m(colours: &str, (width, height): (u32, u32), frames: u32) -> Vec<u8> {
    let mut out = format!("YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{colours}\n").into_bytes();
    let (x, y) = match &colours[..3] {
        "420" => (2, 2),
        "422" => (2, 1),
        _ => (1, 1),
    };
    for frame in 0..frames {
        out.extend_from_slice(b"FRAME\n");
        for plane in 0..if colours == "mono" { 1 } else { 3 } {
            let (w, h) =
                if plane == 0 { (width, height) } else { (width.div_ceil(x), height.div_ceil(y)) };
            let wave = |i: u32, step: f64| (f64::from(i) / step + f64::from(plane + frame)).sin();
            let reach = if plane == 0 { 80.0 } else { 45.0 };
            let value = |i| (128.0 + reach * wave(i % w, 7.0) * wave(i / w, 9.0)) as u8;
            out.extend((0..w * h).map(value));
        }
    }
    out
}
