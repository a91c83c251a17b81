//! Files that are either whole or not there.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result, io};

const SUFFIX: &str = ".marey-tmp";

/// Writes `bytes` to `path`, so that a reader sees the old file or the new one and nothing between,
/// whenever the process is killed or the power fails.
///
/// The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
/// renamed. After an error the old file is untouched and the temporary one removed, but for a
/// failure to flush the folder itself, where the new file is already in place.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    write_with(path.as_ref(), bytes, &mut |_| Ok(()))
}

/// Removes what killed writers left in `dir`, and returns the paths. No other process may be
/// writing there.
pub fn remove_leftovers(dir: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let dir = dir.as_ref();
    let mut removed = Vec::new();
    for entry in fs::read_dir(dir).map_err(io(dir, "list the folder"))? {
        let path = entry.map_err(io(dir, "list the folder"))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with('.') && name.ends_with(SUFFIX) {
            fs::remove_file(&path).map_err(io(&path, "remove the leftover file"))?;
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
fn write_with(
    path: &Path,
    bytes: &[u8],
    before: &mut dyn FnMut(Stage) -> io::Result<()>,
) -> Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(Error::Config(format!("{}: not the path of a file", path.display())));
    };
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (pid, write) = (std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
    let temporary = folder.join(format!(".{}.{pid}-{write}{SUFFIX}", name.to_string_lossy()));

    let written = (|| {
        before(Stage::Create).map_err(io(&temporary, "create the file"))?;
        let mut file = File::create(&temporary).map_err(io(&temporary, "create the file"))?;
        before(Stage::Write)
            .and_then(|()| file.write_all(bytes))
            .map_err(io(&temporary, "write the file"))?;
        before(Stage::SyncFile)
            .and_then(|()| file.sync_all())
            .map_err(io(&temporary, "flush the file to the disk"))?;
        drop(file);
        before(Stage::Rename)
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(io(path, "put the new file in place"))
    })();
    if let Err(error) = written {
        // The first error is the one to report; a file that cannot be removed now is one that
        // `remove_leftovers` finds.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    before(Stage::SyncFolder)
        .and_then(|()| sync_folder(folder))
        .map_err(io(folder, "flush the folder to the disk"))
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
            let error = write_with(&path, b"new", &mut |at| {
                if at == stage { Err(io::Error::other("disk full")) } else { Ok(()) }
            })
            .unwrap_err();
            assert!(matches!(error, Error::Io { .. }), "{stage:?}: {error}");
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
        assert!(matches!(write_atomically("/", b""), Err(Error::Config(_))));
        assert!(write_atomically(dir.path().join("missing/a"), b"").is_err());
        // A folder stands where the file should go.
        fs::create_dir(dir.path().join("a")).unwrap();
        assert!(write_atomically(dir.path().join("a"), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
