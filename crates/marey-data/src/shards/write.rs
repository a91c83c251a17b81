//! A shard is written: its tar file first, then its index, each whole or not there.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marey_video::{Options, sniff};
use marey_weights::atomic::{Refused, write_atomically, write_with};
use tar::{Builder, Header};

use super::{Broken, Shard, Stored};
use crate::error::{Error, Result};
use crate::extract::{Digest, Outcome, RESIZE, Source, taken};
use crate::ordered::Ordered;
use crate::prepare::PrepareConfig;

/// The version of the index. Another one is not read.
pub(super) const FORMAT: u32 = 1;

/// A video that is to be in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its file, or folder of frames.
    pub video: PathBuf,
    /// Its name in the shard.
    pub key: String,
    /// Its class.
    pub label: u32,
    /// The name of that.
    pub class: String,
}

/// A video as images, before it has a place.
struct Encoded {
    source: Source,
    size: (u32, u32),
    images: Vec<Vec<u8>>,
}

/// Makes `path` with the extension `.tar`, of `items` in their order, and with `.json`, its index, on `threads` threads. A video that is
/// no good is not in the file but in the index. What is there of the same content by the same settings is left as it is; otherwise
/// it is an error, or with `redo` made anew. `of` is the number of shards of the subset; `observe` is told of each video that is done.
///
/// # Errors
///
/// [`Error::Taken`] if there is another shard, [`Error::Config`] for settings that cannot be, and what reading and writing may give:
/// also where a video cannot be decoded for a cause that is not its own. There is then no shard, or the one that was there.
pub fn write_shard(
    path: &Path,
    items: &[Item],
    of: usize,
    config: &PrepareConfig,
    options: &Options,
    (threads, redo): (usize, bool),
    mut observe: impl FnMut(usize) -> ControlFlow<()>,
) -> Result<Outcome<Shard>> {
    config.check()?;
    let (tar, index) = (path.with_extension("tar"), path.with_extension("json"));
    let there = match Shard::read(&index) {
        Err(Error::Taken { .. }) if redo => None,
        read => read?,
    };
    let digests: Vec<Digest> =
        items.iter().map(|item| Digest::of(&item.video)).collect::<Result<_>>()?;
    if let Some(there) = there {
        let whole = fs::metadata(&tar).is_ok_and(|file| file.len() == there.file.bytes);
        if whole && (there.of, there.settings) == (of, *config) && is_of(&there, items, &digests) {
            return Ok(Outcome::There(there));
        }
        if !redo {
            let what = "made of other videos, by other settings, or not whole";
            return Err(taken(&index, what.into()));
        }
        // Whoever reads meanwhile must not take the old index for one of the new file.
        fs::remove_file(&index).map_err(|e| Error::io(&index, e))?;
    }
    let encoded = encode(items, digests.clone(), config, options, threads)?;
    let (mut videos, mut broken, mut stopped) = (Vec::new(), Vec::new(), false);
    let written = write_with(&tar, |file| {
        let mut tar = Builder::new(Counted { to: io::BufWriter::new(file), count: 0 });
        let mut encoded = encoded;
        for (done, (item, digest)) in items.iter().zip(&digests).enumerate() {
            if observe(done).is_break() {
                stopped = true;
                return Err(io::ErrorKind::Interrupted.into());
            }
            match encoded.next() {
                Ok(video) => videos.push(add(&mut tar, item, video)?),
                Err(error) if error.is_damage() => {
                    let (key, cause) = (item.key.clone(), error.to_string());
                    broken.push(Broken { key, label: item.label, digest: digest.clone(), cause });
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        tar.into_inner()?.to.flush()
    });
    match written {
        Err(_) if stopped => return Ok(Outcome::Stopped),
        Err(Refused { path, source, .. }) => {
            // An error of this crate went through the writer's.
            return Err(source
                .downcast::<Error>()
                .unwrap_or_else(|source| Error::io(&path, source)));
        }
        Ok(()) => {}
    }
    let (marey, resize) = (env!("CARGO_PKG_VERSION").into(), RESIZE.into());
    let (settings, file) = (*config, Digest::of(&tar)?);
    let shard = Shard { format: FORMAT, marey, of, settings, resize, file, videos, broken };
    let text = serde_json::to_vec(&shard).map_err(|e| Error::Config(e.to_string()))?;
    write_atomically(&index, &text).map_err(|e| Error::io(&e.path, e.source))?;
    Ok(Outcome::Made(shard))
}

/// Whether a shard was made of these videos.
fn is_of(shard: &Shard, items: &[Item], digests: &[Digest]) -> bool {
    let stored = shard.videos.iter().map(|v| (&v.key, v.label, &v.source.digest));
    let broken = shard.broken.iter().map(|v| (&v.key, v.label, &v.digest));
    let mut was: Vec<_> = stored.chain(broken).collect();
    let mut now: Vec<_> =
        items.iter().zip(digests).map(|(item, digest)| (&item.key, item.label, digest)).collect();
    was.sort_by_key(|(key, ..)| *key);
    now.sort_by_key(|(key, ..)| *key);
    was == now
}

/// The videos as images, in their order; no more of them are in memory than twice the threads.
fn encode(
    items: &[Item],
    digests: Vec<Digest>,
    config: &PrepareConfig,
    options: &Options,
    threads: usize,
) -> Result<Ordered<Encoded>> {
    let paths: Arc<[PathBuf]> = items.iter().map(|item| item.video.clone()).collect();
    let (config, options) = (*config, options.clone());
    Ordered::new(threads, 2 * threads, items.len() as u64, move |job| {
        let (path, digest) = (&paths[job as usize], digests[job as usize].clone());
        let kind = sniff(path)?.to_string();
        let mut video = marey_video::open(path, &options)?;
        let source = Source::of(path, digest, kind, &mut *video)?;
        let size = config.size.of((source.width, source.height))?;
        let mut images = Vec::new();
        config.images(&mut *video, |_, bytes| {
            images.push(bytes);
            Ok(())
        })?;
        Ok(Encoded { source, size, images })
    })
}

/// Adds a video, and says where it is.
fn add<W: Write>(tar: &mut Builder<Counted<W>>, item: &Item, video: Encoded) -> io::Result<Stored> {
    let Item { key, label, class, .. } = item;
    let mut places = Vec::new();
    for (number, image) in (1..).zip(&video.images) {
        append(tar, &format!("{key}/img_{number:05}.jpg"), image)?;
        let size = image.len() as u64;
        places.push((tar.get_ref().count - size.next_multiple_of(512), size));
    }
    let about = serde_json::json!({ "label": label, "class": class, "frames": video.images.len() });
    append(tar, &format!("{key}.cls"), label.to_string().as_bytes())?;
    append(tar, &format!("{key}.json"), about.to_string().as_bytes())?;
    let gap = match places[..] {
        [(first, size), (second, _), ..] => second - first - size.next_multiple_of(512),
        _ => 0,
    };
    let start = places.first().map_or(0, |(start, _)| *start);
    let sizes = video.images.iter().map(|image| image.len() as u32).collect();
    let (width, height) = video.size;
    let source = video.source;
    let stored =
        Stored { key: key.clone(), label: *label, source, width, height, start, gap, sizes };
    // Headers of names of one length are of one length; who would doubt it should hear of it.
    if stored.places() == places { Ok(stored) } else { Err(io::Error::other("uneven headers")) }
}

/// A member that depends on its name and content only.
fn append<W: Write>(tar: &mut Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
}

/// Counts what is written.
struct Counted<W> {
    to: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
