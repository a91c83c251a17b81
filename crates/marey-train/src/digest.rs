//! One short text that tells whether two networks hold the same bits.

use candle_nn::VarMap;
use safetensors::View;
use sha2::{Digest, Sha256};

use crate::vars::sorted;

/// The SHA-256 of all variables of `vars`, in the order of their names, in hexadecimal.
///
/// Names, types and dimensions count, so that equal digests mean equal networks.
pub fn digest(vars: &VarMap) -> String {
    let mut sha = Sha256::new();
    for (name, var) in sorted(vars) {
        let tensor = var.as_tensor();
        let head = format!("{name:?} {:?} {:?}\n", tensor.dtype(), tensor.dims());
        sha.update(head.as_bytes());
        sha.update(View::data(&tensor));
    }
    hex(&sha.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
