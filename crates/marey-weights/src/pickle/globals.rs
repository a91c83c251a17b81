//! The fixed list of names a pickle may mention.

use safetensors::Dtype;

use crate::dtype::{torch_dtype, torch_storage};

/// What an allowed name stands for: a way to lay out data, never a thing to call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `collections.defaultdict`.
    DefaultDict,
    /// Wrappers of one dictionary: `collections.Counter`, `flax.core.frozen_dict.FrozenDict`.
    DictOf,
    /// `argparse.Namespace`, `types.SimpleNamespace`.
    Namespace,
    Dict,
    List,
    Tuple,
    Set,
    Bytes,
    Complex,
    /// A class that is only mentioned, such as `float` as the factory of a `defaultdict`.
    Mentioned(&'static str),
    /// `copyreg._reconstructor` and `copyreg.__newobj__`.
    Reconstructor,
    NewObject,
    /// `_codecs.encode`, how Python 3 writes bytes for Python 2.
    Encode,
    NumpyArray,
    NumpyDtype,
    /// `numpy.core.multiarray._reconstruct`, `scalar` and `numpy.core.numeric._frombuffer`.
    NumpyReconstruct,
    NumpyScalar,
    NumpyFromBuffer,
    /// `jax._src.array._reconstruct_array`.
    JaxArray,
    /// An element type by itself, such as `torch.float32` or `ml_dtypes.bfloat16`.
    Element(Dtype),
    /// A PyTorch storage class; none for the untyped one.
    Storage(Option<Dtype>),
    /// `torch._utils._rebuild_tensor` and its second and third forms.
    TorchTensor,
    TorchTensor2,
    TorchTensor3,
    /// `torch._utils._rebuild_parameter`, with or without state.
    TorchParameter,
    /// `torch._tensor._rebuild_from_type_v2`.
    TorchFromType,
    TorchSize,
    TorchDevice,
}

/// What `module.name` stands for, if it is on the list.
pub(super) fn resolve(module: &str, name: &str) -> Option<Global> {
    use Global::*;
    Some(match (module, name) {
        ("collections", "OrderedDict") => OrderedDict,
        ("collections", "defaultdict") => DefaultDict,
        ("collections", "Counter") | ("flax.core.frozen_dict", "FrozenDict") => DictOf,
        ("argparse", "Namespace") | ("types", "SimpleNamespace") => Namespace,
        ("builtins" | "__builtin__", name) => match name {
            "dict" => Dict,
            "list" => List,
            "tuple" => Tuple,
            "set" | "frozenset" => Set,
            "bytes" | "bytearray" => Bytes,
            "complex" => Complex,
            "object" => Mentioned("object"),
            "int" | "long" => Mentioned("int"),
            "float" => Mentioned("float"),
            "bool" => Mentioned("bool"),
            "str" | "unicode" => Mentioned("str"),
            _ => return None,
        },
        ("copyreg" | "copy_reg", "_reconstructor") => Reconstructor,
        ("copyreg" | "copy_reg", "__newobj__") => NewObject,
        ("_codecs" | "codecs", "encode") => Encode,
        ("numpy", "ndarray") => NumpyArray,
        ("numpy", "dtype") => NumpyDtype,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => NumpyReconstruct,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => NumpyScalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => NumpyFromBuffer,
        ("jax._src.array", "_reconstruct_array") => JaxArray,
        ("jax._src.device_array", "reconstruct_device_array") => JaxArray,
        ("ml_dtypes" | "jaxlib.xla_extension", "bfloat16") => Element(Dtype::BF16),
        ("torch._utils", "_rebuild_tensor") => TorchTensor,
        ("torch._utils", "_rebuild_tensor_v2") => TorchTensor2,
        ("torch._utils", "_rebuild_tensor_v3") => TorchTensor3,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => TorchParameter,
        ("torch._tensor", "_rebuild_from_type_v2") => TorchFromType,
        ("torch", "Tensor") => Mentioned("torch.Tensor"),
        ("torch.nn.parameter", "Parameter" | "Buffer") => Mentioned("torch.nn.Parameter"),
        ("torch", "Size") => TorchSize,
        ("torch", "device") => TorchDevice,
        ("torch" | "torch.storage", "UntypedStorage") => Storage(None),
        ("torch" | "torch.cuda", class) if torch_storage(class).is_some() => {
            Storage(torch_storage(class))
        }
        ("torch", name) => Element(torch_dtype(name)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_is_known() {
        assert_eq!(resolve("collections", "OrderedDict"), Some(Global::OrderedDict));
        assert_eq!(resolve("torch", "HalfStorage"), Some(Global::Storage(Some(Dtype::F16))));
        assert_eq!(resolve("torch", "bfloat16"), Some(Global::Element(Dtype::BF16)));
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("__builtin__", "exec"),
            ("torch", "load"),
            ("torch.nn.modules.conv", "Conv3d"),
            ("numpy", "load"),
            ("numpy.core.multiarray", "fromfile"),
            ("_codecs", "decode"),
            ("", ""),
        ] {
            assert_eq!(resolve(module, name), None, "{module}.{name}");
        }
    }
}
