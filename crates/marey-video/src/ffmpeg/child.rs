//! A process whose output is read with patience that ends, and that never outlives its reader.

use std::{
    collections::VecDeque,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// The running program. Dropping it kills it and waits for its end.
pub(crate) struct Child {
    process: std::process::Child,
    /// What the program writes, in pieces; closed at its end. Few pieces fit: a reader who stops, stops it.
    output: Receiver<io::Result<Vec<u8>>>,
    /// The end of what it complains about, once it has closed that stream.
    complaint: Receiver<String>,
    heard: Option<String>,
    piece: Vec<u8>,
    used: usize,
    path: PathBuf,
    timeout: Duration,
}

/// Bytes of complaint that are kept: the last ones.
const COMPLAINT: usize = 8192;

/// How long to wait for the rest of a complaint when the program has ended; a process of its own that it left
/// behind may hold the stream open.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Child {
    /// Starts `command`, which decodes the file `path`.
    pub(crate) fn start(mut command: Command, path: &Path, timeout: Duration) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let (sender, output) = sync_channel(4);
        let (last_words, complaint) = sync_channel(1);
        // Both are there: they were asked for. The threads end when the streams do; they are not waited for.
        let stdout = process.stdout.take();
        thread::spawn(move || stdout.map(|stdout| forward(stdout, &sender)));
        let stderr = process.stderr.take();
        thread::spawn(move || stderr.map(|stderr| last_words.send(tail(stderr))));
        let (path, piece) = (path.to_path_buf(), Vec::new());
        Ok(Self { process, output, complaint, heard: None, piece, used: 0, path, timeout })
    }

    /// The next line without its end; `None` at the end of the output.
    pub(crate) fn line(&mut self, limit: usize) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + self.timeout;
        let mut line = Vec::new();
        while self.fill(deadline)? {
            let rest = &self.piece[self.used..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            let taken = end.unwrap_or(rest.len());
            if line.len() + taken > limit {
                return Err(Error::decoder(&self.path, "it wrote a line without end"));
            }
            line.extend_from_slice(&rest[..taken]);
            self.used += taken + usize::from(end.is_some());
            if end.is_some() {
                return Ok(Some(line));
            }
        }
        Ok((!line.is_empty()).then_some(line))
    }

    /// The next `count` bytes into `data`, which is emptied before; `false` if the output ends before them.
    pub(crate) fn exact(&mut self, data: &mut Vec<u8>, count: usize) -> Result<bool> {
        let deadline = Instant::now() + self.timeout;
        data.clear();
        data.reserve_exact(count);
        while data.len() < count {
            if !self.fill(deadline)? {
                return Ok(false);
            }
            let rest = &self.piece[self.used..];
            let taken = rest.len().min(count - data.len());
            data.extend_from_slice(&rest[..taken]);
            self.used += taken;
        }
        Ok(true)
    }

    /// Waits for the program's own end, and gives it with the end of its complaints.
    pub(crate) fn finish(mut self) -> Result<(ExitStatus, String)> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            if let Some(status) = self.process.try_wait().map_err(|e| Error::io(&self.path, e))? {
                break status;
            }
            if Instant::now() >= deadline {
                return Err(self.timed_out());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let complaint = self.heard.take();
        let complaint = complaint.or_else(|| self.complaint.recv_timeout(LAST_WORDS).ok());
        Ok((status, complaint.unwrap_or_default()))
    }

    /// Whether the program stopped at once because it does not know `option`.
    pub(crate) fn refused_option(&mut self, option: &str) -> Result<bool> {
        if self.fill(Instant::now() + self.timeout)? {
            return Ok(false);
        }
        self.heard = self.complaint.recv_timeout(LAST_WORDS).ok();
        Ok(self
            .heard
            .as_ref()
            .is_some_and(|text| text.contains(&format!("Unrecognized option '{option}'"))))
    }

    /// Makes sure that there is something to read; `false` at the end of the output.
    fn fill(&mut self, deadline: Instant) -> Result<bool> {
        while self.used == self.piece.len() {
            let patience = deadline.saturating_duration_since(Instant::now());
            self.piece = match self.output.recv_timeout(patience) {
                Ok(piece) => piece.map_err(|e| Error::io(&self.path, e))?,
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) => return Err(self.timed_out()),
            };
            self.used = 0;
        }
        Ok(true)
    }

    fn timed_out(&self) -> Error {
        Error::TimedOut { path: self.path.clone(), after: self.timeout }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill, and the wait only forgets it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn forward(mut stdout: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; 1 << 16];
        let read = match stdout.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                Ok(piece)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => Err(e),
        };
        let failed = read.is_err();
        if sender.send(read).is_err() || failed {
            return;
        }
    }
}

/// Reads to the end and keeps the last bytes.
fn tail(mut stderr: ChildStderr) -> String {
    let (mut kept, mut piece) = (VecDeque::new(), [0; 4096]);
    loop {
        match stderr.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                kept.extend(&piece[..count]);
                kept.drain(..kept.len().saturating_sub(COMPLAINT));
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(kept.make_contiguous()).into_owned()
}
