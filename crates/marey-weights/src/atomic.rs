//! Files that are either whole or not there.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const SUFFIX: &str = ".marey-tmp";

/// What the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {action}", path.display())]
pub struct Refused {
    /// The file or folder.
    pub path: PathBuf,
    /// What was tried.
    pub action: &'static str,
    /// Why not.
    pub source: io::Error,
}

fn refused(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Refused {
    move |source| Refused { path: path.to_path_buf(), action, source }
}

/// Writes `bytes` to `path`, as [`write_with`].
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), Refused> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes `path` by `write`, so that a reader sees the old file or the new one and nothing between,
/// whenever the process is killed or the power fails.
///
/// The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
/// renamed. After an error the old file is untouched and the temporary one removed, but for a
/// failure to flush the folder itself, where the new file is already in place. A link is followed,
/// and what is there and is no file (a device, a pipe) is written to as it is.
pub fn write_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), Refused> {
    let path = path.as_ref();
    match fs::canonicalize(path) {
        Ok(special) if !special.is_file() && !special.is_dir() => {
            let opened = File::options().write(true).open(path);
            opened.and_then(|mut file| write(&mut file)).map_err(refused(path, "write to it"))
        }
        Ok(target) => replace(&target, write, &mut |_| Ok(())),
        Err(_) => replace(path, write, &mut |_| Ok(())),
    }
}

/// Removes what killed writers left in `dir`, and returns the paths. No other process may be
/// writing there.
pub fn remove_leftovers(dir: impl AsRef<Path>) -> Result<Vec<PathBuf>, Refused> {
    let dir = dir.as_ref();
    let mut removed = Vec::new();
    for entry in fs::read_dir(dir).map_err(refused(dir, "list the folder"))? {
        let path = entry.map_err(refused(dir, "list the folder"))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with('.') && name.ends_with(SUFFIX) {
            fs::remove_file(&path).map_err(refused(&path, "remove the leftover file"))?;
            removed.push(path);
        }
    }
    removed.sort();
    Ok(removed)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Create,
    Write,
    SyncFile,
    Rename,
    SyncFolder,
}

/// `before` is asked before each stage; tests let one fail there.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
    before: &mut dyn FnMut(Stage) -> io::Result<()>,
) -> Result<(), Refused> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(refused(path, "write a file there")(io::ErrorKind::IsADirectory.into()));
    };
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (pid, number) = (std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
    let temporary = folder.join(format!(".{}.{pid}-{number}{SUFFIX}", name.to_string_lossy()));

    let written = (|| {
        before(Stage::Create).map_err(refused(path, "create it"))?;
        let mut file = File::create(&temporary).map_err(refused(path, "create it"))?;
        before(Stage::Write).and_then(|()| write(&mut file)).map_err(refused(path, "write it"))?;
        before(Stage::SyncFile)
            .and_then(|()| file.sync_all())
            .map_err(refused(path, "flush it to the disk"))?;
        drop(file);
        before(Stage::Rename)
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(refused(path, "put the new file in place"))
    })();
    if let Err(error) = written {
        // The first error is the one to report; a file that cannot be removed now is one that
        // `remove_leftovers` finds.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    before(Stage::SyncFolder)
        .and_then(|()| sync_folder(folder))
        .map_err(refused(folder, "flush the folder to the disk"))
}

/// Makes a rename or removal in `folder` outlive a power failure. Only Unix lets a folder be opened.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_at_any_stage_leaves_a_whole_file_and_no_other() {
        use Stage::*;
        for (stage, left) in [
            (Create, "old"),
            (Write, "old"),
            (SyncFile, "old"),
            (Rename, "old"),
            (SyncFolder, "new"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("report.json");
            write_atomically(&path, b"old").unwrap();
            let error = replace(&path, |file| file.write_all(b"new"), &mut |at| {
                if at == stage { Err(io::Error::other("disk full")) } else { Ok(()) }
            })
            .unwrap_err();
            assert_eq!(error.source.to_string(), "disk full", "{stage:?}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), left, "{stage:?}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{stage:?}");
        }
    }

    #[test]
    fn leftovers_go_and_other_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        let leftover = dir.path().join(format!(".a.7-0{SUFFIX}"));
        for path in [&leftover, &dir.path().join("a"), &dir.path().join(".hidden")] {
            fs::write(path, "x").unwrap();
        }
        assert_eq!(remove_leftovers(dir.path()).unwrap(), [leftover]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_path_without_a_file_or_a_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write_atomically("/", b"").is_err());
        assert!(write_atomically(dir.path().join("missing/a"), b"").is_err());
        // A folder stands where the file should go.
        fs::create_dir(dir.path().join("a")).unwrap();
        assert!(write_atomically(dir.path().join("a"), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // A link in place of the device itself, should it be replaced after all.
        let null = dir.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &null).unwrap();
        write_atomically(&null, b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
