//! How flow becomes the channels of the temporal stream.
//!
//! Reference: Simonyan and Zisserman, NIPS 2014, section 3.1. Flow is `[N, 2, L, H, W]`, x before y, in pixels: field `t` says
//! where the cells of frame `t` are in the next.

use candle::{DType, Result, Tensor, bail};
use marey_backbone::view::time_into_channels;

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
    pub fn stack(self, flow: &Tensor) -> Result<Tensor> {
        match self {
            Self::Flow => time_into_channels(flow),
            Self::Trajectory => time_into_channels(&along_trajectories(flow)?),
        }
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
        || at + half > fields
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

fn along_trajectories(flow: &Tensor) -> Result<Tensor> {
    let (n, c, l, h, w) = flow.dims5()?;
    if c != 2 {
        bail!("trajectory stacking: expected flow [N, 2, L, H, W], got {:?}", flow.dims())
    }
    let area = h * w;
    // In f64: where flow is rough, small errors of the way grow from field to field.
    let values = flow.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let mut out = vec![0f64; values.len()];
    for (values, out) in values.chunks(2 * l * area).zip(out.chunks_mut(2 * l * area)) {
        let (xs, ys) = values.split_at(l * area);
        let (out_xs, out_ys) = out.split_at_mut(l * area);
        for cell in 0..area {
            let (mut x, mut y) = ((cell % w) as f64, (cell / w) as f64);
            for field in 0..l {
                let plane = field * area..(field + 1) * area;
                let dx = interpolated(&xs[plane.clone()], [h, w], x, y);
                let dy = interpolated(&ys[plane], [h, w], x, y);
                (out_xs[field * area + cell], out_ys[field * area + cell]) = (dx, dy);
                (x, y) = (x + dx, y + dy);
            }
        }
    }
    Tensor::from_vec(out, (n, 2, l, h, w), flow.device())?.to_dtype(flow.dtype())
}

/// The value at `(x, y)` of a plane, from the four cells about it; that of the border beyond it.
fn interpolated(plane: &[f64], [h, w]: [usize; 2], x: f64, y: f64) -> f64 {
    let (x, y) = (x.clamp(0., (w - 1) as f64), y.clamp(0., (h - 1) as f64));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(w - 1), (top + 1).min(h - 1));
    let (fx, fy) = (x - left as f64, y - top as f64);
    let row = |y: usize| plane[y * w + left] * (1. - fx) + plane[y * w + right] * fx;
    row(top) * (1. - fy) + row(bottom) * fy
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
        assert!(bidirectional(&fields(0.)?, &fields(10.)?, 2, 3).is_err());
        Ok(())
    }
}
