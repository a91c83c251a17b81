//! The contact sheet and the moving pictures.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs::File;
use std::io::BufReader;

use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;
use marey_data::{Dataset, Marionettes, MarionettesConfig, Subset, preview};

#[test]
fn preview_writes_a_row_and_a_moving_picture_of_each_class() {
    let config = MarionettesConfig {
        width: 24,
        height: 16,
        frames: [8, 12],
        train: 12,
        ..Default::default()
    };
    let data = Marionettes::new(config, Subset::Train).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let written = preview(&data, &dir.path().join("new/folder")).unwrap();
    assert_eq!(written.len(), 13);

    // 8 frames of 192 x 128 a row, 4 pixels between them.
    let sheet = image::open(&written[0]).unwrap().to_rgb8();
    assert_eq!(sheet.dimensions(), (8 * 196, 12 * 132));
    let first = data.frames(5, &[0]).unwrap().to_rgb8().unwrap().remove(0);
    // The corner is magnified eight times, without a neighbour to blend with.
    assert_eq!(sheet.get_pixel(1, 5 * 132 + 1).0[..], first[..3]);

    assert!(written[6].ends_with("stand-up.gif"), "{:?}", written[6]);
    let decoder = GifDecoder::new(BufReader::new(File::open(&written[6]).unwrap())).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), data.num_frames(5).unwrap().min(64));
    let pixel = frames[0].buffer().get_pixel(1, 1).0;
    for c in 0..3 {
        assert!(pixel[c].abs_diff(first[c]) < 24, "{pixel:?} for {:?}", &first[..3]);
    }
}
