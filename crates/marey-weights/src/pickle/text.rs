//! The two escapings of protocol 0: Python's string literals, and raw unicode escapes.

use crate::error::{Outcome, corrupt};

/// The bytes of a Python 2 string literal such as `'a\x00\n'`.
pub(super) fn string_literal(line: &[u8]) -> Outcome<Box<[u8]>> {
    let line = line.trim_ascii();
    let inner = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err(corrupt("a string without its quotes")),
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, tail) =
            rest.split_first().ok_or_else(|| corrupt("a string that ends in a backslash"))?;
        rest = tail;
        match escape {
            b'x' => {
                let (value, tail) = hex(rest, 2)?;
                out.push(value as u8);
                rest = tail;
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let digits = std::iter::once(&escape).chain(&rest[..more]);
                out.push(digits.fold(0u32, |v, d| v * 8 + u32::from(d - b'0')) as u8);
                rest = &rest[more..];
            }
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'v' => out.push(11),
            b'f' => out.push(12),
            b'\\' | b'\'' | b'"' => out.push(escape),
            other => out.extend([b'\\', other]),
        }
    }
    Ok(out.into())
}

/// The text of a raw unicode escape: latin-1, with `\uXXXX` and `\UXXXXXXXX`.
pub(super) fn raw_unicode(line: &[u8]) -> Outcome<Box<str>> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = match (byte, tail.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(byte));
                rest = tail;
                continue;
            }
        };
        let (value, tail) = hex(&tail[1..], digits)?;
        out.push(
            char::from_u32(value)
                .ok_or_else(|| corrupt(format!("U+{value:04X} is no character")))?,
        );
        rest = tail;
    }
    Ok(out.into())
}

/// A number of exactly `digits` hexadecimal digits, and what follows it.
fn hex(bytes: &[u8], digits: usize) -> Outcome<(u32, &[u8])> {
    let wrong = || corrupt(format!("an escape without its {digits} hexadecimal digits"));
    let (head, tail) = bytes.split_at_checked(digits).ok_or_else(wrong)?;
    let value = head.iter().try_fold(0u32, |v, &b| Some((v << 4) | char::from(b).to_digit(16)?));
    Ok((value.ok_or_else(wrong)?, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_unescaped_as_python_does() {
        assert_eq!(
            *string_literal(br"'a\x00\xff\n\\\'\101\0q\q'").unwrap(),
            *b"a\x00\xff\n\\'A\0q\\q"
        );
        assert_eq!(*string_literal(b"\"it's\"\r").unwrap(), *b"it's");
        for wrong in [&b"'"[..], b"x", b"'a\"", br"'\x0'", b"'\\'", b""] {
            assert!(string_literal(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn raw_unicode_is_latin1_with_escapes() {
        assert_eq!(&*raw_unicode(b"a\xe9\\u20ac\\U0001f600\\n").unwrap(), "aé€😀\\n");
        for wrong in [&br"\u12"[..], br"\ud800", br"\U00110000", br"\uzzzz"] {
            assert!(raw_unicode(wrong).is_err(), "{wrong:?}");
        }
    }
}
