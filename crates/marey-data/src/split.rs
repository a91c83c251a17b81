//! The lists that say which video is of which class, and which are for training: UCF101.
//!
//! `classInd.txt` has lines `1 ApplyEyeMakeup`, `trainlist01.txt` lines
//! `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1`, `testlist01.txt` the same without the number.
//! Lines may end in CR LF; empty ones are passed over.

use std::path::{Component, Path, PathBuf};

use crate::dataset::Subset;
use crate::error::{Error, Result};

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The video, from the folder of the videos on.
    pub path: PathBuf,
    /// The class, from 0.
    pub label: u32,
}

/// What the lists say of one part of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The videos, in the order of the list.
    pub entries: Vec<Entry>,
}

impl Split {
    /// Reads `classInd.txt` and one of `trainlist0N.txt` and `testlist0N.txt`, where `N` is
    /// `number`, in `folder`.
    ///
    /// # Errors
    ///
    /// If a list cannot be read, or a line of it is not what it should be: another shape, a
    /// class that is unknown or listed twice, a number that is not that of the class, a path
    /// that leaves the folder.
    pub fn ucf101(folder: &Path, subset: Subset, number: usize) -> Result<Self> {
        let classes = classes(&folder.join("classInd.txt"))?;
        let path = folder.join(format!("{subset}list{number:02}.txt"));
        let mut entries = Vec::new();
        for (line, text) in lines(&path)? {
            let refuse = |expected: String| {
                Err(Error::Split { path: path.clone(), line, expected, text: text.clone() })
            };
            let mut words = text.split_ascii_whitespace();
            let (Some(name), class, None) = (words.next(), words.next(), words.next()) else {
                return refuse("`Class/video.avi`, perhaps with a number".into());
            };
            let video = PathBuf::from(name);
            let mut parts = video.components();
            let (Some(Component::Normal(folder)), Some(Component::Normal(_)), None) =
                (parts.next(), parts.next(), parts.next())
            else {
                return refuse("a path `Class/video.avi`".into());
            };
            let Some(label) = classes.iter().position(|c| folder == c.as_str()) else {
                return refuse("a class of classInd.txt".into());
            };
            match class {
                Some(word) if word.parse() != Ok(label + 1) => {
                    return refuse(format!("the number of `{}`, {}", classes[label], label + 1));
                }
                None if subset == Subset::Train => {
                    return refuse("`Class/video.avi` and the number of the class".into());
                }
                _ => {}
            }
            entries.push(Entry { path: video, label: label as u32 });
        }
        Ok(Self { classes, entries })
    }
}

/// The classes of `classInd.txt`, which are numbered from 1 in order.
fn classes(path: &Path) -> Result<Vec<String>> {
    let mut classes: Vec<String> = Vec::new();
    for (line, text) in lines(path)? {
        let next = classes.len() + 1;
        let mut words = text.split_ascii_whitespace();
        match (words.next().map(str::parse::<usize>), words.next(), words.next()) {
            (Some(Ok(number)), Some(name), None)
                if number == next && !classes.iter().any(|c| c == name) =>
            {
                classes.push(name.to_string());
            }
            _ => {
                let expected = format!("`{next} NameOfANewClass`");
                return Err(Error::Split { path: path.to_path_buf(), line, expected, text });
            }
        }
    }
    Ok(classes)
}

/// The lines that are not empty, with their numbers from 1.
fn lines(path: &Path) -> Result<Vec<(usize, String)>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let lines = text.lines().map(str::trim).map(String::from);
    Ok((1..).zip(lines).filter(|(_, line)| !line.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    fn folder(list: &str, text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join("classInd.txt"), "1 Archery\r\n2 Yo.Yo\r\n\r\n").unwrap();
        write(dir.path().join(list), text).unwrap();
        dir
    }

    #[test]
    fn lists_are_read_with_either_line_ending() {
        let dir = folder("trainlist02.txt", "Yo.Yo/b.avi 2\r\nArchery/a.avi 1\n\n");
        let split = Split::ucf101(dir.path(), Subset::Train, 2).unwrap();
        assert_eq!(split.classes, ["Archery", "Yo.Yo"]);
        let entry = |path: &str, label| Entry { path: path.into(), label };
        assert_eq!(split.entries, [entry("Yo.Yo/b.avi", 1), entry("Archery/a.avi", 0)]);
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, line) in [
            ("Archery/a.avi 1\nArchery/b.avi 2\n", 2),
            ("Archery/a.avi\n", 1),
            ("Archery/a.avi 1 1\n", 1),
            ("\nDiving/a.avi 1\n", 2),
            ("../a.avi 1\n", 1),
            ("/Archery/a.avi 1\n", 1),
            ("Archery/x/a.avi 1\n", 1),
        ] {
            let dir = folder("trainlist01.txt", text);
            let error = Split::ucf101(dir.path(), Subset::Train, 1).unwrap_err();
            assert!(matches!(error, Error::Split { line: l, .. } if l == line), "{text}: {error}");
            assert!(error.to_string().contains(&format!("trainlist01.txt:{line}: ")), "{error}");
        }
    }

    #[test]
    fn missing_lists_and_wrong_class_numbers_are_errors() {
        let dir = folder("testlist01.txt", "Archery/a.avi\n");
        assert_eq!(Split::ucf101(dir.path(), Subset::Test, 1).unwrap().entries.len(), 1);
        assert!(matches!(Split::ucf101(dir.path(), Subset::Test, 2), Err(Error::Io { .. })));
        write(dir.path().join("classInd.txt"), "1 Archery\n3 Diving\n").unwrap();
        let error = Split::ucf101(dir.path(), Subset::Test, 1).unwrap_err();
        assert!(matches!(error, Error::Split { line: 2, .. }), "{error}");
    }
}
