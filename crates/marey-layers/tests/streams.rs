//! Recurrent layers whose steps come by and by, beside all of them at once.

use candle::{DType, Device, Module, Result, Tensor};
use marey_layers::{ConvLstm, ConvLstmConfig, Lstm, LstmConfig};

fn wave(dims: &[usize], phase: f64, dtype: DType) -> Result<Tensor> {
    let values: Vec<f64> =
        (0..dims.iter().product()).map(|i: usize| (phase + 0.7 * i as f64).sin()).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(dtype)
}

/// Runs `run` on the steps of `xs`, axis 2, one, two and four at a time, and compares that with all at once.
fn check<S>(
    xs: &Tensor,
    run: impl Fn(&Tensor, Option<&S>) -> Result<(Tensor, S)>,
    parts: impl Fn(&S) -> [Tensor; 2],
) -> Result<()> {
    let same = |got: &Tensor, want: &Tensor| -> Result<()> {
        assert_eq!(got.dims(), want.dims());
        let error = (got - want)?.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        assert!(error < 1e-6, "differs by {error:e}");
        Ok(())
    };
    let (whole, last) = run(xs, None)?;
    let (mut state, mut all) = (None, Vec::new());
    for (first, count) in [(0, 1), (1, 2), (3, 4)] {
        let (ys, after) = run(&xs.narrow(2, first, count)?, state.as_ref())?;
        all.push(ys);
        state = Some(after);
    }
    same(&Tensor::cat(&all, 2)?, &whole)?;
    for (got, want) in state.iter().flat_map(&parts).zip(parts(&last)) {
        same(&got, &want)?;
    }
    Ok(())
}

#[test]
fn an_lstm_goes_on_where_it_was() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        let (input, bias) = (wave(&[12, 5], 1., dtype)?, wave(&[12], 2., dtype)?);
        let layer = Lstm::new(input, bias, wave(&[12, 3], 3., dtype)?, LstmConfig::default())?;
        let xs = wave(&[2, 5, 7], 4., dtype)?;
        check(&xs, |xs, state| layer.run(xs, state), |state| [state.h.clone(), state.c.clone()])?;
    }
    Ok(())
}

#[test]
fn a_conv_lstm_goes_on_where_it_was() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        let config = ConvLstmConfig { peepholes: Some([4, 5]), ..Default::default() };
        let (weight, bias) = (wave(&[8, 5, 1, 3, 3], 1., dtype)?, wave(&[8], 2., dtype)?);
        let peepholes = wave(&[3, 2, 4, 5], 3., dtype)?;
        let layer = ConvLstm::new(weight.clone(), bias.clone(), Some(peepholes), config)?;
        let xs = wave(&[2, 3, 7, 4, 5], 4., dtype)?;
        check(&xs, |xs, state| layer.run(xs, state), |state| [state.h.clone(), state.c.clone()])?;

        // The way back over a clip is the way on over the clip turned around.
        let way = |reverse| {
            let config = ConvLstmConfig { reverse, ..Default::default() };
            ConvLstm::new(weight.clone(), bias.clone(), None, config)
        };
        let back = way(true)?.forward(&xs)?.contiguous()?;
        let on = way(false)?.forward(&xs.flip(&[2])?)?.contiguous()?.flip(&[2])?;
        let error = (back - on)?.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        assert!(error < 1e-6, "{error:e}");
    }
    Ok(())
}

#[test]
fn weights_and_states_that_do_not_fit_are_refused() -> Result<()> {
    let dtype = DType::F32;
    let config = ConvLstmConfig::default();
    let bias = wave(&[8], 2., dtype)?;
    let new = |dims: &[usize]| ConvLstm::new(wave(dims, 1., dtype)?, bias.clone(), None, config);
    assert!(new(&[8, 5, 1, 3, 2]).is_err() && new(&[8, 2, 1, 3, 3]).is_err());
    let layer = new(&[8, 5, 1, 3, 3])?;
    let (_, state) = layer.run(&wave(&[1, 3, 1, 4, 5], 1., dtype)?, None)?;
    let error = layer.run(&wave(&[1, 3, 1, 4, 4], 1., dtype)?, Some(&state)).unwrap_err();
    assert!(error.to_string().contains("expected a state"), "{error}");
    let (square, bias) = (wave(&[12, 3], 1., dtype)?, wave(&[12], 1., dtype)?);
    assert!(Lstm::new(square, bias, wave(&[12, 4], 1., dtype)?, LstmConfig::default()).is_err());
    Ok(())
}
