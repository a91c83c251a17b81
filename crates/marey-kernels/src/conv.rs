//! Convolution over `[N, C, T, H, W]`, forward and backward.

mod depthwise;
mod im2col;
mod input_gradient;
mod product;
mod weight_gradient;

use crate::window::Window;

/// The sizes of a convolution.
///
/// Weights are `[c_out, c_in / groups, kT, kH, kW]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Clips.
    pub n: usize,
    /// Channels in.
    pub c_in: usize,
    /// Channels out.
    pub c_out: usize,
    /// Groups of channels; `groups == c_in` is depthwise.
    pub groups: usize,
    /// Input `[t, h, w]`.
    pub input: [usize; 3],
    /// Kernel, stride and padding.
    pub window: Window,
}

impl ConvShape {
    /// Output `[t, h, w]`; `None` where the kernel does not fit or the groups do not divide the channels.
    pub fn output(&self) -> Option<[usize; 3]> {
        let divides = self.groups > 0
            && self.c_in.is_multiple_of(self.groups)
            && self.c_out.is_multiple_of(self.groups);
        if divides { self.window.output(self.input) } else { None }
    }

    /// Cells of the input.
    pub fn input_len(&self) -> usize {
        self.n * self.c_in * self.cells_in()
    }

    /// Cells of the output; `None` as [`Self::output`].
    pub fn output_len(&self) -> Option<usize> {
        Some(self.n * self.c_out * self.output()?.iter().product::<usize>())
    }

    /// Cells of the weights.
    pub fn weight_len(&self) -> usize {
        self.c_out * self.rows()
    }

    /// Multiply-adds of one pass, padding counted as if it were data.
    pub fn multiply_adds(&self) -> Option<u64> {
        Some(self.output_len()? as u64 * self.rows() as u64)
    }

    fn cells_in(&self) -> usize {
        self.input.iter().product()
    }

    /// Channels in of a group.
    fn group_in(&self) -> usize {
        self.c_in / self.groups
    }

    /// Channels out of a group.
    fn group_out(&self) -> usize {
        self.c_out / self.groups
    }

    /// Weights of one filter: the rows of the im2col matrix.
    fn rows(&self) -> usize {
        self.group_in() * self.window.taps()
    }

    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_in() == 1
    }

    /// The output, after all lengths were compared with the shape.
    fn check(&self, xs: usize, ws: usize, ys: usize) -> [usize; 3] {
        let output = self.output().unwrap_or_else(|| panic!("{self:?} has no output"));
        assert_eq!(xs, self.input_len(), "input of {self:?}");
        assert_eq!(ws, self.weight_len(), "weights of {self:?}");
        assert_eq!(
            ys,
            self.n * self.c_out * output.iter().product::<usize>(),
            "output of {self:?}"
        );
        output
    }
}

/// `ys = conv(xs, ws) + bias`, with `bias` of `c_out` values.
///
/// # Panics
///
/// If a slice does not have the length that `shape` gives it.
pub fn forward(shape: &ConvShape, xs: &[f32], ws: &[f32], bias: Option<&[f32]>, ys: &mut [f32]) {
    let output = shape.check(xs.len(), ws.len(), ys.len());
    if let Some(bias) = bias {
        assert_eq!(bias.len(), shape.c_out, "bias of {shape:?}");
    }
    if shape.is_depthwise() {
        depthwise::forward(shape, output, xs, ws, bias, ys);
    } else {
        product::forward(shape, output, xs, ws, bias, ys);
    }
}

/// The gradient of the input, from `dys`, that of the output.
///
/// # Panics
///
/// If a slice does not have the length that `shape` gives it.
pub fn input_gradient(shape: &ConvShape, dys: &[f32], ws: &[f32], dxs: &mut [f32]) {
    let output = shape.check(dxs.len(), ws.len(), dys.len());
    if shape.is_depthwise() {
        depthwise::input_gradient(shape, output, dys, ws, dxs);
    } else {
        input_gradient::input_gradient(shape, output, dys, ws, dxs);
    }
}

/// The gradient of the weights, from `dys`, that of the output.
///
/// # Panics
///
/// If a slice does not have the length that `shape` gives it.
pub fn weight_gradient(shape: &ConvShape, xs: &[f32], dys: &[f32], dws: &mut [f32]) {
    let output = shape.check(xs.len(), dws.len(), dys.len());
    if shape.is_depthwise() {
        depthwise::weight_gradient(shape, output, xs, dys, dws);
    } else {
        weight_gradient::weight_gradient(shape, output, xs, dys, dws);
    }
}

#[cfg(test)]
mod tests;
