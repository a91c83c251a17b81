//! The sizes of a convolution.

use crate::conv::walk::Walk;
use crate::window::Window;

/// The sizes of a convolution.
///
/// Clips are `[N, T, H, W, C]`, weights `[C_out, C_in / groups, kT, kH, kW]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

impl std::fmt::Display for ConvShape {
    /// As in `64 -> 128, 3x3x3, 16x56x56`, with what is not 1: clips, stride, groups.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let times = |axes: [usize; 3]| axes.map(|size| size.to_string()).join("x");
        let Self { n, c_in, c_out, groups, input, window } = *self;
        if n != 1 {
            write!(f, "{n} of ")?;
        }
        write!(f, "{c_in} -> {c_out}, {}", times(window.kernel))?;
        if window.stride != [1; 3] {
            write!(f, " by {}", times(window.stride))?;
        }
        write!(f, ", {}", times(input))?;
        if groups != 1 { write!(f, ", {groups} groups") } else { Ok(()) }
    }
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
        self.n * self.c_in * self.input.iter().product::<usize>()
    }

    /// Cells of the output; `None` as [`Self::output`].
    pub fn output_len(&self) -> Option<usize> {
        Some(self.n * self.c_out * self.output()?.iter().product::<usize>())
    }

    /// Cells of the weights.
    pub fn weight_len(&self) -> usize {
        self.c_out * self.depth()
    }

    /// Multiply-adds of one pass, padding counted as if it were data.
    pub fn multiply_adds(&self) -> Option<u64> {
        Some(self.output_len()? as u64 * self.depth() as u64)
    }

    /// Bytes of input, weights and output: what a pass reads and writes at least.
    pub fn bytes(&self) -> Option<u64> {
        let cells = self.input_len() + self.weight_len() + self.output_len()?;
        Some((size_of::<f32>() * cells) as u64)
    }

    /// What its places see of the input.
    pub(super) fn walk(&self) -> Walk {
        Walk::forward(self, self.output().unwrap_or_default())
    }

    /// Channels in of a group.
    pub(crate) fn group_in(&self) -> usize {
        self.c_in / self.groups
    }

    /// Channels out of a group.
    pub(crate) fn group_out(&self) -> usize {
        self.c_out / self.groups
    }

    /// Weights of one filter.
    pub(crate) fn depth(&self) -> usize {
        self.group_in() * self.window.taps()
    }

    /// One channel in and one out a group.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_in() == 1 && self.group_out() == 1
    }

    /// The output, after the length of the input was compared with the shape.
    pub(crate) fn check(&self, xs: usize) -> [usize; 3] {
        let output = self.output().unwrap_or_else(|| panic!("{self:?} has no output"));
        assert_eq!(xs, self.input_len(), "input of {self:?}");
        output
    }

    /// The convolution that takes the gradient of the output to that of the input, where there is one: stride 1, and
    /// padding less than the kernel.
    pub(crate) fn reversed(&self) -> Option<Self> {
        let Window { kernel, stride, before, after } = self.window;
        if stride != [1; 3] || (0..3).any(|axis| before[axis].max(after[axis]) >= kernel[axis]) {
            return None;
        }
        let window = Window {
            kernel,
            stride,
            before: [0, 1, 2].map(|axis| kernel[axis] - 1 - before[axis]),
            after: [0, 1, 2].map(|axis| kernel[axis] - 1 - after[axis]),
        };
        let (c_in, c_out, input) = (self.c_out, self.c_in, self.output()?);
        Some(Self { c_in, c_out, input, window, ..*self })
    }
}
