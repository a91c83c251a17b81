//! Gathers elements laid out by strides into C order, and swaps their bytes.

use crate::error::{Outcome, corrupt};

/// How many elements a shape holds, unless the count overflows.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// How many bytes a shape of elements of `size` bytes holds, or an error that names the shape.
pub(crate) fn byte_len(shape: &[usize], size: usize) -> Outcome<usize> {
    elements(shape)
        .and_then(|n| n.checked_mul(size))
        .filter(|&n| n <= isize::MAX as usize)
        .ok_or_else(|| {
            corrupt(format!("the shape {shape:?} has more elements than memory has addresses"))
        })
}

/// The strides, in elements, of a C-order (last axis fastest) array.
pub(crate) fn c_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// The strides, in elements, of a Fortran-order (first axis fastest) array.
pub(crate) fn f_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1].saturating_mul(shape[axis - 1]);
    }
    strides
}

/// Copies the elements (`size` bytes each) at `offset + Σ index·stride` into C order.
///
/// The caller bounds the output; this checks that every element lies inside `data`.
pub(crate) fn gather(
    data: &[u8],
    size: usize,
    shape: &[usize],
    strides: &[usize],
    offset: usize,
) -> Outcome<Vec<u8>> {
    let len = byte_len(shape, size)?;
    if shape.len() != strides.len() {
        return Err(corrupt(format!(
            "shape {shape:?} and strides {strides:?} have different lengths"
        )));
    }
    if len == 0 {
        return Ok(Vec::new());
    }
    let end = (shape.iter().zip(strides))
        .try_fold(offset, |at, (&d, &s)| at.checked_add((d - 1).checked_mul(s)?))
        .and_then(|last| last.checked_add(1)?.checked_mul(size));
    if end.is_none_or(|end| end > data.len()) {
        return Err(corrupt(format!(
            "shape {shape:?} with strides {strides:?} from element {offset} reaches past the {} bytes there are",
            data.len()
        )));
    }
    let whole =
        shape.iter().zip(strides).zip(c_strides(shape)).all(|((&d, &s), c)| d == 1 || s == c);
    if whole {
        return Ok(data[offset * size..offset * size + len].to_vec());
    }
    let mut out = Vec::with_capacity(len);
    let (&inner, outer) = shape.split_last().expect("a shape of no axes is whole");
    let step = strides[outer.len()] * size;
    let mut index = vec![0usize; outer.len()];
    loop {
        let at = offset + index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>();
        for k in 0..inner {
            let from = at * size + k * step;
            out.extend_from_slice(&data[from..from + size]);
        }
        let Some(axis) = (0..outer.len()).rev().find(|&a| index[a] + 1 < outer[a]) else { break };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
    Ok(out)
}

/// Reverses the bytes of every number of `width` bytes: big endian to little endian.
pub(crate) fn swap(data: &mut [u8], width: usize) {
    if width > 1 {
        data.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_agree_on_a_matrix_written_by_hand() {
        let fortran = [1, 4, 2, 5, 3, 6]; // [[1, 2, 3], [4, 5, 6]], columns first
        assert_eq!(
            gather(&fortran, 1, &[2, 3], &f_strides(&[2, 3]), 0).unwrap(),
            [1, 2, 3, 4, 5, 6]
        );
        let rows = [1, 2, 3, 4, 5, 6];
        assert_eq!(gather(&rows, 1, &[2, 3], &c_strides(&[2, 3]), 0).unwrap(), rows);
        assert_eq!(gather(&rows, 1, &[2, 2], &[3, 2], 0).unwrap(), [1, 3, 4, 6]); // every other column
        assert_eq!(gather(&rows, 1, &[2], &[0], 5).unwrap(), [6, 6]);
        assert_eq!(gather(&rows, 2, &[], &[], 2).unwrap(), [5, 6]);
        assert_eq!(gather(&rows, 4, &[0, usize::MAX, 3], &[1, 1, 1], 900).unwrap(), [0u8; 0]);
    }

    #[test]
    fn nothing_outside_the_data_is_read() {
        let data = [0u8; 6];
        assert!(gather(&data, 1, &[2, 3], &[4, 1], 0).is_err());
        assert!(gather(&data, 1, &[7], &[1], 0).is_err());
        assert!(gather(&data, 1, &[1], &[1], 6).is_err());
        assert!(gather(&data, 1, &[2], &[usize::MAX], 1).is_err());
        assert!(gather(&data, 1, &[2], &[], 1).is_err());
        assert!(gather(&data, 8, &[usize::MAX, 2], &[0, 0], 0).is_err());
    }

    #[test]
    fn swapping_reverses_each_number() {
        let mut data = [1, 2, 3, 4];
        swap(&mut data, 2);
        assert_eq!(data, [2, 1, 4, 3]);
        swap(&mut data, 1);
        assert_eq!(data, [2, 1, 4, 3]);
    }
}
