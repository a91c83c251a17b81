//! Every format, on files that PyTorch and NumPy wrote (`make.py`); arrays there count up, so values are by hand.

use std::path::{Path, PathBuf};

use marey_weights::{Checkpoint, Dtype, Error, Format, Tensor, read};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn open(name: &str) -> Checkpoint {
    read(&fixture(name)).unwrap_or_else(|e| panic!("{e}"))
}

/// Asserts type, shape and values (as `f32`) of one tensor.
#[track_caller]
fn holds(checkpoint: &Checkpoint, name: &str, dtype: Dtype, shape: &[usize], values: &[f32]) {
    let tensor = checkpoint
        .tensors
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {:?}", checkpoint.tensors.keys()));
    assert_eq!((tensor.dtype, tensor.shape.as_slice()), (dtype, shape), "{name}");
    assert_eq!(tensor.to_f32().as_deref(), Some(values), "{name}");
}

#[track_caller]
fn other(checkpoint: &Checkpoint, pairs: &[(&str, &str)]) {
    let met: Vec<(&str, &str)> =
        checkpoint.other.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(met, pairs);
}

#[test]
fn torch_state_dicts() {
    let c = open("torch.pth");
    assert_eq!((c.format, &c.member), (Format::Torch, &None));
    holds(&c, "state_dict.conv.weight", Dtype::F32, &[2, 3], &[1., 2., 3., 4., 5., 6.]);
    holds(&c, "state_dict.conv.bias", Dtype::F32, &[2], &[10., 11.]);
    let whole: Vec<f32> = (0..24).map(|v| v as f32).collect();
    holds(&c, "views.whole", Dtype::F32, &[4, 6], &whole);
    let transposed: Vec<f32> = (0..24).map(|i| (i % 4 * 6 + i / 4) as f32).collect();
    holds(&c, "views.transposed", Dtype::F32, &[6, 4], &transposed);
    holds(&c, "views.slice", Dtype::F32, &[2, 2], &[8., 10., 14., 16.]);
    holds(&c, "views.row", Dtype::F32, &[6], &[12., 13., 14., 15., 16., 17.]);
    holds(&c, "views.number", Dtype::F32, &[], &[23.]);
    holds(&c, "views.expanded", Dtype::F32, &[2, 3], &[7.; 6]);
    holds(&c, "views.empty", Dtype::F32, &[0, 3], &[]);
    use Dtype::{BF16, BOOL, F16, F64, I8, I16, I32, I64, U8, U16, U32};
    for (i, dtype) in
        [F64, F16, BF16, I64, I32, I16, I8, U8, BOOL, U16, U32].into_iter().enumerate()
    {
        let last = if dtype == BOOL { 1. } else { 2. };
        holds(&c, &format!("types.{i}"), dtype, &[3], &[1., 0., last]);
    }
    let complex: Vec<u8> =
        [1f32, 0., 0., 0., 2., 0.].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(c.tensors["types.11"], Tensor::new(Dtype::C64, vec![3], complex).unwrap());
    assert_eq!(
        c.tensors["types.12"],
        Tensor::new(Dtype::F8_E4M3, vec![3], vec![0x38, 0, 0x40]).unwrap()
    );
    holds(&c, "numpy.array", I32, &[2, 2], &[5., 6., 7., 8.]);
    holds(&c, "optimizer.state.0.momentum_buffer", Dtype::F32, &[2], &[1., 1.]);
    assert_eq!(c.tensors.len(), 2 + 7 + 13 + 2);
    other(
        &c,
        &[
            ("arch", "r3d"),
            ("args.device", "cpu"),
            ("args.dtype", "F32"),
            ("args.layers", "[3, 4]"),
            ("args.lr", "0.1"),
            ("best", "0.5"),
            ("epoch", "3"),
            ("finished", "true"),
            ("huge", "an integer of 9 bytes"),
            ("milestones.30", "1"),
            ("milestones.60", "1"),
            ("names", "[only]"),
            ("numpy.scalar", "0.25"),
            ("optimizer.param_groups.0.params", "[0, 1, 2, 3, 4, 5, 6, 7, ... 20 values]"),
            ("resumed", "None"),
            ("size", "[2, 3]"),
        ],
    );
}

#[test]
fn torch_in_its_variants() {
    let c = open("torch-protocol4.pth");
    holds(&c, "conv.weight", Dtype::F32, &[2, 3], &[1., 2., 3., 4., 5., 6.]);
    assert_eq!((c.tensors.len(), c.other.len()), (2, 0));

    let c = open("torch-big-endian.pth");
    holds(&c, "f", Dtype::F32, &[3], &[1., 2., 3.]);
    holds(&c, "h", Dtype::I16, &[3], &[1., 2., 3.]);
    let complex: Vec<u8> = [1f32, 2.].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(c.tensors["c"].data, complex);

    // From before version 1.6: "row" and "column" look into one storage.
    let c = open("torch-legacy.pth");
    assert_eq!(c.format, Format::Torch);
    holds(&c, "state_dict.conv.weight", Dtype::F32, &[2, 3], &[1., 2., 3., 4., 5., 6.]);
    holds(&c, "state_dict.conv.bias", Dtype::F32, &[2], &[10., 11.]);
    holds(&c, "row", Dtype::F32, &[6], &[12., 13., 14., 15., 16., 17.]);
    holds(&c, "column", Dtype::F32, &[4], &[1., 7., 13., 19.]);
    holds(&c, "half", Dtype::F16, &[2], &[1., 0.5]);
    holds(&c, "long", Dtype::I64, &[2], &[3., -1.]);
    holds(&c, "empty", Dtype::F32, &[0, 3], &[]);
    assert_eq!((c.tensors.len(), c.other["epoch"].as_str()), (7, "3"));

    let module = read(&fixture("torch-module.pth")).unwrap_err();
    assert!(
        matches!(&module, Error::Refused { global, .. } if global == "torch.nn.modules.linear.Linear"),
        "{module}"
    );
}

#[test]
fn numpy_archives_plain_and_packed() {
    for name in ["plain.npz", "packed.npz"] {
        let c = open(name);
        assert_eq!(c.format, Format::Npz);
        let six = [1., 2., 3., 4., 5., 6.];
        holds(&c, "f4", Dtype::F32, &[2, 3], &six);
        holds(&c, "fortran", Dtype::F32, &[2, 3], &six);
        holds(&c, "f8", Dtype::F64, &[2], &[1., 2.]);
        holds(&c, "f2", Dtype::F16, &[2], &[1., 2.]);
        for (name, dtype) in
            [("i8", Dtype::I64), ("i4", Dtype::I32), ("i2", Dtype::I16), ("i1", Dtype::I8)]
        {
            holds(&c, name, dtype, &[3], &[-1., 0., 1.]);
        }
        holds(&c, "u1", Dtype::U8, &[3], &[1., 2., 3.]);
        holds(&c, "b1", Dtype::BOOL, &[2], &[1., 0.]);
        holds(&c, "big", Dtype::F32, &[3], &[1., 2., 3.]);
        holds(&c, "zero", Dtype::F32, &[], &[4.]);
        holds(&c, "empty", Dtype::F32, &[0, 2], &[]);
        holds(&c, "layer/kernel", Dtype::F32, &[2], &[1., 2.]);
        assert_eq!(c.tensors.len(), 14);
        other(&c, &[("words", "an array of type <U4, shape [2]")]);
    }
}

#[test]
fn single_numpy_arrays() {
    let c = open("fortran.npy");
    let values: Vec<f32> = (1..13).map(|v| v as f32).collect();
    holds(&c, "arr_0", Dtype::F64, &[2, 3, 2], &values);
    assert_eq!((c.format, c.tensors.len()), (Format::Npy, 1));

    let c = open("objects.npy"); // a dictionary in an array of one object, as many converted weights are kept
    holds(&c, "conv1.0", Dtype::F32, &[2, 2], &[1., 2., 3., 4.]);
    holds(&c, "conv1.1", Dtype::F32, &[2], &[9., 10.]);
    other(&c, &[("name", "vgg")]);

    let complex = read(&fixture("complex.npy")).unwrap_err();
    assert!(complex.to_string().contains("c16"), "{complex}");
}

#[test]
fn pickles_of_every_protocol() {
    for protocol in 0..6 {
        let c = open(&format!("pickle{protocol}.pkl"));
        assert_eq!(c.format, Format::Pickle);
        let six = [1., 2., 3., 4., 5., 6.];
        for name in ["params.conv.kernel", "params.conv.fortran", "shared"] {
            holds(&c, name, Dtype::F32, &[2, 3], &six);
        }
        holds(&c, "batch_stats.mean", Dtype::F64, &[1, 1, 2], &[1., 2.]);
        holds(&c, "list.0", Dtype::F32, &[1], &[1.]);
        holds(&c, "list.1.deep", Dtype::I64, &[1], &[2.]);
        holds(&c, "objects.0", Dtype::F32, &[2], &[3., 4.]);
        holds(&c, "tuple.key", Dtype::F32, &[1], &[8.]);
        holds(&c, "big", Dtype::I16, &[3], &[1., 2., 3.]);
        assert_eq!(c.tensors.len(), 9, "protocol {protocol}");
        other(
            &c,
            &[
                ("count", "9"),
                ("default.a", "[1, 2.5, None]"),
                ("done", "false"),
                ("name", "i3d\n€"),
                ("negative", "-70000"),
                ("objects.1", "None"),
                ("rate", "0.001"),
                ("raw", "bytes"),
                ("scalar", "1.5"),
                ("set", "[5]"),
                ("step", "7"),
                ("words", "an array of type <U1, shape [1]"),
            ],
        );
    }
}

#[test]
fn python_2_and_flax() {
    let c = open("python2.pkl");
    holds(&c, "w", Dtype::F32, &[1, 2], &[1., 2.]);
    other(&c, &[("epoch", "12")]);

    let c = open("flax.pkl");
    holds(&c, "params.w", Dtype::F32, &[2, 2], &[1., 2., 3., 4.]);
    holds(&c, "params.b", Dtype::BF16, &[2], &[1., -2.5]);
}

#[test]
fn source_packages() {
    let c = open("package.tar.gz");
    holds(&c, "params.w", Dtype::F32, &[2], &[1., 2.]);
    assert_eq!((c.format, c.member.as_deref()), (Format::Pickle, Some("p/w/a.ckpt")));
    let two = read(&fixture("package-two.tar.gz")).unwrap_err().to_string();
    assert!(two.ends_with("several .ckpt members: p/a.ckpt, p/b.ckpt"), "{two}");
    let none = read(&fixture("package-none.tar.gz")).unwrap_err().to_string();
    assert!(none.ends_with("without a .ckpt member"), "{none}");
}

#[test]
fn what_is_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read(&path).unwrap_err()
    };
    assert!(matches!(read(&folder.path().join("none.pth")), Err(Error::NotFound { .. })));
    assert!(matches!(read(folder.path()), Err(Error::Unsupported { .. } | Error::Io { .. })));
    let unknown = at("a.pth", b"hello world").to_string();
    assert!(unknown.contains("a.pth") && unknown.contains("68 65 6c 6c 6f"), "{unknown}");
    assert!(matches!(at("b", b""), Error::Unknown { .. }));
    assert!(matches!(
        at("c.pth", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        Error::Unsupported { .. }
    ));
    assert!(matches!(at("d.h5", b"\x89HDF\r\n\x1a\n...."), Error::Unsupported { .. }));
}
