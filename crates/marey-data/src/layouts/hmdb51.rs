//! HMDB51 (Kuehne and others 2011).
//!
//! Of each class and split there is a list `CLASS_test_split1.txt` with lines `video.avi 1`: 1 is for training, 2 for
//! testing, 0 for neither.

use std::path::Path;

use crate::dataset::Subset;
use crate::error::{Error, Result};
use crate::listed::{Entry, Listing};
use crate::lists::{inside, names, read, words};

const FOLDERS: [&str; 3] = ["testTrainMulti_7030_splits", "splits", ""];

pub(super) fn listing(root: &Path, subset: Subset, split: usize) -> Result<Listing> {
    let ending = format!("_test_split{split}.txt");
    let wanted = match subset {
        Subset::Train => "1",
        Subset::Test => "2",
    };
    let mut classes = Vec::new();
    let mut entries = Vec::new();
    let folders = FOLDERS.map(|folder| root.join(folder));
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for name in names(folder)? {
            let Some(class) = name.strip_suffix(&ending) else { continue };
            let label = classes.len() as u32;
            classes.push(class.to_string());
            let videos = read(&folder.join(&name), |text| match words(text) {
                Some([video, tag @ ("0" | "1" | "2")]) => {
                    let path = inside(video).ok_or("the name of a video")?;
                    Ok((tag == wanted).then(|| Entry::new(Path::new(class).join(path), label)))
                }
                _ => Err("`video.avi` and 0, 1 or 2".into()),
            })?;
            entries.extend(videos.into_iter().flatten());
        }
        if !classes.is_empty() {
            let list = format!("the {subset} lists *{ending}");
            let places = ["hmdb51_org", "videos", ""].map(|folder| root.join(folder));
            return Ok(Listing::new(list, classes, entries, places.to_vec()));
        }
    }
    Err(Error::NotFound {
        what: format!("the lists CLASS{ending} of HMDB51, one a class"),
        expected: folders.map(|folder| folder.join(format!("brush_hair{ending}"))).to_vec(),
    })
}
