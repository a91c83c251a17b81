//! Which folder a video becomes, and that no two become one.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf, absolute};

use anyhow::Context;

use crate::exit::{self, failure};

/// A video, and the name of its folder, which may be several folders deep.
#[derive(Debug, PartialEq)]
pub struct Named {
    pub video: PathBuf,
    pub name: PathBuf,
}

/// Names `videos` by their files without what stands behind the last dot; below `root`, where there is one, by their path from
/// there. Refuses names that two videos have, or of which one lies in the other.
pub fn named(videos: Vec<PathBuf>, root: Option<&Path>) -> anyhow::Result<Vec<Named>> {
    let all: Vec<Named> = videos
        .into_iter()
        .map(|video| Ok(Named { name: name(&video, root)?, video }))
        .collect::<anyhow::Result<_>>()?;
    let mut seen = BTreeMap::new();
    for named in &all {
        if let Some(other) = seen.insert(&named.name, named) {
            return Err(clash(other, named, root.is_some()));
        }
    }
    for named in &all {
        let above = named.name.ancestors().skip(1).find_map(|above| seen.get(&above.to_path_buf()));
        if let Some(other) = above {
            return Err(clash(other, named, root.is_some()));
        }
    }
    Ok(all)
}

fn clash(a: &Named, b: &Named, has_root: bool) -> anyhow::Error {
    let hint = if has_root { "" } else { "; --root DIR keeps the folders that they are in" };
    let what = format!(
        "{} and {} cannot become the folders {} and {} both{hint}",
        a.video.display(),
        b.video.display(),
        a.name.display(),
        b.name.display()
    );
    failure(exit::USAGE, what)
}

fn name(video: &Path, root: Option<&Path>) -> anyhow::Result<PathBuf> {
    let full = absolute(video).with_context(|| video.display().to_string())?;
    let name = match root {
        None => full.file_name().map(PathBuf::from),
        Some(root) => {
            let root = absolute(root).with_context(|| root.display().to_string())?;
            full.strip_prefix(root).ok().map(Path::to_path_buf)
        }
    };
    let plain = |name: &PathBuf| {
        name.file_name().is_some()
            && name.components().all(|part| matches!(part, Component::Normal(_)))
    };
    match name.filter(plain) {
        // The name of a folder has no extension.
        Some(name) => Ok(if video.is_dir() { name } else { name.with_extension("") }),
        None => {
            let below = root.map_or(String::new(), |root| format!(" below {}", root.display()));
            let what = format!("{}: not the path of a video{below}", video.display());
            Err(failure(exit::USAGE, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(videos: &[&str], root: Option<&str>) -> Result<Vec<String>, String> {
        let videos = videos.iter().map(PathBuf::from).collect();
        let all = named(videos, root.map(Path::new)).map_err(|error| error.to_string())?;
        Ok(all.into_iter().map(|named| named.name.to_str().unwrap().to_string()).collect())
    }

    #[test]
    fn names_are_those_of_files_or_paths_below_a_root() {
        assert_eq!(names(&["a/v.1.avi", "w"], None).unwrap(), ["v.1", "w"]);
        assert_eq!(names(&["./u/a/v.avi", "u/b/v.avi"], Some("u/.")).unwrap(), ["a/v", "b/v"]);
        let folder = tempfile::tempdir().unwrap();
        let frames = folder.path().join("v.5");
        std::fs::create_dir(&frames).unwrap();
        assert_eq!(names(&[frames.to_str().unwrap()], None).unwrap(), ["v.5"]);
        for (videos, root) in [
            (["v/.."], None),
            (["/"], None),
            (["b/v.avi"], Some("a")),
            (["a/../v.avi"], Some("a")),
            (["a"], Some("a")),
        ] {
            assert!(names(&videos, root).unwrap_err().contains("not the path"), "{videos:?}");
        }
    }

    #[test]
    fn clashes_are_refused() {
        for (videos, root) in [
            (["a/v.avi", "b/v.avi"], None),
            (["v.avi", "v.mp4"], Some(".")),
            (["v.avi", "v.avi"], None),
            (["a/v.avi", "a.avi"], Some(".")),
        ] {
            let error = names(&videos, root).unwrap_err();
            assert!(videos.iter().all(|video| error.contains(video)), "{error}");
            assert_eq!(error.contains("--root"), root.is_none(), "{error}");
        }
    }
}
