//! Videos that lie in files, as lists name them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use marey_clip::Clip;
use marey_video::{FrameSource, Known, Options};

use crate::clips::clips;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::flows::Flows;
use crate::index::{Found, Indexed, look_up};

/// One video of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its file, or folder of frames, in each stream, from the folder of the videos on.
    pub paths: Vec<PathBuf>,
    /// Its classes, from 0, at least one: the first is its [`label`](Dataset::label).
    pub labels: Vec<u32>,
    /// Frames, where the list says how many.
    pub frames: Option<usize>,
}

impl Entry {
    /// A video of one stream and one class.
    pub fn new(path: impl Into<PathBuf>, label: u32) -> Self {
        Self { paths: vec![path.into()], labels: vec![label], frames: None }
    }
}

/// What the lists of a dataset say of one subset, before any video was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The list, as messages call it.
    pub list: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// What there is of every video: `rgb`, and `depth` where a depth camera saw the same.
    pub streams: &'static [&'static str],
    /// The videos, in the order of the list.
    pub entries: Vec<Entry>,
    /// Where the videos may lie: the first of these folders that has one of them has all.
    pub folders: Vec<PathBuf>,
    /// Whether some videos may be absent: those of datasets that everyone downloads from elsewhere.
    pub may_lack: bool,
}

impl Listing {
    /// Videos of one stream under one of `folders`, none of them absent.
    pub fn new(
        list: impl Into<String>,
        classes: Vec<String>,
        entries: Vec<Entry>,
        folders: Vec<PathBuf>,
    ) -> Self {
        Self { list: list.into(), classes, streams: &["rgb"], entries, folders, may_lack: false }
    }
}

/// A [`Dataset`] of the videos of a [`Listing`].
///
/// It gives the frames of one of its streams, at first the first. [`stream`](Self::stream) gives another: a dataset of the
/// same videos in the same order. A network of two streams takes a [`Loader`](crate::Loader) of each, with the same
/// seed: batch by batch they are of the same videos, and of the same frames and crops where the streams are equally long.
pub struct Listed {
    listing: Arc<Listing>,
    folder: PathBuf,
    absent: Arc<[Entry]>,
    stream: usize,
    options: Options,
    /// What each video was found to be, once it was looked through.
    found: Vec<OnceLock<Found>>,
    /// Flow images of the videos, extracted before.
    flow: Option<Flows>,
    /// Videos that are open and not being read.
    open: Mutex<BTreeMap<usize, Box<dyn FrameSource>>>,
}

/// Videos kept open, since a folder of frames is listed when it is opened: a quarter of the files a process may usually open.
const KEPT: usize = 256;

/// The most frames that they have together: each may take a path, or a place in its file.
const KEPT_FRAMES: usize = 1 << 18;

impl Listed {
    /// The videos of `listing`; `options` are for decoding.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if a video is absent, where none may be, or all are; [`Error::Config`] if an entry has not a
    /// path for each stream, or a label that is no class.
    pub fn open(mut listing: Listing, options: Options) -> Result<Self> {
        let (streams, classes) = (listing.streams.len(), listing.classes.len());
        let odd = |e: &&Entry| {
            let known = |&label: &u32| (label as usize) < classes;
            e.paths.len() != streams || e.labels.is_empty() || !e.labels.iter().all(known)
        };
        if let Some(odd) = listing.entries.iter().find(odd) {
            return Err(Error::Config(format!(
                "{}: {streams} paths and a label below {classes} wanted, got {odd:?}",
                listing.list
            )));
        }
        let there = |folder: &Path, e: &Entry| e.paths.iter().all(|p| folder.join(p).exists());
        let some = |folder: &&PathBuf| listing.entries.iter().any(|e| there(folder, e));
        let found = listing.folders.iter().find(some).cloned();
        let all = listing.entries.len();
        let (entries, absent): (Vec<_>, Vec<_>) = std::mem::take(&mut listing.entries)
            .into_iter()
            .partition(|e| found.as_ref().is_some_and(|folder| there(folder, e)));
        if let (Some(first), true) = (absent.first(), !listing.may_lack || entries.is_empty()) {
            let folders = found.map_or(listing.folders, |folder| vec![folder]);
            let places = folders.iter().flat_map(|f| first.paths.iter().map(|p| f.join(p)));
            return Err(Error::NotFound {
                what: format!(
                    "{} of the {all} videos in {}, the first of them",
                    absent.len(),
                    listing.list
                ),
                expected: places.filter(|path| !path.exists()).collect(),
            });
        }
        listing.entries = entries;
        let folder = found.unwrap_or_default();
        Ok(Self::of(Arc::new(listing), folder, absent.into(), 0, options))
    }

    fn of(
        listing: Arc<Listing>,
        folder: PathBuf,
        absent: Arc<[Entry]>,
        stream: usize,
        options: Options,
    ) -> Self {
        let found = listing.entries.iter().map(|_| OnceLock::new()).collect();
        let (flow, open) = (None, Mutex::default());
        Self { listing, folder, absent, stream, options, found, flow, open }
    }

    /// The same videos, of which is known from the start how many frames they have: `file` says so, of those that have the size
    /// and the time of change that they had then and are decoded by the same settings. All others are looked through first, on
    /// `threads` threads, and added to the file; a video that cannot be decoded is kept as such. `progress` is told how many of
    /// how many were looked through. Several processes may use one file.
    ///
    /// A file that is damaged, or of another version, is made anew, and one that cannot be written is a note.
    ///
    /// # Errors
    ///
    /// If no thread can be started. What is wrong with a video is no error but in the answer.
    pub fn with_index(
        mut self,
        file: &Path,
        threads: usize,
        progress: impl FnMut(usize, usize),
    ) -> Result<(Self, Indexed)> {
        let paths: Vec<PathBuf> = (0..self.len()).map(|index| self.path(index)).collect();
        let (found, report) = look_up(file, &paths, &self.options, threads, progress)?;
        let cell = |found: Option<Found>| found.map_or_else(OnceLock::new, OnceLock::from);
        self.found = found.into_iter().map(cell).collect();
        Ok((self, report))
    }

    /// The same videos with flow that was extracted before: below `folder`, the folder of each that an
    /// [`Extraction`](crate::Extraction) made of it, named as `cargo xtask flow --out` names it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if one is missing, with the first; [`Error::Taken`] if they were not made by the same settings, or
    /// not of every frame; [`Error::Config`] if one would be of two videos.
    pub fn with_flow(mut self, folder: &Path) -> Result<Self> {
        let videos: Vec<PathBuf> = (0..self.len()).map(|index| self.path(index)).collect();
        self.flow = Flows::open(folder, &videos)?;
        Ok(self)
    }

    /// The flow images of [`with_flow`](Self::with_flow).
    pub fn flows(&self) -> Option<&Flows> {
        self.flow.as_ref()
    }

    /// The folder that the paths of the videos begin in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What there is of every video.
    pub fn streams(&self) -> &'static [&'static str] {
        self.listing.streams
    }

    /// The same videos in the stream `name`.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn stream(&self, name: &str) -> Result<Self> {
        let Some(stream) = self.streams().iter().position(|stream| *stream == name) else {
            let streams = self.streams().join(" and ");
            return Err(Error::Config(format!("there is no stream `{name}`, only {streams}")));
        };
        let (listing, absent) = (self.listing.clone(), self.absent.clone());
        Ok(Self::of(listing, self.folder.clone(), absent, stream, self.options.clone()))
    }

    /// The videos that are there, in the order of the list.
    pub fn entries(&self) -> &[Entry] {
        &self.listing.entries
    }

    /// The videos that are listed and not there.
    pub fn absent(&self) -> &[Entry] {
        &self.absent
    }

    /// The file of video `index` in this stream, or its folder of frames.
    ///
    /// # Panics
    ///
    /// If there is no such video.
    pub fn path(&self, index: usize) -> PathBuf {
        self.folder.join(&self.entries()[index].paths[self.stream])
    }

    /// For decoding.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Hands video `index` to `f`, opened, and keeps it open.
    fn with<T>(
        &self,
        index: usize,
        f: impl FnOnce(&mut dyn FrameSource) -> Result<T>,
    ) -> Result<T> {
        // Taken out, so that other videos are read meanwhile.
        let kept = self.kept().remove(&index);
        let mut source = match (kept, self.found[index].get()) {
            (Some(source), _) => source,
            (None, Some(_)) => {
                marey_video::open_known(self.path(index), self.known(index)?, &self.options)?
            }
            (None, None) => marey_video::open(self.path(index), &self.options)?,
        };
        let known = Known { frames: source.len()?, size: source.size() };
        self.found[index].get_or_init(|| Ok(known));
        let result = f(&mut *source)?;
        let mut kept = self.kept();
        kept.insert(index, source);
        let frames = |index: &usize| self.known(*index).map_or(0, |known| known.frames);
        while kept.len() > KEPT || kept.keys().map(frames).sum::<usize>() > KEPT_FRAMES {
            kept.pop_first();
        }
        Ok(result)
    }

    /// What video `index` is, which is looked through if nobody did before.
    fn known(&self, index: usize) -> Result<Known> {
        match self.found[index].get() {
            Some(Ok(known)) => Ok(*known),
            Some(Err(cause)) => Err(Error::Unreadable { cause: cause.clone() }),
            None => {
                self.with(index, |video| Ok(Known { frames: video.len()?, size: video.size() }))
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<usize, Box<dyn FrameSource>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dataset for Listed {
    fn len(&self) -> usize {
        self.entries().len()
    }

    fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.entries()[index].labels[0]
    }

    fn name(&self, index: usize) -> String {
        self.entries()[index].paths[self.stream].display().to_string()
    }

    fn num_frames(&self, index: usize) -> Result<usize> {
        Ok(self.known(index)?.frames)
    }

    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        let mut clips = self.with(index, |video| clips(video, &[which.to_vec()], Ok))?;
        Ok(clips.remove(0))
    }

    fn flow(&self, index: usize, which: &[usize]) -> Result<Option<Clip>> {
        let Some(flows) = &self.flow else { return Ok(None) };
        Ok(Some(flows.clip(index, which, self.num_frames(index)?)?))
    }
}
