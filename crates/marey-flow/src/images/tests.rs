//! Folders of flow images, good and bad.

use std::fs;

use image::{ImageFormat, Rgb, RgbImage};
use tempfile::{TempDir, tempdir};

use super::*;

const RULES: [Quantization; 2] = [Quantization::TSN; 2];

/// Waves that JPEG keeps well.
fn field(phase: f32) -> Field {
    let wave = |v: usize| 8. * (v as f32 / 6. + phase).sin();
    Field::from_fn(32, 24, |x, y| [wave(x), wave(y)]).unwrap()
}

/// A folder of grey 4x3 images of these names, each of one value: how many were before it.
fn folder(names: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    for (value, name) in names.iter().enumerate() {
        let image = GrayImage::from_pixel(4, 3, image::Luma([value as u8]));
        image.save_with_format(dir.path().join(name), ImageFormat::Png).unwrap();
    }
    dir
}

fn refusal(names: &[&str]) -> String {
    let dir = folder(names);
    let error = FlowImages::open(dir.path()).unwrap_err().to_string();
    error.replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn written_fields_are_read_again() {
    let dir = tempdir().unwrap();
    let inner = dir.path().join("a/b");
    for number in 1..=12 {
        write_flow_images(&inner, number, &field(number as f32), RULES, QUALITY).unwrap();
    }
    let images = FlowImages::open(&inner).unwrap();
    assert_eq!((images.len(), images.size()), (12, (32, 24)));
    for index in 0..12 {
        let error = images.field(index, RULES).unwrap().end_point_error(&field(index as f32 + 1.));
        let error = error.unwrap().unwrap();
        // Rounding alone is at most 0.08 pixels a plane.
        assert!(error < 0.15, "field {index}: {error}");
    }
    assert!(images.planes(12).is_err());
}

#[test]
fn all_layouts_are_read_in_the_order_of_their_numbers() {
    for names in [
        ["x_0.jpg", "y_0.jpg", "x_1.PNG", "y_1.png"],
        ["flow_x_00001.jpg", "flow_y_00001.jpg", "flow_x_2.jpg", "flow_y_00002.jpeg"],
        ["x_9.jpg", "y_9.jpg", "x_10.jpg", "y_10.jpg"],
    ] {
        let mut names = names.to_vec();
        let rest: Vec<String> =
            (1..=8).flat_map(|n| [format!("x_{n}.jpg"), format!("y_{n}.jpg")]).collect();
        if names[0] == "x_9.jpg" {
            names.splice(0..0, rest.iter().map(String::as_str));
        }
        let dir = folder(
            &[&names[..], &["img_00001.jpg", "img_1.png", "img_9.jpg", "notes.gif.png"]].concat(),
        );
        let images = FlowImages::open(dir.path()).unwrap();
        for index in 0..images.len() {
            let values = images.planes(index).unwrap().map(|image| usize::from(image.as_raw()[0]));
            assert_eq!(values, [2 * index, 2 * index + 1], "{names:?}");
        }
    }
}

#[test]
fn two_folders_are_read() {
    let names = ["frame000001.jpg", "frame000002.jpg"];
    let (u, v) = (folder(&names), folder(&names));
    let images = FlowImages::open_pair(u.path(), v.path()).unwrap();
    assert_eq!(images.len(), 2);
    fs::remove_file(u.path().join(names[1])).unwrap();
    let error = FlowImages::open_pair(u.path(), v.path()).unwrap_err();
    assert!(matches!(error, Error::NotFound { path } if path == u.path().join(names[1])));
    let two = folder(&["frame1.jpg", "other1.jpg"]);
    assert!(FlowImages::open_pair(two.path(), v.path()).is_err());
    assert!(FlowImages::open_pair(tempdir().unwrap().path(), v.path()).is_err());
}

#[test]
fn the_first_missing_image_is_named() {
    let lacks = |name: &str| format!("DIR/{name}: no such file or folder");
    assert_eq!(refusal(&["x_01.png"]), lacks("y_01.png"));
    assert_eq!(refusal(&["flow_y_00000.jpg"]), lacks("flow_x_00000.jpg"));
    assert_eq!(refusal(&["x_1.jpg", "y_1.jpg", "x_3.jpg", "y_3.jpg"]), lacks("x_2.jpg"));
    assert_eq!(refusal(&["x_0.jpg", "y_0.jpg", "x_1.jpg", "x_2.jpg"]), lacks("y_1.jpg"));
    assert_eq!(refusal(&["x_0.jpg", "y_1.jpg"]), lacks("y_0.jpg"));
    assert_eq!(refusal(&["x_002.jpg", "y_002.jpg"]), lacks("x_001.jpg"));
    assert_eq!(refusal(&["x_18446744073709551615.jpg"]), lacks("x_00000000000000000001.jpg"));
}

#[test]
fn folders_that_are_not_clear_are_refused() {
    assert!(refusal(&[]).contains("without flow images"));
    assert!(refusal(&["img_00001.jpg"]).contains("without flow images"));
    assert!(refusal(&["x_1.jpg", "y_1.jpg", "flow_x_1.jpg", "flow_y_1.jpg"]).contains("both"));
    assert!(refusal(&["x_1.jpg", "x_01.jpg", "y_1.jpg"]).contains("the same number"));
    assert!(refusal(&["x_99999999999999999999.jpg", "y_1.jpg"]).contains("no video reaches"));
    assert!(FlowImages::open("missing").unwrap_err().is_not_found());
}

#[test]
fn grey_in_three_channels_is_grey_and_colour_is_refused() {
    let dir = tempdir().unwrap();
    let (path, other) = (dir.path().join("x_1.jpg"), dir.path().join("y_1.jpg"));
    RgbImage::from_fn(4, 3, |x, _| Rgb([60 * x as u8; 3])).save(&path).unwrap();
    GrayImage::from_fn(4, 3, |x, _| image::Luma([60 * x as u8])).save(&other).unwrap();
    let [x, y] = FlowImages::open(dir.path()).unwrap().planes(0).unwrap();
    assert_eq!(x, y);
    let mut image = RgbImage::new(4, 3);
    image.put_pixel(2, 1, Rgb([0, 0, 1]));
    image.save_with_format(&path, ImageFormat::Png).unwrap();
    let error = FlowImages::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("column 2, row 1 is [0, 0, 1]"), "{error}");
    DynamicImage::new_luma16(4, 3).save_with_format(&path, ImageFormat::Png).unwrap();
    let error = FlowImages::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("this is L16"), "{error}");
}

#[test]
fn images_of_other_sizes_and_cut_ones_are_refused() {
    let dir = tempdir().unwrap();
    write_flow_images(dir.path(), 1, &field(0.), RULES, QUALITY).unwrap();
    let path = dir.path().join("flow_y_00001.jpg");
    let whole = fs::read(&path).unwrap();
    let images = FlowImages::open(dir.path()).unwrap();
    for end in [0, 2, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(images.field(0, RULES).is_err(), "{end} of {} bytes", whole.len());
    }
    GrayImage::new(5, 5).save(&path).unwrap();
    let error = images.field(0, RULES).unwrap_err().to_string();
    assert!(
        error.contains("flow_y_00001.jpg: 5x5 pixels, and the first image has 32x24"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_stored_is_not_written() {
    let dir = tempdir().unwrap();
    let unknown = Field::from_fn(2, 2, |_, _| [0., f32::NAN]).unwrap();
    assert!(write_flow_images(dir.path(), 1, &unknown, RULES, QUALITY).is_err());
    for quality in [0, 101] {
        assert!(write_flow_images(dir.path(), 1, &field(0.), RULES, quality).is_err());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let long = Field::from_fn(70_000, 1, |_, _| [0., 0.]).unwrap();
    assert!(write_flow_images(dir.path(), 1, &long, RULES, QUALITY).is_err());
}
