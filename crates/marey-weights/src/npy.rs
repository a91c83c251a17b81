//! NumPy's `.npy`: a header that is a Python literal, then the elements.

use crate::dtype::{NumpyType, numpy_type};
use crate::error::{Outcome, corrupt, unsupported};
use crate::flatten::{ALONE, flatten, numbers};
use crate::pickle::load;
use crate::read::{Contents, collect};
use crate::tensor::Tensor;

/// The first bytes of every `.npy`.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// The array under `name`; an array of objects gives what they hold, under names that begin with it.
pub(crate) fn read(bytes: &[u8], name: &str) -> Outcome<Contents> {
    let (header, data) = split(bytes)?;
    let header = header_fields(header)?;
    let mut contents = Contents::default();
    match numpy_type(&header.descr) {
        NumpyType::Number(dtype, big) => {
            let tensor: Tensor = numbers(dtype, big, header.shape, header.fortran, data)?;
            contents.tensors.insert(name.to_owned(), tensor);
        }
        NumpyType::Object => {
            let (values, root) = load(data, false)?;
            let prefix = if name == ALONE { "" } else { name };
            contents = collect(&values, flatten(&values, root, prefix)?)?;
        }
        NumpyType::Words => {
            let text = format!("an array of type {}, shape {:?}", header.descr, header.shape);
            contents.other.insert(name.to_owned(), text);
        }
        NumpyType::Unknown => {
            return Err(unsupported(format!("numbers of type {:?} are not read", header.descr)));
        }
    }
    Ok(contents)
}

/// The header's text and what follows it.
fn split(bytes: &[u8]) -> Outcome<(&str, &[u8])> {
    let short = || corrupt("a .npy that ends inside its header");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| corrupt("no .npy"))?;
    let (&[major, _minor], rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (len, rest) = match major {
        1 => rest.split_first_chunk().map(|(&n, rest)| (usize::from(u16::from_le_bytes(n)), rest)),
        2 | 3 => rest.split_first_chunk().map(|(&n, rest)| (u32::from_le_bytes(n) as usize, rest)),
        other => return Err(unsupported(format!(".npy version {other}; 1 to 3 are read"))),
    }
    .ok_or_else(short)?;
    let (header, data) = rest.split_at_checked(len).ok_or_else(short)?;
    let header =
        std::str::from_utf8(header).map_err(|_| corrupt("a .npy header that is no text"))?;
    Ok((header, data))
}

/// The three fields of a header.
#[derive(Debug, Default, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn header_fields(text: &str) -> Outcome<Header> {
    let wrong =
        || corrupt(format!("a .npy header {:?}", text.chars().take(120).collect::<String>()));
    let mut rest =
        text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(wrong)?.trim();
    let (mut header, mut met) = (Header::default(), 0);
    while !rest.is_empty() {
        let (key, tail) = quoted(rest).ok_or_else(wrong)?;
        let tail = tail.trim_start().strip_prefix(':').ok_or_else(wrong)?.trim_start();
        let tail = match key {
            "descr" if tail.starts_with('[') => return Err(unsupported("an array of records")),
            "descr" => {
                let (descr, tail) = quoted(tail).ok_or_else(wrong)?;
                header.descr = descr.to_owned();
                tail
            }
            "fortran_order" => match tail.strip_prefix("True") {
                Some(tail) => {
                    header.fortran = true;
                    tail
                }
                None => tail.strip_prefix("False").ok_or_else(wrong)?,
            },
            "shape" => {
                let (inner, tail) =
                    tail.strip_prefix('(').and_then(|t| t.split_once(')')).ok_or_else(wrong)?;
                let axes = inner.split(',').map(str::trim).filter(|t| !t.is_empty());
                let axes =
                    axes.map(|t| t.strip_suffix('L').unwrap_or(t).parse().map_err(|_| wrong()));
                header.shape = axes.collect::<Outcome<_>>()?;
                tail
            }
            _ => return Err(wrong()),
        };
        met += 1;
        let tail = tail.trim_start();
        rest = match tail.strip_prefix(',') {
            Some(tail) => tail.trim_start(),
            None if tail.is_empty() => tail,
            None => return Err(wrong()),
        };
    }
    if met == 3 && !header.descr.is_empty() { Ok(header) } else { Err(wrong()) }
}

/// A text in single or double quotes, without escapes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|q| matches!(q, '\'' | '"'))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let header = |descr: &str, fortran, shape: &[usize]| Header {
            descr: descr.into(),
            fortran,
            shape: shape.into(),
        };
        let read = |text| header_fields(text).unwrap();
        assert_eq!(
            read("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  \n"),
            header("<f4", false, &[3, 4])
        );
        assert_eq!(
            read("{'shape': (), 'descr': \"|b1\", 'fortran_order': True}"),
            header("|b1", true, &[])
        );
        assert_eq!(
            read("{'descr': '<i8', 'fortran_order': False, 'shape': (7L,)}"),
            header("<i8", false, &[7])
        );
        for wrong in [
            "",
            "{}",
            "{'descr': '<f4'}",
            "{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        ] {
            assert!(header_fields(wrong).is_err(), "{wrong}");
        }
    }
}
