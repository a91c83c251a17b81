//! Kinetics-400, -600 and -700 (Kay and others 2017, Carreira and others 2018 and 2019).
//!
//! A list has lines `label,youtube_id,time_start,time_end,split`, perhaps with more columns after them, below a line of these
//! names; labels may stand in quotes. The classes are those of the training list in alphabetical order, which is that of
//! released networks. The labels of the test videos are held back: what one is judged by is the validation videos.

use std::path::{Path, PathBuf};

use crate::dataset::Subset;
use crate::error::{Error, Result};
use crate::listed::{Entry, Listing};
use crate::lists::{fields, folder, inside, read};

/// The names that the folder and the list of a subset go by.
fn subsets(subset: Subset) -> &'static [&'static str] {
    match subset {
        Subset::Train => &["train"],
        Subset::Test => &["val", "validate"],
    }
}

pub(super) fn listing(root: &Path, subset: Subset, _: usize) -> Result<Listing> {
    let mut classes: Vec<String> =
        clips(&list(root, Subset::Train)?)?.into_iter().map(|clip| clip.label).collect();
    classes.sort_unstable();
    classes.dedup();
    let path = list(root, subset)?;
    let mut entries = Vec::new();
    for clip in clips(&path)? {
        let Ok(label) = classes.binary_search(&clip.label) else {
            let list = path.display();
            return Err(Error::Config(format!("{list}: no video to learn `{}` from", clip.label)));
        };
        let place = |name: &str| {
            let file = |folder: &&str| Path::new(folder).join(&clip.label).join(name);
            subsets(subset).iter().map(file).collect::<Vec<_>>()
        };
        let named =
            [format!("{}_{:06}_{:06}.mp4", clip.id, clip.start, clip.end), clip.id + ".mp4"];
        let places: Vec<PathBuf> = named.iter().flat_map(|name| place(name)).collect();
        let there = places.iter().position(|path| root.join(path).is_file()).unwrap_or(0);
        entries.push(Entry::new(&places[there], label as u32));
    }
    let listing = Listing::new(path.display().to_string(), classes, entries, vec![root.into()]);
    Ok(Listing { may_lack: true, ..listing })
}

fn list(root: &Path, subset: Subset) -> Result<PathBuf> {
    let names = subsets(subset);
    let mut missing = Vec::new();
    for name in names.iter().map(|name| format!("{name}.csv")) {
        match folder("", root, &["", "annotations"], &[&name]) {
            Err(Error::NotFound { expected, .. }) => missing.extend(expected),
            found => return Ok(found?.join(name)),
        }
    }
    let what = format!("the list {}.csv of Kinetics", names.join(".csv or "));
    Err(Error::NotFound { what, expected: missing })
}

/// A line of a list: seconds `start` to `end` of a video.
struct Clip {
    label: String,
    id: String,
    start: u32,
    end: u32,
}

fn clips(path: &Path) -> Result<Vec<Clip>> {
    const HEAD: [&str; 5] = ["label", "youtube_id", "time_start", "time_end", "split"];
    let mut head = true;
    let clips = read(path, |text| {
        let fields = fields(text);
        if std::mem::take(&mut head) {
            return if fields.starts_with(&HEAD) { Ok(None) } else { Err(HEAD.join(",")) };
        }
        let expected = || "a label, the name of a video, its first and last second, a subset";
        let [label, id, start, end, ..] = fields[..] else { return Err(expected().into()) };
        let whole = |text: &str| text.parse::<f64>().ok().filter(|s| *s >= 0.).map(|s| s as u32);
        let plain = |text: &str| inside(text).is_some_and(|path| path.components().count() == 1);
        match (whole(start), whole(end)) {
            (Some(start), Some(end)) if plain(label) && plain(id) => {
                Ok(Some(Clip { label: label.into(), id: id.into(), start, end }))
            }
            _ => Err(expected().into()),
        }
    })?;
    Ok(clips.into_iter().flatten().collect())
}
