//! Windows that slide over time and space.

/// A window that slides over `[t, h, w]`: of a convolution or a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Size.
    pub kernel: [usize; 3],
    /// Step.
    pub stride: [usize; 3],
    /// Cells added before the first, along each axis.
    pub before: [usize; 3],
    /// Cells added after the last, along each axis.
    pub after: [usize; 3],
}

impl Window {
    /// How many places the window takes along each axis of `input`: `floor((in + before + after - kernel) / stride) + 1`.
    ///
    /// `None` where it does not fit once, or has a size or step of zero.
    pub fn output(&self, input: [usize; 3]) -> Option<[usize; 3]> {
        self.places(input, |_| 0)
    }

    /// As [`Self::output`], but the last place may reach beyond the padded input: `ceil` in place of `floor`.
    ///
    /// As in Caffe and PyTorch, a last place that would start beyond the input and the padding before it is left out.
    pub fn output_ceil(&self, input: [usize; 3]) -> Option<[usize; 3]> {
        let mut output = self.places(input, |stride| stride - 1)?;
        for axis in 0..3 {
            if (output[axis] - 1) * self.stride[axis] >= input[axis] + self.before[axis] {
                output[axis] -= 1;
            }
        }
        Some(output)
    }

    /// The places along each axis if `beyond(stride)` cells more were there.
    fn places(&self, input: [usize; 3], beyond: fn(usize) -> usize) -> Option<[usize; 3]> {
        let mut output = [0; 3];
        for axis in 0..3 {
            let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
            if kernel == 0 || stride == 0 || input[axis] == 0 {
                return None;
            }
            let padded = input[axis] + self.before[axis] + self.after[axis] + beyond(stride);
            output[axis] = padded.checked_sub(kernel)? / stride + 1;
        }
        Some(output)
    }

    /// Number of cells in the window.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(kernel: usize, stride: usize, before: usize, after: usize) -> Window {
        Window { kernel: [kernel; 3], stride: [stride; 3], before: [before; 3], after: [after; 3] }
    }

    #[test]
    fn output_of_c3d_pools() {
        // The last pool of C3D: 7 x 7 becomes 4 x 4 as in Caffe, 3 x 3 with floor.
        assert_eq!(axis(2, 2, 0, 0).output([2, 7, 7]), Some([1, 3, 3]));
        assert_eq!(axis(2, 2, 0, 0).output_ceil([2, 7, 7]), Some([1, 4, 4]));
    }

    #[test]
    fn output_ceil_of_less_than_a_window() {
        // As PyTorch: one place, of the one cell there is.
        assert_eq!(axis(2, 2, 0, 0).output_ceil([1; 3]), Some([1; 3]));
        assert_eq!(axis(3, 1, 0, 0).output_ceil([1; 3]), None);
    }

    #[test]
    fn output_ceil_has_no_place_in_the_padding_alone() {
        // PyTorch: max_pool1d(size 5, kernel 2, stride 3, padding 1, ceil) has 2 places, not 3.
        assert_eq!(axis(2, 3, 1, 1).output_ceil([5; 3]), Some([3; 3].map(|_| 2)));
    }

    #[test]
    fn output_refuses_what_does_not_fit() {
        assert_eq!(axis(3, 1, 0, 0).output([2, 9, 9]), None);
        assert_eq!(axis(3, 0, 0, 0).output([9; 3]), None);
    }
}
