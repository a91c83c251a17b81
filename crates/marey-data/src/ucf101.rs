//! UCF101 in its official layout (Soomro, Zamir and Shah 2012).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use marey_clip::Clip;
use marey_video::{FrameSource, Options};

use crate::clips::clips;
use crate::dataset::{Dataset, Subset};
use crate::error::{Error, Result};
use crate::split::{Entry, Split};

/// One part of one of the three splits of UCF101.
///
/// Under the root lie the videos, as `UCF-101/CLASS/v_*.avi` or `CLASS/v_*.avi`, and the lists,
/// in `ucfTrainTestlist/` or beside them.
pub struct Ucf101 {
    folder: PathBuf,
    split: Split,
    options: Options,
    lengths: Vec<OnceLock<usize>>,
    /// Videos that were looked through and are not being read.
    open: Mutex<BTreeMap<usize, Box<dyn FrameSource>>>,
}

/// Videos kept open: to open one may mean to decode it. Half of the files a process may usually open.
const KEPT: usize = 512;

impl Ucf101 {
    /// The `subset` of split `number`, from 1 to 3, under `root`; `options` are for decoding.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], with every place looked at, if the root, the lists or a listed video is
    /// missing; [`Error::Split`] if a list is damaged.
    pub fn open(root: &Path, subset: Subset, number: usize, options: Options) -> Result<Self> {
        if !(1..=3).contains(&number) {
            return Err(Error::Config(format!("UCF101 has splits 1, 2 and 3, not {number}")));
        }
        let list = format!("{subset}list{number:02}.txt");
        let missing = |what: String, expected| Err(Error::NotFound { what, expected });
        if !root.is_dir() {
            let what = format!(
                "the root of UCF101, with videos as UCF-101/CLASS/v_*.avi and lists as ucfTrainTestlist/classInd.txt and {list}"
            );
            return missing(what, vec![root.to_path_buf()]);
        }
        let places = [root.join("ucfTrainTestlist"), root.to_path_buf()];
        let both = |p: &&PathBuf| p.join("classInd.txt").is_file() && p.join(&list).is_file();
        let Some(lists) = places.iter().find(both) else {
            let files = |p: &PathBuf| [p.join("classInd.txt"), p.join(&list)];
            return missing(
                format!("the lists classInd.txt and {list} of UCF101, in one folder"),
                places.iter().flat_map(files).collect(),
            );
        };
        let split = Split::ucf101(lists, subset, number)?;
        let folders = [root.join("UCF-101"), root.to_path_buf()];
        let has_classes = |p: &&PathBuf| split.classes.iter().any(|c| p.join(c).is_dir());
        let Some(folder) = folders.iter().find(has_classes).cloned() else {
            return missing(
                "a folder with a folder for each class of UCF101".into(),
                split.classes.first().map_or(vec![], |c| folders.map(|p| p.join(c)).to_vec()),
            );
        };
        let absent = |e: &&Entry| !folder.join(&e.path).is_file();
        let absent: Vec<_> = split.entries.iter().filter(absent).collect();
        if let Some(first) = absent.first() {
            let (count, all) = (absent.len(), split.entries.len());
            return missing(
                format!("{count} of the {all} videos in {list}, the first of them"),
                vec![folder.join(&first.path)],
            );
        }
        let lengths = split.entries.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { folder, split, options, lengths, open: Mutex::default() })
    }

    /// The file of video `index`.
    ///
    /// # Panics
    ///
    /// If there is no such video.
    pub fn path(&self, index: usize) -> PathBuf {
        self.folder.join(&self.split.entries[index].path)
    }

    /// Hands video `index` to `f`, opened, and keeps it open.
    fn with<T>(
        &self,
        index: usize,
        f: impl FnOnce(&mut dyn FrameSource) -> Result<T>,
    ) -> Result<T> {
        // Taken out, so that other videos are read meanwhile.
        let kept = self.kept().remove(&index);
        let mut source = match kept {
            Some(source) => source,
            None => marey_video::open(self.path(index), &self.options)?,
        };
        let result = f(&mut *source)?;
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.pop_first();
        }
        kept.insert(index, source);
        Ok(result)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<usize, Box<dyn FrameSource>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dataset for Ucf101 {
    fn len(&self) -> usize {
        self.split.entries.len()
    }

    fn classes(&self) -> &[String] {
        &self.split.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.split.entries[index].label
    }

    fn name(&self, index: usize) -> String {
        self.split.entries[index].path.display().to_string()
    }

    fn num_frames(&self, index: usize) -> Result<usize> {
        if let Some(frames) = self.lengths[index].get() {
            return Ok(*frames);
        }
        let frames = self.with(index, |video| Ok(video.len()?))?;
        Ok(*self.lengths[index].get_or_init(|| frames))
    }

    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        let mut clips = self.with(index, |video| clips(video, &[which.to_vec()], Ok))?;
        Ok(clips.remove(0))
    }
}
