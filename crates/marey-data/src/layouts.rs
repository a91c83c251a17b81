//! Datasets on disk: what each is called, how it lies, and the one door to all of them.

mod folders;
mod gestures;
mod hmdb51;
mod kinetics;
mod plain;
mod sports1m;
mod ucf101;

use std::path::Path;

use marey_video::Options;

use crate::dataset::Subset;
use crate::error::{Error, Result};
use crate::listed::{Listed, Listing};

/// How a dataset lies on disk.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// What [`find`] knows it by.
    pub name: &'static str,
    /// What papers call it.
    pub title: &'static str,
    /// What there must be under its root.
    pub root: &'static str,
    /// The first of its splits.
    pub first_split: usize,
    /// The last of its splits; where there is none, the files say which there are.
    pub last_split: Option<usize>,
    read: fn(&Path, Subset, usize) -> Result<Listing>,
}

/// Every layout there is.
pub const LAYOUTS: &[Layout] = &[
    Layout {
        name: "ucf101",
        title: "UCF101",
        root: "videos as UCF-101/CLASS/v_*.avi and lists as ucfTrainTestlist/classInd.txt and trainlist01.txt",
        first_split: 1,
        last_split: Some(3),
        read: ucf101::listing,
    },
    Layout {
        name: "hmdb51",
        title: "HMDB51",
        root: "videos as hmdb51_org/CLASS/*.avi and lists as testTrainMulti_7030_splits/CLASS_test_split1.txt",
        first_split: 1,
        last_split: Some(3),
        read: hmdb51::listing,
    },
    Layout {
        name: "kinetics",
        title: "Kinetics",
        root: "lists train.csv and val.csv, videos as train/LABEL/ID_000010_000020.mp4 or train/LABEL/ID.mp4, and so in val/",
        first_split: 1,
        last_split: Some(1),
        read: kinetics::listing,
    },
    Layout {
        name: "sports1m",
        title: "Sports-1M",
        root: "labels.txt, original/train_partition.txt and test_partition.txt, unpacked, and videos as videos/ID.*",
        first_split: 1,
        last_split: Some(1),
        read: sports1m::listing,
    },
    Layout {
        name: "isogd",
        title: "IsoGD",
        root: "train_list.txt, valid_list.txt, and videos as train/001/M_00001.avi (colour) and K_00001.avi (depth)",
        first_split: 1,
        last_split: Some(1),
        read: gestures::isogd,
    },
    Layout {
        name: "skig",
        title: "SKIG",
        root: "training_rgb_list1.txt, training_depth_list1.txt, testing_*, and frames in RGBImages/11110 and DepthImages/11110",
        first_split: 1,
        last_split: Some(3),
        read: gestures::skig,
    },
    Layout {
        name: "yupenn",
        title: "YUPENN",
        root: "videos as CLASS/video",
        first_split: 0,
        last_split: None,
        read: folders::leave_one_out,
    },
    Layout {
        name: "maryland",
        title: "Maryland",
        root: "videos as CLASS/video",
        first_split: 0,
        last_split: None,
        read: folders::leave_one_out,
    },
    Layout {
        name: "classes",
        title: "a folder for each class",
        root: "videos as CLASS/video",
        first_split: 0,
        last_split: None,
        read: folders::leave_one_out,
    },
    Layout {
        name: "folders",
        title: "a folder for each subset",
        root: "videos as train/CLASS/video and test/CLASS/video",
        first_split: 1,
        last_split: Some(1),
        read: folders::subsets,
    },
    Layout {
        name: "list",
        title: "a list of videos",
        root: "classes.txt, train.txt and test.txt with lines `path frames label` or `path label`",
        first_split: 1,
        last_split: Some(1),
        read: plain::list,
    },
    Layout {
        name: "folds",
        title: "a list of folds",
        root: "videos as CLASS/video and folds.csv with lines `path,label,fold`",
        first_split: 0,
        last_split: None,
        read: plain::folds,
    },
];

/// Datasets of the papers that cannot be opened, and why.
pub const UNSUPPORTED: &[(&str, &str)] = &[(
    "aslan",
    "ASLAN is pairs of videos to be told alike or not, not videos with a class, and its lists are MATLAB files (View2.mat), \
     which are not read here",
)];

/// The layout called `name`.
///
/// # Errors
///
/// If there is none, with the names there are; or with the reason why a known dataset is not among them.
pub fn find(name: &str) -> Result<&'static Layout> {
    if let Some((_, why)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
        return Err(Error::Config(format!("unsupported: {why}")));
    }
    LAYOUTS.iter().find(|layout| layout.name == name).ok_or_else(|| {
        let names: Vec<&str> = LAYOUTS.iter().map(|layout| layout.name).collect();
        Error::Config(format!("no dataset is called `{name}`; there are {}", names.join(", ")))
    })
}

/// The `subset` of split `split` of the dataset called `name` under `root`; `options` are for decoding.
///
/// # Errors
///
/// Those of [`find`] and [`Layout::open`].
pub fn open(
    name: &str,
    root: &Path,
    subset: Subset,
    split: usize,
    options: Options,
) -> Result<Listed> {
    find(name)?.open(root, subset, split, options)
}

impl Layout {
    /// All splits of the dataset under `root`.
    ///
    /// # Errors
    ///
    /// If the files that would say so cannot be read, or each video is a split of its own.
    pub fn splits(&self, root: &Path) -> Result<Vec<usize>> {
        match self.last_split {
            Some(last) => Ok((self.first_split..=last).collect()),
            None if self.name == "folds" => plain::numbers(root),
            None => Err(Error::Config(format!(
                "{}: every video is a split of its own; name one of them",
                self.title
            ))),
        }
    }

    /// What the lists under `root` say of the `subset` of split `split`. Videos are looked for, where a name does not tell
    /// where they lie, but none has to be there.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], with every place looked at, if the root or a list is missing; [`Error::Split`] for a line of a
    /// list that is not what it should be; [`Error::Config`] if there is no such split.
    pub fn list(&self, root: &Path, subset: Subset, split: usize) -> Result<Listing> {
        let Self { title, first_split, .. } = *self;
        let last = self.last_split.unwrap_or(usize::MAX);
        if !(first_split..=last).contains(&split) {
            return Err(Error::Config(format!(
                "{title} has splits {first_split} to {last}, not {split}"
            )));
        }
        if !root.is_dir() {
            return Err(Error::NotFound {
                what: format!("the root of {title}, with {}", self.root),
                expected: vec![root.to_path_buf()],
            });
        }
        (self.read)(root, subset, split)
    }

    /// The `subset` of split `split` under `root`; `options` are for decoding.
    ///
    /// # Errors
    ///
    /// Those of [`list`](Self::list) and [`Listed::open`].
    pub fn open(
        &self,
        root: &Path,
        subset: Subset,
        split: usize,
        options: Options,
    ) -> Result<Listed> {
        Listed::open(self.list(root, subset, split)?, options)
    }
}
