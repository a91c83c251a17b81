//! Flow images that were extracted before, a folder for each video of a dataset.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use candle::Device;
use marey_clip::Clip;
use marey_flow::{Flow, FlowImages};
use marey_layers::rng::fnv1a;

use crate::error::{Error, Result};
use crate::extract::{ExtractConfig, Manifest};

/// The flow images of a dataset's videos, as an [`Extraction`](crate::Extraction) makes them, all by the same settings.
pub struct Flows {
    folders: Vec<PathBuf>,
    settings: ExtractConfig,
    digest: u64,
    /// Folders that were read, since each is listed for that.
    open: Mutex<BTreeMap<usize, Arc<Images>>>,
}

struct Images {
    manifest: Manifest,
    flow: FlowImages,
}

/// The most fields of the videos that are kept open: each takes two paths.
const KEPT_FIELDS: usize = 1 << 17;

impl Flows {
    /// Those of `videos` below `folder`. A video's folder is named by the last parts of its path, without what stands behind
    /// the last dot of a file; by as many parts, of all of them, as find the folder of any.
    pub(crate) fn open(folder: &Path, videos: &[PathBuf]) -> Result<Option<Self>> {
        let mut parts = videos.iter().filter_map(|video| {
            let most = normal(video).len();
            (1..=most).rev().find(|parts| folder.join(name(video, *parts)).is_dir())
        });
        let parts = parts.next().unwrap_or(1);
        let (mut folders, mut missing) = (Vec::new(), Vec::new());
        let (mut settings, mut digests) = (None, String::new());
        let mut taken: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
        for video in videos {
            let own = folder.join(name(video, parts));
            if let Some(other) = taken.insert(own.clone(), video).filter(|other| *other != video) {
                let (a, b, own) = (other.display(), video.display(), own.display());
                return Err(Error::Config(format!("{own}: the flow images of both {a} and {b}")));
            }
            let Some(manifest) = Manifest::read(&own)? else {
                missing.push(own);
                continue;
            };
            let wrong = |what: String| Error::Taken { folder: own.clone(), what };
            if *settings.get_or_insert(manifest.settings) != manifest.settings {
                let first =
                    folders.first().map_or(own.display(), |first: &PathBuf| first.display());
                return Err(wrong(format!("made by other settings than {first}")));
            }
            if manifest.settings.every != 1 {
                let every = manifest.settings.every;
                return Err(wrong(format!("of one frame in {every}; all are wanted")));
            }
            digests += &manifest.files.sha256;
            folders.push(own);
        }
        if let Some(first) = missing.first() {
            return Err(Error::NotFound {
                what: format!(
                    "the flow images of {} of {} videos, the first of them",
                    missing.len(),
                    videos.len()
                ),
                expected: vec![first.join(crate::extract::manifest::NAME)],
            });
        }
        let (digest, open) = (fnv1a(&digests), Mutex::default());
        Ok(settings.map(|settings| Self { folders, settings, digest, open }))
    }

    /// How all of them were made.
    pub fn settings(&self) -> &ExtractConfig {
        &self.settings
    }

    /// What follows from all their content: other images have another.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The fields of the frames `which` of video `index`, which has `frames` frames: `[2, T, H, W]`, in pixels.
    pub(crate) fn clip(&self, index: usize, which: &[usize], frames: usize) -> Result<Clip> {
        let images = self.images(index)?;
        let Images { manifest, flow } = &*images;
        let wrong = |what: String| Error::Taken { folder: self.folders[index].clone(), what };
        if manifest.frames != frames || flow.len() != frames {
            let (said, there) = (manifest.frames, flow.len());
            return Err(wrong(format!(
                "{there} flow images, of {said} frames, and the video has {frames}"
            )));
        }
        let field = |&n: &usize| {
            let rules = manifest.rules(n).ok_or_else(|| wrong(format!("no range of field {n}")))?;
            Ok(flow.field(n, rules)?)
        };
        let fields: Vec<_> = which.iter().map(field).collect::<Result<_>>()?;
        Ok(Clip::new(Flow::from_fields(&fields, &Device::Cpu)?.tensor().squeeze(0)?)?)
    }

    fn images(&self, index: usize) -> Result<Arc<Images>> {
        let kept = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(images) = kept().get(&index) {
            return Ok(images.clone());
        }
        let folder = &self.folders[index];
        let gone = || Error::Taken { folder: folder.clone(), what: "its manifest is gone".into() };
        let manifest = Manifest::read(folder)?.ok_or_else(gone)?;
        let images = Arc::new(Images { manifest, flow: FlowImages::open(folder)? });
        let mut kept = kept();
        kept.insert(index, images.clone());
        while kept.len() > 1 && kept.values().map(|i| i.flow.len()).sum::<usize>() > KEPT_FIELDS {
            kept.pop_first();
        }
        Ok(images)
    }
}

/// The last `parts` of a video's path as the name of its folder. That of a folder of frames has no extension to lose.
fn name(video: &Path, parts: usize) -> PathBuf {
    let all = normal(video);
    let name: PathBuf = all[all.len().saturating_sub(parts)..].iter().collect();
    if video.is_dir() { name } else { name.with_extension("") }
}

fn normal(path: &Path) -> Vec<Component<'_>> {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}
