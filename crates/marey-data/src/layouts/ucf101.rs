//! UCF101 (Soomro, Zamir and Shah 2012).
//!
//! `classInd.txt` has lines `1 ApplyEyeMakeup`, `trainlist01.txt` lines
//! `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1`, `testlist01.txt` the same without the number.

use std::path::{Component, Path};

use crate::dataset::Subset;
use crate::error::Result;
use crate::listed::{Entry, Listing};
use crate::lists::{folder, inside, read, words};

pub(super) fn listing(root: &Path, subset: Subset, split: usize) -> Result<Listing> {
    let list = format!("{subset}list{split:02}.txt");
    let what = format!("the lists classInd.txt and {list} of UCF101, in one folder");
    let lists = folder(&what, root, &["ucfTrainTestlist", ""], &["classInd.txt", &list])?;
    let classes = classes(&lists.join("classInd.txt"))?;
    let entries = read(&lists.join(&list), |text| {
        let (name, number) = match text.split_once(|c: char| c.is_ascii_whitespace()) {
            Some((name, number)) => (name, Some(number.trim())),
            None => (text, None),
        };
        let path = inside(name).ok_or("a path `Class/video.avi`")?;
        let mut parts = path.components();
        let (Some(Component::Normal(class)), Some(_), None) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err("a path `Class/video.avi`".into());
        };
        let label = classes.iter().position(|c| class == c.as_str());
        let label = label.ok_or("a class of classInd.txt")?;
        match number {
            Some(word) if word.parse() != Ok(label + 1) => {
                Err(format!("the number of `{}`, {}", classes[label], label + 1))
            }
            None if subset == Subset::Train => {
                Err("`Class/video.avi` and the number of the class".into())
            }
            _ => Ok(Entry::new(path, label as u32)),
        }
    })?;
    Ok(Listing::new(list, classes, entries, vec![root.join("UCF-101"), root.to_path_buf()]))
}

/// The classes of `classInd.txt`, which are numbered from 1 in order.
fn classes(path: &Path) -> Result<Vec<String>> {
    let mut classes: Vec<String> = Vec::new();
    read(path, |text| {
        let next = classes.len() + 1;
        let [number, name] = words(text).unwrap_or_default();
        if number.parse() != Ok(next) || classes.iter().any(|class| class == name) {
            return Err(format!("`{next} NameOfANewClass`"));
        }
        classes.push(name.to_string());
        Ok(())
    })?;
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
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
        let listing = listing(dir.path(), Subset::Train, 2).unwrap();
        assert_eq!(listing.classes, ["Archery", "Yo.Yo"]);
        assert_eq!(listing.entries, [Entry::new("Yo.Yo/b.avi", 1), Entry::new("Archery/a.avi", 0)]);
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
            let error = listing(dir.path(), Subset::Train, 1).unwrap_err();
            assert!(matches!(error, Error::Split { line: l, .. } if l == line), "{text}: {error}");
            assert!(error.to_string().contains(&format!("trainlist01.txt:{line}: ")), "{error}");
        }
    }

    #[test]
    fn missing_lists_and_wrong_class_numbers_are_errors() {
        let dir = folder("testlist01.txt", "Archery/a.avi\n");
        assert_eq!(listing(dir.path(), Subset::Test, 1).unwrap().entries.len(), 1);
        assert!(matches!(listing(dir.path(), Subset::Test, 2), Err(Error::NotFound { .. })));
        write(dir.path().join("classInd.txt"), "1 Archery\n3 Diving\n").unwrap();
        let error = listing(dir.path(), Subset::Test, 1).unwrap_err();
        assert!(matches!(error, Error::Split { line: 2, .. }), "{error}");
    }
}
