//! Lists in text files: read line by line, refused by the number of the line.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// What `parse` makes of the lines of `path` that are not empty, or the error that it expected something else.
///
/// Lines may end in CR LF.
pub(crate) fn read<T>(
    path: &Path,
    mut parse: impl FnMut(&str) -> std::result::Result<T, String>,
) -> Result<Vec<T>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    let parsed = lines.map(|(line, text)| {
        parse(text).map_err(|expected| {
            let (path, text) = (path.to_path_buf(), text.to_string());
            Error::Split { path, line, expected, text }
        })
    });
    parsed.collect()
}

/// The words of a line, if there are `N`.
pub(crate) fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split_ascii_whitespace().collect::<Vec<_>>().try_into().ok()
}

/// The comma-separated fields of a line, without the quotes around them; none of them may have a comma inside.
pub(crate) fn fields(text: &str) -> Vec<&str> {
    text.split(',').map(|field| field.trim().trim_matches('"')).collect()
}

/// `text` as a path that does not leave the folder it starts in.
pub(crate) fn inside(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
    (stays && !text.is_empty()).then_some(path)
}

/// The first of `folders` under `root` that has all of `files`.
pub(crate) fn folder(what: &str, root: &Path, folders: &[&str], files: &[&str]) -> Result<PathBuf> {
    let places: Vec<PathBuf> = folders.iter().map(|name| root.join(name)).collect();
    let found = places.iter().find(|place| files.iter().all(|file| place.join(file).is_file()));
    found.cloned().ok_or_else(|| Error::NotFound {
        what: what.to_string(),
        expected: places.iter().flat_map(|p| files.iter().map(|file| p.join(file))).collect(),
    })
}

/// The names in `folder`, in order, without hidden ones.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let io = |e| Error::io(folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let name = name.into_string().map_err(|name| {
            Error::Config(format!("{}: the name {name:?} is not UTF-8", folder.display()))
        })?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
