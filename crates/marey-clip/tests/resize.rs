//! Resizing against PyTorch; `tests/make.py` writes the fixture.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use candle::{Device, Tensor};
use marey_clip::{Clip, resize};

#[test]
fn resize_is_pytorch_s_bilinear() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/resize.safetensors");
    let tensors = candle::safetensors::load(path, &Device::Cpu).unwrap();
    for name in ["down", "odd", "up"] {
        let wanted = &tensors[&format!("{name}.out")];
        let clip = Clip::new(tensors[&format!("{name}.in")].unsqueeze(1).unwrap()).unwrap();
        let (_, h, w) = wanted.dims3().unwrap();
        let got = resize(&clip, h, w).unwrap().into_tensor().squeeze(1).unwrap();
        let error = max_abs(&(got - wanted).unwrap());
        assert!(error < 1e-6, "{name}: {error}");
    }
}

fn max_abs(t: &Tensor) -> f32 {
    t.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}
