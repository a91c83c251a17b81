//! Element types by the names NumPy and PyTorch give them.

use safetensors::Dtype;

/// Bytes of one element; none for types of less than a byte.
pub(crate) fn size(dtype: Dtype) -> Option<usize> {
    dtype.bitsize().is_multiple_of(8).then(|| dtype.bitsize() / 8)
}

/// Bytes of one number, which is half an element where the element is complex.
pub(crate) fn number_width(dtype: Dtype) -> usize {
    let size = dtype.bitsize() / 8;
    if dtype == Dtype::C64 { size / 2 } else { size }
}

/// What a NumPy type string such as `<f4` stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NumpyType {
    /// Numbers, and whether their bytes are in big-endian order.
    Number(Dtype, bool),
    /// Any Python objects.
    Object,
    /// Text, dates or records: values, but no tensor.
    Words,
    /// Numbers that no tensor here can hold, such as `c16`, or no type at all.
    Unknown,
}

/// Reads a NumPy type string: an optional byte order (`<`, `>`, `=`, `|`), a kind and a size in bytes.
///
/// `=` (the writer's own order) is taken as little endian.
pub(crate) fn numpy_type(text: &str) -> NumpyType {
    let (big, code) = match text.strip_prefix('>') {
        Some(code) => (true, code),
        None => (false, text.trim_start_matches(['<', '=', '|'])),
    };
    let dtype = match code {
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        "i1" => Dtype::I8,
        "i2" => Dtype::I16,
        "i4" => Dtype::I32,
        "i8" => Dtype::I64,
        "u1" => Dtype::U8,
        "u2" => Dtype::U16,
        "u4" => Dtype::U32,
        "u8" => Dtype::U64,
        "b1" => Dtype::BOOL,
        "c8" => Dtype::C64,
        "bfloat16" => Dtype::BF16,
        _ => {
            return match code.chars().next() {
                Some('O') => NumpyType::Object,
                Some('S' | 'U' | 'a' | 'M' | 'm' | 'V') => NumpyType::Words,
                _ => NumpyType::Unknown,
            };
        }
    };
    NumpyType::Number(dtype, big)
}

/// The element type of a PyTorch storage class such as `FloatStorage`.
pub(crate) fn torch_storage(class: &str) -> Option<Dtype> {
    Some(match class {
        "FloatStorage" => Dtype::F32,
        "DoubleStorage" => Dtype::F64,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        "ComplexFloatStorage" => Dtype::C64,
        _ => return None,
    })
}

/// The element type of a `torch.dtype` such as `float32`.
pub(crate) fn torch_dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "float32" | "float" => Dtype::F32,
        "float64" | "double" => Dtype::F64,
        "float16" | "half" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "int64" | "long" => Dtype::I64,
        "int32" | "int" => Dtype::I32,
        "int16" | "short" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "bool" => Dtype::BOOL,
        "complex64" | "cfloat" => Dtype::C64,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_strings_are_read() {
        assert_eq!(numpy_type("<f4"), NumpyType::Number(Dtype::F32, false));
        assert_eq!(numpy_type(">i2"), NumpyType::Number(Dtype::I16, true));
        assert_eq!(numpy_type("|b1"), NumpyType::Number(Dtype::BOOL, false));
        assert_eq!(numpy_type("f8"), NumpyType::Number(Dtype::F64, false));
        assert_eq!(numpy_type("|O"), NumpyType::Object);
        assert_eq!(numpy_type("<U10"), NumpyType::Words);
        assert_eq!(numpy_type("<c16"), NumpyType::Unknown);
        assert_eq!(numpy_type(""), NumpyType::Unknown);
        assert_eq!((number_width(Dtype::C64), number_width(Dtype::F64)), (4, 8));
    }
}
