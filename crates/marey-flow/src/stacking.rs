//! How flow becomes the channels of the temporal stream.
//!
//! Reference: Simonyan and Zisserman, NIPS 2014, section 3.1. Flow is `[N, 2, L, H, W]`, x before y, in pixels: field `t` says
//! where the cells of frame `t` are in the next.

use candle::{DType, Result, Tensor, bail};
use rayon::prelude::*;

use crate::bilinear::Around;

/// What the channels of a stack are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stacking {
    /// The fields, cell by cell.
    Flow,
    /// The fields along trajectories: of a cell of the first frame, what it does in each frame where it has come to. Between cells
    /// it is interpolated, beyond the border it is that of the border.
    Trajectory,
}

impl Stacking {
    /// `[N, 2, L, H, W]` to `[N, 2 L, 1, H, W]`: x and y of the first field, of the second, and so on.
    ///
    /// Trajectories have no gradient.
    pub fn stack(self, flow: &Tensor) -> Result<Tensor> {
        let (n, c, l, h, w) = flow.dims5()?;
        if c != 2 || flow.elem_count() == 0 {
            bail!("stacking: expected flow [N, 2, L, H, W], got {:?}", flow.dims())
        }
        let channels = match self {
            Self::Flow => flow.transpose(1, 2)?,
            Self::Trajectory => along_trajectories(flow)?.transpose(1, 2)?,
        };
        channels.contiguous()?.reshape((n, 2 * l, 1, h, w))
    }
}

/// Takes its own mean from each field `[N, 2, L, H, W]`: what the camera does, roughly.
pub fn subtract_mean(flow: &Tensor) -> Result<Tensor> {
    flow.broadcast_sub(&flow.mean_keepdim((3, 4))?)
}

/// Bi-directional flow about frame `at` of a video: the `length / 2` forward fields from there on, and as many backward ones that
/// end there, of all fields `[N, 2, T, H, W]` of both directions (field `t` of `backward` leads from frame `t + 1` to frame `t`).
///
/// Errors if the video has not so many fields before and after the frame.
pub fn bidirectional(
    forward: &Tensor,
    backward: &Tensor,
    at: usize,
    length: usize,
) -> Result<Tensor> {
    let (half, fields) = (length / 2, forward.dim(2)?);
    if !length.is_multiple_of(2)
        || forward.dims() != backward.dims()
        || at < half
        || at > fields.saturating_sub(half)
    {
        bail!(
            "bidirectional: expected an even length, two directions alike and {half} fields on both sides of frame {at}, got \
             {length}, {:?} and {:?}",
            forward.dims(),
            backward.dims()
        )
    }
    Tensor::cat(&[forward.narrow(2, at, half)?, backward.narrow(2, at - half, half)?], 2)
}

/// `[N, H W, 2 L]`: what each cell does, step by step.
fn along_trajectories(flow: &Tensor) -> Result<Tensor> {
    let (n, _, l, h, w) = flow.dims5()?;
    let area = h * w;
    // In f64: where flow is rough, small errors of the way grow from field to field.
    let values = flow.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let mut ways = vec![0f64; values.len()];
    ways.par_chunks_mut(2 * l).enumerate().for_each(|(at, way)| {
        let (clip, cell) = (&values[at / area * 2 * l * area..], at % area);
        let (mut x, mut y) = ((cell % w) as f64, (cell / w) as f64);
        for (field, step) in way.chunks_mut(2).enumerate() {
            let around = Around::nearest(x, y, w, h);
            let [dx, dy] = [field, l + field].map(|plane| around.of(|at| clip[plane * area + at]));
            step.copy_from_slice(&[dx, dy]);
            (x, y) = (x + dx, y + dy);
        }
    });
    Tensor::from_vec(ways, (n, area, 2 * l), flow.device())?.to_dtype(flow.dtype())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    /// Two fields on 1 x 4 cells: x components; nothing moves along y.
    fn flow(first: [f32; 4], second: [f32; 4]) -> Result<Tensor> {
        let values = [first, second, [0.; 4], [0.; 4]].concat();
        Tensor::from_vec(values, (1, 2, 2, 1, 4), &Device::Cpu)
    }

    fn channels(xs: &Tensor) -> Result<Vec<Vec<f32>>> {
        xs.squeeze(0)?.squeeze(1)?.squeeze(1)?.to_vec2()
    }

    #[test]
    fn trajectories_follow_their_cells() -> Result<()> {
        let flow = flow([1., 0., 0.5, 9.], [10., 20., 30., 40.])?;
        // Cell 0 goes to 1, cell 1 stays, cell 2 goes halfway to 3, cell 3 leaves and sees the border.
        let want = [[1., 0., 0.5, 9.], [0.; 4], [20., 20., 35., 40.], [0.; 4]];
        assert_eq!(channels(&Stacking::Trajectory.stack(&flow)?)?, want);
        let want = [[1., 0., 0.5, 9.], [0.; 4], [10., 20., 30., 40.], [0.; 4]];
        assert_eq!(channels(&Stacking::Flow.stack(&flow)?)?, want);
        assert!(Stacking::Flow.stack(&flow.narrow(1, 0, 1)?).is_err());
        assert!(Stacking::Trajectory.stack(&flow.narrow(2, 0, 0)?).is_err());
        Ok(())
    }

    #[test]
    fn where_all_cells_move_alike_both_stackings_agree() -> Result<()> {
        // Two clips of three fields, each one displacement everywhere, so that clips, fields and x and y cannot be confused.
        let (n, l, h, w) = (2, 3, 4, 5);
        let moves: Vec<f32> = (0..n * 2 * l).map(|i| i as f32 - 5.5).collect();
        let flow = Tensor::from_vec(moves, (n, 2, l, 1, 1), &Device::Cpu)?;
        let flow = flow.broadcast_as((n, 2, l, h, w))?.contiguous()?;
        let along = Stacking::Trajectory.stack(&flow)?;
        assert_eq!(along.dims(), [n, 2 * l, 1, h, w]);
        let plain = Stacking::Flow.stack(&flow)?;
        assert_eq!(along.flatten_all()?.to_vec1::<f32>()?, plain.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }

    #[test]
    fn a_mean_is_that_of_its_field() -> Result<()> {
        let flow = flow([1., 2., 3., 6.], [1.; 4])?;
        let want = [[-2., -1., 0., 3.], [0.; 4], [0.; 4], [0.; 4]];
        assert_eq!(channels(&Stacking::Flow.stack(&subtract_mean(&flow)?)?)?, want);
        Ok(())
    }

    #[test]
    fn both_directions_meet_at_their_frame() -> Result<()> {
        let fields = |first: f32| -> Result<Tensor> {
            let values: Vec<f32> = (0..8).map(|i| first + (i % 4) as f32).collect();
            Tensor::from_vec(values, (1, 2, 4, 1, 1), &Device::Cpu)
        };
        let both = bidirectional(&fields(0.)?, &fields(10.)?, 2, 4)?;
        assert_eq!(both.narrow(1, 0, 1)?.flatten_all()?.to_vec1::<f32>()?, [2., 3., 10., 11.]);
        assert!(bidirectional(&fields(0.)?, &fields(10.)?, 1, 4).is_err());
        assert!(bidirectional(&fields(0.)?, &fields(10.)?, 3, 4).is_err());
        assert!(bidirectional(&fields(0.)?, &fields(10.)?, 2, 3).is_err());
        Ok(())
    }
}
