//! Fitting a checkpoint to a network, and writing what came of it.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::collections::BTreeMap;

use marey_weights::{
    Account, Dialect, Dtype, Error, Format, Mismatch, Subtract, Tensor, Wanted, each, fit,
    fit_some, found, read, write,
};

fn wanted(list: &[(&str, &[usize])]) -> Vec<Wanted> {
    list.iter()
        .map(|(name, shape)| Wanted { name: (*name).into(), shape: shape.to_vec() })
        .collect()
}

fn counting(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::from_f32(shape.to_vec(), (0..n).map(|v| v as f32).collect()).unwrap()
}

fn flax() -> Dialect {
    Dialect {
        name: "flax",
        sources: |wanted| each(wanted, flax_name),
        permute: |ours, rank| (ours.ends_with("weight") && rank == 2).then(|| vec![1, 0]),
        defined: |ours| ours.ends_with("bn.weight").then_some(1.0),
        ignored: |theirs| theirs == "step",
        ..Dialect::SAME
    }
}

fn flax_name(ours: &str) -> String {
    match ours.rsplit_once('.') {
        Some((layer, "weight")) if layer.ends_with("bn") => format!("params.{layer}.scale"),
        Some((layer, "weight")) => format!("params.{layer}.kernel"),
        Some((layer, "running_mean")) => format!("batch_stats.{layer}.mean"),
        _ => format!("params.{ours}"),
    }
}

fn theirs() -> BTreeMap<String, Tensor> {
    let mut tensors = BTreeMap::new();
    tensors.insert("params.fc.kernel".to_owned(), counting(&[3, 2]));
    let halves = Tensor::new(Dtype::F16, vec![2], vec![0x00, 0x3c, 0x00, 0xc1]).unwrap();
    tensors.insert("params.fc.bias".to_owned(), halves);
    tensors.insert("batch_stats.bn.mean".to_owned(), counting(&[1, 1, 2]));
    tensors.insert("step".to_owned(), counting(&[]));
    tensors.insert("params.head.kernel".to_owned(), counting(&[1]));
    tensors
}

#[test]
fn every_tensor_is_accounted_for_once() {
    let wanted = wanted(&[
        ("fc.weight", &[2, 3]),
        ("fc.bias", &[2]),
        ("bn.weight", &[2]),
        ("bn.running_mean", &[2]),
    ]);
    let (tensors, account) = fit(&flax(), &theirs(), &wanted).unwrap();
    assert_eq!(
        tensors.keys().collect::<Vec<_>>(),
        ["bn.running_mean", "bn.weight", "fc.bias", "fc.weight"]
    );
    assert_eq!(tensors["fc.weight"].shape, [2, 3]);
    assert_eq!(tensors["fc.weight"].to_f32().unwrap(), [0., 2., 4., 1., 3., 5.]);
    assert_eq!(tensors["fc.bias"].to_f32().unwrap(), [1.0, -2.5]);
    assert_eq!(tensors["bn.running_mean"], counting(&[2]));
    assert_eq!(tensors["bn.weight"].to_f32().unwrap(), [1., 1.]);
    assert!(tensors.values().all(|t| t.dtype == Dtype::F32));
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let expected = Account {
        renamed: vec![
            pair("params.fc.kernel", "fc.weight"),
            pair("params.fc.bias", "fc.bias"),
            pair("batch_stats.bn.mean", "bn.running_mean"),
        ],
        defined: vec![("bn.weight".into(), 1.0)],
        ignored: vec!["step".into()],
        left_over: vec!["params.head.kernel".into()],
        transposed: vec![("fc.weight".into(), vec![1, 0])],
        reshaped: vec![("bn.running_mean".into(), vec![1, 1, 2])],
        converted: vec![("fc.bias".into(), Dtype::F16)],
        ..Account::default()
    };
    assert_eq!(account, expected);
    assert_eq!(
        account.to_string(),
        "3 taken (3 renamed, 1 transposed), 1 defined, 1 ignored, 0 missing, 0 of another shape, \
         0 not of real numbers, 1 left over (params.head.kernel)"
    );
}

#[test]
fn what_does_not_fit_is_an_error_with_its_names() {
    let wanted = wanted(&[
        ("fc.weight", &[3, 2]),
        ("fc.bias", &[2]),
        ("a.weight", &[1]),
        ("b.weight", &[1]),
        ("bn.weight", &[2]),
    ]);
    let Err(Error::Incomplete(account)) = fit(&flax(), &theirs(), &wanted) else { panic!("fits") };
    let (name, source) = ("fc.weight".into(), "params.fc.kernel".into());
    assert_eq!(
        account.mismatched,
        [Mismatch { name, source, met: vec![2, 3], wanted: vec![3, 2] }]
    );
    assert_eq!(account.missing.len(), 2);
    assert_eq!(account.left_over, ["batch_stats.bn.mean", "params.head.kernel"]);
    let line = Error::Incomplete(account).to_string();
    assert!(
        line.contains("2 missing (a.weight (as params.a.kernel); b.weight (as params.b.kernel))"),
        "{line}"
    );
    assert!(line.contains("1 of another shape (fc.weight: [2, 3] instead of [3, 2])"), "{line}");
    assert!(!line.contains('\n'));
}

#[test]
fn the_same_names_need_no_dialect() {
    let mut tensors = BTreeMap::from([
        ("w".to_owned(), counting(&[2])),
        ("bn.num_batches_tracked".into(), counting(&[])),
    ]);
    let (out, account) = fit(&Dialect::SAME, &tensors, &wanted(&[("w", &[2])])).unwrap();
    assert_eq!(out["w"], tensors["w"]);
    assert_eq!((account.used, account.ignored.len()), (vec!["w".to_owned()], 1));
    // An axis of length 1 may be missing, as in kernels of images, or be too many; it may not be another one.
    let image = BTreeMap::from([("k".to_owned(), counting(&[4, 3, 7, 7]))]);
    let (out, account) = fit(&Dialect::SAME, &image, &wanted(&[("k", &[4, 3, 1, 7, 7])])).unwrap();
    assert_eq!(out["k"], counting(&[4, 3, 1, 7, 7]));
    assert_eq!(account.reshaped, [("k".to_owned(), vec![4, 3, 7, 7])]);
    let spread = BTreeMap::from([("k".to_owned(), counting(&[5, 8, 1, 1, 1]))]);
    assert!(fit(&Dialect::SAME, &spread, &wanted(&[("k", &[5, 8])])).is_ok());
    let time = BTreeMap::from([("k".to_owned(), counting(&[4, 3, 3, 1, 1]))]);
    assert!(matches!(
        fit(&Dialect::SAME, &time, &wanted(&[("k", &[4, 3, 1, 3, 1])])),
        Err(Error::Incomplete(_))
    ));

    tensors.insert("w".into(), Tensor::new(Dtype::C64, vec![2], vec![0; 16]).unwrap());
    let Err(Error::Incomplete(account)) = fit(&Dialect::SAME, &tensors, &wanted(&[("w", &[2])]))
    else {
        panic!("fits")
    };
    assert_eq!(account.unreadable, [("w".to_owned(), "w".to_owned(), Dtype::C64)]);
}

#[test]
fn what_does_not_fit_is_given_as_it_is() {
    let mut tensors = theirs();
    let odd = Tensor::from_f32(vec![2], vec![0., f32::NAN]).unwrap();
    tensors.insert("params.odd.bias".into(), odd);
    let wanted = wanted(&[
        ("fc.weight", &[5, 3]),
        ("fc.bias", &[2]),
        ("odd.bias", &[3]),
        ("bn.bias", &[2]),
        ("bn.weight", &[2]),
    ]);
    let (out, account) = fit_some(&flax(), &tensors, &wanted).unwrap();
    // Transposed by hand.
    let kernel = Tensor::from_f32(vec![2, 3], vec![0., 2., 4., 1., 3., 5.]).unwrap();
    assert_eq!(out["fc.weight"], kernel);
    assert_eq!(out.keys().collect::<Vec<_>>(), ["bn.weight", "fc.bias", "fc.weight"]);
    let mismatched: Vec<_> = account.mismatched.iter().map(|m| (&*m.name, &*m.met)).collect();
    assert_eq!(mismatched, [("fc.weight", &[2, 3][..]), ("odd.bias", &[2])]);
    assert_eq!(account.missing, [("bn.bias".to_owned(), "params.bn.bias".to_owned())]);
    let Err(Error::Incomplete(whole)) = fit(&flax(), &tensors, &wanted) else { panic!("fits") };
    assert_eq!(*whole, account);
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    let wanted = wanted(&[("fc.bias", &[2])]);
    for value in [f32::NAN, f32::INFINITY] {
        let bias = Tensor::from_f32(vec![2], vec![0., value]).unwrap();
        let tensors = BTreeMap::from([("fc.bias".to_owned(), bias)]);
        let Err(Error::Incomplete(account)) = fit(&Dialect::SAME, &tensors, &wanted) else {
            panic!("{value} is taken")
        };
        assert_eq!(account.unreadable, [("fc.bias".into(), "fc.bias".into(), Dtype::F32)]);
    }
}

#[test]
fn a_state_dict_is_found_in_its_container() {
    let wanted = wanted(&[("fc.weight", &[2, 3]), ("fc.bias", &[2])]);
    let mut tensors = BTreeMap::new();
    for (name, shape) in [
        ("state_dict.module.fc.weight", &[2, 3][..]),
        ("state_dict.module.fc.bias", &[2]),
        ("state_dict.module.bn.num_batches_tracked", &[]),
        ("state_dict.module.head.weight", &[2]),
        // Another container has less of it, and one has a name that only ends the same.
        ("optimizer.fc.weight", &[2, 3]),
        ("xfc.weight", &[2, 3]),
    ] {
        tensors.insert(name.to_owned(), counting(shape));
    }
    assert_eq!(found(&Dialect::SAME, &tensors, &wanted), 2);
    let (_, account) = fit(&Dialect::SAME, &tensors, &wanted).unwrap();
    let renamed = |name: &str| (format!("state_dict.module.{name}"), name.to_owned());
    assert_eq!(account.renamed, [renamed("fc.weight"), renamed("fc.bias")]);
    assert_eq!(
        account.ignored,
        ["optimizer.fc.weight", "state_dict.module.bn.num_batches_tracked", "xfc.weight"]
    );
    assert_eq!(account.left_over, ["state_dict.module.head.weight"]);
}

#[test]
fn a_dialect_that_errs_is_told() {
    let one = |wanted: &[Wanted]| each(wanted, |_| "w".to_owned());
    let (tensors, list) = (
        BTreeMap::from([("w".to_owned(), counting(&[2, 2]))]),
        wanted(&[("a", &[2, 2]), ("b", &[2, 2])]),
    );
    let error =
        fit(&Dialect { sources: one, ..Dialect::SAME }, &tensors, &list).unwrap_err().to_string();
    assert!(error.contains("w is the source of both a and b"), "{error}");
    assert!(fit(&Dialect::SAME, &tensors, &wanted(&[("w", &[2, 2]), ("w", &[2, 2])])).is_err());
    let twice = Dialect { permute: |_, _| Some(vec![0, 0]), ..Dialect::SAME };
    assert!(matches!(fit(&twice, &tensors, &wanted(&[("w", &[2, 2])])), Err(Error::Tensor(_))));
}

#[test]
fn two_containers_with_the_same_are_told() {
    let wanted = wanted(&[("fc.weight", &[2, 3]), ("fc.bias", &[2])]);
    let mut tensors = BTreeMap::new();
    for container in ["ema", "model"] {
        tensors.insert(format!("{container}.fc.weight"), counting(&[2, 3]));
        tensors.insert(format!("{container}.fc.bias"), counting(&[2]));
    }
    let error = fit(&Dialect::SAME, &tensors, &wanted).unwrap_err().to_string();
    assert!(error.contains("`ema.` and `model.` hold equally many"), "{error}");
    // What has more is the one.
    tensors.remove("ema.fc.bias");
    let (_, account) = fit(&Dialect::SAME, &tensors, &wanted).unwrap();
    assert_eq!(account.renamed[0].0, "model.fc.weight");
}

#[test]
fn another_batch_norm_is_made_ours() {
    let theirs = |name: &str| match name {
        "rm" => Some(Subtract::Tensor("b".into())),
        "rv" => Some(Subtract::Number(0.25)),
        _ => None,
    };
    let dialect = Dialect { subtract: theirs, ..Dialect::SAME };
    let mut tensors = BTreeMap::new();
    for (name, values) in [("rm", [3., 5.]), ("rv", [1., 0.]), ("b", [2., 7.])] {
        let tensor = Tensor::from_f32(vec![2], values.to_vec()).unwrap();
        tensors.insert(format!("blobs.{name}"), tensor);
    }
    let wanted = wanted(&[("rm", &[2]), ("rv", &[2])]);
    let (out, account) = fit(&dialect, &tensors, &wanted).unwrap();
    assert_eq!(out["rm"].to_f32().unwrap(), [1., -2.]);
    assert_eq!(out["rv"].to_f32().unwrap(), [0.75, -0.25]);
    let (mean, variance) = ("rm".to_owned(), "rv".to_owned());
    assert_eq!(
        account.subtracted,
        [(mean, Subtract::Tensor("blobs.b".into())), (variance, Subtract::Number(0.25))]
    );
    // Each of theirs is spoken for, once.
    assert!(account.left_over.is_empty() && account.ignored.is_empty(), "{account}");
    assert!(account.to_string().contains("2 shifted"), "{account}");

    let short = Tensor::from_f32(vec![1], vec![2.]).unwrap();
    tensors.insert("blobs.b".into(), short);
    let Err(Error::Incomplete(account)) = fit(&dialect, &tensors, &wanted) else { panic!("fits") };
    assert_eq!(account.unreadable[0].1, "blobs.b");
    tensors.remove("blobs.b");
    let Err(Error::Incomplete(account)) = fit(&dialect, &tensors, &wanted) else { panic!("fits") };
    assert_eq!(account.missing, [("rm".to_owned(), "blobs.b".to_owned())]);
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors");
    std::fs::write(&path, b"an older file").unwrap();
    let tensors = BTreeMap::from([
        ("b".to_owned(), Tensor::new(Dtype::U8, vec![3], vec![1, 2, 3]).unwrap()),
        ("a.weight".to_owned(), counting(&[2, 3])),
        ("half".to_owned(), Tensor::new(Dtype::BF16, vec![1], vec![0x80, 0x3f]).unwrap()),
        ("number".to_owned(), counting(&[])),
        ("none".to_owned(), Tensor::new(Dtype::F64, vec![0, 4], vec![]).unwrap()),
    ]);
    let metadata = BTreeMap::from([
        ("model".to_owned(), "i3d".to_owned()),
        ("classes".to_owned(), "400".to_owned()),
    ]);
    write(&path, &tensors, &metadata).unwrap();
    let back = read(&path).unwrap();
    assert_eq!(
        (back.format, &back.tensors, &back.other),
        (Format::Safetensors, &tensors, &metadata)
    );

    // The format's own library agrees, elements are aligned, and the bytes are the same every time.
    let bytes = std::fs::read(&path).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.tensor("a.weight").unwrap().data(), tensors["a.weight"].data);
    let start =
        theirs.tensor("a.weight").unwrap().data().as_ptr() as usize - bytes.as_ptr() as usize;
    assert_eq!(start % 8, 0);
    write(&path, &tensors, &metadata).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors");
    std::fs::write(&path, b"old").unwrap();
    let wrong = Tensor { dtype: Dtype::F32, shape: vec![2], data: vec![0; 3] };
    let error = write(&path, &BTreeMap::from([("w".to_owned(), wrong)]), &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("w: F32 [2] takes 8 bytes, met 3"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let nowhere = write(&folder.path().join("no/out"), &BTreeMap::new(), &BTreeMap::new());
    assert!(matches!(nowhere, Err(Error::NotFound { .. })));
}
