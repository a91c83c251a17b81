//! Files that commands read, made on the spot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, Rgba, RgbaImage};
use marey::weights::{Tensor, write};
use marey::zoo;

/// Grey pixels that differ from frame to frame and from video to video.
fn pixel(video: usize, t: usize, x: usize, y: usize) -> u8 {
    ((video * 37 + t * 11 + x * 5 + y * 3) % 251) as u8
}

/// A grey video of `frames` frames of 24 x 20, uncompressed.
pub(crate) fn y4m(video: usize, frames: usize) -> Vec<u8> {
    let mut bytes = b"YUV4MPEG2 W24 H20 F25:1 Cmono\n".to_vec();
    for t in 0..frames {
        bytes.extend(b"FRAME\n");
        bytes.extend((0..24 * 20).map(|i| pixel(video, t, i % 24, i / 24)));
    }
    bytes
}

/// The same as an animated GIF.
pub(crate) fn gif(video: usize, frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for t in 0..frames {
        let image = RgbaImage::from_fn(24, 20, |x, y| {
            let grey = pixel(video, t, x as usize, y as usize);
            Rgba([grey, grey, grey, 255])
        });
        encoder
            .encode_frame(Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(40, 1)))
            .unwrap();
    }
    drop(encoder);
    bytes
}

/// The first bytes of an MP4, and a header without a track.
pub(crate) const MP4: &[u8] = b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0\0\x08moov";

/// Weights of `model` for `classes` classes in `folder`: zero, but for the classifier's bias, which makes the score of
/// class 1 three times that of class 0, whatever the clip.
pub(crate) fn weights(folder: &Path, model: &str, classes: usize) -> PathBuf {
    let path = folder.join(format!("{model}-{classes}.safetensors"));
    let found = zoo::find(model).unwrap();
    let wanted = found.wanted(&found.sizes(classes)).unwrap();
    let tensor = |wanted: &marey::weights::Wanted| {
        let mut values = vec![0.; wanted.shape.iter().product()];
        if wanted.name == "fc.bias" {
            values[1] = 3f32.ln();
        }
        (wanted.name.clone(), Tensor::from_f32(wanted.shape.clone(), values).unwrap())
    };
    write(&path, &wanted.iter().map(tensor).collect(), &BTreeMap::new()).unwrap();
    path
}

/// Writes `bytes` to `folder/name`; its path as text.
pub(crate) fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}
