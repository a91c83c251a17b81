//! A folder for each class, no lists.
//!
//! A video is a file, or a folder of frames. Names that begin with a dot are passed over.

use std::path::{Path, PathBuf};

use crate::dataset::Subset;
use crate::error::{Error, Result};
use crate::listed::{Entry, Listing};
use crate::lists::names;

/// `train/CLASS/video` and `test/CLASS/video`; the classes are those of both.
pub(super) fn subsets(root: &Path, subset: Subset, _: usize) -> Result<Listing> {
    let mut classes = Vec::new();
    for subset in [Subset::Train, Subset::Test] {
        classes.extend(folders(&root.join(subset.to_string()))?);
    }
    classes.sort_unstable();
    classes.dedup();
    let folder = root.join(subset.to_string());
    let entries = videos(&folder, &classes)?;
    Ok(Listing::new(folder.display().to_string(), classes, entries, vec![folder]))
}

/// `CLASS/video`, and as split N the N-th video in alphabetical order to be judged by, all others to learn from: that
/// each is left out once is how scenes were measured (Tran and others 2015, section 6). As split 0 all are to learn from.
pub(super) fn leave_one_out(root: &Path, subset: Subset, split: usize) -> Result<Listing> {
    let classes = folders(root)?;
    let mut entries = videos(root, &classes)?;
    if split > entries.len() {
        let videos = entries.len();
        return Err(Error::Config(format!(
            "split {split} of {}: there are {videos} videos to leave out",
            root.display()
        )));
    }
    let out = split.checked_sub(1).map(|left_out| entries.remove(left_out));
    if subset == Subset::Test {
        entries = out.into_iter().collect();
    }
    Ok(Listing::new(root.display().to_string(), classes, entries, vec![root.into()]))
}

/// The folders in `root`.
fn folders(root: &Path) -> Result<Vec<String>> {
    let nothing = |expected: PathBuf| Error::NotFound {
        what: "a folder with a folder for each class".into(),
        expected: vec![expected],
    };
    if !root.is_dir() {
        return Err(nothing(root.into()));
    }
    let mut folders = names(root)?;
    folders.retain(|name| root.join(name).is_dir());
    if folders.is_empty() { Err(nothing(root.join("CLASS"))) } else { Ok(folders) }
}

/// The videos in the folders of `classes`; one that is not there has none.
fn videos(root: &Path, classes: &[String]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (label, class) in (0..).zip(classes) {
        let folder = root.join(class);
        if folder.is_dir() {
            let video = |name| Entry::new(Path::new(class).join(name), label);
            entries.extend(names(&folder)?.into_iter().map(video));
        }
    }
    Ok(entries)
}
