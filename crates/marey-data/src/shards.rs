//! Datasets in few large files: JPEG images of many videos in uncompressed tar files, read from any place by an index.
//!
//! `train-00000.tar` has of each video the members `KEY/img_00001.jpg`, .., `KEY.cls` (the number of its class) and `KEY.json`
//! (label, class and number of frames), and `train-00000.json` ([`Shard`]) says where in the file each image lies. Beside them is
//! `classes.txt`, with a name a line.

use std::fs;
use std::path::{Path, PathBuf};

use marey_clip::Clip;
use marey_video::{Options, open_jpegs};
use serde::{Deserialize, Serialize};

mod write;

pub use write::{Item, write_shard};

use crate::clips::clips;
use crate::dataset::{Dataset, Subset};
use crate::error::{Error, Result};
use crate::extract::{Digest, Source};
use crate::lists::read;
use crate::prepare::PrepareConfig;

/// The index and manifest of a shard. It is written after its tar file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// The version of the index itself.
    pub format: u32,
    /// The version of marey.
    pub marey: String,
    /// Number of shards of the subset.
    pub of: usize,
    /// All that another run has to agree on.
    pub settings: PrepareConfig,
    /// How frames came to another size.
    pub resize: String,
    /// The tar file.
    pub file: Digest,
    /// Those of its videos that could be decoded, in the order of the list.
    pub videos: Vec<Stored>,
    /// Those that could not.
    pub broken: Vec<Broken>,
}

/// A video in a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub key: String,
    /// Its class.
    pub label: u32,
    /// What the images were made of.
    pub source: Source,
    /// Width of all images.
    pub width: u32,
    /// Height of all images.
    pub height: u32,
    /// Where the first image begins in the tar file, in bytes.
    pub start: u64,
    /// From the end of an image, rounded up to 512 bytes, to the beginning of the next.
    pub gap: u64,
    /// Bytes of each image.
    pub sizes: Vec<u32>,
}

/// A video that is in no shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Its name.
    pub key: String,
    /// Its class.
    pub label: u32,
    /// Its content.
    pub digest: Digest,
    /// Why it cannot be decoded.
    pub cause: String,
}

impl Stored {
    /// Offset and length of each image, in bytes.
    fn places(&self) -> Vec<(u64, u64)> {
        let mut next = self.start;
        let place = |size: &u32| {
            let (at, size) = (next, u64::from(*size));
            next = at + size.next_multiple_of(512) + self.gap;
            (at, size)
        };
        self.sizes.iter().map(place).collect()
    }
}

impl Shard {
    /// The index in the file `path`; nothing if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not an index of this version.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let taken = |what: String| Error::Taken { folder: path.to_path_buf(), what };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path, error)),
        };
        let shard: Self = serde_json::from_slice(&text)
            .map_err(|error| taken(format!("not the index of a shard: {error}")))?;
        match shard.format {
            write::FORMAT => Ok(Some(shard)),
            other => {
                Err(taken(format!("an index of format {other}, and {} is known", write::FORMAT)))
            }
        }
    }
}

/// A [`Dataset`] of shards. Nothing but their indices is held in memory.
pub struct Shards {
    classes: Vec<String>,
    files: Vec<PathBuf>,
    /// Each with the number of its file.
    videos: Vec<(usize, Stored)>,
    options: Options,
}

impl Shards {
    /// The shards of `subset` in the folder `root`; `options` are for decoding.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there are no shards, or not as many as there should be; [`Error::Taken`] if a tar file is not as long
    /// as its index says, or an index is none; [`Error::Config`] if a label is no class.
    pub fn open(root: &Path, subset: Subset, options: Options) -> Result<Self> {
        let absent = |name: &str| Error::NotFound {
            what: format!("a shard of {subset}"),
            expected: vec![root.join(name)],
        };
        let list = root.join("classes.txt");
        if !list.is_file() {
            return Err(absent("classes.txt"));
        }
        let classes = read(&list, |text| Ok(text.to_string()))?;
        let (mut files, mut videos, mut of) = (Vec::new(), Vec::new(), 1);
        while files.len() < of {
            let name = format!("{}.json", shard_name(subset, files.len()));
            let path = root.join(&name);
            let shard = Shard::read(&path)?.ok_or_else(|| absent(&name))?;
            of = shard.of;
            let file = path.with_extension("tar");
            let bytes = fs::metadata(&file).map_err(|e| Error::io(&file, e))?.len();
            if bytes != shard.file.bytes {
                let what = format!("{bytes} bytes, and its index says {}", shard.file.bytes);
                return Err(Error::Taken { folder: file, what });
            }
            if let Some(odd) = shard.videos.iter().find(|v| v.label as usize >= classes.len()) {
                let (path, key, classes) = (path.display(), &odd.key, classes.len());
                return Err(Error::Config(format!("{path}: {key} has no label below {classes}")));
            }
            videos.extend(shard.videos.into_iter().map(|video| (files.len(), video)));
            files.push(file);
        }
        Ok(Self { classes, files, videos, options })
    }
}

/// The name of a shard's files, without `.tar` or `.json`.
pub fn shard_name(subset: Subset, number: usize) -> String {
    format!("{subset}-{number:05}")
}

impl Dataset for Shards {
    fn len(&self) -> usize {
        self.videos.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.videos[index].1.label
    }

    fn name(&self, index: usize) -> String {
        self.videos[index].1.key.clone()
    }

    fn num_frames(&self, index: usize) -> Result<usize> {
        Ok(self.videos[index].1.sizes.len())
    }

    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        let (file, video) = &self.videos[index];
        let mut source = open_jpegs(&self.files[*file], video.places(), &self.options)?;
        Ok(clips(&mut *source, &[which.to_vec()], Ok)?.remove(0))
    }
}
