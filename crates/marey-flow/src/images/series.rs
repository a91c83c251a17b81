//! Which files of a folder are the x and which the y images, in order.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// How images of x and of y are named in one folder.
const TOGETHER: [[&str; 2]; 2] = [["flow_x_", "flow_y_"], ["x_", "y_"]];

/// Images of one name but for the number.
struct Series {
    folder: PathBuf,
    /// What stands before the number.
    before: String,
    files: BTreeMap<u64, String>,
}

/// The x and the y images of one folder. There is at least one of each.
pub(super) fn together(folder: &Path) -> Result<[Vec<PathBuf>; 2]> {
    let mut found = series_of(folder, |before| TOGETHER.as_flattened().contains(&before))?;
    let mut take = |before: &str| found.remove(before).unwrap_or_default();
    let pairs = TOGETHER.map(|pair| pair.map(|before| (before, take(before))));
    let mut pairs =
        pairs.into_iter().filter(|pair| pair.iter().any(|(_, files)| !files.is_empty()));
    match (pairs.next(), pairs.next()) {
        (Some(pair), None) => in_step(pair.map(|(before, files)| Series {
            folder: folder.to_path_buf(),
            before: before.to_string(),
            files,
        })),
        (None, _) => {
            let what = "a folder without flow images, as flow_x_00001.jpg and flow_y_00001.jpg";
            Err(Error::format(folder, what))
        }
        (Some(_), Some(_)) => Err(Error::format(
            folder,
            "a folder with images both of flow_x_ and flow_y_, and of x_ and y_",
        )),
    }
}

/// The x and the y images of two folders. There is at least one of each.
pub(super) fn apart(x: &Path, y: &Path) -> Result<[Vec<PathBuf>; 2]> {
    let only = |folder: &Path| {
        let mut found = series_of(folder, |_| true)?.into_iter();
        match (found.next(), found.next()) {
            (Some((before, files)), None) => {
                Ok(Series { folder: folder.to_path_buf(), before, files })
            }
            (None, _) => Err(Error::format(folder, "a folder without numbered JPEG or PNG images")),
            (Some((a, _)), Some((b, _))) => {
                let what = format!("a folder of several series of images, as \"{a}\" and \"{b}\"");
                Err(Error::format(folder, what))
            }
        }
    };
    in_step([only(x)?, only(y)?])
}

/// The numbered images of a folder by what stands before the number, where that is wanted, then by number.
fn series_of(
    folder: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, BTreeMap<u64, String>>> {
    let mut found = BTreeMap::<String, BTreeMap<u64, String>>::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let name = entry.map_err(|e| Error::io(folder, e))?.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some((before, digits, _)) = parts(name) else { continue };
        if !is_wanted(before) {
            continue;
        }
        let Ok(number) = digits.parse() else {
            let what = format!("{name} has a number that no video reaches");
            return Err(Error::format(folder, what));
        };
        let twin = found.entry(before.to_string()).or_default().insert(number, name.to_string());
        if let Some(twin) = twin {
            return Err(Error::format(folder, format!("{twin} and {name} have the same number")));
        }
    }
    Ok(found)
}

/// What stands before the number of an image's name, the number, and the extension with its dot.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (stem, extension) = name.split_at(name.rfind('.')?);
    let is_image = [".jpg", ".jpeg", ".png"].iter().any(|e| extension.eq_ignore_ascii_case(e));
    let (before, digits) = stem.split_at(stem.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    (is_image && !digits.is_empty() && !name.starts_with('.'))
        .then_some((before, digits, extension))
}

/// Both series in order, if neither lacks a number that the other has or that lies between others.
fn in_step(both: [Series; 2]) -> Result<[Vec<PathBuf>; 2]> {
    let numbers = || both.iter().flat_map(|series| series.files.keys().copied());
    let (first, last) = (numbers().min().unwrap_or(1).min(1), numbers().max().unwrap_or(0));
    let missing = (first..=last)
        .flat_map(|number| both.iter().map(move |series| (number, series)))
        .find(|(number, series)| !series.files.contains_key(number));
    if let Some((number, series)) = missing {
        // Named as the images that are there.
        let like = both.iter().flat_map(|series| series.files.values()).next();
        let (_, digits, extension) =
            like.and_then(|name| parts(name)).unwrap_or(("", "00001", ".jpg"));
        let name = format!("{}{number:0width$}{extension}", series.before, width = digits.len());
        return Err(Error::NotFound { path: series.folder.join(name) });
    }
    Ok(both.map(|Series { folder, files, .. }| {
        files.into_values().map(|name| folder.join(name)).collect()
    }))
}
