//! What is wrong with a dataset on disk, found before it is trained on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marey_video::Options;

use crate::dataset::{Dataset, Subset};
use crate::error::{Error, Result};
use crate::extract::Digest;
use crate::listed::Listed;
use crate::ordered::Ordered;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of each subset, in the order they were given in.
    pub parts: Vec<Part>,
    /// What cannot be trained on.
    pub unreadable: Vec<Unreadable>,
    /// Files with the same content.
    pub copies: Vec<Copies>,
}

/// What was found in one subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub subset: Subset,
    /// Videos that are there.
    pub videos: usize,
    /// Videos that are listed and not there.
    pub absent: usize,
    /// Videos of each class. One of several classes counts for each of them.
    pub per_class: Vec<usize>,
    /// The frames of each readable video, ascending, by its first stream.
    pub frames: Vec<usize>,
    /// How many readable files have each size, width before height.
    pub sizes: BTreeMap<(u32, u32), usize>,
    /// Bytes of all files.
    pub bytes: u64,
}

/// A file, or folder of frames, that cannot be decoded to its end, or is not as long as its list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// Two or more places where the same bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// Each of them, with the subset it is in.
    pub files: Vec<(Subset, PathBuf)>,
}

impl Copies {
    /// Whether videos to be judged by are also learnt from.
    pub fn are_shared(&self) -> bool {
        self.files.iter().any(|(subset, _)| *subset != self.files[0].0)
    }
}

/// What one file was found to be.
struct Found {
    /// Nothing if it could not be read.
    digest: Option<Digest>,
    /// Its frames and their size, or why there are none.
    video: std::result::Result<(usize, (u32, u32)), String>,
}

/// Opens every file of `sets`, in every stream, decodes its first and its last frame and hashes it, on `threads` threads.
/// `progress` is told how many files are done, of how many. A file in several sets is read once.
///
/// # Errors
///
/// If no thread can be started. What is wrong with a file is no error but in the report.
pub fn check(
    sets: &[(Subset, Listed)],
    threads: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<Report> {
    let mut files = BTreeMap::new();
    for (_, set) in sets {
        for stream in set.streams() {
            let stream = set.stream(stream)?;
            let paths = (0..stream.len()).map(|index| stream.path(index));
            files.extend(paths.map(|path| (path, set.options().clone())));
        }
    }
    let files: Arc<[(PathBuf, Options)]> = files.into_iter().collect();
    let (jobs, shared) = (files.len(), files.clone());
    let mut results = Ordered::new(threads, 2 * threads, jobs as u64, move |job| {
        let (path, options) = &shared[job as usize];
        Ok(look(path, options))
    })?;
    let mut found = BTreeMap::new();
    for (done, (path, _)) in (1..).zip(files.iter()) {
        // An error here is a panic, which `look` has none of for any file that is known.
        let unread = |e: Error| Found { digest: None, video: Err(e.to_string()) };
        found.insert(path.as_path(), results.next().unwrap_or_else(unread));
        progress(done, jobs);
    }
    report(sets, &found)
}

fn report(sets: &[(Subset, Listed)], found: &BTreeMap<&Path, Found>) -> Result<Report> {
    let mut report = Report { parts: Vec::new(), unreadable: Vec::new(), copies: Vec::new() };
    let mut places: BTreeMap<&str, Vec<(Subset, PathBuf)>> = BTreeMap::new();
    for (subset, set) in sets {
        let mut part = Part {
            subset: *subset,
            videos: set.len(),
            absent: set.absent().len(),
            per_class: vec![0; set.classes().len()],
            frames: Vec::new(),
            sizes: BTreeMap::new(),
            bytes: 0,
        };
        for label in set.entries().iter().flat_map(|entry| &entry.labels) {
            part.per_class[*label as usize] += 1;
        }
        for (number, stream) in set.streams().iter().enumerate() {
            let stream = set.stream(stream)?;
            for (index, entry) in set.entries().iter().enumerate() {
                let path = stream.path(index);
                let Some(file) = found.get(path.as_path()) else { continue };
                part.bytes += file.digest.as_ref().map_or(0, |digest| digest.bytes);
                let cause = match (&file.video, entry.frames) {
                    (Err(cause), _) => cause.clone(),
                    (Ok((frames, _)), Some(listed)) if *frames != listed => {
                        format!("{frames} frames, and the list says {listed}")
                    }
                    (Ok((frames, size)), _) => {
                        if number == 0 {
                            part.frames.push(*frames);
                        }
                        *part.sizes.entry(*size).or_default() += 1;
                        let content = file.digest.as_ref().map_or("", |digest| &digest.sha256);
                        places.entry(content).or_default().push((*subset, path));
                        continue;
                    }
                };
                report.unreadable.push(Unreadable { path, cause });
            }
        }
        part.frames.sort_unstable();
        report.parts.push(part);
    }
    let copies = places.into_values().filter(|files| files.len() > 1);
    report.copies = copies.map(|files| Copies { files }).collect();
    report.copies.sort_by(|a, b| a.files[0].1.cmp(&b.files[0].1));
    Ok(report)
}

fn look(path: &Path, options: &Options) -> Found {
    let decoded = || -> Result<(usize, (u32, u32))> {
        let mut video = marey_video::open(path, options)?;
        let frames = video.len()?;
        video.frames(&[0, frames.saturating_sub(1)])?;
        Ok((frames, video.size()))
    };
    let digest = Digest::of(path);
    let video = digest.as_ref().map_err(ToString::to_string);
    let video = video.and_then(|_| decoded().map_err(|e| e.to_string()));
    Found { digest: digest.ok(), video }
}
