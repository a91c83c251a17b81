//! Flow of clips, as a tensor: what estimators give and networks take.

use candle::{DType, Device, Result, Tensor, bail};

use crate::Field;
use crate::error::same_size;

/// Flow of clips: `[N, 2, T, H, W]`, x before y, in pixels. Field `t` says where the pixels of frame `t` are in frame `t + 1`.
#[derive(Debug, Clone)]
pub struct Flow(Tensor);

/// What finds the flow of clips: [`TvL1`](crate::TvL1), or a network that learnt to.
pub trait Estimator {
    /// The `T - 1` fields between the frames of clips of RGB, `[N, 3, T, H, W]` in `[0, 1]`. The fields of a network may be
    /// smaller than its frames; they are in pixels of their own size.
    fn flow_of(&self, clips: &Tensor) -> Result<Flow>;
}

impl Flow {
    /// Wraps `[N, 2, T, H, W]`.
    pub fn new(fields: Tensor) -> Result<Self> {
        match fields.dims() {
            [_, 2, _, _, _] => Ok(Self(fields)),
            dims => bail!("flow: expected [N, 2, T, H, W], got {dims:?}"),
        }
    }

    /// The fields of one clip, in order: `[1, 2, T, H, W]`.
    pub fn from_fields(fields: &[Field], device: &Device) -> Result<Self> {
        let Some(first) = fields.first() else { bail!("flow: expected a field or more, got none") };
        let (w, h) = (first.width(), first.height());
        for field in fields {
            same_size("a clip's flow is of fields", first.size(), field.size())?;
        }
        let planes = |of: fn(&Field) -> &[f32]| fields.iter().flat_map(of).copied();
        let values = planes(Field::x).chain(planes(Field::y)).collect();
        Ok(Self(Tensor::from_vec(values, (1, 2, fields.len(), h, w), device)?))
    }

    /// `[N, 2, T, H, W]`.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// The fields of each clip.
    pub fn fields(&self) -> Result<Vec<Vec<Field>>> {
        let (_, _, frames, h, w) = self.0.dims5()?;
        let clip = |clip: Tensor| -> Result<Vec<Field>> {
            let plane = |c: usize, t: usize| clip.get(c)?.get(t)?.flatten_all()?.to_vec1::<f32>();
            let field = |t| Ok(Field::new(w, h, plane(0, t)?, plane(1, t)?)?);
            (0..frames).map(field).collect()
        };
        let values = self.0.to_dtype(DType::F32)?;
        (0..values.dim(0)?).map(|n| clip(values.get(n)?)).collect()
    }

    /// The flow of clips of `h` rows of `w` pixels: between cells it is interpolated, and it is as much longer as they are larger.
    pub fn resize(&self, h: usize, w: usize) -> Result<Self> {
        let (n, _, t, from_h, from_w) = self.0.dims5()?;
        if h == 0 || w == 0 || self.0.elem_count() == 0 {
            bail!("flow: {:?} cannot be brought to {h}x{w} cells", self.0.dims())
        }
        let planes = self.0.contiguous()?.reshape((n * 2 * t, 1, from_h, from_w))?;
        let fields = planes.upsample_bilinear2d(h, w, false)?.reshape((n, 2, t, h, w))?;
        let factors = [w as f64 / from_w as f64, h as f64 / from_h as f64];
        let factors = Tensor::new(&factors, fields.device())?.to_dtype(fields.dtype())?;
        Ok(Self(fields.broadcast_mul(&factors.reshape((1, 2, 1, 1, 1))?)?))
    }

    /// The flow of the mirrored clips: mirrored itself, with x negated.
    pub fn flip(&self) -> Result<Self> {
        let mirrored = self.0.flip(&[4])?;
        let (x, y) = (mirrored.narrow(1, 0, 1)?, mirrored.narrow(1, 1, 1)?);
        Ok(Self(Tensor::cat(&[x.neg()?, y], 1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_in_and_out() -> Result<()> {
        let field = |first: f32| Field::from_fn(3, 2, |x, y| [first + x as f32, 10. * y as f32]);
        let fields = [field(0.)?, field(5.)?];
        let flow = Flow::from_fields(&fields, &Device::Cpu)?;
        assert_eq!(flow.tensor().dims(), [1, 2, 2, 2, 3]);
        assert_eq!(flow.fields()?, [fields.to_vec()]);
        let flipped: Vec<Field> = fields.iter().map(Field::flip).collect();
        assert_eq!(flow.flip()?.fields()?, [flipped]);
        let wide = Field::from_fn(4, 2, |_, _| [0., 0.])?;
        assert!(Flow::from_fields(&[fields[0].clone(), wide], &Device::Cpu).is_err());
        assert!(Flow::from_fields(&[], &Device::Cpu).is_err());
        // Twice as wide, everything goes twice as far.
        let still = Field::from_fn(3, 2, |_, _| [3., -1.])?;
        let wide = Flow::from_fields(&[still], &Device::Cpu)?.resize(2, 6)?;
        assert_eq!(wide.fields()?, [[Field::from_fn(6, 2, |_, _| [6., -1.])?]]);
        let middle = Field::new(2, 1, vec![0., 4.], vec![0.; 2])?;
        let wide = Flow::from_fields(&[middle], &Device::Cpu)?.resize(1, 4)?;
        // 2 x [0, 1, 3, 4], by hand.
        assert_eq!(wide.fields()?[0][0].x(), [0., 2., 6., 8.]);
        assert!(Flow::new(Tensor::zeros((1, 3, 1, 2, 2), DType::F32, &Device::Cpu)?).is_err());
        Ok(())
    }

    #[test]
    fn mirrored_twice_is_unchanged() -> Result<()> {
        let field = |t: usize| {
            Field::from_fn(5, 3, |x, y| [(x * x + t) as f32 - 7., (x + y * t) as f32 / 3.])
        };
        let fields = [field(0)?, field(4)?];
        assert_eq!(fields[1].flip().flip(), fields[1]);
        let flow = Flow::from_fields(&fields, &Device::Cpu)?;
        assert_eq!(flow.flip()?.flip()?.fields()?, flow.fields()?);
        Ok(())
    }
}
