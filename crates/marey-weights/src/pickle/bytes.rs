//! A cursor over the pickle that never reads past its end.

use std::ops::Range;

use crate::error::{Outcome, corrupt};

/// The bytes and the place in them.
pub(super) struct Bytes<'a> {
    pub(super) all: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Bytes<'a> {
    /// The next `n` bytes, as a range of the whole.
    pub(super) fn span(&mut self, n: u64) -> Outcome<Range<usize>> {
        let left = self.all.len() - self.at;
        let n = usize::try_from(n).ok().filter(|&n| n <= left);
        let n = n.ok_or_else(|| corrupt(format!("ends too early: {left} bytes are left")))?;
        self.at += n;
        Ok(self.at - n..self.at)
    }

    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let span = self.span(N as u64)?;
        Ok(self.all[span].try_into().expect("the span has N bytes"))
    }

    pub(super) fn u8(&mut self) -> Outcome<u8> {
        Ok(self.take::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Outcome<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Outcome<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// A length that Python writes with a sign.
    pub(super) fn length(&mut self) -> Outcome<u64> {
        let n = self.take().map(i32::from_le_bytes)?;
        u64::try_from(n).map_err(|_| corrupt(format!("a length of {n}")))
    }

    /// The bytes up to the next line feed, which is passed over.
    pub(super) fn line(&mut self) -> Outcome<Range<usize>> {
        let end = self.all[self.at..].iter().position(|&b| b == b'\n');
        let end = end.ok_or_else(|| corrupt("ends too early: no end of the line"))?;
        let span = self.at..self.at + end;
        self.at = span.end + 1;
        Ok(span)
    }

    /// A line that is ASCII, as every number and name of protocol 0 is.
    pub(super) fn ascii_line(&mut self) -> Outcome<&'a str> {
        let span = self.line()?;
        let all: &'a [u8] = self.all;
        let line =
            std::str::from_utf8(&all[span]).map_err(|_| corrupt("a line that is no text"))?;
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }
}
