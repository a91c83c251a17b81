//! A plain tensor: element type, shape and bytes.

use half::{bf16, f16};
use safetensors::Dtype;

use crate::dtype::size;
use crate::error::{Error, Fault};
use crate::strided::{byte_len, c_strides, gather};

/// A tensor in memory: little endian, C order (last axis fastest), contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The type of one element.
    pub dtype: Dtype,
    /// Length of every axis; empty for a single number.
    pub shape: Vec<usize>,
    /// The elements' bytes.
    pub data: Vec<u8>,
}

impl Tensor {
    /// A tensor of `dtype` and `shape` from its bytes; an error where their number does not fit the shape.
    pub fn new(dtype: Dtype, shape: Vec<usize>, data: Vec<u8>) -> Result<Self, Error> {
        let tensor = Self { dtype, shape, data };
        check(&tensor).map(|()| tensor)
    }

    /// An `F32` tensor; an error where the number of values does not fit the shape.
    pub fn from_f32(shape: Vec<usize>, values: Vec<f32>) -> Result<Self, Error> {
        Self::new(Dtype::F32, shape, values.into_iter().flat_map(f32::to_le_bytes).collect())
    }

    /// The elements as `f32`, rounded to nearest where they hold more digits; none for complex numbers and for
    /// types of less than 16 bits that are not integers.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        fn each<const N: usize>(data: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            data.as_chunks::<N>().0.iter().map(|&b| f(b)).collect()
        }
        let data = &self.data;
        Some(match self.dtype {
            Dtype::F32 => each(data, f32::from_le_bytes),
            Dtype::F64 => each(data, |b| f64::from_le_bytes(b) as f32),
            Dtype::F16 => each(data, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => each(data, |b| bf16::from_le_bytes(b).to_f32()),
            Dtype::I8 => each(data, |b| i8::from_le_bytes(b).into()),
            Dtype::I16 => each(data, |b| i16::from_le_bytes(b).into()),
            Dtype::I32 => each(data, |b| i32::from_le_bytes(b) as f32),
            Dtype::I64 => each(data, |b| i64::from_le_bytes(b) as f32),
            Dtype::U8 => each(data, |b| u8::from_le_bytes(b).into()),
            Dtype::U16 => each(data, |b| u16::from_le_bytes(b).into()),
            Dtype::U32 => each(data, |b| u32::from_le_bytes(b) as f32),
            Dtype::U64 => each(data, |b| u64::from_le_bytes(b) as f32),
            Dtype::BOOL => each(data, |[b]| f32::from(u8::from(b != 0))),
            _ => return None,
        })
    }

    /// Axis `i` of the result is axis `axes[i]` of this tensor, as NumPy's `transpose`: a Flax kernel
    /// `[kT, kH, kW, C_in, C_out]` becomes `[C_out, C_in, kT, kH, kW]` by `[4, 3, 0, 1, 2]`.
    pub fn permute(&self, axes: &[usize]) -> Result<Self, Error> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.shape.len()) {
            return Err(Error::Tensor(format!(
                "{axes:?} is no order of the axes of {:?}",
                self.shape
            )));
        }
        let Some(size) = size(self.dtype) else {
            return Err(Error::Tensor(format!(
                "{} elements are no whole bytes and are not permuted",
                self.dtype
            )));
        };
        let strides = c_strides(&self.shape);
        let shape: Vec<usize> = axes.iter().map(|&a| self.shape[a]).collect();
        let strides: Vec<usize> = axes.iter().map(|&a| strides[a]).collect();
        let data = gather(&self.data, size, &shape, &strides, 0).map_err(plain)?;
        Ok(Self { dtype: self.dtype, shape, data })
    }
}

/// Whether a tensor's bytes are as many as its type and shape take.
pub(crate) fn check(Tensor { dtype, shape, data }: &Tensor) -> Result<(), Error> {
    let bytes = byte_len(shape, dtype.bitsize()).map_err(plain)?.div_ceil(8);
    if bytes == data.len() {
        return Ok(());
    }
    Err(Error::Tensor(format!("{dtype} {shape:?} takes {bytes} bytes, met {}", data.len())))
}

/// The sentence of a fault that belongs to no file.
fn plain(fault: Fault) -> Error {
    match fault {
        Fault::Corrupt(s)
        | Fault::Refused(s)
        | Fault::TooLarge(s)
        | Fault::Unknown(s)
        | Fault::Unsupported(s) => Error::Tensor(s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_type_becomes_f32() {
        let cases: [(Dtype, Vec<u8>, [f32; 2]); 13] = [
            (Dtype::F32, [1.5f32, -2.0].map(f32::to_le_bytes).concat(), [1.5, -2.0]),
            (Dtype::F64, [0.1f64, -2.0].map(f64::to_le_bytes).concat(), [0.1, -2.0]),
            (Dtype::F16, vec![0x00, 0x3c, 0x00, 0xc1], [1.0, -2.5]),
            (Dtype::BF16, vec![0x80, 0x3f, 0x20, 0xc0], [1.0, -2.5]),
            (Dtype::I8, vec![0xff, 0x7f], [-1.0, 127.0]),
            (Dtype::I16, vec![0xfe, 0xff, 0x00, 0x01], [-2.0, 256.0]),
            (Dtype::I32, [-3i32, 70_000].map(i32::to_le_bytes).concat(), [-3.0, 70_000.0]),
            (
                Dtype::I64,
                [-3i64, 1 << 40].map(i64::to_le_bytes).concat(),
                [-3.0, 1_099_511_627_776.0],
            ),
            (Dtype::U8, vec![0, 255], [0.0, 255.0]),
            (Dtype::U16, vec![0xff, 0xff, 0x00, 0x01], [65_535.0, 256.0]),
            (Dtype::U32, [7u32, 70_000].map(u32::to_le_bytes).concat(), [7.0, 70_000.0]),
            (
                Dtype::U64,
                [7u64, 1 << 40].map(u64::to_le_bytes).concat(),
                [7.0, 1_099_511_627_776.0],
            ),
            (Dtype::BOOL, vec![0, 1], [0.0, 1.0]),
        ];
        for (dtype, data, values) in cases {
            assert_eq!(
                Tensor::new(dtype, vec![2], data).unwrap().to_f32().unwrap(),
                values,
                "{dtype}"
            );
        }
        assert_eq!(Tensor::new(Dtype::C64, vec![1], vec![0; 8]).unwrap().to_f32(), None);
    }

    #[test]
    fn permuting_moves_a_kernel_as_index_arithmetic_says() {
        let (t, h, w, i, o) = (2, 3, 1, 4, 5);
        let tensor = Tensor::from_f32(
            vec![t, h, w, i, o],
            (0..t * h * w * i * o).map(|v| v as f32).collect(),
        )
        .unwrap();
        let moved = tensor.permute(&[4, 3, 0, 1, 2]).unwrap();
        assert_eq!(moved.shape, [o, i, t, h, w]);
        let values = moved.to_f32().unwrap();
        for (o_, i_, t_, h_) in [(0, 0, 0, 0), (4, 3, 1, 2), (1, 2, 0, 1)] {
            let wanted = (((t_ * h + h_) * w) * i + i_) * o + o_;
            assert_eq!(values[((o_ * i + i_) * t + t_) * h + h_], wanted as f32);
        }
        assert_eq!(moved.permute(&[2, 3, 4, 1, 0]).unwrap(), tensor);
    }

    #[test]
    fn contradictions_are_refused() {
        let tensor = Tensor::from_f32(vec![2, 2], vec![0.0; 4]).unwrap();
        assert!(tensor.permute(&[0]).is_err());
        assert!(tensor.permute(&[0, 0]).is_err());
        assert!(tensor.permute(&[1, 2]).is_err());
        assert!(Tensor::from_f32(vec![2, 2], vec![0.0; 3]).is_err());
        assert!(Tensor::new(Dtype::U8, vec![usize::MAX, 2], vec![]).is_err());
    }
}
