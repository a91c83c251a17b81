//! What videos are found to be when they are looked through, kept in a file so that it is done once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use marey_video::{Known, Options};
use marey_weights::write_atomically;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ordered::Ordered;

/// What came of [`Listed::with_index`](crate::Listed::with_index).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Videos that the file knew.
    pub known: usize,
    /// Videos that were looked through now.
    pub made: usize,
    /// Videos that cannot be decoded, with the cause. The file keeps them, too.
    pub broken: Vec<(PathBuf, String)>,
    /// Videos that could not be looked through now for a cause that is not their own, as a missing program.
    pub failed: Vec<(PathBuf, String)>,
    /// What was wrong with the file itself, if anything.
    pub notes: Vec<String>,
}

/// What a video is, or why it cannot be decoded.
pub(crate) type Found = std::result::Result<Known, String>;

/// The version of the file. It is made anew where this differs, or the version of marey.
const FORMAT: u32 = 1;

/// How often the file is written while videos are looked through: so much is lost when the process is killed.
const SAVED_EVERY: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Index {
    format: u32,
    marey: String,
    /// By their absolute paths.
    videos: BTreeMap<String, Video>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Video {
    stamp: Stamp,
    #[serde(flatten)]
    is: Is,
}

/// By what a file is taken for the same. Of a folder of frames it tells names that come and go, not another content.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// Those of decoding that the answer depends on.
    settings: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Is {
    Frames { count: usize, width: u32, height: u32 },
    Broken(String),
}

impl Stamp {
    fn of(path: &Path, options: &Options) -> Option<Self> {
        let Options { lenient, max_pixels, max_frames, ffmpeg, .. } = options;
        let file = std::fs::metadata(path).ok()?;
        let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            bytes: file.len(),
            modified: u64::try_from(modified.as_nanos()).ok()?,
            settings: format!("{lenient} {max_pixels} {max_frames} {ffmpeg:?}"),
        })
    }
}

impl Is {
    fn found(self) -> Found {
        match self {
            Self::Frames { count, width, height } => {
                Ok(Known { frames: count, size: (width, height) })
            }
            Self::Broken(cause) => Err(cause),
        }
    }
}

impl Index {
    fn new() -> Self {
        let marey = env!("CARGO_PKG_VERSION").into();
        Self { format: FORMAT, marey, videos: BTreeMap::new() }
    }

    /// The index in `file`; an empty one, and why, if that cannot be used.
    fn read(file: &Path) -> (Self, Option<String>) {
        let new = Self::new();
        let anew = |why: String| Some(format!("{}: made anew: {why}", file.display()));
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (new, None),
            Err(e) => return (new, anew(e.to_string())),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(index) if (index.format, &index.marey) == (FORMAT, &new.marey) => (index, None),
            Ok(index) => {
                let was = format!("format {} of marey {}", index.format, index.marey);
                (new, anew(format!("it is of {was}")))
            }
            Err(e) => (new, anew(format!("not an index: {e}"))),
        }
    }

    /// Adds `made` to `file`, and to what another process has written there meanwhile.
    fn save(file: &Path, made: &BTreeMap<String, Video>) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        let (mut index, _) = Self::read(file);
        index.videos.extend(made.clone());
        let text = serde_json::to_vec(&index).map_err(|e| Error::Config(e.to_string()))?;
        write_atomically(file, &text).map_err(|e| Error::io(&e.path, e.source))
    }
}

/// What `videos` are, by the index `file` and, where that does not know, by looking through them on `threads` threads, of
/// which the file then knows. Nothing of those that cannot be looked through now. `progress` is told how many of how many
/// were looked through.
pub(crate) fn look_up(
    file: &Path,
    videos: &[PathBuf],
    options: &Options,
    threads: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<(Vec<Option<Found>>, Indexed)> {
    let (index, note) = Index::read(file);
    let mut report = Indexed { notes: note.into_iter().collect(), ..Indexed::default() };
    let key = |path: &Path| Some(absolute(path).ok()?.to_str()?.to_string());
    let known = |path: &PathBuf| {
        let video = index.videos.get(&key(path)?)?;
        (Stamp::of(path, options)? == video.stamp).then(|| video.is.clone().found())
    };
    let mut found: Vec<Option<Found>> = videos.iter().map(known).collect();
    let wanted: Arc<[usize]> = (0..videos.len()).filter(|i| found[*i].is_none()).collect();
    report.known = videos.len() - wanted.len();

    let paths: Arc<[PathBuf]> = wanted.iter().map(|i| videos[*i].clone()).collect();
    let (shared, settings) = (paths.clone(), options.clone());
    let mut looks = Ordered::new(threads, 2 * threads, paths.len() as u64, move |job| {
        let path = &shared[job as usize];
        // The stamp is the older one: of a file that changes meanwhile it is out of date at once.
        Ok((Stamp::of(path, &settings), look(path, &settings)))
    })?;
    let (mut made, mut unsaved, mut saved) = (BTreeMap::new(), 0, Instant::now());
    for (done, (path, at)) in paths.iter().zip(wanted.iter()).enumerate() {
        match looks.next()? {
            (stamp, Ok(is)) => {
                report.made += 1;
                unsaved += 1;
                if let (Some(key), Some(stamp)) = (key(path), stamp) {
                    made.insert(key, Video { stamp, is: is.clone() });
                }
                found[*at] = Some(is.found());
            }
            (_, Err(cause)) => report.failed.push((path.clone(), cause)),
        }
        progress(done + 1, paths.len());
        let last = done + 1 == paths.len();
        if unsaved > 0 && (last || saved.elapsed() > SAVED_EVERY) {
            if let Err(error) = Index::save(file, &made) {
                report.notes = vec![format!("not kept: {error}")];
            }
            (unsaved, saved) = (0, Instant::now());
        }
    }
    let broken = videos.iter().zip(&found).filter_map(|(path, found)| match found {
        Some(Err(cause)) => Some((path.clone(), cause.clone())),
        _ => None,
    });
    report.broken = broken.collect();
    Ok((found, report))
}

/// What the video is; the error is of what is not the file's own fault.
fn look(path: &Path, options: &Options) -> std::result::Result<Is, String> {
    let looked = marey_video::open(path, options).and_then(|mut video| {
        let (count, (width, height)) = (video.len()?, video.size());
        Ok(Is::Frames { count, width, height })
    });
    looked.or_else(|error| match error.is_damage() {
        true => Ok(Is::Broken(error.to_string())),
        false => Err(error.to_string()),
    })
}
