//! Lists that everyone can write: `path frames label`, `path label`, and folds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::dataset::Subset;
use crate::error::{Error, Result};
use crate::listed::{Entry, Listing};
use crate::lists::{fields, folder, inside, read};

/// `train.txt` and `test.txt` with lines `path frames label` for folders of frames, as of temporal segment networks and
/// mmaction2, or `path label`; `classes.txt` with a name a line. Labels are from 0, paths from the root on.
///
/// A word before the label that is a whole number is the number of frames; a path may have spaces.
pub(super) fn list(root: &Path, subset: Subset, _: usize) -> Result<Listing> {
    let list = format!("{subset}.txt");
    let what = format!("the lists classes.txt and {list}, in one folder");
    let lists = folder(&what, root, &[""], &["classes.txt", &list])?;
    let classes = read(&lists.join("classes.txt"), |text| Ok(text.to_string()))?;
    let entries = read(&lists.join(&list), |text| {
        let expected = "`path frames label` or `path label`";
        let (rest, label) = text.rsplit_once(char::is_whitespace).ok_or(expected)?;
        let label: u32 = label.parse().map_err(|_| expected)?;
        if label as usize >= classes.len() {
            return Err(format!("a label below the {} classes of classes.txt", classes.len()));
        }
        let (path, frames) =
            match rest.rsplit_once(char::is_whitespace).map(|(path, n)| (path, n.parse())) {
                Some((path, Ok(frames))) => (path, Some(frames)),
                _ => (rest, None),
            };
        let path = inside(path.trim()).ok_or("a path below the root")?;
        Ok(Entry { frames, ..Entry::new(path, label) })
    })?;
    Ok(Listing::new(list, classes, entries, vec![root.into()]))
}

/// `folds.csv`: its path, the classes by their labels, and the fold of each video.
type Folds = (PathBuf, Vec<String>, Vec<(usize, Entry)>);

/// The numbers of all folds.
pub(super) fn numbers(root: &Path) -> Result<Vec<usize>> {
    let (_, _, lines) = fold_lines(root)?;
    let numbers: BTreeSet<usize> = lines.into_iter().map(|(fold, _)| fold).collect();
    Ok(numbers.into_iter().collect())
}

/// A fold is to be judged by, all others to learn from.
pub(super) fn folds(root: &Path, subset: Subset, split: usize) -> Result<Listing> {
    let (path, classes, lines) = fold_lines(root)?;
    let path = path.display();
    if !lines.iter().any(|(fold, _)| *fold == split) {
        return Err(Error::Config(format!("{path}: there is no fold {split}")));
    }
    let judged = subset == Subset::Test;
    let entries = lines.into_iter().filter(|(fold, _)| (*fold == split) == judged);
    let entries = entries.map(|(_, entry)| entry).collect();
    Ok(Listing::new(path.to_string(), classes, entries, vec![root.into()]))
}

/// Lines `path,label,fold`, perhaps with more columns after them, below a line of these names. The paths are `CLASS/video`; the
/// labels, from 0, are the classes' order.
fn fold_lines(root: &Path) -> Result<Folds> {
    let path = folder("the list folds.csv", root, &[""], &["folds.csv"])?.join("folds.csv");
    let mut classes = BTreeMap::new();
    let mut head = true;
    let lines = read(&path, |text| {
        let fields = fields(text);
        if std::mem::take(&mut head) {
            let names = ["path", "label", "fold"];
            return if fields.starts_with(&names) { Ok(None) } else { Err(names.join(",")) };
        }
        let [path, label, fold, ..] = fields[..] else {
            return Err("a path, a label, a fold".into());
        };
        let path = inside(path).ok_or("a path `CLASS/video`")?;
        let class = path.parent().and_then(Path::to_str).filter(|class| !class.is_empty());
        let class = class.ok_or("a path `CLASS/video`")?;
        let label: u32 = label.parse().map_err(|_| "a label from 0")?;
        let fold: usize = fold.parse().map_err(|_| "a fold from 0")?;
        let known = classes.entry(label).or_insert_with(|| class.to_string());
        if known != class {
            return Err(format!("a video of `{known}`, as others with label {label}"));
        }
        Ok(Some((fold, Entry::new(path, label))))
    })?;
    let lines: Vec<_> = lines.into_iter().flatten().collect();
    let gap = (0..).zip(classes.keys()).find(|(next, label)| next != *label);
    if let Some((next, _)) = gap {
        let list = path.display();
        return Err(Error::Config(format!(
            "{list}: labels without a gap wanted, got none of {next}"
        )));
    }
    Ok((path, classes.into_values().collect(), lines))
}
