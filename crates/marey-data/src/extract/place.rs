//! A folder that is whole or not there, and that one process at a time works on.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What stands behind the name of a folder, and a dot before it: where it is made, the one that is replaced, and the lock.
const WORK: &str = ".marey-tmp";
const OLD: &str = ".marey-old";
const LOCK: &str = ".marey-lock";

/// A folder to be made, by this process alone.
///
/// It is made beside its place and then renamed. The lock is the system's, which frees it however its process ends; so what
/// lies beside a place whose lock is free was left by a process that was killed.
pub(super) struct Place {
    target: PathBuf,
    /// Where the folder is made.
    pub(super) work: PathBuf,
    old: PathBuf,
    /// Removed, if this is dropped, before the lock is freed.
    lock: PathBuf,
    _locked: File,
}

impl Place {
    /// The place `target`, without what a killed process left beside it; folders above it are made.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if another process has it.
    pub(super) fn claim(target: &Path) -> Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(Error::io(target, io::ErrorKind::InvalidFilename.into()));
        };
        let beside = |suffix: &str| {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(suffix);
            target.with_file_name(hidden)
        };
        let (work, old, lock) = (beside(WORK), beside(OLD), beside(LOCK));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
        }
        let Some(locked) = lock_file(&lock).map_err(|e| Error::io(&lock, e))? else {
            return Err(Error::Busy { folder: target.to_path_buf() });
        };
        let place = Self { target: target.to_path_buf(), work, old, lock, _locked: locked };
        place.restore()?;
        remove(&place.work)?;
        Ok(place)
    }

    /// Makes an empty folder to work in.
    pub(super) fn begin(&self) -> Result<()> {
        fs::create_dir(&self.work).map_err(|e| Error::io(&self.work, e))
    }

    /// Puts what was made in its place, also of a folder that is there.
    pub(super) fn finish(self) -> Result<()> {
        if self.target.exists() {
            rename(&self.target, &self.old)?;
        }
        rename(&self.work, &self.target)?;
        remove(&self.old)
    }

    /// Puts back the folder that was about to be replaced, or removes it if it was replaced.
    fn restore(&self) -> Result<()> {
        match self.old.exists() && !self.target.exists() {
            true => rename(&self.old, &self.target),
            false => remove(&self.old),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever comes next tries again.
        let _ = self.restore();
        let _ = remove(&self.work);
        let _ = fs::remove_file(&self.lock);
    }
}

/// Removes what killed processes left beside the folders in `parent`, and gives the folders. What processes are at, these or
/// others, stays.
///
/// # Errors
///
/// If something cannot be removed. It is no error that there is no such folder.
pub fn remove_leftovers(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(parent, error)),
    };
    let mut targets = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| Error::io(parent, e))?.file_name();
        let Some(hidden) = name.to_str().and_then(|name| name.strip_prefix('.')) else { continue };
        let target = [WORK, OLD, LOCK].iter().find_map(|suffix| hidden.strip_suffix(suffix));
        targets.extend(target.map(|name| parent.join(name)));
    }
    targets.sort();
    targets.dedup();
    let mut cleaned = Vec::new();
    for target in targets {
        match Place::claim(&target) {
            Ok(_) => cleaned.push(target),
            Err(Error::Busy { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(cleaned)
}

/// The lock at `path`; nothing if another process has it.
fn lock_file(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            // Another process may have removed it between the two calls, and a third one made it anew.
            Ok(()) if is_at(&file, path)? => return Ok(Some(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whether `path` still leads to `file`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = file.metadata()?;
        Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        // A file that is open keeps its name there.
        let _ = (file, there);
        Ok(true)
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| Error::io(to, e))
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(folder, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// The names in a folder, with the content of `file` in each.
    fn listed(folder: &Path) -> Vec<(String, String)> {
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path().join("file")).unwrap_or_default();
            (entry.file_name().into_string().unwrap(), text)
        };
        let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
        all.sort();
        all
    }

    fn write(folder: &Path, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("file"), text).unwrap();
    }

    fn make(target: &Path, text: &str) {
        let place = Place::claim(target).unwrap();
        place.begin().unwrap();
        write(&place.work, text);
        place.finish().unwrap();
    }

    #[test]
    fn a_folder_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join("class");
        let target = parent.join("v");
        let place = Place::claim(&target).unwrap();
        place.begin().unwrap();
        write(&place.work, "half");
        assert!(!target.exists());
        drop(place);
        assert_eq!(listed(&parent), []);
        make(&target, "new");
        assert_eq!(listed(&parent), [("v".into(), "new".into())]);
        make(&target, "newer");
        assert_eq!(listed(&parent), [("v".into(), "newer".into())]);
    }

    #[test]
    fn nobody_else_gets_a_place_that_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("v");
        let place = Place::claim(&target).unwrap();
        place.begin().unwrap();
        assert!(matches!(Place::claim(&target), Err(Error::Busy { .. })));
        // Neither is it a leftover.
        assert!(remove_leftovers(dir.path()).unwrap().is_empty());
        assert!(place.work.exists());
        drop(place);
        drop(Place::claim(&target).unwrap());
        assert_eq!(listed(dir.path()), []);
        assert!(remove_leftovers(&dir.path().join("missing")).unwrap().is_empty());
    }

    #[test]
    fn what_killed_processes_left_goes_and_what_they_replaced_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        // Killed at work; between the two renames; and after them.
        fs::write(path(".a.marey-lock"), "").unwrap();
        write(&path(".a.marey-tmp"), "half");
        write(&path(".b.marey-old"), "old");
        write(&path(".b.marey-tmp"), "new");
        write(&path(".c.marey-old"), "old");
        write(&path("c"), "new");
        write(&path(".other"), "stays");
        assert_eq!(remove_leftovers(dir.path()).unwrap(), ["a", "b", "c"].map(path));
        let left = [(".other", "stays"), ("b", "old"), ("c", "new")];
        assert_eq!(listed(dir.path()), left.map(|(name, text)| (name.into(), text.into())));
    }

    #[test]
    fn only_one_of_many_threads_has_a_place() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("v");
        let at_work = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (at_work, target) = (&at_work, &target);
            let worker = move || {
                let mut made = 0;
                while made < 25 {
                    let Ok(place) = Place::claim(target) else { continue };
                    assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
                    made += 1;
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    drop(place);
                }
            };
            (0..4).for_each(|_| drop(scope.spawn(worker)));
        });
        assert_eq!(listed(dir.path()), []);
    }
}
