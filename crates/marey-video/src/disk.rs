//! A file read in small pieces at given places, never as a whole.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// A regular file, its length, and a read position that moves with a buffer behind it.
pub(crate) struct Disk<R = File> {
    path: PathBuf,
    reader: BufReader<R>,
    position: u64,
    len: u64,
}

impl Disk {
    /// Opens what [`crate::sniff`] has found to be a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let len = file.metadata().map_err(|e| Error::io(path, e))?.len();
        Ok(Self { path: path.to_path_buf(), reader: BufReader::new(file), position: 0, len })
    }
}

impl<'a> Disk<Cursor<&'a [u8]>> {
    /// All bytes of the file `path`, which were read before.
    pub(crate) fn read_before(path: &Path, bytes: &'a [u8]) -> Self {
        let (reader, len) = (BufReader::new(Cursor::new(bytes)), bytes.len() as u64);
        Self { path: path.to_path_buf(), reader, position: 0, len }
    }
}

impl<R: Read + Seek> Disk<R> {
    /// Length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The `N` bytes at `position`; `None` where the file ends before them.
    pub(crate) fn array<const N: usize>(&mut self, position: u64) -> Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        Ok(self.fill(position, &mut bytes)?.then_some(bytes))
    }

    /// `count` bytes at `position`; `None` where the file ends before them. Nothing is allocated in that case.
    pub(crate) fn bytes(&mut self, position: u64, count: u64) -> Result<Option<Vec<u8>>> {
        let fits = position.checked_add(count).is_some_and(|end| end <= self.len);
        let Some(count) = usize::try_from(count).ok().filter(|_| fits) else { return Ok(None) };
        let mut bytes = vec![0; count];
        Ok(self.fill(position, &mut bytes)?.then_some(bytes))
    }

    /// As many of the `count` bytes at `position` as the file has.
    pub(crate) fn up_to(&mut self, position: u64, count: u64) -> Result<Vec<u8>> {
        let count = count.min(self.len.saturating_sub(position));
        Ok(self.bytes(position, count)?.unwrap_or_default())
    }

    fn fill(&mut self, position: u64, bytes: &mut [u8]) -> Result<bool> {
        if position.checked_add(bytes.len() as u64).is_none_or(|end| end > self.len) {
            return Ok(false);
        }
        match self.read(position, bytes) {
            Ok(()) => Ok(true),
            // The file became shorter since it was opened.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(Error::io(&self.path, e)),
        }
    }

    fn read(&mut self, position: u64, bytes: &mut [u8]) -> io::Result<()> {
        // Both fit i64: they lie within a file.
        self.reader
            .seek_relative(position.cast_signed() - self.position.cast_signed())
            .or_else(|_| self.reader.seek(io::SeekFrom::Start(position)).map(|_| ()))?;
        let read = self.reader.read_exact(bytes);
        // To ask the system each time would take longer than reading does.
        self.position = match read {
            Ok(()) => position + bytes.len() as u64,
            Err(_) => self.reader.stream_position()?,
        };
        read
    }
}

/// Big-endian and little-endian numbers at a place in a slice; 0 where the slice ends before them.
pub(crate) mod number {
    fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
        u16::from_be_bytes(take(bytes, at))
    }

    pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(take(bytes, at))
    }

    pub(crate) fn be64(bytes: &[u8], at: usize) -> u64 {
        u64::from_be_bytes(take(bytes, at))
    }

    pub(crate) fn le32(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(take(bytes, at))
    }

    pub(crate) fn le64(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(take(bytes, at))
    }

    /// Four bytes as they stand; zeros where the slice ends before them.
    pub(crate) fn tag(bytes: &[u8], at: usize) -> [u8; 4] {
        take(bytes, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_at_places_and_stops_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        std::fs::write(&path, (0..200_u8).collect::<Vec<_>>()).unwrap();
        let mut disk = Disk::open(&path).unwrap();
        assert_eq!(disk.array::<2>(150).unwrap(), Some([150, 151]));
        assert_eq!(disk.array::<2>(3).unwrap(), Some([3, 4]));
        assert_eq!(disk.array::<2>(199).unwrap(), None);
        assert_eq!(disk.bytes(u64::MAX, 2).unwrap(), None);
        assert_eq!(disk.bytes(190, 1 << 60).unwrap(), None);
        assert_eq!(disk.up_to(198, 100).unwrap(), [198, 199]);
        assert_eq!(disk.up_to(1000, 100).unwrap(), [0_u8; 0]);
    }
}
