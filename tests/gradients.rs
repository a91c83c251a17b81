//! Gradients in f32, by the kernels, beside those in f64, by candle's own operations: of networks that are thin.
//!
//! Not of the deepest, nor of Inceptions: so thin, and on such small clips, their batch norms see two values a channel at the
//! end, and their gradients are of rounding alone.

use candle::{DType, Device, Result, Tensor};
use candle_nn::VarMap;
use marey::inspect::formula::clip;
use marey::layers::{backward, seeded};
use marey::zoo::{self, MODELS, Sizes};

use crate::support::thin;

/// The gradients of the loss of a thin network, by the names of its variables.
fn gradients(name: &str, dtype: DType) -> Result<Vec<(String, Tensor)>> {
    let (shrink, input @ [t, h, w]) = thin(name);
    let vars = VarMap::new();
    let model = zoo::find(name)?;
    let sizes = Sizes { input, shrink, dropout: Some(0.), ..model.sizes(4) };
    let network = model.build(&sizes, seeded(&vars, 1, dtype, &Device::Cpu))?;
    let xs = clip(&[2, sizes.c_in, t, h, w], 1.)?.to_dtype(dtype)?;
    let labels = Tensor::new(&[0u32, 3], &Device::Cpu)?;
    let all = backward(&network.loss(&xs, &labels, true)?)?;
    let vars = vars.data().lock().unwrap();
    let mut found: Vec<_> = vars
        .iter()
        .filter_map(|(name, var)| Some((name.clone(), all.get(var)?.to_dtype(DType::F64))))
        .map(|(name, gradient)| Ok((name, gradient?)))
        .collect::<Result<_>>()?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Whether the gradients of the thin network are more than rounding.
fn steady(name: &str) -> bool {
    let endings = ["-18", "-18-g", "-18-vmz", "-26", "-lstm"];
    let kinds = ["lrcn", "conv3d-", "karpathy", "hidden"];
    let known =
        ["spatial", "c3d", "r3d-34", "temporal", "two-stream", "fstcn-temporal", "fstcn-mrzzm"];
    // Where a depthwise kernel stands between two batch norms, the second takes back what the first one's scale does.
    name != "ip-csn-18"
        && (endings.iter().any(|ending| name.ends_with(ending))
            || kinds.iter().any(|kind| name.starts_with(kind))
            || known.contains(&name))
}

#[test]
fn gradients_are_those_of_candle_in_f64() -> Result<()> {
    for model in MODELS.iter().filter(|model| steady(model.name)) {
        let (got, want) = (gradients(model.name, DType::F32)?, gradients(model.name, DType::F64)?);
        assert_eq!(got.len(), want.len(), "{}", model.name);
        let mut worst = (0., String::new());
        for ((name, got), (_, want)) in got.iter().zip(&want) {
            let norm = |xs: &Tensor| xs.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>();
            let error = norm(&(got - want)?)? / norm(want)?.max(1e-12);
            if error > worst.0 {
                worst = (error, name.clone());
            }
        }
        let what = format!("{}: {:.1e} of {}", model.name, worst.0, worst.1);
        println!("{what}");
        assert!(worst.0 < 2e-3, "{what}");
    }
    Ok(())
}
