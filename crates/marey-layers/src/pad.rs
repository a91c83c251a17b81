//! Padding of convolutions and poolings.

use marey_kernels::Window;

/// Cells added around an input, along the axes `[t, h, w]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The same number at both ends, as in PyTorch.
    Both([usize; 3]),
    /// Some before the first cell, some after the last.
    Ends {
        /// Before the first.
        before: [usize; 3],
        /// After the last.
        after: [usize; 3],
    },
    /// TensorFlow's "SAME": `ceil(input / stride)` cells come out. Where the number is odd, the larger half goes after.
    Same,
}

impl Default for Padding {
    /// None.
    fn default() -> Self {
        Self::Both([0; 3])
    }
}

impl From<[usize; 3]> for Padding {
    fn from(both: [usize; 3]) -> Self {
        Self::Both(both)
    }
}

impl Padding {
    /// The window of `kernel` and `stride` over an `input` `[t, h, w]` so padded.
    pub fn window(self, kernel: [usize; 3], stride: [usize; 3], input: [usize; 3]) -> Window {
        let (before, after) = match self {
            Self::Both(both) => (both, both),
            Self::Ends { before, after } => (before, after),
            Self::Same => {
                let (mut before, mut after) = ([0; 3], [0; 3]);
                for axis in 0..3 {
                    // A step of zero is refused where the window is used.
                    let places = input[axis].div_ceil(stride[axis].max(1)).max(1);
                    let total =
                        ((places - 1) * stride[axis] + kernel[axis]).saturating_sub(input[axis]);
                    before[axis] = total / 2;
                    after[axis] = total - total / 2;
                }
                (before, after)
            }
        };
        Window { kernel, stride, before, after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_of_the_i3d_stem_and_pools() {
        // 7 x 7 x 7 by 2 on 64 x 224 x 224: 5 cells, 2 before and 3 after; 3 by 2 on 112: 1, after; 3 by 1: 1 and 1.
        let stem = Padding::Same.window([7; 3], [2; 3], [64, 224, 225]);
        assert_eq!((stem.before, stem.after), ([2, 2, 3], [3, 3, 3]));
        assert_eq!(stem.output([64, 224, 225]), Some([32, 112, 113]));
        let pool = Padding::Same.window([1, 3, 3], [1, 2, 2], [32, 112, 112]);
        assert_eq!((pool.before, pool.after), ([0; 3], [0, 1, 1]));
        let branch = Padding::Same.window([3; 3], [1; 3], [8, 7, 7]);
        assert_eq!((branch.before, branch.after), ([1; 3], [1; 3]));
    }

    #[test]
    fn same_of_a_step_beyond_the_kernel_pads_nothing() {
        let window = Padding::Same.window([1; 3], [2; 3], [5; 3]);
        assert_eq!((window.before, window.after), ([0; 3], [0; 3]));
        assert_eq!(window.output([5; 3]), Some([3; 3]));
    }
}
