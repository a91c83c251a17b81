//! What came of each video so far, in a file: a command that was cut off goes on where it was.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::Context;
use marey::weights::write_atomically;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A file with a line of JSON for each video, in their order, after one that says what they depend on.
pub struct Ledger<T> {
    path: PathBuf,
    file: File,
    lines: PhantomData<T>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    fingerprint: String,
}

/// What became of a video.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line<T> {
    Done(T),
    /// It could not be read: why.
    Unreadable(String),
}

impl<T: Serialize + DeserializeOwned> Ledger<T> {
    /// The ledger at `path`, and the lines that it has; none where it is of another `fingerprint`.
    pub fn open(path: &Path, fingerprint: &str) -> anyhow::Result<(Self, Vec<Line<T>>)> {
        let said = || path.display().to_string();
        let head = Head { fingerprint: fingerprint.to_string() };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(said),
        };
        // A line without its end was torn when the process was killed.
        let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut lines = Vec::new();
        if whole.next().and_then(|line| serde_json::from_str::<Head>(line).ok()) == Some(head) {
            lines.extend(whole.map_while(|line| serde_json::from_str(line).ok()));
        }
        let mut text = serde_json::to_string(&Head { fingerprint: fingerprint.into() })? + "\n";
        for line in &lines {
            text += &(serde_json::to_string(line)? + "\n");
        }
        write_atomically(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).with_context(said)?;
        Ok((Self { path: path.to_path_buf(), file, lines: PhantomData }, lines))
    }

    /// Adds what became of the next video.
    pub fn add(&mut self, line: &Line<T>) -> anyhow::Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.file.write_all(text.as_bytes()).with_context(|| self.path.display().to_string())
    }
}

/// Removes the ledger of a command that has written its results.
pub fn remove(path: &Path) {
    // One that stays is only taken for what it is.
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_and_those_of_another_test_are_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.jsonl");
        let read = |fingerprint: &str| {
            let (ledger, lines) = Ledger::<f32>::open(&path, fingerprint).unwrap();
            let values = lines.into_iter().map(|line| match line {
                Line::Done(value) => value,
                Line::Unreadable(_) => -1.,
            });
            (ledger, values.collect::<Vec<f32>>())
        };
        let (mut ledger, lines) = read("a");
        assert!(lines.is_empty());
        // A number that is not exact in decimals comes back to the bit.
        let third = 1f32 / 3.;
        ledger.add(&Line::Done(third)).unwrap();
        ledger.add(&Line::Unreadable("cut short".into())).unwrap();
        ledger.add(&Line::Done(2.)).unwrap();
        drop(ledger);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();
        assert_eq!(read("a").1, [third, -1.]);
        assert_eq!(read("a").1, [third, -1.]);
        assert!(read("b").1.is_empty());
        remove(&path);
        assert!(!path.exists());
    }
}
