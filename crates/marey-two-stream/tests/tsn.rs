//! What temporal segment networks make of their snippets, and what their training leaves as it is.

use candle::{DType, Device, ModuleT, Result, Tensor};
use candle_nn::VarMap;
use marey_layers::{Network, backward, rng, seeded};
use marey_two_stream::{Consensus, Norms, Snippet, Tsn, TsnConfig, tsn};

const SIDE: usize = 64;

fn wave(dims: &[usize]) -> Result<Tensor> {
    let value = |i: usize| ((0.7 * i as f64 + 0.001 * (i % 977 * i % 977) as f64).sin()) as f32;
    Tensor::from_vec((0..dims.iter().product()).map(value).collect::<Vec<_>>(), dims, &Device::Cpu)
}

fn thin(snippet: Snippet, consensus: Consensus) -> TsnConfig {
    TsnConfig { shrink: 16, dropout: 0., consensus, ..tsn(snippet, 5) }
}

fn build(config: &TsnConfig, vars: &VarMap) -> Result<Tsn> {
    Tsn::new(config, seeded(vars, 1, DType::F32, &Device::Cpu))
}

fn close(got: &Tensor, want: &Tensor) -> Result<()> {
    assert_eq!(got.dims(), want.dims());
    let largest = want.abs()?.max_all()?.to_scalar::<f32>()?;
    let worst = (got - want)?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(worst <= 1e-5 * largest, "{worst} of {largest}");
    Ok(())
}

#[test]
fn consensus_is_over_the_logits_of_single_snippets() -> Result<()> {
    for snippet in [Snippet::Rgb, Snippet::Flow, Snippet::RgbDifference] {
        let vars = VarMap::new();
        let net = |consensus| build(&thin(snippet, consensus), &vars);
        let average = net(Consensus::Average)?;
        let frames = snippet.frames();
        // More snippets than three go through the same network.
        let xs = wave(&[2, snippet.c_in(), 4 * frames, SIDE, SIDE])?;
        let one = |i: usize| average.forward_t(&xs.narrow(2, i * frames, frames)?, false);
        let all = Tensor::stack(&(0..4).map(one).collect::<Result<Vec<_>>>()?, 0)?;
        close(&average.forward_t(&xs, false)?, &all.mean(0)?)?;
        close(&net(Consensus::Max)?.forward_t(&xs, false)?, &all.max(0)?)?;
        let given = net(Consensus::Weighted(vec![1., 2., 0., 1.]))?;
        let weights = Tensor::new(&[0.25f32, 0.5, 0., 0.25], &Device::Cpu)?.reshape((4, 1, 1))?;
        close(&given.forward_t(&xs, false)?, &all.broadcast_mul(&weights)?.sum(0)?)?;
        // Weights that are learnt begin as the average does.
        close(&net(Consensus::Learnt(4))?.forward_t(&xs, false)?, &all.mean(0)?)?;
        let three = build(&thin(snippet, Consensus::Learnt(3)), &VarMap::new())?;
        assert!(three.forward_t(&xs, false).is_err());
        assert!(net(Consensus::Weighted(vec![0.])).is_err());
        assert_eq!(average.features_t(&xs, false)?.dims()[0], 2);
    }
    Ok(())
}

#[test]
fn differences_do_not_see_what_stays() -> Result<()> {
    let vars = VarMap::new();
    let net = build(&thin(Snippet::RgbDifference, Consensus::Average), &vars)?;
    let xs = wave(&[1, 3, 6, SIDE, SIDE])?;
    let brighter = (&xs + 3.)?;
    close(&net.forward_t(&brighter, false)?, &net.forward_t(&xs, false)?)
}

#[test]
fn clips_that_do_not_fit_are_refused() -> Result<()> {
    let net = build(&thin(Snippet::Flow, Consensus::Average), &VarMap::new())?;
    for dims in [[1, 2, 7, SIDE, SIDE], [1, 3, 5, SIDE, SIDE]] {
        let error = net.forward_t(&wave(&dims)?, false).unwrap_err().to_string();
        assert!(error.contains("snippets of 5 frames"), "{error}");
    }
    let odd = net.forward_t(&wave(&[1, 2, 5, SIDE, 86])?, false).unwrap_err().to_string();
    assert!(odd.contains("multiples of 32"), "{odd}");
    Ok(())
}

#[test]
fn partial_norms_keep_their_statistics_and_frozen_ones_all() -> Result<()> {
    for norms in [Norms::Trained, Norms::Partial, Norms::Frozen] {
        let vars = VarMap::new();
        let config = TsnConfig { norms, ..thin(Snippet::Rgb, Consensus::Learnt(3)) };
        let net = build(&config, &vars)?;
        let statistics = |name: &str| -> Result<Vec<f32>> {
            vars.data().lock().unwrap()[&format!("base_model.{name}.running_mean")].to_vec1()
        };
        let xs = wave(&[4, 3, 3, SIDE, SIDE])?;
        let labels = Tensor::new(&[0u32, 1, 2, 3], &Device::Cpu)?;
        let loss = rng::train_step(1, 0, || net.loss(&xs, &labels, true))?;
        let moved = |name: &str| Ok::<_, candle::Error>(statistics(name)?.iter().any(|x| *x != 0.));
        assert!(moved("conv1_7x7_s2_bn")?);
        assert_eq!(moved("inception_5b_1x1_bn")?, norms == Norms::Trained);
        let grads = backward(&loss)?;
        for (name, var) in vars.data().lock().unwrap().iter() {
            let still = name.contains("running_")
                || norms == Norms::Frozen && name.contains("_bn.") && !name.contains("conv1_7x7");
            assert_eq!(grads.get(var).is_none(), still, "{norms:?}: {name}");
        }
    }
    Ok(())
}
