//! A convolution with all that follows it in a block, and chains of these.

use candle::{Device, ModuleT, Result, Tensor, bail};
use marey_kernels::{Concat, ConvShape, Epilogue};

use crate::tape::Input;
use crate::{BatchNorm, Conv3d, add, ops, order, relu, trace};

/// A convolution, a batch norm, the addition of a residual and a ReLU, each of the last three where it is there.
///
/// In evaluation all of it is one pass over the output: the batch norm becomes a factor and a term of each channel. The
/// weights are laid out once and kept while they stay the same.
#[derive(Debug, Clone)]
pub struct Unit {
    conv: Conv3d,
    norm: Option<BatchNorm>,
    relu: bool,
}

impl From<Conv3d> for Unit {
    /// The convolution alone.
    fn from(conv: Conv3d) -> Self {
        Self { conv, norm: None, relu: false }
    }
}

impl Unit {
    /// With `norm` after the convolution.
    pub fn norm(self, norm: BatchNorm) -> Self {
        Self { norm: Some(norm), ..self }
    }

    /// With a ReLU at the end.
    pub fn relu(self) -> Self {
        Self { relu: true, ..self }
    }

    /// Channels out.
    pub fn c_out(&self) -> usize {
        self.conv.weight().dims()[0]
    }

    /// `[N, C_in, T, H, W]` to `[N, C_out, T', H', W']`; `residual`, of that shape, is added before the ReLU.
    ///
    /// Any other shape of either is an error.
    pub fn forward_add_t(
        &self,
        xs: &Tensor,
        residual: Option<&Tensor>,
        train: bool,
    ) -> Result<Tensor> {
        if trace::recording() {
            return self.conv.traced(xs);
        }
        let shape = self.conv.shape(xs)?;
        if let Some(residual) = residual {
            let [t, h, w] = shape.output().unwrap_or_default();
            let expected = [shape.n, shape.c_out, t, h, w];
            if residual.dims() != expected {
                bail!("unit: expected a residual {expected:?}, got {:?}", residual.dims())
            }
        }
        if self.fuses(xs, train) && residual.is_none_or(|residual| !residual.track_op()) {
            let mut ys = Concat::new(&shape, shape.c_out);
            self.fused(&shape, xs, residual, &mut ys)?;
            return fused_output(&shape, shape.c_out, ys);
        }
        if !ops::takes(xs) {
            return self.composed(xs, residual, train);
        }
        match (&self.norm, residual) {
            (Some(norm), _) => {
                let xs = self.conv.recorded(xs, false)?;
                norm.recorded(&xs, residual, self.relu, train)
            }
            (None, None) => self.conv.recorded(xs, self.relu),
            (None, Some(_)) => self.composed(xs, residual, train),
        }
    }

    fn composed(&self, xs: &Tensor, residual: Option<&Tensor>, train: bool) -> Result<Tensor> {
        let mut ys = xs.apply(&self.conv)?;
        if let Some(norm) = &self.norm {
            ys = norm.forward_t(&ys, train)?;
        }
        if let Some(residual) = residual {
            ys = add(residual, &ys)?;
        }
        if self.relu { relu(&ys) } else { Ok(ys) }
    }

    /// Whether one pass will do: nothing is learned from it, and nobody asks for a gradient of `xs`.
    fn fuses(&self, xs: &Tensor, train: bool) -> bool {
        !train && ops::takes(xs) && !xs.track_op()
    }

    /// All of the unit in one pass, to the next channels of `ys`.
    fn fused(
        &self,
        shape: &ConvShape,
        xs: &Tensor,
        residual: Option<&Tensor>,
        ys: &mut Concat,
    ) -> Result<()> {
        let bias = self.conv.bias().map(ops::numbers).transpose()?;
        let (scale, shift) = match &self.norm {
            None => (None, bias),
            Some(norm) => {
                let (scale, mut shift) = norm.folded()?;
                for ((shift, scale), bias) in
                    shift.iter_mut().zip(&scale).zip(bias.iter().flatten())
                {
                    *shift += scale * bias;
                }
                (Some(scale), Some(shift))
            }
        };
        let filter = self.conv.filter(shape)?;
        let residual = residual.map(Input::of).transpose()?;
        let (xs, relu) = (Input::of(xs)?, self.relu);
        let epilogue =
            Epilogue { scale: scale.as_deref(), shift: shift.as_deref(), residual: None, relu };
        let Some(residual) = residual else {
            return xs.with(|xs| ys.push(&filter, shape, xs, &epilogue));
        };
        residual.with(|residual| {
            let epilogue = Epilogue { residual: Some(residual), ..epilogue };
            xs.with(|xs| ys.push(&filter, shape, xs, &epilogue))
        })?
    }
}

impl ModuleT for Unit {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.forward_add_t(xs, None, train)
    }
}

/// Units applied one after the other.
#[derive(Debug, Clone, Default)]
pub struct Units(Vec<Unit>);

impl<U: Into<Unit>> From<U> for Units {
    fn from(unit: U) -> Self {
        Self(vec![unit.into()])
    }
}

impl Units {
    /// With `unit` at the end.
    pub fn then(mut self, unit: impl Into<Unit>) -> Self {
        self.0.push(unit.into());
        self
    }

    /// With all of `units` at the end.
    pub fn chain(mut self, units: Self) -> Self {
        self.0.extend(units.0);
        self
    }

    /// With `norm` after the last convolution.
    pub fn norm(self, norm: BatchNorm) -> Self {
        self.map_last(|unit| unit.norm(norm))
    }

    /// With a ReLU at the end.
    pub fn relu(self) -> Self {
        self.map_last(Unit::relu)
    }

    fn map_last(mut self, f: impl FnOnce(Unit) -> Unit) -> Self {
        let last = self.0.pop().map(f);
        self.0.extend(last);
        self
    }

    /// Channels out of the last.
    pub fn c_out(&self) -> Option<usize> {
        self.0.last().map(Unit::c_out)
    }

    /// As [`Unit::forward_add_t`], the residual for the last unit.
    pub fn forward_add_t(
        &self,
        xs: &Tensor,
        residual: Option<&Tensor>,
        train: bool,
    ) -> Result<Tensor> {
        let [units @ .., last] = &self.0[..] else {
            return residual.map_or(Ok(xs.clone()), |residual| add(residual, xs));
        };
        last.forward_add_t(&self.through(units, xs, train)?, residual, train)
    }

    fn through(&self, units: &[Unit], xs: &Tensor, train: bool) -> Result<Tensor> {
        units.iter().try_fold(xs.clone(), |xs, unit| unit.forward_t(&xs, train))
    }
}

impl ModuleT for Units {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.forward_add_t(xs, None, train)
    }
}

/// The outputs of chains side by side, each of its own input: `concat(units(xs))`.
///
/// In evaluation each chain's last unit writes its channels to where they belong.
pub fn forward_concat_t(branches: &[(&Units, &Tensor)], train: bool) -> Result<Tensor> {
    let fuses = branches.iter().all(|(units, xs)| {
        !trace::recording() && units.0.last().is_some_and(|unit| unit.fuses(xs, train))
    });
    if !fuses {
        let all = branches.iter().map(|(units, xs)| units.forward_t(xs, train));
        return crate::concat(&all.collect::<Result<Vec<_>>>()?);
    }
    let channels = branches.iter().filter_map(|(units, _)| units.c_out()).sum();
    let mut all: Option<(ConvShape, Concat)> = None;
    for (units, xs) in branches {
        let Some((last, before)) = units.0.split_last() else { continue };
        let xs = units.through(before, xs, train)?;
        let shape = last.conv.shape(&xs)?;
        let (first, ys) = all.get_or_insert_with(|| (shape, Concat::new(&shape, channels)));
        if (shape.n, shape.output()) != (first.n, first.output()) {
            candle::bail!("concat: branches of different sizes, {first} and {shape}")
        }
        last.fused(&shape, &xs, None, ys)?;
    }
    let Some((shape, ys)) = all else { candle::bail!("concat: nothing to concatenate") };
    fused_output(&shape, channels, ys)
}

/// What was computed, `[N, channels, T', H', W']`.
fn fused_output(shape: &ConvShape, channels: usize, ys: Concat) -> Result<Tensor> {
    let [t, h, w] = shape.output().unwrap_or_default();
    let dims = (shape.n, t, h, w, channels);
    order::first(&Tensor::from_vec(ys.finish(), dims, &Device::Cpu)?)
}
