//! `data preview`: pictures that a person can look at.

use crate::support::{done, refused};

#[test]
fn preview_writes_a_sheet_and_an_animation_of_every_action() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["data", "preview", "marionettes", "--size", "16", "--output", "pictures"];
    let text = done(folder.path(), &args).stdout;
    let paths: Vec<&str> = text.lines().collect();
    assert_eq!(paths.len(), 13, "{paths:?}");
    for path in paths {
        let image = image::open(folder.path().join(path)).unwrap();
        assert!(image.width() >= 16 && image.height() >= 16, "{path}");
    }
    let line = refused(2, folder.path(), &["data", "preview", "marionettes", "--size", "1"]);
    assert!(line.contains("marionettes: frames of 8 to 4096"), "{line}");
}
