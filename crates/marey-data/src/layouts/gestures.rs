//! Gestures seen by a colour and a depth camera: IsoGD (Wan and others 2016) and SKIG (Liu and Shao 2013).

use std::path::{Path, PathBuf};

use crate::dataset::Subset;
use crate::error;
use crate::listed::{Entry, Listing};
use crate::lists::{folder, inside, read, words};

const STREAMS: &[&str] = &["rgb", "depth"];

/// IsoGD: lines `train/001/M_00001.avi train/001/K_00001.avi 26`, the videos in colour and depth and the class, from 1 to
/// 249. The classes have no names. The labels of the test videos are held back: what one is judged by is the validation
/// videos.
pub(super) fn isogd(root: &Path, subset: Subset, _: usize) -> error::Result<Listing> {
    let list = match subset {
        Subset::Train => "train_list.txt",
        Subset::Test => "valid_list.txt",
    };
    let lists = folder(&format!("the list {list} of IsoGD"), root, &[""], &[list])?;
    let entries = read(&lists.join(list), |text| {
        let [rgb, depth, label] =
            words(text).ok_or("a video in colour, the same in depth, a class")?;
        let path = |text| inside(text).ok_or("paths below the root");
        let paths = vec![path(rgb)?, path(depth)?];
        match label.parse() {
            Ok(label @ 1..=249) => Ok(Entry { paths, labels: vec![label - 1], frames: None }),
            _ => Err("a class from 1 to 249".into()),
        }
    })?;
    let classes = (1..=249).map(|class| class.to_string()).collect();
    Ok(Listing { streams: STREAMS, ..Listing::new(list, classes, entries, vec![root.into()]) })
}

/// SKIG as folders of frames, `RGBImages/11110` and `DepthImages/11110`: lines `PATH 159 0`, with frames and the class from
/// 0 to 9, in one list for each stream, for three splits by person. Of `PATH` the last two names count; what is before
/// them is where its author had the frames. The classes have no names here.
pub(super) fn skig(root: &Path, subset: Subset, split: usize) -> error::Result<Listing> {
    let part = match subset {
        Subset::Train => "training",
        Subset::Test => "testing",
    };
    let [rgb, depth] = ["rgb", "depth"].map(|s| format!("{part}_{s}_list{split}.txt"));
    let what = format!("the lists {rgb} and {depth} of SKIG, in one folder");
    let lists = folder(&what, root, &["", "lists"], &[&rgb, &depth])?;
    let mut entries: Vec<Entry> = Vec::new();
    read(&lists.join(&rgb), |text| {
        let (path, frames, label) = line(text)?;
        entries.push(Entry { frames, ..Entry::new(path, label) });
        Ok(())
    })?;
    let mut rest = entries.iter_mut();
    read(&lists.join(&depth), |text| {
        let (path, _, label) = line(text)?;
        let Some(entry) = rest.next() else { return Err(format!("no more lines than {rgb} has")) };
        if entry.labels != [label] || entry.paths[0].file_name() != path.file_name() {
            return Err(format!("`{}` and its class, as in {rgb}", entry.paths[0].display()));
        }
        entry.paths.push(path);
        Ok(())
    })?;
    let classes = (0..10).map(|class| class.to_string()).collect();
    Ok(Listing { streams: STREAMS, ..Listing::new(rgb, classes, entries, vec![root.into()]) })
}

/// A line of one of SKIG's lists: the folder of frames, how many there are, the class.
fn line(text: &str) -> Result<(PathBuf, Option<usize>, u32), &'static str> {
    let [path, frames, label] = words(text).ok_or("a folder, its frames, a class")?;
    let mut names = path.trim_end_matches('/').rsplit('/');
    let (Some(name), Some(stream)) = (names.next(), names.next()) else {
        return Err("a folder in the folder of its stream");
    };
    let path = inside(&format!("{stream}/{name}")).ok_or("names of folders")?;
    match (frames.parse(), label.parse()) {
        (Ok(frames), Ok(label @ 0..=9)) => Ok((path, Some(frames), label)),
        _ => Err("a number of frames and a class from 0 to 9"),
    }
}
